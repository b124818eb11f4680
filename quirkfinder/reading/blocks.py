"""Blocks of lines to blocks of events, with whichever engine is at hand."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from quirkfinder.inputs import LineBlock, Source, followed
from quirkfinder.inputs.recognition import EVENT_NAME
from quirkfinder.reading.columns import Columns, columns_of_rows, merged
from quirkfinder.reading.formats import Declaration
from quirkfinder.reading.frames import frame, joined
from quirkfinder.reading.hints import Sighting, has_relative_times
from quirkfinder.reading.native import NativeEngine, NativeUnavailableError
from quirkfinder.reading.portable import Ignored, Row, portable_engine
from quirkfinder.reading.translation import is_translated, text_blocks
from quirkfinder.reading.wrapping import MOST_PARTS, rejoined

EngineChoice = Literal["auto", "native", "portable"]
#: Below this many bytes compiling machine code costs more than it saves.
WORTH_COMPILING = 3 << 20
#: Blocks that are parsed or wait to be taken where several threads parse: the writer takes more than one at a time.
AHEAD = 4
#: Unknown lines that a block keeps for messages, and how much of each.
SAMPLES = 50
SAMPLE_LENGTH = 400
#: Called with the name of the stage, bytes done and bytes in all.
Progress = Callable[[str, float, float | None], None]


@dataclass(frozen=True, slots=True)
class Block:
    """The events of some consecutive lines.

    `frame`: of `events.SCHEMA`; `first_line`: number of the line before the first; `lines`, `ignored`, `unrecognised`:
    how many there were, were known and say nothing, were unknown; `samples`: number and bytes of the first unknown
    ones; `torn`: how many unknown lines name an event and so are probably cut or run together; `seen`: spellings.
    """

    frame: pl.DataFrame
    first_line: int
    lines: int
    ignored: int
    unrecognised: int
    samples: tuple[tuple[int, bytes], ...]
    torn: int = 0
    seen: frozenset[Sighting] = frozenset()


class Engine:
    """Parses blocks of lines; `native` says which of the two engines does it."""

    def __init__(self, choice: EngineChoice = "auto") -> None:
        """`auto`: machine code from the first large block on.  Raises NativeUnavailableError for `native`."""
        self._choice = choice
        self._native = NativeEngine() if choice == "native" else None
        self._portable = portable_engine()

    def warm_up(self, length: int) -> None:
        """Compiles where a block is worth it and it can be done."""
        if self._native is None and self._choice == "auto" and length >= WORTH_COMPILING:
            try:
                self._native = NativeEngine()
            except NativeUnavailableError:
                self._choice = "portable"

    @property
    def native(self) -> bool:
        """True where machine code does the bulk."""
        return self._native is not None

    def parse(self, block: LineBlock, *, source: int, first_line: int) -> Block:
        """The events of a block; `first_line`: how many lines of the input came before."""
        self.warm_up(block.length)
        seen: set[Sighting] = set()
        if self._native is not None:
            result = self._native.block(block.buffer, block.length)
            columns, lines, ignored = result.columns, result.lines, result.ignored
            seen |= result.seen
            left = [(number, bytes(block.buffer[o : o + n])) for number, o, n in result.demoted.tolist()]
        else:
            columns, ignored = Columns({}, []), 0
            text = bytes(memoryview(block.buffer)[: block.length])
            left = list(enumerate(text.split(b"\n")[:-1], 1))
            lines = len(left)
        block.done()
        numbers, rows, unknown = [], [], []
        for number, line in left:
            found = self._portable.line(line, seen)
            if isinstance(found, Row):
                numbers.append(number)
                rows.append(found)
            elif isinstance(found, Ignored):
                ignored += 1
            else:
                unknown.append((number, line))
        unknown, joined_rows, known = self._rejoin(unknown, seen)
        ignored += known
        for number, row in joined_rows:
            numbers.append(number)
            rows.append(row)
        columns = _together(columns, numbers, rows)
        whole = joined(columns)
        samples = tuple((first_line + number, line[:SAMPLE_LENGTH]) for number, line in unknown[:SAMPLES])
        events = frame(whole.columns, source=source, first_line=first_line)
        torn = sum(1 for _, line in unknown if EVENT_NAME.search(line))
        ignored += whole.absorbed
        return Block(events, first_line, lines, ignored, len(unknown), samples, torn, frozenset(seen))

    def _rejoin(
        self, unknown: list[tuple[int, bytes]], seen: set[Sighting]
    ) -> tuple[list[tuple[int, bytes]], list[tuple[int, Row]], int]:
        """Puts lines together that a mail program broke: what stays unknown, events, and lines known as parts."""
        left: list[tuple[int, bytes]] = []
        rows: list[tuple[int, Row]] = []
        known = at = 0
        while at < len(unknown):
            number = unknown[at][0]
            if at + 1 == len(unknown) or unknown[at + 1][0] != number + 1:
                left.append(unknown[at])
                at += 1
                continue
            parts = [text for step, (other, text) in enumerate(unknown[at : at + MOST_PARTS]) if other == number + step]
            count, found = next(rejoined(parts, lambda text: self._portable.line(text, seen)), (1, None))
            if found is None:
                left.append(unknown[at])
            elif isinstance(found, Row):
                rows.append((number, found))
                known += count - 1
            else:
                known += count
            at += count
        return left, rows, known


def _together(columns: Columns, numbers: list[int], rows: list[Row]) -> Columns:
    if not columns.arrays:
        order = sorted(range(len(rows)), key=numbers.__getitem__)
        return columns_of_rows([numbers[i] for i in order], [rows[i] for i in order], [None])
    if not rows:
        return columns
    return merged(columns, columns_of_rows(numbers, rows, columns.names))


def renumbered(block: Block, first_line: int) -> Block:
    """A block that was parsed as if it were the input's first, in its place."""
    if first_line == 0:
        return block
    samples = tuple((number + first_line, line) for number, line in block.samples)
    block.frame.replace_column(block.frame.get_column_index("line"), block.frame["line"] + first_line)
    return replace(block, first_line=first_line, samples=samples)


def _parsed(blocks: Iterable[LineBlock], position: int, engine: EngineChoice, threads: int) -> Iterator[Block]:
    """Blocks in their order, each numbered from its own start; several at a time with `threads` above 1."""
    parser = Engine(engine)
    if threads <= 1:
        for block in blocks:
            yield parser.parse(block, source=position, first_line=0)
        return
    waiting: deque[Future[Block]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for block in blocks:
            parser.warm_up(block.length)
            waiting.append(pool.submit(parser.parse, block, source=position, first_line=0))
            if len(waiting) > max(threads, AHEAD):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def read_blocks(
    source: Source,
    *,
    input: int = 0,  # noqa: A002  the name of the column
    progress: Progress | None = None,
    engine: EngineChoice = "auto",
    threads: int = 1,
    declared: Sequence[tuple[str, Declaration]] = (),
    follow: Callable[[], bool] | None = None,
) -> Iterator[Block]:
    """The events of one trace, block by block, with memory bounded by the size of a block.

    `input` fills the column of that name; `progress` is told how many bytes on disk were consumed; `threads`: blocks
    that are parsed at a time (machine code runs beside the interpreter); `declared`: the events of a
    trace-events-all, which binary traces of QEMU before 2.8 need; `follow`: go on waiting for lines of a log that is
    still written, until this says at its end that it is enough.
    """
    first_line = 0
    base: int | None = None
    translated = is_translated(source)
    blocks = text_blocks(source, declared) if follow is None or translated else followed(source, follow)
    for parsed in _parsed(blocks, input, engine, threads if follow is None else 1):
        block = renumbered(parsed, first_line)
        if translated:
            # Our own spelling tells nothing about the version.
            block = replace(block, seen=frozenset())
        first_line += block.lines
        if progress is not None:
            progress("reading", source.position, source.size or None)
        if base is None and has_relative_times(block.seen):
            base = next(iter(block.frame["time"].drop_nulls().head(1).to_list()), None)
        if base is not None:
            block = replace(block, frame=block.frame.with_columns(time=since(block.frame["time"], base)))
        yield block


def since(time: pl.Series, base: int) -> pl.Series:
    """Times counted from the first event; a step back by months is the turn of a year that the stamps do not name."""
    year = 366 * 86_400_000_000_000
    turned = (time.diff() < -year // 2).fill_null(value=False)
    return time - base + turned.cum_sum().cast(pl.Int64) * year if turned.any() else time - base
