"""The pixels that matter: places in memory through which a value went that also went through a register.

Such a place may be what a window or a bank reaches; all its accesses are kept then, since they prove it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from quirkfinder.folding.keys import Ints

_TRIVIAL = 0xFFFF  # values up to this, or as near to all ones, are colours and flags before they are evidence
_PLACE = ["device", "region", "address"]


def telling(frame: pl.DataFrame) -> pl.DataFrame:
    """The distinct accesses to regions with telling values: `device`, `region`, `value`."""
    return frame.lazy().filter(_telling()).select("device", "region", "value").unique().collect()


def rescued_places(frames: Iterable[pl.DataFrame], told: pl.DataFrame, most: int) -> pl.DataFrame:
    """Places (`device`, `region`, `address`) of `frames` whose values another region of the device told.

    `frames`: the events in memory; `told`: what `telling` gave for the registers; at most about `most` places.
    """
    found: list[pl.DataFrame] = []
    count = 0
    for places in _matches(frames, told):
        found.append(places)
        count += places.height
        if count >= most:
            break
    return pl.concat(found).unique(maintain_order=True) if found else pl.DataFrame(schema=dict.fromkeys(_PLACE))


def _matches(frames: Iterable[pl.DataFrame], told: pl.DataFrame) -> Iterator[pl.DataFrame]:
    others = told.lazy().rename({"region": "other"})
    for frame in frames:
        yield (
            frame.lazy()
            .filter(_telling())
            .join(others, on=["device", "value"], nulls_equal=True)
            .filter(pl.col("region") != pl.col("other"))
            .select(_PLACE)
            .unique(maintain_order=True)
            .collect()
        )


def rescued_rows(frame: pl.DataFrame, places: pl.DataFrame) -> Ints:
    """The rows of a frame that are accesses to one of the places."""
    numbered = frame.lazy().with_row_index("row").filter(_access())
    rows = numbered.join(places.lazy(), on=_PLACE, how="semi", nulls_equal=True).select("row").collect()["row"]
    return np.sort(rows.to_numpy().astype(np.int64))


def _access() -> pl.Expr:
    return pl.col("event").is_in(["region_read", "region_write"])


def _telling() -> pl.Expr:
    return _access() & (pl.col("value") > _TRIVIAL) & (pl.col("value") < (1 << 32) - _TRIVIAL)
