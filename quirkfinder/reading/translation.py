"""Blocks of lines as the engines take them: as they are, or translated from another tool's spelling."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from quirkfinder.inputs import LineBlock, Source
from quirkfinder.inputs.blocks import BLOCK, PADDING
from quirkfinder.reading.demmio import demmio_text
from quirkfinder.reading.formats import Declaration
from quirkfinder.reading.mmiotrace import MmioTranslation
from quirkfinder.reading.named import Translate, babeltrace_text, journal_export, journal_json, simpletrace_text
from quirkfinder.reading.simple import DamagedTraceError, simple_lines

#: Formats (see `inputs.recognition`) whose lines are translated one by one: numbers of lines stay.
LINE_FORMATS: dict[str, Callable[[], Translate]] = {
    "simpletrace-text": simpletrace_text,
    "babeltrace": babeltrace_text,
    "mmiotrace": MmioTranslation,
    "journal-json": journal_json,
    "journal-export": journal_export,
    "demmio": demmio_text,
}
SIMPLE = "simple-trace"


def is_translated(source: Source) -> bool:
    """True where the engines do not see the source's own lines."""
    return source.format == SIMPLE or source.format in LINE_FORMATS


def packed(lines: Iterable[bytes], size: int = BLOCK) -> Iterator[LineBlock]:
    """Lines as blocks."""
    pending: list[bytes] = []
    length = offset = 0
    for line in lines:
        pending.append(line)
        length += len(line) + 1
        if length >= size:
            yield _block(pending, offset)
            pending, offset, length = [], offset + length, 0
    if pending:
        yield _block(pending, offset)


def _block(lines: list[bytes], offset: int) -> LineBlock:
    buffer = bytearray(b"\n".join(lines) + b"\n")
    length = len(buffer)
    buffer += bytes(PADDING)
    return LineBlock(buffer, length, offset)


def _simple(source: Source, listed: Sequence[tuple[str, Declaration]]) -> Iterator[bytes]:
    try:
        stream = source.open()
    except OSError as error:
        source.problem = f"{source.path}: {error.strerror or error}"
        return
    try:
        for line in simple_lines(stream, listed):
            source.position = stream.position
            yield line.replace(b"\n", b" ")
    except DamagedTraceError as error:
        source.problem = f"{source.path}: {error}"
    finally:
        stream.close()


def text_blocks(
    source: Source, listed: Sequence[tuple[str, Declaration]] = (), size: int = BLOCK
) -> Iterator[LineBlock]:
    """The source's lines in the spelling of the "log" back end.

    `listed`: events of a trace-events-all, for binary traces of versions 2 and 3.
    """
    if source.format == SIMPLE:
        yield from packed(_simple(source, listed), size)
        return
    make = LINE_FORMATS.get(source.format)
    if make is None:
        yield from source.blocks(size)
        return
    translate = make()
    for block in source.blocks(size):
        lines = bytes(memoryview(block.buffer)[: block.length - 1]).split(b"\n")
        yield _block([translate(line).replace(b"\n", b" ") for line in lines], block.offset)
