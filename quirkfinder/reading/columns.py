"""The columns of a block's events as numpy arrays, before they become a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quirkfinder.reading.llvm_ir import COLUMNS
from quirkfinder.reading.llvm_rows import PRESENT
from quirkfinder.reading.portable import Row

_TYPES = {"i64": np.int64, "i32": np.int32, "i8": np.int8}


@dataclass(slots=True)
class Columns:
    """Rows of events.

    `arrays`: `line` (from 1 within the block), `time` (ns), `thread`, `code`, `device` and `detail` (positions in
    `names`, whose first entry is None), `region`, `address`, `size`, `value` (64 bits, unsigned although stored as
    signed), `present` (bits of `llvm_rows.PRESENT`: which of the others are not null).
    """

    arrays: dict[str, NDArray[Any]]
    names: list[str | None]

    def __len__(self) -> int:
        return len(self.arrays["line"])


def columns_of_rows(lines: Sequence[int], rows: Sequence[Row], names: list[str | None]) -> Columns:
    """Rows of the portable engine as columns; new names are appended to `names`, which begins with None."""
    ids = {name: index for index, name in enumerate(names)}

    def name_id(name: str | None) -> int:
        if name not in ids:
            ids[name] = len(names)
            names.append(name)
        return ids[name]

    def present(row: Row) -> int:
        return sum(bit for column, bit in PRESENT.items() if getattr(row, column) is not None)

    content: dict[str, list[int]] = {"line": list(lines), "code": [row.code for row in rows]}
    content["device"] = [name_id(row.device) for row in rows]
    content["detail"] = [name_id(row.detail) for row in rows]
    content["present"] = [present(row) for row in rows]
    for column in PRESENT:
        content[column] = [getattr(row, column) or 0 for row in rows]
    unsigned = {"i64": np.uint64, "i32": np.uint32, "i8": np.uint8}
    arrays: dict[str, NDArray[Any]] = {}
    for column, kind in COLUMNS.items():
        signed = column in {"device", "detail", "time", "region"}
        arrays[column] = np.array(content[column], _TYPES[kind] if signed else unsigned[kind]).view(_TYPES[kind])
    return Columns(arrays, names)


def merged(first: Columns, second: Columns) -> Columns:
    """Two sets of rows with the same `names`, in the order of their lines."""
    arrays = {name: np.concatenate([array, second.arrays[name]]) for name, array in first.arrays.items()}
    order = np.argsort(arrays["line"], kind="stable")
    return Columns({name: array[order] for name, array in arrays.items()}, second.names)
