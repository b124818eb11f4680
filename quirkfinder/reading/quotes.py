"""The text of lines that somebody wants to see, from a log of any length."""

from collections.abc import Iterable, Sequence

import numpy as np

from quirkfinder.inputs import Source
from quirkfinder.reading.formats import Declaration
from quirkfinder.reading.translation import SIMPLE, text_blocks

_NEWLINE = 0x0A


def lines(source: Source, numbers: Iterable[int], listed: Sequence[tuple[str, Declaration]] = ()) -> dict[int, str]:
    """The text of some lines (numbers from 1), read in one pass; undecodable bytes are replaced.

    Records of a binary trace are numbered from 1 and written as the "log" back end would; `listed` as in `read_blocks`.
    """
    wanted = sorted({number for number in numbers if number > 0})
    out: dict[int, str] = {}
    before = 0
    for block in text_blocks(source, listed) if source.format == SIMPLE else source.blocks():
        if not wanted:
            break
        count = block.buffer.count(b"\n", 0, block.length)
        here = [number for number in wanted if number <= before + count]
        if here:
            wanted = wanted[len(here) :]
            ends = np.flatnonzero(np.frombuffer(block.buffer, np.uint8, block.length) == _NEWLINE)
            for number in here:
                place = number - before - 1
                start = int(ends[place - 1]) + 1 if place else 0
                out[number] = block.buffer[start : int(ends[place])].rstrip(b"\r").decode("utf-8", "replace")
        before += count
    return out
