"""BAR addresses from memory-region traces: the absolute address beside VFIO's offset of the same access.

`memory_region_ops_read` and `_write` (QEMU 6.1 and later) name the region, `0000:01:00.0 BAR 2`.  For a read VFIO's
line comes first, for a write the memory region's.
"""

import polars as pl

from quirkfinder.card.model import Placement, Position
from quirkfinder.card.rows import kinds

_PAIRS = ("memory_read", "memory_write", "region_read", "region_write")
_NAME = r"^(.+) BAR (\d)$"


def dispatched_bases(events: pl.DataFrame) -> dict[tuple[str, int], list[Placement]]:
    """(device, BAR) -> where it lay, from neighbouring lines of one access that agree in value and size."""
    if not events.lazy().select(kinds(("memory_read", "memory_write")).any()).collect().item():
        return {}
    pairs = (
        events.lazy()
        .with_row_index("row")
        .filter(kinds(_PAIRS))
        .select(
            "row",
            "input",
            "line",
            "address",
            "value",
            "size",
            pl.col("event").cast(pl.String),
            pl.col("device").cast(pl.String),
            "region",
            "detail",
        )
        .with_columns(
            *(
                pl.col(name).shift(1).alias(f"before_{name}")
                for name in ("event", "device", "region", "address", "value")
            ),
            *(
                pl.col(name).shift(-1).alias(f"after_{name}")
                for name in ("event", "device", "region", "address", "value")
            ),
        )
        .filter(
            ((pl.col("event") == "memory_read") & (pl.col("before_event") == "region_read"))
            | ((pl.col("event") == "memory_write") & (pl.col("after_event") == "region_write"))
        )
    )
    reads = pl.col("event") == "memory_read"
    beside = {
        name: pl.when(reads).then(pl.col(f"before_{name}")).otherwise(pl.col(f"after_{name}"))
        for name in ("device", "region", "address", "value")
    }
    words = pl.col("detail").cast(pl.String)
    found = (
        pairs.with_columns(**{f"beside_{name}": expression for name, expression in beside.items()})
        .with_columns(words.str.extract(_NAME, 1).alias("name"), words.str.extract(_NAME, 2).cast(pl.Int8).alias("bar"))
        .filter(
            (pl.col("name") == pl.col("beside_device"))
            & (pl.col("bar") == pl.col("beside_region"))
            & (pl.col("value") == pl.col("beside_value"))
            & (pl.col("address") > pl.col("beside_address"))
        )
        .with_columns((pl.col("address") - pl.col("beside_address")).alias("base"))
        .filter(pl.col("base") != pl.col("base").shift(1).over("name", "bar").fill_null(0))
        .select("name", "bar", "row", "input", "line", "base")
        .collect()
    )
    placements: dict[tuple[str, int], list[Placement]] = {}
    for name, bar, row, source, line, base in found.iter_rows():
        placements.setdefault((name, bar), []).append(Placement(row, base, Position(source, line)))
    return placements
