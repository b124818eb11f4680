"""Cells of the timeline: how many reads and writes lie in a bucket of lines and a bucket of offsets of a group.

Buckets are powers of two.  A cell remembers the shifts that made its buckets, so that it can be put into larger ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from quirkfinder.counting.owners import Flags, Ints, Runs, Words

LINE_BUCKETS = 240
OFFSET_BUCKETS = 32
_DENSE = 1 << 22


@dataclass(slots=True)
class Group:
    """The accesses to a region of a device.

    `count` of them, the lowest and highest address, the line of the first (0: none yet); `shift`: of addresses to their
    buckets; `number`: in the order of the first access, -1 where there are too many groups.
    """

    number: int
    device: str | None
    region: int
    first: int = 0
    count: int = 0
    low: int = (1 << 64) - 1
    high: int = 0
    shift: int = 2

    @property
    def base(self) -> int:
        """The bucket of the lowest address."""
        return self.low >> self.shift

    def widen(self, low: int, high: int) -> None:
        """Makes room for addresses."""
        self.low, self.high = min(self.low, low), max(self.high, high)
        while (self.high >> self.shift) - self.base >= OFFSET_BUCKETS:
            self.shift += 1


@dataclass(slots=True)
class Cells:
    """Counted cells as columns: group, line and offset bucket, the shifts that made these, reads and writes."""

    group: Ints
    line: Ints
    line_shift: Ints
    offset: Words
    shift: Ints
    reads: Ints
    writes: Ints

    def __len__(self) -> int:
        return len(self.group)


def widened(groups: Sequence[Group], found: Runs, lines: Ints, address: Words) -> None:
    """Takes note of accesses in the groups of their runs, in whose order `groups` are."""
    low = np.full(len(groups), (1 << 64) - 1, dtype=np.uint64)
    high = np.zeros(len(groups), dtype=np.uint64)
    first = np.full(len(groups), (1 << 63) - 1, dtype=np.int64)
    np.minimum.at(low, found.which, np.minimum.reduceat(address, found.starts))
    np.maximum.at(high, found.which, np.maximum.reduceat(address, found.starts))
    np.minimum.at(first, found.which, np.minimum.reduceat(lines, found.starts))
    for index, (group, number) in enumerate(zip(groups, found.sums().tolist(), strict=True)):
        group.count += number
        group.first = min(group.first, int(first[index])) if group.first else int(first[index])
        group.widen(int(low[index]), int(high[index]))


def binned(groups: Sequence[Group], found: Runs, lines: Ints, address: Words, write: Flags, line_shift: int) -> Cells:
    """Accesses as cells; the groups have room for them."""
    shifts = np.array([group.shift for group in groups], dtype=np.uint64)
    bases = np.array([group.base for group in groups], dtype=np.uint64)
    bucket = ((address >> found.spread(shifts)) - found.spread(bases)).astype(np.int64)
    line = (lines - 1) >> line_shift
    earliest = int(line.min())
    line -= earliest
    many = int(line.max()) + 1
    series = found.spread(np.arange(len(groups), dtype=np.int64))
    cell = ((series * many + line) * OFFSET_BUCKETS + bucket) * 2 + write
    where, counts = _counted(cell, len(groups) * many * OFFSET_BUCKETS * 2)
    rest, written = np.divmod(where, 2)
    rest, bucket = np.divmod(rest, OFFSET_BUCKETS)
    series, line = np.divmod(rest, many)
    return Cells(
        np.array([group.number for group in groups], dtype=np.int64)[series],
        line + earliest,
        np.full(len(where), line_shift, dtype=np.int64),
        bucket.astype(np.uint64) + bases[series],
        shifts[series].astype(np.int64),
        np.where(written, 0, counts),
        np.where(written, counts, 0),
    )


def together(parts: Sequence[Cells], groups: Sequence[Group], line_shift: int) -> Cells:
    """All cells in today's buckets, each once, in the order of group, line and offset."""
    whole = Cells(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Cells)))
    known = np.flatnonzero(whole.group >= 0)
    shifts = np.array([group.shift for group in groups], dtype=np.int64)
    bases = np.array([group.base for group in groups], dtype=np.uint64)
    group = whole.group[known]
    line = whole.line[known] >> (line_shift - whole.line_shift[known])
    offset = whole.offset[known] >> (shifts[group] - whole.shift[known]).astype(np.uint64)
    cell = (group * LINE_BUCKETS + line) * OFFSET_BUCKETS + (offset - bases[group]).astype(np.int64)
    distinct, place = np.unique(cell, return_inverse=True)
    reads, writes = np.zeros((2, len(distinct)), dtype=np.int64)
    np.add.at(reads, place, whole.reads[known])
    np.add.at(writes, place, whole.writes[known])
    rest, bucket = np.divmod(distinct, OFFSET_BUCKETS)
    group, line = np.divmod(rest, LINE_BUCKETS)
    line_shifts = np.full(len(distinct), line_shift, dtype=np.int64)
    return Cells(group, line, line_shifts, bucket.astype(np.uint64) + bases[group], shifts[group], reads, writes)


def _counted(cell: Ints, most: int) -> tuple[Ints, Ints]:
    """The distinct numbers, all below `most`, and how often each occurs."""
    if most > _DENSE:
        where, counts = np.unique(cell, return_counts=True)
        return where, counts
    counts = np.bincount(cell, minlength=most)
    where = np.flatnonzero(counts)
    return where, counts[where]
