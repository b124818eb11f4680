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

from quirkfinder.counting.cells import LINE_BUCKETS, Cells, Group, binned, together, widened
from quirkfinder.counting.owners import NO_REGION, Arrays, Flags, Ints, Owner, owned_by, runs
from quirkfinder.events import EVENTS, region_name

_MOST_SERIES = 24  # the busiest regions of an input; a machine has a handful
_MOST_GROUPS = 256  # names in a log are hostile: those that come later are not drawn
_MOST_CELLS = 1 << 18  # that wait to be put together
_READS = ("region_read", "config_read", "vga_read", "rom_read", "unassigned_read")
_WRITES = ("region_write", "config_write", "vga_write", "unassigned_write")
_UNASSIGNED = NO_REGION
_NONE, _READ, _WRITE = 0, 1, 2
_DIRECTION = np.array([_READ if e in _READS else _WRITE if e in _WRITES else _NONE for e in EVENTS], dtype=np.uint8)
_NOWHERE = np.array([event.startswith("unassigned_") for event in EVENTS])


@dataclass(slots=True)
class _Input:
    """One log."""

    last: int = 0
    line_shift: int = 0
    groups: dict[Owner, Group] = field(default_factory=dict)
    cells: list[Cells] = field(default_factory=list)
    waiting: int = 0  # cells that may be put together
    most: int = _MOST_CELLS

    def add(self, lines: Ints, owner: Ints, rows: Arrays, write: Flags) -> None:
        """Takes accesses of this log, at least one."""
        self.last = max(self.last, int(lines.max()))
        while (self.last - 1) >> self.line_shift >= LINE_BUCKETS:
            self.line_shift += 1
        found = runs(owner, rows.names)
        groups = [self._group(one) for one in found.owners]
        widened(groups, found, lines, rows.address)
        self.cells.append(binned(groups, found, lines, rows.address, write, self.line_shift))
        self.waiting += len(self.cells[-1])
        if self.waiting > self.most:
            self.cells = [self._together()]
            self.waiting = len(self.cells[0])
            self.most = max(_MOST_CELLS, 2 * self.waiting)  # or they would be put together again and again

    def _group(self, owner: Owner) -> Group:
        if owner not in self.groups:
            if len(self.groups) >= _MOST_GROUPS:
                return Group(-1, *owner)
            self.groups[owner] = Group(len(self.groups), *owner)
        return self.groups[owner]

    def _together(self) -> Cells:
        return together(self.cells, list(self.groups.values()), self.line_shift)

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


def _series(group: Group, cells: Cells) -> dict[str, Any]:
    own = np.flatnonzero(cells.group == group.number)
    rows = zip(
        cells.line[own].tolist(),
        (cells.offset[own] - np.uint64(group.base)).tolist(),
        cells.reads[own].tolist(),
        cells.writes[own].tolist(),
        strict=True,
    )
    return {
        "device": group.device or "",
        "region": "unassigned" if group.region == _UNASSIGNED else region_name(group.region),
        "first": f"{group.base << group.shift:#x}",
        "bytes_per_bucket": f"{1 << group.shift:#x}",
        "rows": [list(row) for row in rows],
    }
