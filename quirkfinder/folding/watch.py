"""What is worth keeping wherever it shows up: what the inventories say of the cards' host addresses."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from quirkfinder.folding.keys import Flags, Words
from quirkfinder.inventory import Facts

_LEAST = 0xFFFF  # shorter values are counters and flags before they are addresses
_FLAG_BITS = 16  # what the low bits of a base address register may say
_UNSIZED = 0x1000
_TABLE_BITS = 18


def _nothing() -> Words:
    return np.zeros(0, dtype=np.uint64)


class Members:
    """A set of words that is asked about whole columns: most fall through a table of hashes."""

    def __init__(self, values: Words) -> None:
        """`values`: ascending."""
        self._values = values
        self._table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
        self._table[_hashed(values)] = True

    def hold(self, words: Words) -> Flags:
        """Which words are in the set."""
        out = np.zeros(len(words), dtype=np.bool_)
        if len(self._values):
            at = np.flatnonzero(self._table[_hashed(words)])
            place = np.minimum(np.searchsorted(self._values, words[at]), len(self._values) - 1)
            out[at] = self._values[place] == words[at]
        return out


def _hashed(words: Words) -> Words:
    with np.errstate(over="ignore"):
        return np.asarray(words * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - _TABLE_BITS))


@dataclass(frozen=True, slots=True)
class Watched:
    """`values`: ascending; `ranges`: addresses `first` to `last`, ascending and apart, at which an access that nothing
    answered is kept."""

    values: Words = field(default_factory=_nothing)
    first: Words = field(default_factory=_nothing)
    last: Words = field(default_factory=_nothing)

    def hold(self, address: Words) -> Flags:
        """Which addresses lie in a range."""
        if not len(self.first):
            return np.zeros(len(address), dtype=np.bool_)
        place = np.searchsorted(self.first, address, "right") - 1
        return np.asarray((place >= 0) & (address <= self.last[np.maximum(place, 0)]))


def watched_values(facts: Iterable[Facts]) -> Watched:
    """The host addresses of all BARs as a register would hold them: whole, halves, with low flag bits; and their
    ranges."""
    values: set[int] = set()
    spans: list[tuple[int, int]] = []
    for bar in (bar for one in facts if one.role == "host" for f in one.functions for bar in f.bars):
        if bar.address:
            values |= {bar.address, bar.address & 0xFFFFFFFF, bar.address >> 8, bar.address >> 16}
            values |= {(bar.address & 0xFFFFFFFF) | flags for flags in range(_FLAG_BITS)}
            spans.append((bar.address, bar.address + (bar.size or _UNSIZED) - 1))
    apart: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if apart and first <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(last, apart[-1][1]))
        else:
            apart.append((first, last))
    words = (sorted(v for v in values if v > _LEAST), [a for a, _ in apart], [b for _, b in apart])
    return Watched(*(np.array(column, dtype=np.uint64) for column in words))
