"""Which parts of a card's BARs the guest reached without a trap, from the card model and from the map events."""

import re

import polars as pl

from quirkfinder.card.model import Card

MAPPABLE = 0x4  # VFIO_REGION_INFO_FLAG_MMAP
_REGION_NAME = re.compile(r"(?P<device>.+?) (?:base )?BAR (?P<bar>[0-5]) mmaps\[\d+\]")
Mapped = tuple[int, int, int]  # BAR, first offset, last offset


def mapped_spans(card: Card, events: pl.DataFrame) -> list[Mapped]:
    """(BAR, first, last offset) of every part that was mapped, in order, neighbours joined.

    From `Bar.mapped`, from region_mmap lines (2.6 and newer) and, for older logs, from guest memory that the listener
    added where the guest had placed a memory BAR.
    """
    spans = [(bar.index, s.first, s.last) for bar in card.bars for s in bar.mapped]
    spans += _from_mmap_lines(card, events)
    if not spans:
        spans = _from_listener(card, events)
    joined: list[Mapped] = []
    for bar, first, last in sorted(set(spans)):
        if joined and joined[-1][0] == bar and first <= joined[-1][2] + 1:
            joined[-1] = (bar, joined[-1][1], max(last, joined[-1][2]))
        else:
            joined.append((bar, first, last))
    return joined


def _from_mmap_lines(card: Card, events: pl.DataFrame) -> list[Mapped]:
    rows = events.filter(pl.col("event") == "region_mmap").select(pl.col("detail").cast(pl.String), "address", "value")
    spans: list[Mapped] = []
    for name, first, last in rows.iter_rows():
        match = _REGION_NAME.fullmatch(name or "")
        if match is not None and match["device"] == card.name and first is not None and last is not None:
            spans.append((int(match["bar"]), first, last))
    return spans


def _from_listener(card: Card, events: pl.DataFrame) -> list[Mapped]:
    added = events.filter(pl.col("event") == "listener_add").select("address", "value").drop_nulls()
    spans: list[Mapped] = []
    for bar in card.bars:
        if not bar.is_memory or not bar.size or bar.kind == "rom":
            continue
        for base in {p.address for p in bar.placements} | {bar.guest}:
            if base is None:
                continue
            inside = added.filter((pl.col("address") >= base) & (pl.col("value") < base + bar.size))
            spans += [(bar.index, first - base, last - base) for first, last in inside.iter_rows()]
    return spans


def region_flags(events: pl.DataFrame) -> dict[tuple[str, int], int]:
    """VFIO region flags by device and region, from the set-up lines."""
    rows = events.filter(pl.col("event") == "region_setup").select(
        pl.col("device").cast(pl.String), "region", pl.col("detail").cast(pl.String)
    )
    flags: dict[tuple[str, int], int] = {}
    for device, region, text in rows.iter_rows():
        if device is not None and region is not None and re.fullmatch(r"(?:0x)?[0-9a-f]+", text or ""):
            flags[(device, region)] = int(text, 16)
    return flags
