"""Frames put aside on disk, in a file that has no name: the system removes it however the process ends."""

import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quirkfinder.inputs.temporary import folder_for_large_files

_NARROW = (1 << 32) - 1
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column in the file: where it starts, its length in bytes, and how it lies there.

    `fixed`: what all of its rows say, where that is the same (it takes no bytes then); `numbers`: the type of its bare
    numbers; neither: Arrow IPC of this column alone.
    """

    start: int
    length: int
    fixed: pl.Series | None = None
    numbers: np.dtype[Any] | None = None


class Spill:
    """Frames of equal columns, written once and read in their order as often as needed, column by column.

    About 30 bytes an event: a column that says the same in every row takes none, a number that fits takes four.
    Compressing it took longer than reading the log does, and mapping the file would count as memory.
    """

    def __init__(self, schema: dict[str, pl.DataType]) -> None:
        """`schema`: columns and types of all frames."""
        # The file has to outlive this function; it ends with the object.
        folder = folder_for_large_files()
        self._file = tempfile.TemporaryFile(prefix="quirkfinder-", dir=folder, buffering=0)  # noqa: SIM115
        self._schema = schema
        self._names = {
            name: pl.Series(name, kind.categories, kind) for name, kind in schema.items() if isinstance(kind, pl.Enum)
        }
        self._stored: list[tuple[int, dict[str, _Column]]] = []
        self._end = 0

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._stored)

    def add(self, frame: pl.DataFrame) -> None:
        """Writes a frame that has rows behind the others.  Raises OSError where the disk is full."""
        self._stored.append((frame.height, {column.name: self._written(column) for column in frame.iter_columns()}))

    def _written(self, column: pl.Series) -> _Column:
        missing = column.null_count()
        numbers = column.to_physical()
        highest = numbers.max()
        if missing == len(column) or (not missing and numbers.min() == highest):
            # A copy: a slice of the column would keep all of it.
            return _Column(self._end, 0, fixed=column.gather([0]))
        if missing or isinstance(column.dtype, pl.Categorical):
            buffer = io.BytesIO()
            column.to_frame().write_ipc(buffer, compression="uncompressed")
            return self._put(buffer.getbuffer(), None)
        assert isinstance(highest, int)  # all columns are integers or have integers behind their names
        array = numbers.to_numpy()
        if array.dtype == np.uint64 and highest <= _NARROW:
            array = array.astype(np.uint32)
        return self._put(np.ascontiguousarray(array).view(np.uint8).data, array.dtype)

    def _put(self, content: memoryview, numbers: np.dtype[Any] | None) -> _Column:
        start = self._end
        while content:  # a write may take a part only
            written = self._file.write(content)
            self._end += written
            content = content[written:]
        return _Column(start, self._end - start, numbers=numbers)

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The frames with these columns."""
        for number in range(len(self)):
            yield self.frame(number, columns)

    def frame(self, number: int, columns: Sequence[str], rows: Rows | None = None) -> pl.DataFrame:
        """One of the frames, counted from 0, with these columns; `rows`: some of its rows instead of all."""
        height, stored = self._stored[number]
        return pl.DataFrame([self._read(stored[name], name, height, rows) for name in columns])

    def _read(self, column: _Column, name: str, height: int, rows: Rows | None) -> pl.Series:
        if column.fixed is not None:
            return column.fixed.new_from_index(0, height if rows is None else len(rows))
        content = os.pread(self._file.fileno(), column.length, column.start)
        if column.numbers is None:
            series = pl.read_ipc(content)[name]
            return series if rows is None else series.gather(rows)
        array = np.frombuffer(content, column.numbers)
        series = pl.Series(name, array if rows is None else array[rows])
        names = self._names.get(name)
        return series.cast(self._schema[name]) if names is None else names[series].alias(name)

    def close(self) -> None:
        """Gives the disk space back."""
        self._file.close()
