"""BAR addresses from memory-region traces: the absolute address beside VFIO's offset of the same access.

`memory_region_ops_read` and `_write` (QEMU 6.1 and later) name the region, `0000:01:00.0 BAR 2`.  For a read VFIO's
line comes first, for a write the memory region's.
"""

import re

import polars as pl

from quirkfinder.card.model import Placement, Position
from quirkfinder.card.rows import kinds, numbered

_MEMORY = ("memory_read", "memory_write")
_READS = ("memory_read", "region_read")
_NAME = re.compile(r"^(.+) BAR ([0-5])$")
#: Lines of quirks may stand between the two lines of an access.
_NEAR = 3


def named_regions(events: pl.DataFrame) -> dict[tuple[str, int], str]:
    """(device, BAR) -> name of the memory region, of those that memory-region traces name."""
    names = events.lazy().filter(kinds(_MEMORY)).select(pl.col("detail").unique().cast(pl.String)).collect()
    found = {}
    for name in names["detail"].drop_nulls().to_list():
        if words := _NAME.match(name):
            found[words[1], int(words[2])] = name
    return found


def dispatched_bases(events: pl.DataFrame, device: str, bar: int, name: str) -> list[Placement]:
    """Where the BAR lay, from neighbouring lines of one access that agree in direction, size and value.

    `name`: of the BAR's memory region.  Lines of versions that print an offset for the absolute address give nothing.
    """
    memory = kinds(_MEMORY)
    mine = (memory & (pl.col("detail") == name)) | (
        kinds(("region_read", "region_write")) & (pl.col("device") == device) & (pl.col("region") == bar)
    )
    both = (
        numbered(events)
        .filter(mine)
        .select(
            "row",
            "input",
            "line",
            "address",
            "value",
            "size",
            memory.alias("memory"),
            kinds(_READS).alias("read"),
        )
    )
    same = [pl.col(word) == pl.col(word).shift(1) for word in ("value", "size", "read")]
    # The memory region's line is the second one for a read, the first one for a write; VFIO's is the other.
    pairs = both.with_columns(
        pl.when("memory").then(pl.col("address")).otherwise(pl.col("address").shift(1)).alias("absolute"),
        pl.when("memory").then(pl.col("address").shift(1)).otherwise(pl.col("address")).alias("offset"),
        pl.when("memory").then(pl.col("row")).otherwise(pl.col("row").shift(1)).alias("at"),
        pl.when("memory").then(pl.col("line")).otherwise(pl.col("line").shift(1)).alias("on"),
    ).filter(
        (pl.col("memory") == pl.col("read"))
        & (pl.col("memory").shift(1) != pl.col("memory"))
        & (pl.col("row") - pl.col("row").shift(1) <= _NEAR)
        & pl.all_horizontal(same)
        & (pl.col("absolute") > pl.col("offset"))
    )
    moved = (
        pairs.select("at", "input", "on", (pl.col("absolute") - pl.col("offset")).alias("base"))
        .filter(pl.col("base") != pl.col("base").shift(1).fill_null(0))
        .collect()
    )
    return [Placement(row, base, Position(source, line)) for row, source, line, base in moved.iter_rows()]
