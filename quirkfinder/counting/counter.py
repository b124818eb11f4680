"""Exact counts of all events of a log."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from quirkfinder.counting.owners import NO_REGION, Arrays, arrays, runs
from quirkfinder.counting.pairs import Halves, Place, Polls
from quirkfinder.counting.timeline import Timeline
from quirkfinder.events import EVENTS

_READ, _WRITE, _LOST = (EVENTS.index(name) for name in ("region_read", "region_write", "lost"))
_MOST_NAMES = 10_000  # of regions, and of devices with a region
_NAMING = [EVENTS.index(name) for name in ("memory_read", "memory_write")]


@dataclass(frozen=True, slots=True)
class Counts:
    """What one look at each event tells.

    `events`: by kind, those that occur, the most first; `accesses`: to regions, by device (None where the log names
    none) and region; `lost`: records that the back end says it dropped; `names`: regions that `memory_region_ops` lines
    name; `first` and `last`: the lowest and highest time (ns), None without a clock; `wide`: there are accesses of 8
    bytes; `halves`: accesses of 4 bytes to regions that one of the 4 bytes behind follows, where the first is aligned
    to 8; `polls`: the longest run of equal reads by device, region and offset, from `pairs.POLL` reads on, the longest
    first; `timeline`: see `counting.timeline`.
    """

    events: dict[str, int] = field(default_factory=dict)
    accesses: dict[tuple[str | None, int], int] = field(default_factory=dict)
    lost: int = 0
    names: frozenset[str] = frozenset()
    first: int | None = None
    last: int | None = None
    wide: bool = False
    halves: int = 0
    polls: dict[Place, int] = field(default_factory=dict)
    timeline: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Counter:
    """Counts frame after frame.  Call `add` for frames in the order of the log, `finish` once."""

    _events: np.ndarray = field(default_factory=lambda: np.zeros(len(EVENTS), dtype=np.int64))
    _accesses: dict[tuple[str | None, int], int] = field(default_factory=dict)
    _lost: int = 0
    _names: set[str] = field(default_factory=set)
    _first: int | None = None
    _last: int | None = None
    _wide: bool = False
    _halves: Halves = field(default_factory=Halves)
    _polls: Polls = field(default_factory=Polls)
    _timeline: Timeline = field(default_factory=Timeline)

    def add(self, frame: pl.DataFrame) -> None:
        """Takes events of `events.SCHEMA` that follow those before."""
        if not frame.height:
            return
        rows = arrays(frame)
        codes = rows.code
        here = np.bincount(codes, minlength=len(EVENTS))
        self._events += here
        if here[_LOST]:
            # As numbers of Python: what a damaged log claims may be as large as a column can hold.
            self._lost += sum(frame["value"].gather(np.flatnonzero(codes == _LOST)).drop_nulls().to_list())
        if here[_NAMING].any():
            named = frame["detail"].gather(np.flatnonzero(np.isin(codes, _NAMING)))
            names = set(named.unique().drop_nulls().cast(pl.String())) - self._names
            self._names |= set(sorted(names)[: max(0, _MOST_NAMES - len(self._names))])
        self._time(frame["time"])
        if accesses := here[_READ] + here[_WRITE]:
            at = None if accesses == len(rows) else np.flatnonzero((codes == _READ) | (codes == _WRITE))
            self._regions(rows if at is None else rows.at(at))
            if frame["region"].null_count() or frame["address"].null_count():
                placed = frame["region"].is_not_null() & frame["address"].is_not_null()
                at = np.flatnonzero(((codes == _READ) | (codes == _WRITE)) & placed.to_numpy())
            self._neighbours(rows if at is None else rows.at(at))
        self._timeline.add(frame, rows)

    def end_input(self) -> None:
        """What comes next is of another input."""

    def _time(self, time: pl.Series) -> None:
        if time.null_count() == len(time):
            return
        low, high = time.min(), time.max()
        assert isinstance(low, int)
        assert isinstance(high, int)
        self._first = low if self._first is None else min(self._first, low)
        self._last = high if self._last is None else max(self._last, high)

    def _regions(self, rows: Arrays) -> None:
        """Takes the accesses to regions of a frame."""
        found = runs(rows.owner, rows.names)
        for owner, number in zip(found.owners, found.sums().tolist(), strict=True):
            if owner[1] != NO_REGION and (owner in self._accesses or len(self._accesses) < _MOST_NAMES):
                self._accesses[owner] = self._accesses.get(owner, 0) + number
        self._wide |= bool((rows.size == 8).any())

    def _neighbours(self, rows: Arrays) -> None:
        """Takes those of them that say where they go."""
        if not len(rows):
            return
        found = runs(rows.owner, rows.names)
        self._halves.add(rows, found.owners[found.which[0]], found.owners[found.which[-1]])
        reads = rows.at(np.flatnonzero(rows.code == _READ))
        owners = dict(zip(found.numbers.tolist(), found.owners, strict=True))
        self._polls.add(reads, lambda row: owners[int(reads.owner[row])])

    def finish(self) -> Counts:
        """The counts of everything that was taken."""
        order = np.argsort(-self._events, kind="stable").tolist()
        return Counts(
            {EVENTS[code]: int(self._events[code]) for code in order if self._events[code]},
            self._accesses,
            self._lost,
            frozenset(self._names),
            self._first,
            self._last,
            self._wide,
            self._halves.count,
            self._polls.finish(),
            self._timeline.finish(),
        )


def count(events: pl.DataFrame | Iterable[pl.DataFrame]) -> Counts:
    """The counts of a frame of `events.SCHEMA`, or of frames one behind the other."""
    counter = Counter()
    for frame in [events] if isinstance(events, pl.DataFrame) else events:
        counter.add(frame)
    return counter.finish()
