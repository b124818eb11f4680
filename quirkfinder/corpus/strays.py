"""Which host addresses a run told its guest, and what became of their use: accesses that hit and accesses that missed.

All of it by values alone, independent of the miners' findings.  Rows are indices into the run's frame of events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from quirkfinder.card.model import Bar, Card

PAGE = 4096
#: Offsets of a BAR, and pages of a run, that are kept.
MOST_MISSES, MOST_HITS, MOST_PAGES = 64, 256, 128
#: Below this a value that equals an address is no sign of anything.
_LOWEST = 1 << 20
_LOWEST_PORT = 1 << 10


@dataclass(frozen=True, slots=True)
class TouchRow:
    """The first access at `offset` of the BAR's host range; `missed`: nothing was there for the guest."""

    bar: int
    offset: int
    missed: bool
    row: int


@dataclass(frozen=True, slots=True)
class PageRow:
    """The unassigned accesses of one page; `source`: row of the read whose value led there, None where none did."""

    page: int
    space: str
    accesses: int
    writes: int
    row: int
    source: int | None


def unassigned(events: pl.DataFrame) -> pl.DataFrame:
    """row, address, space (`memory`, `io`) and write of every access that hit nothing, in the order of the log."""
    indexed = events.lazy().with_row_index("row").select("row", "event", "address", "detail")
    kinds = ["unassigned_read", "unassigned_write", "unassigned_access"]
    memory = indexed.filter(pl.col("event").is_in(kinds)).with_columns(pl.lit("memory").alias("space"))
    # Ports nobody answers are handled by QEMU's region named io (system/ioport.c) and logged as accesses to it.
    ports = indexed.filter(
        pl.col("event").is_in(["memory_read", "memory_write"]) & (pl.col("detail").cast(pl.String) == "io")
    ).with_columns(pl.lit("io").alias("space"))
    return (
        pl.concat([memory, ports])
        .filter(pl.col("address").is_not_null())
        .select("row", "address", "space", pl.col("event").cast(pl.String).str.ends_with("write").alias("write"))
        .sort("row")
        .collect()
    )


def told_rows(events: pl.DataFrame, card: Card) -> dict[int, int]:
    """BAR index to the row of the first read by which the guest saw that BAR's host address."""
    reads = (
        events.lazy()
        .with_row_index("row")
        .filter(
            ((pl.col("event") == "region_read") & (pl.col("device").cast(pl.String) == card.name))
            | (pl.col("event") == "vga_read")
        )
        .filter(pl.col("value") >= _LOWEST_PORT)
        .select("row", "value", "size")
        .collect()
    )
    found = {}
    for bar in card.bars:
        matching = reads.filter(_tells(bar)) if bar.host and bar.index < 6 else None
        if matching is not None and matching.height:
            found[bar.index] = int(matching["row"][0])
    return found


def _tells(bar: Bar) -> pl.Expr:
    host = bar.host or 0
    if bar.kind == "io":
        return (pl.col("size") >= 2) & (pl.col("value") == (host | 1)) & (host >= _LOWEST_PORT)
    low = host & 0xFFFFFFF0
    address = pl.col("value") & 0xFFFFFFFFFFFFFFF0
    return (pl.col("size") >= 4) & ((address == host) | ((address == low) & (low >= _LOWEST)))


def touched(events: pl.DataFrame, card: Card, stray: pl.DataFrame, told: dict[int, int]) -> Iterator[TouchRow]:
    """Misses in every BAR's host range; hits, once told, of the BARs that the guest has at their host address."""
    for bar in card.bars:
        if not bar.host or not bar.size or bar.index > 5:
            continue
        if bar.host != bar.guest:
            space = "io" if bar.kind == "io" else "memory"
            inside = stray.filter(
                (pl.col("space") == space) & pl.col("address").is_between(bar.host, bar.host + bar.size - 1)
            )
            offsets = inside.select("row", offset=pl.col("address") - bar.host)
            yield from _first_rows(offsets, bar, missed=True, most=MOST_MISSES)
        elif bar.index in told:
            region = events.lazy().with_row_index("row").slice(told[bar.index] + 1)
            hits = region.filter(
                pl.col("event").is_in(["region_read", "region_write"])
                & (pl.col("region") == bar.index)
                & (pl.col("device").cast(pl.String) == card.name)
                & pl.col("address").is_not_null()
            ).select("row", offset="address")
            yield from _first_rows(hits.collect(), bar, missed=False, most=MOST_HITS)


def _first_rows(rows: pl.DataFrame, bar: Bar, *, missed: bool, most: int) -> Iterator[TouchRow]:
    for row, offset in rows.unique("offset", keep="first", maintain_order=True).head(most).iter_rows():
        yield TouchRow(bar.index, offset, missed, row)


def pages(events: pl.DataFrame, stray: pl.DataFrame) -> list[PageRow]:
    """The first pages with unassigned accesses, each with the last earlier read whose value points into it."""
    grouped = (
        stray.lazy()
        .group_by(page=pl.col("address") // PAGE * PAGE, space="space")
        .agg(accesses=pl.len(), writes=pl.col("write").sum(), row=pl.col("row").min())
        .sort("row", "page")
        .head(MOST_PAGES)
        .collect()
    )
    wanted = [page for page in grouped["page"].to_list() if page >= _LOWEST]
    readers = (
        events.lazy()
        .with_row_index("row")
        .filter(
            pl.col("event").is_in(["region_read", "vga_read"]) & (pl.col("size") >= 4) & (pl.col("value") >= _LOWEST)
        )
    )
    pointing = (
        readers.select("row", page=pl.col("value") // PAGE * PAGE).filter(pl.col("page").is_in(wanted)).collect()
        if wanted
        else pl.DataFrame({"row": [], "page": []}, schema={"row": pl.UInt32, "page": pl.UInt64})
    )
    return [
        PageRow(
            page=row["page"],
            space=row["space"],
            accesses=row["accesses"],
            writes=row["writes"],
            row=row["row"],
            source=_last_before(pointing.filter(pl.col("page") == row["page"])["row"], row["row"]),
        )
        for row in grouped.iter_rows(named=True)
    ]


def _last_before(rows: pl.Series, row: int) -> int | None:
    earlier = rows.filter(rows < row)
    return int(earlier[-1]) if len(earlier) else None


def owner(cards: Sequence[Card], space: str, page: int) -> tuple[str, int]:
    """Name and index of the BAR that has this page on the host; ("", -1) where none has it."""
    for card in cards:
        for bar in card.bars:
            if not bar.host or not bar.size or bar.index > 5 or (bar.kind == "io") != (space == "io"):
                continue
            if page < bar.host + bar.size and bar.host < page + PAGE:
                return card.name, bar.index
    return "", -1
