"""Bytes of a file, decompressed where its content says so, with a bounded amount of memory.

gzip (RFC 1952), zstd (RFC 8878) and xz are recognised by their magic numbers, never by the name.  A file that breaks
off inside gives what could be read; the error is told afterwards.
"""

import lzma
import os
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

MAGICS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz"}
#: A zstd block of a few bytes can stand for 128 KiB: small pieces keep the output of one step bounded.
_ZSTD_PIECE = 4096
_PIECE = 1 << 18
_OUTPUT = 1 << 20


class Stream(Protocol):
    """What the readers need of an open input."""

    def readinto(self, target: memoryview) -> int:
        """Fills as much of `target` as it can; 0 at the end."""

    def close(self) -> None:
        """Gives the file back."""

    @property
    def problem(self) -> str | None:
        """Why the input ended early, None as far as all is well."""

    @property
    def position(self) -> int:
        """Bytes of the file consumed so far, for progress."""


def compression(head: bytes) -> str | None:
    """`gzip`, `zstd`, `xz` or None, by the first bytes of a file."""
    return next((name for magic, name in MAGICS.items() if head.startswith(magic)), None)


class PlainStream:
    """A file as it is."""

    problem: str | None = None

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0

    def readinto(self, target: memoryview) -> int:
        try:
            count = self._file.readinto(target)  # type: ignore[attr-defined]  # raw files have it
        except OSError as error:
            self.problem = f"reading stopped: {error.strerror or error}"
            return 0
        self.position += count
        return int(count)

    def close(self) -> None:
        self._file.close()


class FollowedStream(PlainStream):
    """A file that is still written: at its end it waits for more.

    It ends when nothing more can come, when somebody has enough (what lies there by then is read), or when the file
    becomes shorter.
    """

    def __init__(
        self, file: BinaryIO, enough: Callable[[], bool], complete: Callable[[], bool], interval: float = 0.2
    ) -> None:
        """`enough` and `complete`: asked before each look at the file; `interval`: seconds between two looks."""
        super().__init__(file)
        self._enough = enough
        self._complete = complete
        self._interval = interval
        self._end: int | None = None

    def readinto(self, target: memoryview) -> int:
        while True:
            if self._end is None and (self._complete() or self._enough()):
                self._end = self._size()
            room = len(target) if self._end is None else max(0, min(len(target), self._end - self.position))
            count = super().readinto(target[:room]) if room else 0
            if count or self._end is not None or self.problem is not None:
                return count
            if self._size() < self.position:
                self.problem = "the file became shorter while it was followed"
                return 0
            time.sleep(self._interval)

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size


class _Decompressor(ABC):
    """Shared handling of pieces, several compressed parts in one file, and damage."""

    name = ""
    piece = _PIECE

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ready = memoryview(b"")
        self._ended = False
        self._inside = False
        self.problem: str | None = None
        self.position = 0

    @abstractmethod
    def _step(self) -> bytes | None:
        """Some output (maybe none yet), None at the end of the file.  Raises on damage."""

    def _more(self) -> bytes:
        data = self._file.read(self.piece)
        self.position += len(data)
        return data

    def readinto(self, target: memoryview) -> int:
        while not self._ready and not self._ended:
            try:
                output = self._step()
            except Exception as error:  # three libraries, each with errors of its own
                self.problem = f"damaged {self.name} data: {error}"
                output = None
            if output is None:
                self._ended = True
                if self._inside and self.problem is None:
                    self.problem = f"the {self.name} data breaks off"
            else:
                self._ready = memoryview(output)
        count = min(len(self._ready), len(target))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()


class GzipStream(_Decompressor):
    """gzip, several members in a row included."""

    name = "gzip"

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._member = zlib.decompressobj(wbits=31)
        self._input = b""

    def _step(self) -> bytes | None:
        if not self._input:
            self._input = self._more()
            if not self._input:
                return None
        self._inside = True
        output = self._member.decompress(self._input, _OUTPUT)
        self._input = self._member.unconsumed_tail
        if self._member.eof:
            # Zeros may pad the end of a member.
            self._input = self._member.unused_data.lstrip(b"\0")
            self._member = zlib.decompressobj(wbits=31)
            self._inside = False
        return output


class XzStream(_Decompressor):
    """xz, several streams in a row included."""

    name = "xz"

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 30)
        self._input = b""

    def _step(self) -> bytes | None:
        if not self._input and self._stream.needs_input:
            self._input = self._more()
            if not self._input:
                return None
        self._inside = True
        output = self._stream.decompress(self._input, _OUTPUT)
        self._input = b""
        if self._stream.eof:
            self._input = self._stream.unused_data.lstrip(b"\0")
            self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 30)
            self._inside = False
        return output


class ZstdStream(_Decompressor):
    """zstd, several frames in a row included."""

    name = "zstd"
    piece = _ZSTD_PIECE

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        import zstandard

        self._library = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._frame = self._library.decompressobj()
        self._input = b""

    def _step(self) -> bytes | None:
        data = self._input or self._more()
        self._input = b""
        if not data:
            return None
        self._inside = True
        output = self._frame.decompress(data)
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = self._library.decompressobj()
            self._inside = False
        return output


def open_stream(path: Path) -> Stream:
    """Opens a file.  Raises OSError where it cannot be opened."""
    file = path.open("rb", buffering=0)
    head = file.read(8)
    file.seek(0)
    kinds: dict[str, Callable[[BinaryIO], Stream]] = {"gzip": GzipStream, "xz": XzStream, "zstd": ZstdStream}
    kind = compression(head)
    return PlainStream(file) if kind is None else kinds[kind](file)
