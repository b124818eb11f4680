"""Values seen in two widths: a word is looked for in the halves of dwords, and a dword's halves among words."""

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


def with_words(accesses: Accesses) -> Accesses:
    """The informative accesses, and those words of their dwords that were seen as words elsewhere."""
    telling = np.flatnonzero(informative(accesses))
    words = np.unique(accesses.value[telling[accesses.size[telling] == _HALF]])
    if not len(words):
        return accesses.take(telling)
    _, halves = halves_of(accesses, np.flatnonzero(accesses.size == 2 * _HALF))
    halves = halves.take(np.isin(halves.value, words))
    return joined(accesses.take(telling), halves.take(informative(halves)))
