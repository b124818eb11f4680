"""What is worth keeping wherever it shows up: what the inventories say of the cards' host addresses."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from quirkfinder.folding.keys import Flags, Words
from quirkfinder.inventory import Facts

_LEAST = 0xFFFF  # shorter values are counters and flags before they are addresses
_FLAG_BITS = 16  # what the low bits of a base address register may say
_UNSIZED = 0x1000


def _nothing() -> Words:
    return np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Watched:
    """`values`: ascending; `ranges`: addresses `first` to `last`, ascending and apart, at which an access that nothing
    answered is kept."""

    values: Words = field(default_factory=_nothing)
    first: Words = field(default_factory=_nothing)
    last: Words = field(default_factory=_nothing)

    def tell(self, value: Words) -> Flags:
        """Which values are watched."""
        if not len(self.values):
            return np.zeros(len(value), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.values, value), len(self.values) - 1)
        return np.asarray(self.values[place] == value)

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
