"""Frames put aside on disk, in a file that has no name: the system removes it however the process ends."""

import io
import tempfile
from collections.abc import Iterator, Sequence

import polars as pl


class Spill:
    """Frames of equal columns, written once and read in their order as often as needed.

    lz4 Arrow IPC: about 20 bytes an event, and a column that nobody asks for is not decompressed.
    """

    def __init__(self) -> None:
        # The file has to outlive this function; it ends with the object.
        self._file = tempfile.TemporaryFile(prefix="quirkfinder-")  # noqa: SIM115
        self._lengths: list[int] = []

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._lengths)

    def add(self, frame: pl.DataFrame) -> None:
        """Writes a frame behind the others.  Raises OSError where the disk is full."""
        buffer = io.BytesIO()
        frame.write_ipc(buffer, compression="lz4")
        self._file.seek(0, io.SEEK_END)
        self._file.write(buffer.getbuffer())
        self._lengths.append(buffer.tell())

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The frames with these columns."""
        start = 0
        for length in self._lengths:
            self._file.seek(start)
            yield pl.read_ipc(io.BytesIO(self._file.read(length)), columns=list(columns))
            start += length

    def close(self) -> None:
        """Gives the disk space back."""
        self._file.close()
