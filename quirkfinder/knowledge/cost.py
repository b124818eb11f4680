"""What trapping a door costs: the accesses of this trace on the pages that a quirk would take away from the guest.

A BAR that is mapped into the guest costs nothing per access; a quirk's region in it makes the processor exit for the
whole page it lies on.  I/O BARs and VGA ports are trapped anyway.  Sizes in bytes, time in seconds.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import polars as pl

from quirkfinder.card.model import Card
from quirkfinder.card.model import Span as MappedSpan
from quirkfinder.findings.document import Finding
from quirkfinder.knowledge.matching import number

PAGE = 4096
_MOST_PAGES = 64  # listed one by one; page_count has them all
Span = tuple[int, int]  # first offset, offset after the last


def trap_cost(finding: Finding, events: pl.DataFrame, card: Card | None = None) -> dict[str, Any] | None:
    """The cost of trapping a finding's door; None for findings without a place in a BAR or in the VGA ports.

    Keys: `region`, `page_size`, `page_count`, `pages` (offsets of the pages as texts, at most 64), `accesses` (of this
    trace on these pages), `door_accesses`, `other_accesses`, `other_share` (0 to 1, null without accesses), `seconds`
    and `accesses_per_second` (null where the log has no clock), `always_trapped` (a quirk adds no exits), `lower_bound`
    (some of these pages were mapped in this run, so that accesses are missing).
    """
    region = _region(finding.parameters.get("region"))
    doors = _doors(finding)
    if region is None or not doors:
        return None
    vga = region == "vga"
    trapped = _merged(doors, PAGE)
    at_door = pl.any_horizontal(_touches(door) for door in doors)
    taken = at_door if vga else pl.any_horizontal(_touches(span) for span in trapped)
    accesses, door = (
        _accesses(events, finding.device, region)
        .select(taken.sum().alias("all"), at_door.sum().alias("door"))
        .collect()
    ).row(0)
    seconds = _seconds(events)
    bar = card.bar(int(region)) if card is not None and not vga else None
    pages = (page for first, after in trapped for page in range(first, after, PAGE))
    return {
        "region": finding.parameters["region"],
        "page_size": PAGE,
        "page_count": 0 if vga else sum((after - first) // PAGE for first, after in trapped),
        "pages": [] if vga else [hex(page) for page in islice(pages, _MOST_PAGES)],
        "accesses": accesses,
        "door_accesses": door,
        "other_accesses": accesses - door,
        "other_share": round((accesses - door) / accesses, 4) if accesses else None,
        "seconds": seconds,
        "accesses_per_second": round(accesses / seconds, 1) if seconds else None,
        "always_trapped": vga or (bar is not None and bar.kind == "io"),
        "lower_bound": bar is not None
        and any(s.first < after and first <= s.last for s in bar.mapped for first, after in trapped),
    }


def _region(name: object) -> str | None:
    """`vga`, the number of a BAR as text, or None."""
    if name == "vga":
        return "vga"
    text = str(name)
    return text[3:] if text.startswith("bar") and text[3:] in tuple("012345") else None


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


def _meets(mapped: MappedSpan, trapped: Span) -> bool:
    return mapped.first < trapped[1] and trapped[0] <= mapped.last


def _touches(door: Span) -> pl.Expr:
    first, after = door
    return (pl.col("address") < after) & (pl.col("address") + pl.col("size").fill_null(1) > first)


def _accesses(events: pl.DataFrame, device: str, region: str) -> pl.LazyFrame:
    if region == "vga":
        return events.lazy().filter(pl.col("event").is_in(["vga_read", "vga_write"]))
    own = (pl.col("region") == int(region)) & (pl.col("device") == device)
    return events.lazy().filter(pl.col("event").is_in(["region_read", "region_write"]) & own)


def _seconds(events: pl.DataFrame) -> float | None:
    """From the first to the last stamped line; None where there is no clock or no time passes."""
    first, last = events["time"].min(), events["time"].max()
    if not isinstance(first, int) or not isinstance(last, int) or last <= first:
        return None
    return round((last - first) / 1e9, 6)
