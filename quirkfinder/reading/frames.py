"""Columns of numbers to frames of `events.SCHEMA`, and records of two lines to one event."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quirkfinder.events import EVENTS, SCHEMA, EventType, empty_events
from quirkfinder.reading.columns import Columns
from quirkfinder.reading.llvm_rows import PRESENT
from quirkfinder.reading.semantics import BODY, CODES, HEADER

_SETUP = CODES["region_setup"]
_EVENT_NAMES = pl.Series(EVENTS, dtype=EventType)
_UNSIGNED = {np.dtype(np.int64): np.uint64, np.dtype(np.int32): np.uint32, np.dtype(np.int8): np.uint8}


@dataclass(frozen=True, slots=True)
class Joined:
    """Columns without halves of records, and how many lines became part of another one or said nothing alone."""

    columns: Columns
    absorbed: int


def joined(columns: Columns) -> Joined:
    """Makes one `region_setup` of a header and the size that stands on the line behind it.

    The event is the header's; a header without its size is an event with what it says; a size without its header says
    nothing and is counted as ignored.
    """
    arrays = columns.arrays
    codes = arrays["code"]
    halves = codes >= min(HEADER, BODY)
    if not halves.any():
        return Joined(columns, 0)
    headers = np.flatnonzero(codes == HEADER)
    following = headers + 1
    inside = following < len(codes)
    matched = np.zeros(len(headers), bool)
    matched[inside] = (codes[following[inside]] == BODY) & (
        arrays["line"][following[inside]] == arrays["line"][headers[inside]] + 1
    )
    arrays = {name: array.copy() for name, array in arrays.items()}
    first, second = headers[matched], following[matched]
    for column in ("address", "value", "detail"):
        arrays[column][first] = arrays[column][second]
    arrays["present"][first] |= PRESENT["address"] | PRESENT["value"]
    arrays["code"][headers] = _SETUP
    kept = arrays["code"] != BODY
    return Joined(Columns({n: a[kept] for n, a in arrays.items()}, columns.names), int((~kept).sum()))


def _named(names: pl.Series, ids: NDArray[Any]) -> pl.Series:
    """The names of some ids, positions in `names`, whose first one is null."""
    # By indices, as everything here: an expression would wait for the threads that write the last block.
    if len(ids) and ids.min() > 0:
        return names.slice(1)[pl.Series((ids - 1).view(np.uint32))]
    return names[pl.Series(np.ascontiguousarray(ids).view(np.uint32))]


def _numbers(array: NDArray[Any], kind: pl.DataType, present: NDArray[np.bool_] | None) -> pl.Series:
    """A column of numbers, null where they are not `present` (None: all are)."""
    array = np.ascontiguousarray(array)
    series = pl.Series(array.view(_UNSIGNED[array.dtype]) if kind.is_unsigned_integer() else array)
    return series if present is None else series.zip_with(pl.Series(present), pl.Series([None], dtype=kind))


def frame(columns: Columns, *, source: int, first_line: int) -> pl.DataFrame:
    """A frame of `events.SCHEMA`.

    `source` fills the column `input`, `first_line` is the number of the line before the block's first.
    """
    if not len(columns):
        return empty_events()
    arrays: dict[str, NDArray[Any]] = columns.arrays
    names = pl.Series(columns.names, dtype=pl.String()).cast(pl.Categorical())
    bits = arrays["present"]
    in_all = int(np.bitwise_and.reduce(bits))
    out = {
        "input": pl.Series(np.full(len(columns), source, np.uint32)),
        "line": pl.Series((arrays["line"] + first_line).view(np.uint64)),
        "event": _EVENT_NAMES[pl.Series(np.ascontiguousarray(arrays["code"]).view(np.uint32))],
        "device": _named(names, arrays["device"]),
        "detail": _named(names, arrays["detail"]),
    }
    for column, bit in PRESENT.items():
        out[column] = _numbers(arrays[column], SCHEMA[column], None if in_all & bit else bits & bit != 0)
    return pl.DataFrame({column: out[column] for column in SCHEMA})
