"""Where a run's accesses went over the lines of its logs: a small histogram for `statistics.timeline` of the document.

The shape is what `rendering.page.timeline` draws: for each input

    {"input": position, "lines_per_bucket": n, "series": [
        {"device": name, "region": "bar0" | … | "unassigned", "first": "0x…", "bytes_per_bucket": "0x…",
         "rows": [[line bucket, offset bucket, reads, writes], …]}, …]}

Rows are sparse and in the order of the log.  Counts are exact, positions are rounded down to their bucket.
"""

from typing import Any

import polars as pl

from quirkfinder.events import region_name

LINE_BUCKETS = 240
OFFSET_BUCKETS = 32
_MOST_SERIES = 24  # the busiest regions of an input; a machine has a handful
_READS = ("region_read", "config_read", "vga_read", "rom_read", "unassigned_read")
_WRITES = ("region_write", "config_write", "vga_write", "unassigned_write")
_UNASSIGNED = -1


def timeline(events: pl.DataFrame) -> list[dict[str, Any]]:
    """The histogram of a frame of `events.SCHEMA`; plain JSON values, empty where there is no access."""
    accesses = (
        events.lazy()
        .filter(pl.col("event").cast(pl.String).is_in([*_READS, *_WRITES]), pl.col("address").is_not_null())
        .select(
            "input",
            "line",
            "address",
            device=pl.col("device").cast(pl.String).fill_null(""),
            write=pl.col("event").cast(pl.String).is_in(_WRITES),
            region=pl.when(pl.col("event").cast(pl.String).str.starts_with("unassigned"))
            .then(_UNASSIGNED)
            .otherwise(pl.col("region")),
        )
        .filter(pl.col("region").is_not_null())
        .collect()
    )
    return [_of_input(int(key[0]), part) for key, part in accesses.group_by("input", maintain_order=True)]


def _of_input(position: int, accesses: pl.DataFrame) -> dict[str, Any]:
    last = int(accesses["line"].max())  # type: ignore[arg-type]  # a number, for there is at least one row
    step = -(-last // LINE_BUCKETS)
    groups = accesses.group_by("device", "region", maintain_order=True)
    busiest = sorted(groups, key=lambda group: -group[1].height)[:_MOST_SERIES]
    series = [_series(str(key[0]), int(key[1]), part, step) for key, part in busiest]
    return {
        "input": position,
        "lines_per_bucket": step,
        "series": sorted(series, key=lambda one: (one["device"], one["region"] == "unassigned", one["region"])),
    }


def _series(device: str, region: int, accesses: pl.DataFrame, step: int) -> dict[str, Any]:
    lowest, highest = (int(value) for value in accesses.select(low=pl.min("address"), high=pl.max("address")).row(0))
    # A power of two, so that a bucket begins where a register or a page does.
    length = 4
    while highest // length - lowest // length >= OFFSET_BUCKETS:
        length *= 2
    first = lowest // length * length
    rows = (
        accesses.group_by(line_bucket=(pl.col("line") - 1) // step, offset_bucket=(pl.col("address") - first) // length)
        .agg(reads=(~pl.col("write")).sum(), writes=pl.col("write").sum())
        .sort("line_bucket", "offset_bucket")
    )
    return {
        "device": device,
        "region": "unassigned" if region == _UNASSIGNED else region_name(region),
        "first": f"{first:#x}",
        "bytes_per_bucket": f"{length:#x}",
        "rows": [list(row) for row in rows.rows()],
    }
