"""Folders to runs: every bundle and every loose log below them, told apart by content.

A folder with one trace is a bundle.  With several it is one where they can be of one run: the devices they name hang
together, no device starts up in two of them, and either an inventory lies beside them or only one of them names a
device (a log, and what QEMU wrote to stderr).  Otherwise each trace is a run of its own.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quirkfinder.errors import NoUsableInput
from quirkfinder.inputs import LineBlock, Source
from quirkfinder.inputs.blocks import PADDING
from quirkfinder.inputs.recognition import recognise

#: A run of one guest does not write more traces than this; a folder with more is a collection.
MOST_TRACES = 64
_HEAD = 32 << 10
_STARTS = ("device_attach", "device_info", "region_setup")


@dataclass(frozen=True, slots=True)
class FileState:
    """What is known of a file for as long as size and times (nanoseconds) stay what they are.

    `sha256`: empty until the file was read.  `names`, `starts`: devices that its head names and starts up; None where
    nobody has looked.  `problem`: why it could not be read.
    """

    path: str
    size: int
    modified: int
    changed: int
    role: str
    format: str
    sha256: str = ""
    names: tuple[str, ...] | None = None
    starts: tuple[str, ...] | None = None
    problem: str = ""

    def same(self, status: os.stat_result) -> bool:
        return (self.size, self.modified, self.changed) == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run to be mined. `name`: its path from the mined folder's parent; `path`: folder or log, absolute."""

    name: str
    path: str
    files: tuple[FileState, ...]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Discovery:
    """`files`: everything looked at, by path; `problems`: what could not be opened; `roots`: the folders."""

    bundles: tuple[Bundle, ...]
    files: dict[str, FileState]
    problems: tuple[str, ...]
    roots: tuple[str, ...]


def discover(
    folders: Sequence[str | Path], remembered: Mapping[str, FileState], *, leave_out: Path | None = None
) -> Discovery:
    """The runs below `folders` (a log may be named too), in the order of their names.

    `remembered`: states from an earlier time, believed where size and times still fit; `leave_out`: a folder that is
    not entered.  Links to folders are not followed, hidden files and folders are left alone.  Raises NoUsableInput for
    a folder that does not exist.
    """
    files: dict[str, FileState] = {}
    bundles: dict[str, Bundle] = {}
    roots = []
    closed: list[str] = []
    for folder in folders:
        root = Path(folder).resolve()
        if not root.exists():
            raise NoUsableInput(f"{folder}: there is no such folder", "name folders with bundles or logs in them")
        roots.append(str(root))
        for place, names in _walk(root, leave_out, closed):
            states = [_state(place / name, remembered) for name in sorted(names)]
            files |= {state.path: state for state in states}
            for bundle in _bundles(root, place, states, files):
                bundles.setdefault(bundle.path, bundle)
    unread = [state.problem for _, state in sorted(files.items()) if state.problem]
    problems = (*sorted(set(closed)), *unread)
    ordered = tuple(sorted(bundles.values(), key=lambda bundle: (bundle.name, bundle.path)))
    return Discovery(ordered, files, problems, tuple(sorted(set(roots))))


def _walk(root: Path, leave_out: Path | None, closed: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Folders with the names of their files; `closed` gets a sentence for each folder that cannot be read."""

    def cannot(error: OSError) -> None:
        closed.append(f"{error.filename}: {error.strerror or error}")

    if root.is_file():
        yield root.parent, [root.name]
        return
    for place, folders, names in os.walk(root, onerror=cannot):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and Path(place, f) != leave_out)
        kept = [name for name in names if not name.startswith(".") and Path(place, name).is_file()]
        if kept and Path(place) != leave_out:
            yield Path(place), kept


def _state(path: Path, remembered: Mapping[str, FileState]) -> FileState:
    known = remembered.get(str(path))
    try:
        status = path.stat()
        if known is not None and known.same(status):
            return known
        fresh = FileState(str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, "other", "unknown")
        found = recognise(Source(str(path), path).open)
    except OSError as error:
        return FileState(str(path), 0, 0, 0, "other", "unknown", problem=f"{path}: {error.strerror or error}")
    return fresh if found is None else replace(fresh, role=found[0], format=found[1])


def _bundles(root: Path, place: Path, states: list[FileState], files: dict[str, FileState]) -> Iterator[Bundle]:
    traces = [state for state in states if state.role == "trace"]
    if len(traces) > 1 and len(traces) <= MOST_TRACES:
        looked = [_looked_into(trace) for trace in traces]
        files |= {state.path: state for state in looked}
        states = [files[state.path] for state in states]
        traces = looked
    inventory = any(state.role in ("host", "guest") for state in states)
    states = [state for state in states if not state.problem]
    loose = root.is_file() or (place == root and len(states) == 1)
    if traces and not loose and is_one_run(traces, inventory=inventory):
        yield Bundle(_name(root, place), str(place), tuple(states))
        return
    for trace in traces:
        path = Path(trace.path)
        yield Bundle(_name(root, path), trace.path, (trace,))


def is_one_run(traces: Sequence[FileState], *, inventory: bool) -> bool:
    """Can these traces of one folder be of one run? See the module's text."""
    if len(traces) == 1:
        return True
    starts = [name for trace in traces for name in trace.starts or ()]
    if len(traces) > MOST_TRACES or len(starts) != len(set(starts)):
        return False
    named = [set(trace.names) for trace in traces if trace.names]
    return len(named) <= 1 or (inventory and _connected(named))


def _connected(groups: list[set[str]]) -> bool:
    """Do sets hang together by shared members?"""
    reached, rest = groups[0], groups[1:]
    while joining := [group for group in rest if group & reached]:
        reached = reached.union(*joining)
        rest = [group for group in rest if not group <= reached]
    return not rest


def _looked_into(trace: FileState) -> FileState:
    """The state with the devices that the head of the log names."""
    if trace.names is not None:
        return trace
    from quirkfinder.reading.blocks import Engine

    head = Source(trace.path, Path(trace.path)).read(limit=_HEAD)
    whole = head[: head.rfind(b"\n") + 1] or head + b"\n"
    block = LineBlock(bytearray(whole + bytes(PADDING)), len(whole), 0)
    events = Engine("portable").parse(block, source=0, first_line=0).frame
    rows = events.select("device", "event").drop_nulls().unique().rows()
    names: Iterable[str] = sorted({device for device, _ in rows})
    starts = sorted({device for device, event in rows if event in _STARTS})
    return replace(trace, names=tuple(names), starts=tuple(starts))


def _name(root: Path, path: Path) -> str:
    """`traces/radeon` for the bundle radeon below a mined folder that is named traces."""
    above = root.parent.parent if root.is_file() else root.parent
    base = above if above != root else root
    name = path.relative_to(base).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()  # file names are bytes, and need not be text
