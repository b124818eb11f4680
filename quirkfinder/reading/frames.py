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


@dataclass(frozen=True, slots=True)
class _Presence:
    """Which columns have values: bits of `PRESENT` per row, those set in all rows and those set in any."""

    bits: NDArray[np.int8]
    in_all: int
    in_any: int

    def nullable(self, column: str, values: pl.Series) -> pl.Series:
        """Nulls where a bit is not set; columns that are all or nothing cost no comparison per row."""
        bit = PRESENT[column]
        if self.in_all & bit:
            return values
        if not self.in_any & bit:
            return pl.Series(column, [None], dtype=values.dtype).new_from_index(0, len(values))
        mask = pl.Series(self.bits & bit) != 0
        return pl.select(pl.when(mask).then(values).alias(column)).to_series()


def frame(columns: Columns, *, source: int, first_line: int) -> pl.DataFrame:
    """A frame of `events.SCHEMA`.

    `source` fills the column `input`, `first_line` is the number of the line before the block's first.
    """
    if not len(columns):
        return empty_events()
    arrays: dict[str, NDArray[Any]] = columns.arrays
    bits = arrays["present"]
    presence = _Presence(bits, int(np.bitwise_and.reduce(bits)), int(np.bitwise_or.reduce(bits)))
    names = pl.Series(columns.names, dtype=pl.String()).cast(pl.Categorical())
    out = {"input": pl.Series([source], dtype=pl.UInt32()).new_from_index(0, len(columns))}
    out["line"] = pl.Series((arrays["line"] + first_line).view(np.uint64))
    out["event"] = _EVENT_NAMES.gather(np.ascontiguousarray(arrays["code"]).view(np.uint32))
    for column in ("device", "detail"):
        out[column] = names.gather(np.ascontiguousarray(arrays[column]).view(np.uint32))
    for column in PRESENT:
        signed = column in {"time", "region"}
        array = np.ascontiguousarray(arrays[column])
        values = pl.Series(column, array if signed else array.view(_UNSIGNED[array.dtype]))
        out[column] = presence.nullable(column, values)
    return pl.DataFrame([out[column].alias(column) for column in SCHEMA])
