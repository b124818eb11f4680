"""Whole traces: one frame for analysis, a Parquet file for scripts."""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from quirkfinder.events import PUBLIC_SCHEMA, empty_events
from quirkfinder.findings.document import InputRecord
from quirkfinder.inputs import Source, resolve
from quirkfinder.inputs.recognition import TRACE_EVENTS
from quirkfinder.reading.blocks import SAMPLES, Block, EngineChoice, Progress, read_blocks
from quirkfinder.reading.formats import Declaration, declared
from quirkfinder.reading.hints import Sighting, hints

#: 17 bytes an event instead of zstd's 10, for a quarter less time: the file is made to be read by the next program.
_COMPRESSION: Literal["lz4"] = "lz4"
#: Larger ones make no smaller file: the writer's tables for a column fall out of the processor's cache.
_ROW_GROUP = 1 << 16
#: How errors of the system end in Rust.
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """A line that is neither an event nor known: position of its input, number from 1, the start of its text."""

    input: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All events of a run.

    `events`: frame of `events.SCHEMA`, in the order of time where all inputs have comparable stamps, else input after
    input; `inputs`: one record per source; `hints`: what spellings say about the version (see `knowledge.inference`);
    `torn`: unknown lines that are probably cut or run together; `problems`: inputs that could not be read to their end.
    """

    events: pl.DataFrame
    inputs: tuple[InputRecord, ...]
    unrecognised: tuple[UnknownLine, ...]
    hints: tuple[str, ...] = ()
    torn: int = 0
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counts of one input."""

    lines: int = 0
    events: int = 0
    unrecognised: int = 0
    torn: int = 0
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    seen: set[Sighting] = field(default_factory=set)

    def add(self, block: Block) -> None:
        """Counts a block."""
        self.lines += block.lines
        self.events += block.frame.height
        self.unrecognised += block.unrecognised
        self.torn += block.torn
        self.seen |= block.seen
        self.samples += block.samples[: SAMPLES - len(self.samples)]

    def record(self, source: Source, *, hashed: bool = True) -> InputRecord:
        """The record of the findings document; without the hash of the file where nobody asks for it."""
        sha256 = source.sha256 if hashed else ""
        return InputRecord(source.path, source.role, source.format, sha256, self.lines, self.events, self.unrecognised)


def listed_events(sources: Sequence[Source]) -> list[tuple[str, Declaration]]:
    """The events of the first trace-events-all among the sources: binary traces of QEMU before 2.8 need it."""
    source = next((source for source in sources if source.format == TRACE_EVENTS), None)
    return [] if source is None else declared(source.read().decode("utf-8", "replace"))


def merged_by_time(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames of one run in the order of time, where every event of every frame has a time; else one after the other."""
    filled = [frame for frame in frames if frame.height]
    if not filled:
        return empty_events()
    whole = pl.concat(filled, rechunk=False)
    stamped = all(frame["time"].null_count() == 0 for frame in filled)
    return whole.sort("time", maintain_order=True) if len(filled) > 1 and stamped else whole


class Collector(Protocol):
    """What takes the events as they are read, a frame of `events.SCHEMA` after the other."""

    def add(self, frame: pl.DataFrame) -> None:
        """Takes the next events of an input."""

    def end_input(self) -> None:
        """The next events are of another input."""


def read(
    sources: Sequence[Source],
    *,
    progress: Progress | None = None,
    engine: EngineChoice = "auto",
    collectors: Sequence[Collector] = (),
    follow: Callable[[], bool] | None = None,
) -> Reading:
    """All events of the traces among `sources`; the others are listed with their role and not read here.

    With `collectors` those get the events, one after the other, and the result has none.  `follow`: as in
    `read_blocks`.
    """
    frames: list[pl.DataFrame] = []
    records: list[InputRecord] = []
    unknown: list[UnknownLine] = []
    seen: set[Sighting] = set()
    torn = 0
    listed = listed_events(sources)
    for position, source in enumerate(sources):
        tally = Tally()
        if source.role == "trace":
            parts: list[pl.DataFrame] = []
            blocks = read_blocks(
                source, input=position, progress=progress, engine=engine, declared=listed, follow=follow
            )
            with _hashed_beside(source, wanted=follow is None):
                for block in blocks:
                    tally.add(block)
                    frame = _by_itself(block.frame)
                    if not collectors:
                        parts.append(frame)
                    for collector in collectors:
                        collector.add(frame)
            frames.append(pl.concat(parts) if parts else empty_events())
            for collector in collectors:
                collector.end_input()
        records.append(tally.record(source))
        seen |= tally.seen
        torn += tally.torn
        unknown += [UnknownLine(position, line, text.decode("utf-8", "replace")) for line, text in tally.samples]
    problems = tuple(source.problem for source in sources if source.problem)
    return Reading(merged_by_time(frames), tuple(records), tuple(unknown), hints(seen), torn, problems)


@contextlib.contextmanager
def _hashed_beside(source: Source, *, wanted: bool) -> Iterator[None]:
    """Works the hash of a file out while it is read: it takes a core that is free, and what is in the page cache."""
    hashing = threading.Thread(target=lambda: source.sha256, daemon=True)
    if wanted:
        hashing.start()
    yield
    if wanted:
        hashing.join()


def _by_itself(frame: pl.DataFrame) -> pl.DataFrame:
    """A copy: a frame that is kept must not keep the memory of the block it was parsed from, seven times its size."""
    return frame[np.arange(frame.height)]


def read_trace(path: str | Path, *, engine: EngineChoice = "auto") -> pl.DataFrame:
    """The events of a log, a compressed log or a bundle as a frame of `events.PUBLIC_SCHEMA`.

    Raises OSError where nothing can be read and ValueError where there is no trace.
    """
    sources = resolve([path])
    traces = [source for source in sources if source.role == "trace"]
    if not traces:
        raise ValueError(next((s.problem for s in sources if s.problem), f"{path}: no trace found"))
    return read(sources, engine=engine).events.select(*PUBLIC_SCHEMA)


def _of_the_system(error: pl.exceptions.ComputeError) -> Exception:
    """What polars says of a full disk, as the OSError that it is; other errors of polars as they are."""
    number = _OS_ERROR.search(str(error))
    return error if number is None else OSError(int(number[1]), os.strerror(int(number[1])))


@dataclass(frozen=True, slots=True)
class Converted:
    """What `convert` wrote: rows, and a record per input (without the hash of the file)."""

    rows: int
    inputs: tuple[InputRecord, ...]
    problems: tuple[str, ...]


def convert(
    sources: Sequence[Source],
    out_path: str | Path,
    *,
    progress: Progress | None = None,
    engine: EngineChoice = "auto",
    threads: int | None = None,
    follow: Callable[[], bool] | None = None,
) -> Converted:
    """Writes the events of all traces as one Parquet file with the columns of `events.PUBLIC_SCHEMA`.

    `threads`: blocks that are parsed at a time; None: one a processor, up to 4 of them.  `follow`: as in `read_blocks`.
    Blocks are written as they are parsed, into a file beside `out_path` that takes its name when it is complete: an
    interrupted run leaves what was there before.  Raises OSError.
    """
    target = Path(out_path)
    parsers = min(len(os.sched_getaffinity(0)), 4) if threads is None else threads
    tallies = [Tally() for _ in sources]
    listed = listed_events(sources)

    def frames() -> Iterator[pl.DataFrame]:
        for position, source in enumerate(sources):
            if source.role != "trace":
                continue
            for block in read_blocks(
                source,
                input=position,
                progress=progress,
                engine=engine,
                threads=parsers,
                declared=listed,
                follow=follow,
            ):
                tallies[position].add(block)
                yield block.frame[list(PUBLIC_SCHEMA)]

    def batches(
        columns: list[str] | None, _predicate: pl.Expr | None, _rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in frames():
            yield frame if columns is None else frame.select(columns)

    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        # Opened here: polars opens a path twice, and ext4 flushes a file that was cut to nothing before it closes it.
        with unfinished.open("wb") as file:
            register_io_source(batches, schema=pl.Schema(PUBLIC_SCHEMA)).sink_parquet(
                file,
                compression=_COMPRESSION,
                statistics=False,
                row_group_size=_ROW_GROUP,
            )
        unfinished.replace(target)
    except pl.exceptions.ComputeError as error:
        raise _of_the_system(error) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    inputs = tuple(tally.record(source, hashed=False) for tally, source in zip(tallies, sources, strict=True))
    return Converted(sum(t.events for t in tallies), inputs, tuple(s.problem for s in sources if s.problem))
