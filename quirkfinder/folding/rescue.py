"""The pixels that matter: places in memory through which a value went that also went through a register.

Such a place may be what a window or a bank reaches; all its accesses are kept then, since they prove it.
"""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from quirkfinder.counting.owners import filled
from quirkfinder.folding.keys import Flags, Ints
from quirkfinder.folding.spill import Spill
from quirkfinder.folding.watch import Members

_TRIVIAL = 0xFFFF  # values up to this, or as near to all ones, are colours and flags before they are evidence
#: The columns that `telling` looks at.
TELLING = ("event", "device", "region", "value")
_PLACE = ["device", "region", "address"]


def telling(frame: pl.DataFrame) -> pl.DataFrame:
    """The distinct accesses to regions with telling values: `device`, `region`, `value`."""
    return frame.lazy().filter(_telling()).select("device", "region", "value").unique().collect()


def rescued_places(spill: Spill, memory: Callable[[Ints], Flags], told: pl.DataFrame, most: int) -> pl.DataFrame:
    """Places (`device`, `region`, `address`) in memory whose values another region of the device told.

    `spill`: frames with the columns of events and `slot`; `memory`: which slots are memory; `told`: what `telling` gave
    for the registers; at most about `most` places.
    """
    found: list[pl.DataFrame] = []
    count = 0
    values = Members(np.sort(told["value"].drop_nulls().unique().to_numpy()))
    others = told.lazy().rename({"region": "other"})
    for number in range(len(spill)):
        narrow = spill.frame(number, ("value", "slot"))
        rows = np.flatnonzero(values.hold(np.asarray(filled(narrow["value"], 0))))
        rows = rows[memory(narrow["slot"].to_numpy()[rows].astype(np.int64))]
        if len(rows):
            places = _matches(spill.frame(number, ("event", *_PLACE, "value"), rows), others)
            found.append(places)
            count += places.height
        if count >= most:
            break
    return pl.concat(found).unique(maintain_order=True) if found else pl.DataFrame(schema=dict.fromkeys(_PLACE))


def _matches(frame: pl.DataFrame, others: pl.LazyFrame) -> pl.DataFrame:
    return (
        frame.lazy()
        .filter(_telling())
        .join(others, on=["device", "value"], nulls_equal=True)
        .filter(pl.col("region") != pl.col("other"))
        .select(_PLACE)
        .unique(maintain_order=True)
        .collect()
    )


def rescued_rows(spill: Spill, places: pl.DataFrame) -> Iterator[Ints]:
    """Frame by frame the rows that are accesses to one of the places."""
    addresses = Members(np.sort(places["address"].drop_nulls().unique().to_numpy()))
    for number in range(len(spill)):
        narrow = spill.frame(number, ("address",))
        rows = np.flatnonzero(addresses.hold(np.asarray(filled(narrow["address"], 0))))
        yield _rows_at(spill.frame(number, ("event", *_PLACE), rows), places, rows) if len(rows) else rows


def _rows_at(frame: pl.DataFrame, places: pl.DataFrame, rows: Ints) -> Ints:
    numbered = frame.lazy().with_columns(row=pl.Series(rows)).filter(_access())
    found = numbered.join(places.lazy(), on=_PLACE, how="semi", nulls_equal=True).select("row").collect()["row"]
    return np.sort(found.to_numpy().astype(np.int64))


def _access() -> pl.Expr:
    return pl.col("event").is_in(["region_read", "region_write"])


def _telling() -> pl.Expr:
    return _access() & (pl.col("value") > _TRIVIAL) & (pl.col("value") < (1 << 32) - _TRIVIAL)
