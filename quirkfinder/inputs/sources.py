"""What the user handed over: logs, bundles, standard input; every file with its role, by content."""

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

from quirkfinder.errors import UsageError
from quirkfinder.findings.document import Role
from quirkfinder.inputs.blocks import BLOCK, LineBlock, arriving_blocks, line_blocks
from quirkfinder.inputs.recognition import recognise
from quirkfinder.inputs.streams import FollowedStream, PlainStream, Stream, open_stream
from quirkfinder.inputs.temporary import folder_for_large_files

UNKNOWN = "unknown"


@dataclass
class Source:
    """One file.

    `path`: as the user named it (`-` for standard input); `location`: where its bytes are; `role` and `format`: what
    its content says; `problem`: why it could not be read (wholly), None if it could.  `problem` of a compressed file
    that breaks off is known once its blocks were read.
    """

    path: str
    location: Path
    role: Role = "other"
    format: str = UNKNOWN
    problem: str | None = None
    #: Bytes on disk that `blocks` has consumed, for progress.
    position: int = 0
    #: Keeps a copy of standard input for as long as the source lives.
    keep: object = field(default=None, repr=False, compare=False)
    #: False while standard input is still copied: asked by who follows it.
    complete: Callable[[], bool] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the file's bytes, as they lie on disk; empty where it cannot be read."""
        try:
            with self.location.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""

    @cached_property
    def size(self) -> int:
        """Bytes on disk, 0 where unknown."""
        try:
            return self.location.stat().st_size
        except OSError:
            return 0

    def open(self) -> Stream:
        """The decompressed bytes.  Raises OSError."""
        return open_stream(self.location)

    def read(self, limit: int | None = None) -> bytes:
        """The decompressed content, at most `limit` bytes of it; sets `problem` like `blocks`."""
        pieces: list[bytes] = []
        left = limit
        for block in self.blocks(min(BLOCK, limit) if limit else BLOCK):
            piece = bytes(memoryview(block.buffer)[: block.length])
            pieces.append(piece if left is None else piece[:left])
            left = None if left is None else left - len(pieces[-1])
            if left == 0:
                break
        return b"".join(pieces)

    def blocks(self, size: int = BLOCK) -> Iterator[LineBlock]:
        """Blocks of whole lines; sets `problem` where the file cannot be read to its end, and raises nothing."""
        try:
            stream = self.open()
        except OSError as error:
            self.problem = f"{self.path}: {error.strerror or error}"
            return
        try:
            for block in line_blocks(stream, size):
                self.position = stream.position
                yield block
        finally:
            self.position = stream.position
            stream.close()
            if stream.problem:
                self.problem = f"{self.path}: {stream.problem}; what came before was read"


def followed(source: Source, enough: Callable[[], bool], interval: float = 0.2) -> Iterator[LineBlock]:
    """Blocks of a log that is still written, as lines arrive, until `enough()` (or the end of standard input).

    `interval`: seconds between two looks at a file that does not grow.  Compressed files are read once.
    """
    try:
        stream = source.open()
    except OSError as error:
        source.problem = f"{source.path}: {error.strerror or error}"
        return
    if isinstance(stream, PlainStream):
        stream.close()
        complete = source.complete or (lambda: False)
        stream = FollowedStream(source.location.open("rb", buffering=0), enough, complete, interval)
    try:
        for block in arriving_blocks(stream):
            source.position = stream.position
            yield block
    finally:
        stream.close()
        if source.format == UNKNOWN and (found := recognise(source.open)) is not None:
            source.format = found[1]
        if stream.problem:
            source.problem = f"{source.path}: {stream.problem}; what came before was read"


def check_single_log(sources: Sequence[Source]) -> None:
    """Raises UsageError where there is not exactly one log to follow."""
    logs = [source.path for source in sources if source.role == "trace"]
    if len(logs) == 1:
        return
    raise UsageError(
        f"one log can be followed; given: {', '.join(logs) or 'none'}",
        "name the log that is still written, and the inventories with --host and --guest",
    )


def _examined(path: str, location: Path, *, forced: Role | None, named: bool) -> Source:
    """A file with its role; `named`: the user named it, so an unknown format is worth a message."""
    source = Source(path, location)
    opened: list[Stream] = []

    def opener() -> Stream:
        opened.append(source.open())
        return opened[-1]

    try:
        found = recognise(opener)
    except OSError as error:
        source.problem = f"{path}: {error.strerror or error}"
        source.role = forced or "other"
        return source
    if found is not None:
        source.role, source.format = found
    elif damage := next((stream.problem for stream in opened if stream.problem), None):
        source.problem = f"{path}: {damage} before a line of a known format: copy or record the file again"
    elif named and not forced:
        source.problem = f"{path}: neither a trace nor an inventory: no line in it has a known format"
    if forced and source.role != forced:
        source.role = forced
    return source


def _standard_input() -> Source:
    """A copy of standard input: evidence is quoted from it after the analysis."""
    copy = _copy()
    shutil.copyfileobj(sys.stdin.buffer, copy)
    copy.flush()
    source = _examined("-", Path(copy.name), forced=None, named=True)
    source.keep = copy
    return source


def _arriving_input() -> Source:
    """Standard input as a log that is still written, copied as it comes."""
    copy = _copy()

    def take() -> None:
        with contextlib.suppress(OSError):  # a full disk: the log ends there
            while piece := os.read(sys.stdin.fileno(), 1 << 20):
                copy.write(piece)
                copy.flush()

    copying = threading.Thread(target=take, daemon=True)
    copying.start()
    return Source("-", Path(copy.name), "trace", keep=copy, complete=lambda: not copying.is_alive())


def _copy() -> IO[bytes]:
    # The file has to outlive this function: the source keeps it.
    return tempfile.NamedTemporaryFile(prefix="quirkfinder-", suffix=".log", dir=folder_for_large_files())


def _folder(path: Path) -> list[Source]:
    try:
        files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    except OSError as error:
        return [Source(str(path), path, problem=f"{path}: {error.strerror or error}")]
    if not files:
        missing = "no file in this folder, and folders in it are left alone: name the one that holds the log of a run"
        return [Source(str(path), path, problem=f"{path}: {missing}")]
    return [_examined(str(file), file, forced=None, named=False) for file in files]


def resolve(
    paths: Sequence[str | Path],
    *,
    host: Sequence[str | Path] = (),
    guest: Sequence[str | Path] = (),
    arriving: bool = False,
) -> list[Source]:
    """The files behind PATHs (logs, `-`, folders whose files are recognised by content), then host and guest files.

    Sub-folders of a folder are left alone.  `arriving`: a named file that holds no line of a trace yet is a log that
    is still written, and so is standard input.  Never raises for a bad file: `Source.problem` says what is wrong with
    it.
    """
    out: list[Source] = []
    for path in paths:
        if str(path) == "-":
            out.append(_arriving_input() if arriving else _standard_input())
        elif Path(path).is_dir():
            out += _folder(Path(path))
        else:
            out.append(_examined(str(path), Path(path), forced=None, named=True))
            if arriving and out[-1].format == UNKNOWN and Path(path).is_file():
                out[-1] = Source(str(path), Path(path), "trace")
    roles: tuple[tuple[Sequence[str | Path], Role], ...] = ((host, "host"), (guest, "guest"))
    for files, role in roles:
        out += [_examined(str(file), Path(file), forced=role, named=True) for file in files]
    return out
