"""Where a run's accesses went over the lines of its logs: a small histogram for `statistics.timeline` of the document.

The shape is what `rendering.page.timeline` draws: for each input

    {"input": position, "lines_per_bucket": n, "series": [
        {"device": name, "region": "bar0" | … | "unassigned", "first": "0x…", "bytes_per_bucket": "0x…",
         "rows": [[line bucket, offset bucket, reads, writes], …]}, …]}

Rows are sparse and in the order of the log.  Counts are exact, positions are rounded down to their bucket.  Buckets
are powers of two and double when the log or a region turns out to be longer, so that one look at each access is enough.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from quirkfinder.counting.owners import NO_REGION, Arrays, Flags, Ints, Words, owned_by, runs
from quirkfinder.events import EVENTS, region_name

LINE_BUCKETS = 240
OFFSET_BUCKETS = 32
_MOST_SERIES = 24  # the busiest regions of an input; a machine has a handful
_MOST_GROUPS = 4096  # names in a log are hostile: those that come later are not drawn
_MOST_CELLS = 1 << 18  # that wait to be put together
_DENSE = 1 << 22
_READS = ("region_read", "config_read", "vga_read", "rom_read", "unassigned_read")
_WRITES = ("region_write", "config_write", "vga_write", "unassigned_write")
_UNASSIGNED = NO_REGION
_NONE, _READ, _WRITE = 0, 1, 2
_DIRECTION = np.array([_READ if e in _READS else _WRITE if e in _WRITES else _NONE for e in EVENTS], dtype=np.uint8)
_NOWHERE = np.array([event.startswith("unassigned_") for event in EVENTS])


@dataclass(slots=True)
class _Group:
    """The accesses to a region of a device: `count` of them, the lowest and highest address, the line of the first."""

    number: int
    device: str | None
    region: int
    first: int
    count: int = 0
    low: int = (1 << 64) - 1
    high: int = 0
    shift: int = 2

    def widen(self, low: int, high: int) -> None:
        """Makes room for addresses."""
        self.low, self.high = min(self.low, low), max(self.high, high)
        while (self.high >> self.shift) - (self.low >> self.shift) >= OFFSET_BUCKETS:
            self.shift += 1


@dataclass(slots=True)
class _Cells:
    """Counted cells: group, line bucket, offset bucket, reads, writes, and the shifts that made the buckets."""

    group: Ints
    line: Ints
    line_shift: Ints
    offset: Words
    shift: Ints
    reads: Ints
    writes: Ints


@dataclass(slots=True)
class _Input:
    """One log."""

    last: int = 0
    line_shift: int = 0
    groups: dict[tuple[str | None, int], _Group] = field(default_factory=dict)
    cells: list[_Cells] = field(default_factory=list)

    def add(self, lines: Ints, owner: Ints, rows: Arrays, write: Flags) -> None:
        """Takes accesses of this log, at least one."""
        address = rows.address
        self.last = max(self.last, int(lines.max()))
        while (self.last - 1) >> self.line_shift >= LINE_BUCKETS:
            self.line_shift += 1
        found = runs(owner, rows.names)
        groups = [self._group(*owner) for owner in found.owners]
        sums = found.sums()
        low = np.full(len(groups), (1 << 64) - 1, dtype=np.uint64)
        high = np.zeros(len(groups), dtype=np.uint64)
        first = np.full(len(groups), (1 << 63) - 1, dtype=np.int64)
        np.minimum.at(low, found.which, np.minimum.reduceat(address, found.starts))
        np.maximum.at(high, found.which, np.maximum.reduceat(address, found.starts))
        np.minimum.at(first, found.which, np.minimum.reduceat(lines, found.starts))
        for index, group in enumerate(groups):
            group.count += int(sums[index])
            group.first = min(group.first, int(first[index])) if group.first else int(first[index])
            group.widen(int(low[index]), int(high[index]))
        shifts = np.array([group.shift for group in groups], dtype=np.uint64)
        bases = np.array([group.low >> group.shift for group in groups], dtype=np.uint64)
        bucket = ((address >> found.spread(shifts)) - found.spread(bases)).astype(np.int64)
        line = (lines - 1) >> self.line_shift
        earliest = int(line.min())
        line -= earliest
        many = int(line.max()) + 1
        series = found.spread(np.arange(len(groups), dtype=np.int64)).astype(np.int64)
        cell = ((series * many + line) * OFFSET_BUCKETS + bucket) * 2 + write
        where, counts = _counted(cell, len(groups) * many * OFFSET_BUCKETS * 2)
        rest, direction = where // 2, where % 2
        rest, bucket = np.divmod(rest, OFFSET_BUCKETS)
        series, line = np.divmod(rest, many)
        numbers = np.array([group.number for group in groups], dtype=np.int64)
        self.cells.append(
            _Cells(
                numbers[series],
                line + earliest,
                np.full(len(where), self.line_shift, dtype=np.int64),
                bucket.astype(np.uint64) + bases[series],
                shifts[series].astype(np.int64),
                np.where(direction == 0, counts, 0),
                np.where(direction == 1, counts, 0),
            )
        )
        if sum(len(cells.group) for cells in self.cells) > _MOST_CELLS:
            self.cells = [self._together()]

    def _group(self, device: str | None, region: int) -> _Group:
        key = (device, region)
        if key not in self.groups:
            late = len(self.groups) >= _MOST_GROUPS
            group = _Group(-1 if late else len(self.groups), device, region, 0)
            if late:
                return group
            self.groups[key] = group
        return self.groups[key]

    def _together(self) -> _Cells:
        """All cells in today's buckets, each once."""
        whole = _Cells(*(np.concatenate([getattr(c, n) for c in self.cells]) for n in _Cells.__slots__))
        groups = list(self.groups.values())
        known = np.flatnonzero(whole.group >= 0)
        group = whole.group[known]
        shift = np.array([g.shift for g in groups], dtype=np.int64)[group]
        base = np.array([g.low >> g.shift for g in groups], dtype=np.uint64)[group]
        line = whole.line[known] >> (self.line_shift - whole.line_shift[known])
        offset = whole.offset[known] >> (shift - whole.shift[known]).astype(np.uint64)
        cell = (group * LINE_BUCKETS + line) * OFFSET_BUCKETS + (offset - base).astype(np.int64)
        distinct, place = np.unique(cell, return_inverse=True)
        reads, writes = np.zeros((2, len(distinct)), dtype=np.int64)
        np.add.at(reads, place, whole.reads[known])
        np.add.at(writes, place, whole.writes[known])
        rest, bucket = np.divmod(distinct, OFFSET_BUCKETS)
        group, line = np.divmod(rest, LINE_BUCKETS)
        shift = np.array([g.shift for g in groups], dtype=np.int64)[group]
        base = np.array([g.low >> g.shift for g in groups], dtype=np.uint64)[group]
        line_shift = np.full(len(distinct), self.line_shift, dtype=np.int64)
        return _Cells(group, line, line_shift, bucket.astype(np.uint64) + base, shift, reads, writes)

    def finish(self, position: int) -> dict[str, Any]:
        """The entry of this log."""
        cells = self._together()
        chosen = sorted(self.groups.values(), key=lambda g: (-g.count, g.first))[:_MOST_SERIES]
        series = [_series(group, cells) for group in chosen]
        return {
            "input": position,
            "lines_per_bucket": 1 << self.line_shift,
            "series": sorted(series, key=lambda one: (one["device"], one["region"] == "unassigned", one["region"])),
        }


@dataclass(slots=True)
class Timeline:
    """The histogram as it grows."""

    inputs: dict[int, _Input] = field(default_factory=dict)

    def add(self, frame: pl.DataFrame, rows: Arrays) -> None:
        """Takes the next events: a frame of `events.SCHEMA`, and its columns as arrays."""
        placed = _DIRECTION[rows.code] != _NONE
        nowhere = _NOWHERE[rows.code]
        owner = owned_by(rows.owner, nowhere, _UNASSIGNED) if nowhere.any() else rows.owner
        if frame["region"].null_count():
            placed &= nowhere | frame["region"].is_not_null().to_numpy()
        if frame["address"].null_count():
            placed &= frame["address"].is_not_null().to_numpy()
        lines = frame["line"].to_numpy().astype(np.int64)
        inputs = frame["input"].to_numpy()
        several = inputs.min() != inputs.max()
        for position in np.unique(inputs).tolist() if several else [int(inputs[0])]:
            at = np.flatnonzero(placed & (inputs == position) if several else placed)
            if len(at):
                own = rows if len(at) == len(rows) else rows.at(at)
                write = _DIRECTION[own.code] == _WRITE
                self.inputs.setdefault(position, _Input()).add(lines[at], owner[at], own, write)

    def finish(self) -> list[dict[str, Any]]:
        """Plain JSON values, empty where there is no access."""
        return [one.finish(position) for position, one in sorted(self.inputs.items())]


def _counted(cell: Ints, most: int) -> tuple[Ints, Ints]:
    """The distinct numbers, all below `most`, and how often each occurs."""
    if most > _DENSE:
        where, counts = np.unique(cell, return_counts=True)
        return where, counts
    counts = np.bincount(cell, minlength=most)
    where = np.flatnonzero(counts)
    return where, counts[where]


def _series(group: _Group, cells: _Cells) -> dict[str, Any]:
    own = np.flatnonzero(cells.group == group.number)
    base = group.low >> group.shift
    rows = zip(
        cells.line[own].tolist(),
        (cells.offset[own] - np.uint64(base)).tolist(),
        cells.reads[own].tolist(),
        cells.writes[own].tolist(),
        strict=True,
    )
    return {
        "device": group.device or "",
        "region": "unassigned" if group.region == _UNASSIGNED else region_name(group.region),
        "first": f"{base << group.shift:#x}",
        "bytes_per_bucket": f"{1 << group.shift:#x}",
        "rows": [list(row) for row in rows],
    }
