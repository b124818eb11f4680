"""What neighbouring accesses to regions show: polls, and 64-bit accesses that were handed on in halves."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from quirkfinder.counting.owners import Arrays, Owner

#: Equal reads in a row from which on they are a poll.
POLL = 100
Place = tuple[str | None, int, int]  # device, region, offset


@dataclass(slots=True)
class Halves:
    """Counts accesses of four bytes that are followed by one of the four bytes behind."""

    count: int = 0
    _last: tuple[Owner, int, int, int] | None = None

    def add(self, accesses: Arrays, first: Owner, last: Owner) -> None:
        """Takes the accesses that follow; `first` and `last`: whom the outermost ones belong to."""
        address, size, code = accesses.address, accesses.size, accesses.code
        low = (address[1:] - address[:-1] == 4) & (address[:-1] & np.uint64(7) == 0)
        at = np.flatnonzero(low)
        same = accesses.owner[at] == accesses.owner[at + 1]
        same &= (code[at] == code[at + 1]) & (size[at] == 4) & (size[at + 1] == 4)
        self.count += int(np.count_nonzero(same))
        if self._last is not None:
            owner, before, place, length = self._last
            fits = owner == first and before == int(code[0]) and length == 4 == int(size[0])
            self.count += int(fits and place % 8 == 0 and int(address[0]) == place + 4)
        self._last = (last, int(code[-1]), int(address[-1]), int(size[-1]))


@dataclass(slots=True)
class Polls:
    """The longest runs of equal reads by place, with memory for the places that are polled only."""

    longest: dict[Place, int] = field(default_factory=dict)
    _run: tuple[tuple[str | None, int, int, int], int] | None = None

    def add(self, reads: Arrays, owner_of: Callable[[int], Owner]) -> None:
        """Takes the reads that follow; a run may go on in the next call.  `owner_of`: device and region of a row."""
        if not len(reads.owner):
            return
        same = reads.address[1:] == reads.address[:-1]
        same &= reads.value[1:] == reads.value[:-1]
        same &= reads.owner[1:] == reads.owner[:-1]
        starts = np.append(0, np.flatnonzero(~same) + 1)
        lengths = np.diff(np.append(starts, len(reads.owner)))

        def key(row: int) -> tuple[str | None, int, int, int]:
            return (*owner_of(row), int(reads.address[row]), int(reads.value[row]))

        if self._run is not None:
            if self._run[0] == key(0):
                lengths[0] += self._run[1]
            else:
                self._take(*self._run)
        for index in np.flatnonzero(lengths[:-1] >= POLL).tolist():
            self._take(key(int(starts[index])), int(lengths[index]))
        self._run = (key(len(reads.owner) - 1), int(lengths[-1]))

    def _take(self, key: tuple[str | None, int, int, int], length: int) -> None:
        if length >= POLL:
            self.longest[key[:3]] = max(self.longest.get(key[:3], 0), length)

    def finish(self) -> dict[Place, int]:
        """The places and their longest runs, the longest first."""
        if self._run is not None:
            self._take(*self._run)
        return dict(sorted(self.longest.items(), key=lambda item: -item[1]))
