"""Equal informative values in two regions, or at two places of one: what aliases and paged windows start from."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints

#: distinct values that have to agree before two places are said to be one
LEAST_VALUES = 3
_MOST_PARTNERS = 8
_MOST_JOIN = 2_000_000


@dataclass(frozen=True, slots=True)
class Joined:
    """Pairs of accesses of equal value, as indices into the accesses."""

    here: Ints
    there: Ints

    def __len__(self) -> int:
        return len(self.here)

    def take(self, index: Ints | Flags) -> "Joined":
        return Joined(self.here[index], self.there[index])

    def turned(self) -> "Joined":
        """The same pairs seen from the other region."""
        return Joined(self.there, self.here)


def join(accesses: Accesses, usable: Flags, region: int, target: int) -> Joined:
    """All pairs of usable accesses with equal value and size at two places, one in `region`, one in `target`."""
    here = np.flatnonzero(usable & (accesses.region == region))
    there = np.flatnonzero(usable & (accesses.region == target))
    there = there[np.argsort(accesses.value[there], kind="stable")]
    held = accesses.value[there]
    first = np.searchsorted(held, accesses.value[here], "left")
    count = np.minimum(np.searchsorted(held, accesses.value[here], "right") - first, _MOST_PARTNERS)
    if count.sum() > _MOST_JOIN:
        return Joined(np.zeros(0, np.int64), np.zeros(0, np.int64))
    index = np.repeat(here, count)
    partner = there[np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)]
    apart = (accesses.size[index] == accesses.size[partner]) & (accesses.place[index] != accesses.place[partner])
    return Joined(index[apart], partner[apart])


def block_of(low: int, high: int) -> tuple[int, int]:
    """The smallest naturally aligned block of a power of two that holds the bytes from `low` to before `high`."""
    bits = (low ^ (high - 1)).bit_length()
    start = low >> bits << bits
    return start, start + (1 << bits)
