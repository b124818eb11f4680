"""Columns of numbers to frames of `events.SCHEMA`, and records of two lines to one event."""

from collections.abc import Mapping
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


def _nullable(bits: NDArray[np.int8], types: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """Columns with nulls where their bit of `PRESENT` is not set; those that have all their values need nothing."""
    in_all, in_any = int(np.bitwise_and.reduce(bits)), int(np.bitwise_or.reduce(bits))
    out = []
    for column, bit in PRESENT.items():
        if not in_any & bit:
            out.append(pl.lit(None, types[column]).alias(column))
        elif not in_all & bit:
            out.append(pl.when(pl.col("present") & bit != 0).then(pl.col(column)).alias(column))
    return out


def frame(columns: Columns, *, source: int, first_line: int) -> pl.DataFrame:
    """A frame of `events.SCHEMA`.

    `source` fills the column `input`, `first_line` is the number of the line before the block's first.
    """
    if not len(columns):
        return empty_events()
    arrays: dict[str, NDArray[Any]] = columns.arrays
    names = pl.Series(columns.names, dtype=pl.String()).cast(pl.Categorical())
    out = {"present": pl.Series(arrays["present"])}
    out["line"] = pl.Series((arrays["line"] + first_line).view(np.uint64))
    out["event"] = _EVENT_NAMES.gather(np.ascontiguousarray(arrays["code"]).view(np.uint32))
    for column in ("device", "detail"):
        out[column] = names.gather(np.ascontiguousarray(arrays[column]).view(np.uint32))
    for column in PRESENT:
        signed = column in {"time", "region"}
        array = np.ascontiguousarray(arrays[column])
        out[column] = pl.Series(array if signed else array.view(_UNSIGNED[array.dtype]))
    # One query for all columns: each has a price of its own.
    filled = pl.DataFrame(out).with_columns(
        pl.lit(source, pl.UInt32()).alias("input"), *_nullable(arrays["present"], SCHEMA)
    )
    return filled.select(*SCHEMA)
