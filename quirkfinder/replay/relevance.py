"""Which lines of a trace a replay has to look at: a few hundred of millions, chosen by columns, not by line."""

from collections.abc import Sequence

import polars as pl

from quirkfinder.events import VGA
from quirkfinder.replay.engine import Engine
from quirkfinder.replay.window import WindowModel

PAGE = 0x1000
_FLAGS = 0xF
_WIDEST = 8


def looked_at(frame: pl.LazyFrame, engine: Engine, shown: Sequence[int]) -> pl.Expr:
    """Accesses that touch a quirk, to what the windows reach, and reads whose value is in `shown`.

    `shown` are host addresses without their four flag bits.
    """
    keep = pl.lit(value=False)
    for region, _ in engine.regions():
        # A wide access that begins before the region may reach into it.
        first, last = max(0, region.offset - _WIDEST + 1), region.offset + region.size - 1
        keep = keep | (_in_space(region.space) & pl.col("address").is_between(first, last))
    if shown:
        is_read = pl.col("event").is_in(("region_read", "vga_read"))
        keep = keep | (is_read & (pl.col("value") & ~pl.lit(_FLAGS, pl.UInt64)).is_in(shown))
    for bar, offsets in _reached(frame, engine).items():
        keep = keep | ((pl.col("region") == bar) & pl.col("address").is_in(offsets))
    return keep


def page_hits(frame: pl.LazyFrame, engine: Engine) -> dict[tuple[int, int], int]:
    """The pages of BARs that quirk regions lie on, as (BAR, first byte), and the accesses that fall on each."""
    hits = {}
    for region, _ in engine.regions():
        if region.space != VGA:
            first = region.offset & ~(PAGE - 1)
            hits.update(
                dict.fromkeys(((region.space, page) for page in range(first, region.offset + region.size, PAGE)), 0)
            )
    counted = (
        frame.filter(pl.col("event").is_in(("region_read", "region_write")))
        .group_by(pl.col("region").cast(pl.Int64), (pl.col("address") // PAGE * PAGE).alias("page"))
        .len()
        .collect()
    )
    for bar, page, count in counted.iter_rows():
        if (bar, page) in hits:
            hits[bar, page] = count
    return hits


def _in_space(space: int) -> pl.Expr:
    if space == VGA:
        return pl.col("event").is_in(("vga_read", "vga_write"))
    return pl.col("event").is_in(("region_read", "region_write")) & (pl.col("region") == space)


def _reached(frame: pl.LazyFrame, engine: Engine) -> dict[int, list[int]]:
    """Offsets in BARs that the windows' address values of this trace reach."""
    found: dict[int, set[int]] = {}
    for model in engine.models:
        if not isinstance(model, WindowModel):
            continue
        in_space = pl.col("event") == "vga_write"
        if model.space != VGA:
            in_space = (pl.col("event") == "region_write") & (pl.col("region") == model.space)
        at_address = in_space & (pl.col("address") == model.window.address_offset)
        values = frame.filter(at_address).select(pl.col("value").unique()).collect().to_series().drop_nulls()
        for value in values:
            reached = WindowModel(model.definition, model.window, address=value, addressed=True).reached()
            if reached is not None and reached[0].startswith("bar"):
                found.setdefault(int(reached[0][3:]), set()).add(reached[1])
    return {bar: sorted(offsets) for bar, offsets in found.items()}
