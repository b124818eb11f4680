"""What the user handed over: logs, bundles, standard input; every file with its role, by content."""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from quirkfinder.findings.document import Role
from quirkfinder.inputs.blocks import BLOCK, LineBlock, arriving_blocks, line_blocks
from quirkfinder.inputs.recognition import recognise
from quirkfinder.inputs.streams import FollowedStream, PlainStream, Stream, open_stream

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


def followed(source: Source, stop: Callable[[], bool], interval: float = 0.2) -> Iterator[LineBlock]:
    """Blocks of a log that is still written, as lines arrive; ends when `stop()` is true at the end of the file.

    `interval`: seconds between two looks at a file that does not grow.  Compressed files are read once.
    """
    try:
        stream = source.open()
    except OSError as error:
        source.problem = f"{source.path}: {error.strerror or error}"
        return
    if isinstance(stream, PlainStream):
        stream.close()
        stream = FollowedStream(source.location.open("rb", buffering=0), stop, interval)
    try:
        for block in arriving_blocks(stream):
            source.position = stream.position
            yield block
    finally:
        stream.close()
        if stream.problem:
            source.problem = f"{source.path}: {stream.problem}; what came before was read"


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
    # The file has to outlive this function: the source keeps it.
    copy = tempfile.NamedTemporaryFile(prefix="quirkfinder-", suffix=".log")  # noqa: SIM115
    shutil.copyfileobj(sys.stdin.buffer, copy)
    copy.flush()
    source = _examined("-", Path(copy.name), forced=None, named=True)
    source.keep = copy
    return source


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
    paths: Sequence[str | Path], *, host: Sequence[str | Path] = (), guest: Sequence[str | Path] = ()
) -> list[Source]:
    """The files behind PATHs (logs, `-`, folders whose files are recognised by content), then host and guest files.

    Sub-folders of a folder are left alone.  Never raises for a bad file: `Source.problem` says what is wrong with it.
    """
    out: list[Source] = []
    for path in paths:
        if str(path) == "-":
            out.append(_standard_input())
        elif Path(path).is_dir():
            out += _folder(Path(path))
        else:
            out.append(_examined(str(path), Path(path), forced=None, named=True))
    roles: tuple[tuple[Sequence[str | Path], Role], ...] = ((host, "host"), (guest, "guest"))
    for files, role in roles:
        out += [_examined(str(file), Path(file), forced=role, named=True) for file in files]
    return out
