"""Where a leaked host address ends in the guest: at nothing, or silently at something else.

An access to nothing is logged; one that hits the guest's RAM, another BAR or another device is not, so it has to be
inferred from the guest's map.  And a BAR that the guest has at its host address hides the leak altogether.
"""

from collections.abc import Iterable
from typing import Any

from quirkfinder.card import guest_owner
from quirkfinder.card.model import Bar
from quirkfinder.miners.claims import Scene, hexadecimal


def landing_of(scene: Scene, bar: Bar) -> str:
    """What the guest has where `bar` is on the host: `itself`, `nothing`, `bar2`, `ram`, or another device's name.

    `unknown`: nobody told where the guest has the BAR, nor what else it has, so the address may well be the BAR's own.
    """
    if bar.index in scene.touched:
        return "nothing"  # the accesses to it hit nothing
    if bar.host is not None and bar.host == bar.guest:
        return "itself"
    if bar.host is None or scene.events.height == 0:
        return "nothing"
    ports = bar.kind == "io"
    owner = guest_owner(scene.machine, scene.card, bar.host, scene.events.height - 1, ports=ports)
    mapped = scene.machine.guest_ports if ports else scene.machine.guest_spans
    known = bool(mapped) or bar.guest is not None or any(p.address is not None for p in bar.placements)
    return owner or ("nothing" if known else "unknown")


def leaked_bars(scene: Scene, indices: Iterable[int]) -> list[dict[str, Any]]:
    """For the BARs whose host address a finding tells: index, host address and where it ends in the guest."""
    bars = [bar for index in sorted(set(indices)) if (bar := scene.card.bar(index)) is not None and bar.host]
    return [{"bar": bar.index, "host": hexadecimal(bar.host or 0), "lands_on": landing_of(scene, bar)} for bar in bars]


def landing_words(leaks: list[dict[str, Any]]) -> str:
    """The landings as the end of a sentence; empty where every address hits nothing, which the log shows anyway."""
    words = []
    for leak in leaks:
        where = leak["lands_on"]
        if where == "itself":
            words.append(f"BAR{leak['bar']} works by accident, the guest has it at the same address")
        elif where == "ram":
            words.append(f"the address of BAR{leak['bar']} is RAM in this guest, where accesses end unlogged")
        elif where == "unknown":
            words.append(f"whether the guest has BAR{leak['bar']} there itself is not known")
        elif where != "nothing":
            words.append(f"the address of BAR{leak['bar']} is {where} in this guest, where accesses end unlogged")
    return "; " + "; ".join(words) if words else ""
