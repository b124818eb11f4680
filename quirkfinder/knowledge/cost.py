"""What trapping a door costs: the accesses of this trace on the pages that a quirk would take away from the guest.

A BAR that is mapped into the guest costs nothing per access; a quirk's region in it makes the processor exit for the
whole page it lies on.  I/O BARs and VGA ports are trapped anyway.  Sizes in bytes, time in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import polars as pl

from quirkfinder.card.model import Card
from quirkfinder.events import VGA, Frames, frames_of
from quirkfinder.findings.document import Finding
from quirkfinder.knowledge.matching import number

PAGE = 4096
_MOST_PAGES = 64  # listed one by one; page_count has them all
_COLUMNS = ("time", "event", "device", "region", "address", "size")
Span = tuple[int, int]  # first offset, offset after the last


def trap_cost(finding: Finding, events: pl.DataFrame | Frames, card: Card | None = None) -> dict[str, Any] | None:
    """The cost of trapping a finding's door; None for findings without a place in a BAR or in the VGA ports.

    Keys: `region`, `page_size`, `page_count`, `pages` (offsets of the pages as texts, at most 64), `accesses` (of this
    trace on these pages), `door_accesses`, `other_accesses`, `other_share` (0 to 1, null without accesses), `seconds`
    and `accesses_per_second` (null where the log has no clock), `always_trapped` (a quirk adds no exits), `lower_bound`
    (some of these pages were mapped in this run, so that accesses are missing).
    """
    return trap_costs([(finding, card)], events)[0]


def trap_costs(
    findings: Sequence[tuple[Finding, Card | None]], events: pl.DataFrame | Frames
) -> list[dict[str, Any] | None]:
    """`trap_cost` of several findings, for one pass over the events."""
    traps = [_trap(finding) for finding, _ in findings]
    wanted = [trap for trap in traps if trap is not None]
    if not wanted:
        return [None] * len(traps)
    counts, seconds = _counted(wanted, frames_of(events))
    counted = iter(counts)
    return [
        None if trap is None else _cost(finding, card, trap, next(counted), seconds)
        for trap, (finding, card) in zip(traps, findings, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Trap:
    """What a quirk would take: the registers of the door and the pages they lie on. `region`: 0 to 5, 8 for VGA."""

    device: str
    region: int
    doors: tuple[Span, ...]
    pages: tuple[Span, ...]


def _trap(finding: Finding) -> _Trap | None:
    region = _region(finding.parameters.get("region"))
    doors = _doors(finding)
    if region is None or not doors:
        return None
    return _Trap(finding.device, region, tuple(doors), tuple(_merged(doors, PAGE)))


def _counted(traps: Sequence[_Trap], frames: Frames) -> tuple[list[tuple[int, int]], float | None]:
    """For each trap the accesses to its pages and to its doors, and the seconds of the whole log."""
    owners = list(dict.fromkeys(_owner(trap) for trap in traps))
    totals = [(0, 0)] * len(traps)
    first: int | None = None
    last: int | None = None
    for frame in frames(_COLUMNS):
        low, high = frame.select(low=pl.min("time"), high=pl.max("time")).row(0)
        first, last = _least(first, low), _most(last, high)
        for device, region in owners:
            here = [i for i, trap in enumerate(traps) if _owner(trap) == (device, region)]
            sums = _accesses(frame, device, region).select(e for i in here for e in _sums(traps[i], i)).collect()
            row = sums.row(0, named=True)
            for i in here:
                totals[i] = (totals[i][0] + row[f"all{i}"], totals[i][1] + row[f"door{i}"])
    seconds = round((last - first) / 1e9, 6) if first is not None and last is not None and last > first else None
    return totals, seconds


def _owner(trap: _Trap) -> tuple[str | None, int]:
    return (trap.device if trap.region != VGA else None, trap.region)


def _sums(trap: _Trap, name: int) -> list[pl.Expr]:
    at_door = pl.any_horizontal(_touches(door) for door in trap.doors)
    taken = at_door if trap.region == VGA else pl.any_horizontal(_touches(span) for span in trap.pages)
    return [taken.sum().alias(f"all{name}"), at_door.sum().alias(f"door{name}")]


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _most(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _cost(
    finding: Finding, card: Card | None, trap: _Trap, counts: tuple[int, int], seconds: float | None
) -> dict[str, Any]:
    accesses, door = counts
    vga = trap.region == VGA
    bar = card.bar(trap.region) if card is not None and not vga else None
    pages = (page for first, after in trap.pages for page in range(first, after, PAGE))
    return {
        "region": finding.parameters["region"],
        "page_size": PAGE,
        "page_count": 0 if vga else sum((after - first) // PAGE for first, after in trap.pages),
        "pages": [] if vga else [hex(page) for page in islice(pages, _MOST_PAGES)],
        "accesses": accesses,
        "door_accesses": door,
        "other_accesses": accesses - door,
        "other_share": round((accesses - door) / accesses, 4) if accesses else None,
        "seconds": seconds,
        "accesses_per_second": round(accesses / seconds, 1) if seconds else None,
        "always_trapped": vga or (bar is not None and bar.kind == "io"),
        "lower_bound": bar is not None
        and any(s.first < after and first <= s.last for s in bar.mapped for first, after in trap.pages),
    }


def _region(name: object) -> int | None:
    """8 for `vga`, the number of a BAR, or None."""
    if name == "vga":
        return VGA
    text = str(name)
    return int(text[3:]) if text.startswith("bar") and text[3:] in tuple("012345") else None


def _doors(finding: Finding) -> list[Span]:
    """The offsets of the finding's own registers and ranges; empty where the parameters say no place."""
    parameters = finding.parameters
    try:
        spans = [
            _span(parameters[key]) for key in ("address", "data", "bank") if isinstance(parameters.get(key), Mapping)
        ]
        spans += [(number(e["offset"]), number(e["offset"]) + 4) for e in parameters.get("enable") or ()]
        spans += [(number(site), number(site) + 4) for site in parameters.get("sites") or ()]
        if "offset" in parameters:
            first = number(parameters["offset"])
            spans.append((first, first + max(1, number(parameters.get("size", 1)))))
    except (KeyError, TypeError, ValueError):
        return []
    return spans


def _span(register: Mapping[str, Any]) -> Span:
    first = number(register["offset"])
    return first, first + number(register.get("size", 4))


def _merged(spans: list[Span], unit: int) -> list[Span]:
    """The spans widened to whole units, in order, without overlaps."""
    merged: list[Span] = []
    for first, after in sorted((f // unit * unit, -(-a // unit) * unit) for f, a in spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(after, merged[-1][1]))
        else:
            merged.append((first, after))
    return merged


def _touches(door: Span) -> pl.Expr:
    first, after = door
    return (pl.col("address") < after) & (pl.col("address") + pl.col("size").fill_null(1) > first)


def _accesses(frame: pl.DataFrame, device: str | None, region: int) -> pl.LazyFrame:
    if region == VGA:
        return frame.lazy().filter(pl.col("event").is_in(["vga_read", "vga_write"]))
    own = (pl.col("region") == region) & (pl.col("device") == device)
    return frame.lazy().filter(pl.col("event").is_in(["region_read", "region_write"]) & own)
