"""BAR addresses from memory-region traces: the absolute address beside VFIO's offset of the same access.

`memory_region_ops_read` and `_write` name the region, `0000:01:00.0 BAR 2`, in QEMU 6.1 and later.  For a read VFIO's
line comes first, for a write the memory region's.
"""

import re

import polars as pl

from quirkfinder.card.model import Placement, Position
from quirkfinder.card.rows import kinds, numbered
from quirkfinder.events import ROM

_MEMORY = ("memory_read", "memory_write")
_READS = ("memory_read", "region_read")
_NAME = re.compile(r"^(.+) BAR ([0-5])$")
#: Lines of quirks may stand between the two lines of an access.
_NEAR = 3
_AGAIN = 2  # pairs of lines that show the same base
_ALIGNED = 4  # bytes; no BAR is smaller


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
    own = pl.col("device").eq(device) & pl.col("region").eq(bar)
    pairs = _pairs(events, pl.col("detail") == name, own).select("at", "input", "on", "base")
    moved = pairs.filter(pl.col("base") != pl.col("base").shift(1).fill_null(0)).collect()
    return [Placement(row, base, Position(source, line)) for row, source, line, base in moved.iter_rows()]


def nameless_bases(events: pl.DataFrame, sizes: dict[tuple[str, int], int]) -> dict[tuple[str, int], list[Placement]]:
    """(device, BAR) -> where it lay, from neighbouring lines of which the memory region's names none (2.6 to 6.0).

    Lines of several processors may stand between one another, so that a base has to show in more than one pair and to
    be a multiple of the BAR's size.  `sizes`: bytes, of the BARs of which they are known.
    """
    if not events.lazy().select((kinds(_MEMORY) & pl.col("detail").is_null()).any()).collect().item():
        return {}
    known = pl.DataFrame(
        [(device, bar, size) for (device, bar), size in sizes.items() if size],
        schema={"device": pl.String, "bar": pl.Int64, "bytes": pl.UInt64},
        orient="row",
    )
    place = ["device", "bar"]
    pairs = (
        _pairs(events, pl.col("detail").is_null(), (pl.col("region") < ROM) & pl.col("device").is_not_null())
        .with_columns(pl.col("device").cast(pl.String), pl.col("bar").cast(pl.Int64))
        .join(known.lazy(), on=place, how="left", maintain_order="left")
        .filter(pl.col("base") % pl.col("bytes").fill_null(_ALIGNED) == 0)
        .filter(pl.len().over([*place, "base"]) >= _AGAIN)
    )
    moved = pairs.filter(pl.col("base") != pl.col("base").shift(1).over(place).fill_null(0))
    found: dict[tuple[str, int], list[Placement]] = {}
    columns = ("device", "bar", "at", "base", "input", "on")
    for device, bar, row, base, source, line in moved.select(columns).collect().iter_rows():
        found.setdefault((device, bar), []).append(Placement(row, base, Position(source, line)))
    return found


def _pairs(events: pl.DataFrame, region: pl.Expr, access: pl.Expr) -> pl.LazyFrame:
    """at, input, on, device, bar, base: the two lines of an access that agree in direction, size and value.

    `region`: which of the memory regions' lines, `access`: which of VFIO's.  `at` and `on` are the row and the line of
    the memory region's; device and BAR are those of VFIO's.
    """
    memory = kinds(_MEMORY)
    both = (
        numbered(events)
        .filter((memory & region) | (kinds(("region_read", "region_write")) & access))
        .with_columns(memory.alias("memory"), kinds(_READS).alias("read"))
    )
    same = [pl.col(word) == pl.col(word).shift(1) for word in ("value", "size", "read")]

    # The memory region's line is the second one for a read, the first one for a write; VFIO's is the other.
    def theirs(column: str) -> pl.Expr:
        return pl.when("memory").then(pl.col(column)).otherwise(pl.col(column).shift(1))

    def ours(column: str) -> pl.Expr:
        return pl.when("memory").then(pl.col(column).shift(1)).otherwise(pl.col(column))

    return (
        both.with_columns(
            theirs("row").alias("at"),
            theirs("line").alias("on"),
            theirs("address").alias("absolute"),
            ours("address").alias("offset"),
            ours("device").alias("of"),
            ours("region").alias("bar"),
        )
        .filter(
            (pl.col("memory") == pl.col("read"))
            & (pl.col("memory").shift(1) != pl.col("memory"))
            & (pl.col("row") - pl.col("row").shift(1) <= _NEAR)
            & pl.all_horizontal(same)
            & (pl.col("absolute") > pl.col("offset"))
        )
        .select(
            "at",
            "input",
            "on",
            pl.col("of").alias("device"),
            "bar",
            (pl.col("absolute") - pl.col("offset")).alias("base"),
        )
    )
