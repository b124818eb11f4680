"""What the reads of one region showed, as the search for mirrors compares it with config space."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, distinct

EXTENDED = 4096
_MOST_READS = 200_000


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of one region; `echo`: which return what the guest wrote, `changed`: which may do so in part, because the
    guest wrote there before."""

    accesses: Accesses
    echo: Flags
    changed: Flags

    def take(self, index: Ints | Flags) -> "Reads":
        return Reads(self.accesses.take(index), self.echo[index], self.changed[index])

    def once(self) -> "Reads":
        """Every value once at every place."""
        reads = self.accesses
        return self.take(distinct(reads.place, reads.size, reads.value)[:_MOST_READS])

    @property
    def every(self) -> Ints:
        """Positions of those that prove something."""
        return np.flatnonzero(~self.echo)

    def offsets(self, origin: int) -> Ints:
        """In config space, if that lies at `origin`; -1 for not in it."""
        position = self.accesses.offset - origin
        return np.where((position >= 0) & (position < EXTENDED), position, -1)
