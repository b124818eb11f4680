"""Values seen in two widths: words are looked for in the halves of dwords and the other way round, bytes in both."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from quirkfinder.miners.accesses import Accesses, Ints, joined
from quirkfinder.miners.information import informative

_HALF = 2  # bytes


def halves_of(accesses: Accesses, index: Ints) -> tuple[Ints, Accesses]:
    """The two words of each dword among the accesses at `index`: (position of the dword, the word as an access)."""
    index = index[accesses.size[index] == 2 * _HALF]
    both = np.repeat(index, 2)
    upper = np.arange(len(both)) % 2
    dword = accesses.take(both)
    value = (dword.value >> (upper * 8 * _HALF).astype(np.uint64)) & np.uint64(0xFFFF)
    size = np.full(len(both), _HALF, dtype=np.uint8)
    return both, Accesses(dword.row, dword.place + _HALF * upper, size, value, dword.write)


def of_bytes(accesses: Accesses, position: Ints, row: Ints) -> Iterator[tuple[Ints, Accesses]]:
    """Words and dwords put together from bytes at successive `position`s, for which the first seen of each counts.

    (position in the accesses of the lowest byte, the whole as an access), for every width.  `row`: what comes first.
    """
    index = np.flatnonzero(accesses.size == 1)
    index = index[np.lexsort([row[index], position[index]])]
    index = index[np.append(True, np.diff(position[index]) != 0)[: len(index)]]
    byte = accesses.value[index]
    for width in (_HALF, 2 * _HALF):
        begins = np.arange(max(0, len(index) - width + 1))
        begins = begins[position[index[begins + width - 1]] - position[index[begins]] == width - 1]
        value = np.zeros(len(begins), dtype=np.uint64)
        for within in range(width):
            value |= byte[begins + within] << np.uint64(8 * within)
        lowest = accesses.take(index[begins])
        yield index[begins], replace(lowest, value=value, size=np.full(len(begins), width, dtype=np.uint8))


def with_words(accesses: Accesses) -> Accesses:
    """The informative accesses, and those words of their dwords that were seen as words elsewhere."""
    telling = np.flatnonzero(informative(accesses))
    words = np.unique(accesses.value[telling[accesses.size[telling] == _HALF]])
    if not len(words):
        return accesses.take(telling)
    _, halves = halves_of(accesses, np.flatnonzero(accesses.size == 2 * _HALF))
    halves = halves.take(np.isin(halves.value, words))
    return joined(accesses.take(telling), halves.take(informative(halves)))
