"""Where a run's accesses went over the lines of its logs: a small histogram for `statistics.timeline` of the document.

The shape is what `rendering.page.timeline` draws: for each input

    {"input": position, "lines_per_bucket": n, "series": [
        {"device": name, "region": "bar0" | … | "unassigned", "first": "0x…", "bytes_per_bucket": "0x…",
         "rows": [[line bucket, offset bucket, reads, writes], …]}, …]}

Rows are sparse and in the order of the log.  Counts are exact, positions are rounded down to their bucket.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from quirkfinder.events import Frames, frames_of, region_name

LINE_BUCKETS = 240
OFFSET_BUCKETS = 32
_MOST_SERIES = 24  # the busiest regions of an input; a machine has a handful
_READS = ("region_read", "config_read", "vga_read", "rom_read", "unassigned_read")
_WRITES = ("region_write", "config_write", "vga_write", "unassigned_write")
_NOWHERE = ("unassigned_read", "unassigned_write", "unassigned_access")
_UNASSIGNED = -1
_COLUMNS = ("input", "line", "event", "device", "region", "address")
_GROUP = ["input", "device", "region"]
_EXTENT = (
    pl.len().alias("count"),
    pl.max("line").alias("last"),
    pl.min("address").alias("low"),
    pl.max("address").alias("high"),
    pl.min("line").alias("first"),
)


def timeline(events: pl.DataFrame | Frames) -> list[dict[str, Any]]:
    """The histogram of a frame of `events.SCHEMA`, or of many; plain JSON values, empty where there is no access."""
    frames = frames_of(events)
    groups = _summed(_accesses(frame).group_by(_GROUP).agg(_EXTENT) for frame in frames(_COLUMNS))
    if groups is None:
        return []
    extents = groups.group_by(_GROUP).agg(
        pl.sum("count"), pl.max("last"), pl.min("low"), pl.max("high"), pl.min("first")
    )
    chosen = (
        _with_steps(extents)
        .sort("input", "count", "first", descending=[False, True, False])
        .group_by("input", maintain_order=True)
        .head(_MOST_SERIES)
    )
    cells = _summed(_cells(frame, chosen) for frame in frames(_COLUMNS))
    assert cells is not None
    rows = cells.group_by(*_GROUP, "line_bucket", "offset_bucket").agg(pl.sum("reads", "writes"))
    rows = rows.sort("line_bucket", "offset_bucket")
    return [_of_input(position, chosen, rows) for position in sorted(set(chosen["input"].to_list()))]


def _accesses(frame: pl.DataFrame) -> pl.LazyFrame:
    event = pl.col("event")
    return (
        frame.lazy()
        .filter(event.is_in([*_READS, *_WRITES]), pl.col("address").is_not_null())
        .select(
            "input",
            "line",
            "address",
            "device",
            write=event.is_in(_WRITES),
            region=pl.when(event.is_in(_NOWHERE)).then(_UNASSIGNED).otherwise(pl.col("region")),
        )
        .filter(pl.col("region").is_not_null())
    )


def _summed(parts: Iterable[pl.LazyFrame]) -> pl.DataFrame | None:
    """Partial sums put together; they are few for each frame."""
    collected = [part.collect() for part in parts]
    whole = pl.concat(collected) if collected else None
    return whole if whole is not None and whole.height else None


def _with_steps(extents: pl.DataFrame) -> pl.DataFrame:
    """With the lines and bytes of a bucket; bytes are a power of two, so that a bucket begins where a page does."""
    steps = extents.with_columns(step=-(-pl.max("last").over("input").cast(pl.Int64) // LINE_BUCKETS))
    lengths = [_bucket(low, high) for low, high in steps.select("low", "high").iter_rows()]
    steps = steps.with_columns(length=pl.Series(lengths, dtype=pl.UInt64))
    return steps.with_columns(base=pl.col("low") // pl.col("length") * pl.col("length"))


def _bucket(lowest: int, highest: int) -> int:
    length = 4
    while highest // length - lowest // length >= OFFSET_BUCKETS:
        length *= 2
    return length


def _cells(frame: pl.DataFrame, chosen: pl.DataFrame) -> pl.LazyFrame:
    placed = _accesses(frame).join(chosen.lazy().select(*_GROUP, "step", "length", "base"), on=_GROUP, nulls_equal=True)
    line = (pl.col("line").cast(pl.Int64) - 1) // pl.col("step")
    offset = (pl.col("address") - pl.col("base")) // pl.col("length")
    return placed.group_by(*_GROUP, line.alias("line_bucket"), offset.alias("offset_bucket")).agg(
        reads=(~pl.col("write")).sum(), writes=pl.col("write").sum()
    )


def _of_input(position: int, chosen: pl.DataFrame, rows: pl.DataFrame) -> dict[str, Any]:
    own = chosen.filter(pl.col("input") == position)
    series = [_series(one, rows) for one in own.iter_rows(named=True)]
    return {
        "input": position,
        "lines_per_bucket": int(own["step"][0]),
        "series": sorted(series, key=lambda one: (one["device"], one["region"] == "unassigned", one["region"])),
    }


def _series(one: dict[str, Any], rows: pl.DataFrame) -> dict[str, Any]:
    own = rows.filter(*(pl.col(name).eq_missing(pl.lit(one[name])) for name in _GROUP))
    return {
        "device": one["device"] or "",
        "region": "unassigned" if one["region"] == _UNASSIGNED else region_name(one["region"]),
        "first": f"{one['base']:#x}",
        "bytes_per_bucket": f"{one['length']:#x}",
        "rows": [list(row) for row in own.select("line_bucket", "offset_bucket", "reads", "writes").rows()],
    }
