"""How much a value proves: bits of information, so that zeros, all-ones and small numbers count for nothing.

A register holds 0, all ones, a flag or a small number most of the time; that two places agree on one of these says
nothing.  The measure is the span between a value's highest and lowest set bit (or of its complement, whichever is
shorter), with a little for where the span lies, less what is common in this very trace.
"""

import numpy as np
from numpy.typing import NDArray

from quirkfinder.miners.accesses import Accesses, Words

#: a value shorter than this many bits proves nothing
SMALL_BITS = 8
#: from here on a value is worth a comparison on its own
INFORMATIVE = 10.0
_POSITION_BITS = 3.0
#: all bits of a value by its size in bytes
_FULL = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=np.uint64)


def _bit_length(value: Words) -> NDArray[np.int64]:
    """Bits up to the highest set one; 0 for 0.  Split in halves, because a float holds 53 bits only."""
    high = (value >> np.uint64(32)).astype(np.float64)
    low = (value & np.uint64(0xFFFFFFFF)).astype(np.float64)
    return np.where(high > 0, np.frexp(high)[1] + 32, np.frexp(low)[1]).astype(np.int64)


def information(value: Words, size: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Bits that each value of `size` bytes proves on its own; 0 for zero, all ones and small numbers."""
    full = _FULL[np.minimum(size, 8)]
    both = np.stack([value & full, ~value & full])
    # Of the value and of its complement where the highest and the lowest set bit are, all in one go.
    highest, lowest = _bit_length(np.stack([both, both & (~both + np.uint64(1))]))
    span = np.where(both == 0, 0, highest - lowest + 1)
    bits = span.min(axis=0) + _POSITION_BITS
    byte = np.where((both < 8).any(axis=0), 0.0, 4.0)
    return np.where(size == 1, byte, np.where((highest <= SMALL_BITS).any(axis=0), 0.0, bits))


def information_of(value: int, size: int) -> float:
    """`information` of a single value."""
    return float(information(np.array([value], dtype=np.uint64), np.array([size], dtype=np.uint8))[0])


def informative(accesses: Accesses, *, least: float = INFORMATIVE, most_places: int = 8) -> NDArray[np.bool_]:
    """Which accesses carry a value worth joining on: informative, and not to be found at many places of the trace."""
    worth = information(accesses.value, accesses.size) >= least
    index = np.flatnonzero(worth)
    if not len(index):
        return worth
    pairs = np.stack([accesses.value[index].view(np.int64), accesses.place[index]])
    order = np.lexsort(pairs[::-1])
    values, places = pairs[0][order], pairs[1][order]
    new_value = np.append(True, values[1:] != values[:-1])
    new_pair = new_value | np.append(True, places[1:] != places[:-1])
    group = np.cumsum(new_value) - 1
    counts = np.bincount(group, weights=new_pair)
    worth[index[order]] = counts[group] <= most_places
    return worth
