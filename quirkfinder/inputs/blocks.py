"""Blocks of whole lines out of a stream."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from quirkfinder.inputs.streams import Stream

BLOCK = 4 << 20
#: A longer line is cut: its rest is skipped and the line counted as an unknown one.
LONGEST_LINE = 16 << 20
#: Readable bytes behind a block, for engines that load several bytes at a time.
PADDING = 128


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines: `length` bytes of `buffer`, the last one a newline; `offset`: of the first byte in the input."""

    buffer: bytearray
    length: int
    offset: int
    cut_lines: int = 0
    #: Where the reader looks for buffers that nobody needs any more.
    spare: list[bytearray] | None = field(default=None, repr=False, compare=False)

    def done(self) -> None:
        """Gives the buffer back to the reader, which fills it again: whoever calls this keeps nothing of it."""
        if self.spare is not None:
            self.spare.append(self.buffer)


def _skip_line(stream: Stream) -> tuple[bytes, int]:
    """Reads up to the next newline; returns what follows it in the last piece read, and how much was skipped."""
    piece = bytearray(1 << 20)
    skipped = 0
    while count := stream.readinto(memoryview(piece)):
        newline = piece.find(b"\n", 0, count)
        if newline >= 0:
            return bytes(piece[newline + 1 : count]), skipped + newline + 1
        skipped += count
    return b"", skipped


def _last_cut(buffer: bytearray, length: int) -> int:
    """Where a block of whole lines ends; a header whose second line is still to come stays for the next block."""
    cut = buffer.rfind(b"\n", 0, length) + 1
    before = buffer.rfind(b"\n", 0, max(cut - 1, 0)) + 1
    if cut and before and buffer[before : cut - 1].rstrip(b" \t\r").endswith(b":"):
        return before
    return cut


def arriving_blocks(stream: Stream, size: int = BLOCK) -> Iterator[LineBlock]:
    """Blocks of whole lines as they arrive, without waiting for a block to be full: of files that are still written."""
    carried = b""
    offset = 0
    while True:
        buffer = bytearray(len(carried) + size + PADDING)
        buffer[: len(carried)] = carried
        view = memoryview(buffer)
        count = stream.readinto(view[len(carried) : len(buffer) - PADDING])
        view.release()
        length = len(carried) + count
        cut = _last_cut(buffer, length) if count else length
        if not count and length:
            buffer[length] = 0x0A
            yield LineBlock(buffer, length + 1, offset)
        if not count:
            return
        carried = bytes(buffer[cut:length])
        if len(carried) > LONGEST_LINE:
            carried = b"(cut)"
        if cut:
            yield LineBlock(buffer, cut, offset)
            offset += cut


def line_blocks(stream: Stream, size: int = BLOCK) -> Iterator[LineBlock]:
    """Blocks of about `size` bytes, cut at newlines.  A last line without a newline gets one."""
    carried = b""
    offset = 0
    cut_lines = 0
    spare: list[bytearray] = []
    while True:
        needed = max(size, 2 * len(carried)) + PADDING
        buffer = spare.pop() if spare else bytearray(needed)
        if len(buffer) < needed:
            buffer = bytearray(needed)
        view = memoryview(buffer)
        capacity = len(buffer) - PADDING
        length = len(carried)
        buffer[:length] = carried
        while length < capacity and (count := stream.readinto(view[length:capacity])):
            length += count
        view.release()
        at_end = length < capacity
        if at_end:
            if length and buffer[length - 1] != 0x0A:
                buffer[length] = 0x0A
                length += 1
            if length:
                yield LineBlock(buffer, length, offset, cut_lines, spare)
            return
        cut = _last_cut(buffer, length)
        if cut == 0 and length < LONGEST_LINE:
            carried = bytes(buffer[:length])
            continue
        if cut == 0:
            buffer[length - 1] = 0x0A
            carried, skipped = _skip_line(stream)
            yield LineBlock(buffer, length, offset, cut_lines := cut_lines + 1, spare)
            offset += length + skipped
            continue
        carried = bytes(buffer[cut:length])
        yield LineBlock(buffer, cut, offset, cut_lines, spare)
        offset += cut
