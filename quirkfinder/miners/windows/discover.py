"""From candidate pairs to windows: each data register gets the address register that explains most."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quirkfinder.card.model import Card
from quirkfinder.miners.accesses import Accesses, region_of
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.information import informative
from quirkfinder.miners.windows.candidates import Pair, Uses, candidate_pairs, self_pairs, uses_of
from quirkfinder.miners.windows.targets import Target, bar_targets, config_targets, reaches_for


@dataclass(frozen=True, slots=True)
class Window:
    """A pair of registers with what it was proven to reach."""

    pair: Pair
    uses: Uses
    targets: tuple[Target, ...]
    commit_after: bool = False

    @property
    def bits(self) -> float:
        return sum(t.bits for t in self.targets)


def discover_windows(accesses: Accesses, card: Card, hardware: HardwareConfig) -> list[Window]:
    """All windows of a device, the best proven first; no two share a data register."""
    spaces = _direct_spaces(accesses, card)
    best: dict[int, Window] = {}
    for pair in _pairs(accesses):
        window = _examine(accesses, pair, hardware, spaces)
        if window is None:
            continue
        rival = best.get(pair.data)
        if rival is None or (window.bits, pair.near) > (rival.bits, rival.pair.near):
            best[pair.data] = window
    return sorted(best.values(), key=lambda w: -w.bits)


def _pairs(accesses: Accesses) -> Iterator[Pair]:
    yield from candidate_pairs(accesses)
    yield from self_pairs(accesses)


def _direct_spaces(accesses: Accesses, card: Card) -> dict[int, tuple[Accesses, np.ndarray, int]]:
    """For every BAR with direct accesses: those accesses, which of them are worth a vote, and the size in bytes."""
    spaces = {}
    worth = informative(accesses)
    for region in np.unique(accesses.region).tolist():
        mine = accesses.region == region
        bar = card.bar(region)
        size = bar.size if bar is not None and bar.size else 1 << max(8, int(accesses.offset[mine].max()).bit_length())
        if region < 6:
            spaces[region] = (accesses.take(mine), worth[mine], size)
    return spaces


def _examine(
    accesses: Accesses, pair: Pair, hardware: HardwareConfig, spaces: dict[int, tuple[Accesses, np.ndarray, int]]
) -> Window | None:
    """What does this pair reach, with the data written after the address or before it?"""
    uses = _without_echo(uses_of(accesses, pair), pair)
    if len(np.unique(uses.address)) < 2:
        return None
    reaches = reaches_for(uses)
    targets: list[Target] = list(config_targets(uses, hardware, reaches))
    for region, (direct, worth, size) in spaces.items():
        own = np.isin(direct.place, [pair.address, pair.data])
        outside = direct.take(~own) if region in (region_of(pair.address), region_of(pair.data)) else direct
        joinable = worth[~own] if outside is not direct else worth
        targets += bar_targets(uses, outside, joinable, region, size, reaches)
    return Window(pair, uses, tuple(targets)) if targets else None


def _without_echo(uses: Uses, pair: Pair) -> Uses:
    """A register that only reads back what was written to it reaches nothing."""
    if pair.address != pair.data:
        return uses
    return uses.take(uses.data.value != uses.address)
