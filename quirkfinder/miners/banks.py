"""The same memory in two places: aliases at a constant distance, and apertures whose distance a bank register sets.

Both start from equal informative values at two places.  The distance between the places is constant for an alias; for
a paged window it is the page, chosen by a field of what was last written to another register, less the aperture's
offset.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from quirkfinder.miners.accesses import Flags
from quirkfinder.miners.aliases import Alias, alias_between, alias_inside
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.information import informative
from quirkfinder.miners.joins import LEAST_VALUES, Joined, join
from quirkfinder.miners.paging import PagedWindow, paged_windows


def discover_banks(scene: Scene, owned: Flags) -> tuple[list[Alias], list[PagedWindow]]:
    """Aliases and paged windows; `owned` accesses belong to windows and stay out."""
    usable = _usable(scene, owned)
    aliases: list[Alias] = []
    paged: list[PagedWindow] = []
    regions = np.unique(scene.accesses.region[usable]).tolist()
    for region, target in combinations_with_replacement(regions, 2):
        joined = join(scene.accesses, usable, region, target)
        if len(joined) < LEAST_VALUES:
            continue
        windows = _paged(scene, joined, region, target)
        paged += windows
        alias = _alias(scene, _beside(scene, joined, windows), region, target)
        if alias is not None:
            aliases.append(alias)
    return aliases, paged


def _usable(scene: Scene, owned: Flags) -> Flags:
    """Accesses worth a comparison; ids and addresses stand in many places for reasons of their own."""
    accesses = scene.accesses
    usable = informative(accesses) & ~owned & (accesses.region < 6)
    for size in (4, 2):
        held = scene.hardware.sorted_fields[size][0]
        usable &= ~((accesses.size == size) & np.isin(accesses.value, held))
    return usable


def _alias(scene: Scene, joined: Joined, region: int, target: int) -> Alias | None:
    if region == target:
        return alias_inside(scene.accesses, joined, region)
    return alias_between(scene.accesses, joined, region, target)


def _paged(scene: Scene, joined: Joined, region: int, target: int) -> list[PagedWindow]:
    """The apertures of one of the regions onto the other: those of the region with more proof for them."""
    sizes = {bar.index: bar.size for bar in scene.card.bars}
    ways = [(joined, region, target)] + ([(joined.turned(), target, region)] if region != target else [])
    found = [
        paged_windows(scene.registers, pairs, here, there, sizes.get(there) or 1 << 32) for pairs, here, there in ways
    ]
    return max(found, key=lambda windows: sum(w.agreed.bits for w in windows))


def _beside(scene: Scene, joined: Joined, windows: Sequence[PagedWindow]) -> Joined:
    """The pairs outside of the windows: while a bank is held still, its page looks like an alias."""
    within = np.zeros(len(scene.accesses), dtype=np.bool_)
    for window in windows:
        within |= window.covers(scene.accesses)
    return joined.take(~within[joined.here] & ~within[joined.there])


__all__ = ["Alias", "PagedWindow", "discover_banks"]
