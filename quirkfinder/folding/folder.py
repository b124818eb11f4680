"""Takes events block by block and gives back a bounded number of them, with exact counts of all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from quirkfinder.events import SCHEMA, empty_events, region_name
from quirkfinder.folding.budget import Budget, plan, totals_by_family
from quirkfinder.folding.gaps import Gaps, gap_frame
from quirkfinder.folding.keys import CELLS, COLUMNS, MOST_FAMILIES, Families, Ints, Keys, Words, contents
from quirkfinder.folding.rescue import TELLING, rescued_places, rescued_rows, telling
from quirkfinder.folding.selection import Chosen, Selection, counted, table
from quirkfinder.folding.spill import Spill
from quirkfinder.folding.watch import Watched
from quirkfinder.reading import merged_by_time


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Of a family: `events` that were left out, how many of these were in `memory` (framebuffers), and how many brought
    something new for which the budget had no room."""

    kind: str
    device: str
    region: int
    events: int
    memory: int
    missed: int

    @property
    def name(self) -> str:
        """The family in words: `0000:01:00.0 bar0`, `config of 0000:01:00.0`, `places`."""
        if self.kind == "region":
            return f"{self.device} {region_name(self.region)}".lstrip()
        return f"{self.kind} of {self.device}" if self.device else self.kind


@dataclass(frozen=True, slots=True)
class Folded:
    """`events`: what the later stages look at, a frame of `events.SCHEMA`; `gaps`: None where nothing was left out;
    `count`: all events of the log; `left_out`: by family, the most first."""

    events: pl.DataFrame
    count: int
    gaps: Gaps | None = None
    left_out: tuple[LeftOut, ...] = ()
    _head: tuple[pl.DataFrame, ...] = ()
    _spill: Spill | None = None

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All events of the log with these columns, input after input, in frames of bounded size."""
        if self._spill is None:
            yield self.events.select(columns)
            return
        for frame in self._head:
            yield frame.select(columns)
        yield from self._spill.frames(columns)


@dataclass(slots=True)
class _Kept:
    """The events of a chunk that are kept, and their positions in it."""

    frame: pl.DataFrame
    at: Ints


@dataclass(frozen=True, slots=True)
class _Part:
    """A chunk that was put aside."""

    spill: Spill
    number: int

    def rows(self, columns: Sequence[str], at: Ints | None = None) -> pl.DataFrame:
        """Columns of all of its rows, or of some."""
        return self.spill.frame(self.number, columns, at)

    def contents(self, at: Ints) -> Words:
        """The content of some rows."""
        return contents(self.rows(COLUMNS, at)) if len(at) else np.zeros(0, dtype=np.uint64)


@dataclass(slots=True)
class Folder:
    """Memory is bounded by the budget, whatever the log's length; what is kept does not depend on how it was cut into
    frames.  Call `add` for frames in their order, `end_input` behind each input, `finish` once."""

    budget: Budget = field(default_factory=Budget)
    _head: list[pl.DataFrame] = field(default_factory=list)
    _waiting: list[pl.DataFrame] = field(default_factory=list)
    _count: int = 0
    _spill: Spill | None = None
    _families: Families = field(default_factory=Families)
    _totals: np.ndarray = field(default_factory=table)

    def add(self, frame: pl.DataFrame) -> None:
        """Takes events of `events.SCHEMA` that follow those before.  Raises OSError where the disk is full."""
        room = max(0, self.budget.head - self._count)
        self._count += frame.height
        if room:
            self._head += [frame.head(room)] if frame.height else []
            frame = frame.slice(room)
        if not frame.height:
            return
        self._waiting.append(frame)
        if sum(f.height for f in self._waiting) >= self.budget.chunk:
            whole = pl.concat(self._waiting)
            full = whole.height // self.budget.chunk * self.budget.chunk
            for start in range(0, full, self.budget.chunk):
                self._put_aside(whole.slice(start, self.budget.chunk))
            self._waiting = [whole.slice(full)] if whole.height > full else []

    def end_input(self) -> None:
        """What comes next is of another input."""
        if self._waiting:
            self._put_aside(pl.concat(self._waiting))
            self._waiting = []

    def finish(self, watched: Watched | None = None) -> Folded:
        """The events that are kept; `watched`: what is kept wherever it is."""
        self.end_input()
        if self._spill is None:
            return Folded(_in_order(self._head), self._count)
        kinds = ["places"] * min(len(self._families.known), MOST_FAMILIES)
        for (kind, _, _), number in self._families.known.items():
            kinds[number] = kind
        planned = plan(totals_by_family(self._totals, len(kinds)), kinds, self.budget)
        regions = np.array([kind == "region" for kind in kinds])
        selection = Selection(self._totals, planned, regions, watched or Watched())
        record = _Record(self._families)
        told = [self._told(frame, selection) for frame in _chunks(self._head, self.budget.chunk)]
        kept: list[_Kept] = []
        for number in range(len(self._spill)):
            part = _Part(self._spill, number)
            keys = self._families.keys(part.rows(("event", "address", "value", "slot")))
            chosen = selection.choose(keys, part.contents)
            record.add(part, keys, chosen)
            at = np.flatnonzero(chosen.keep)
            kept.append(_Kept(part.rows(_ALL, at), at))
            told.append(telling(part.rows(TELLING, np.flatnonzero(chosen.keep & ~chosen.memory))))
        if planned.floor[regions].any():
            self._rescue(kept, told, record, selection)
        events = _in_order([*self._head, *(k.frame for k in kept)])
        return Folded(events, self._count, record.gaps(events), record.left_out(), tuple(self._head), self._spill)

    def _put_aside(self, chunk: pl.DataFrame) -> None:
        if self._spill is None:
            self._spill = Spill({**SCHEMA, "slot": pl.UInt32()})
            for frame in _chunks(self._head, self.budget.chunk):
                counted(self._totals, self._families.keys(frame))
        keys = self._families.keys(chunk)
        counted(self._totals, keys)
        self._spill.add(chunk.with_columns(slot=pl.Series(keys.slot.astype(np.uint32))))

    def _told(self, frame: pl.DataFrame, selection: Selection) -> pl.DataFrame:
        keys = self._families.keys(frame)
        selection.head(keys, contents(frame))
        return telling(frame[np.flatnonzero(~selection.memory(keys.slot))])

    def _rescue(self, kept: list[_Kept], told: list[pl.DataFrame], record: "_Record", selection: Selection) -> None:
        """Puts back the accesses to places in memory through which values went that registers told as well."""
        assert self._spill is not None
        places = rescued_places(self._spill, selection.memory, pl.concat(told).unique(), self.budget.rescued)
        if not places.height:
            return
        left = self.budget.rescued
        changed: list[Ints] = []
        for number, (one, all_rows) in enumerate(zip(kept, rescued_rows(self._spill, places), strict=True)):
            rows = np.setdiff1d(all_rows, one.at)[:left]
            if len(rows):
                left -= len(rows)
                part = _Part(self._spill, number)
                changed.append(part.rows(("slot",), rows)["slot"].to_numpy().astype(np.int64))
                record.put_back(changed[-1])
                at = np.union1d(one.at, rows)
                one.frame, one.at = part.rows(_ALL, at), at
        if changed:
            self._gaps_again(np.unique(np.concatenate(changed)), kept, record, selection)

    def _gaps_again(self, slots: Ints, kept: list[_Kept], record: "_Record", selection: Selection) -> None:
        """Finds the gaps of blocks to which events were put back."""
        assert self._spill is not None
        head = [np.unique(self._families.keys(frame).slot) for frame in _chunks(self._head, self.budget.chunk)]
        selection.restart(slots, np.isin(slots, np.concatenate(head)))
        for number, one in enumerate(kept):
            part = _Part(self._spill, number)
            keys = self._families.keys(part.rows(("event", "address", "value", "slot")))
            own = np.isin(keys.slot, slots) & (keys.follows == np.arange(len(keys.follows)))
            rows = np.flatnonzero(own)
            at = rows[selection.gaps(keys.slot[rows], np.isin(rows, one.at))]
            record.replace_gaps(number, slots, keys.slot[at], part.rows(("input", "line"), at))


_ALL = list(empty_events().columns)


@dataclass(slots=True)
class _Record:
    """What was left out, and where."""

    families: Families
    gap_at: list[tuple[Ints, pl.DataFrame]] = field(default_factory=list)
    counts: np.ndarray = field(default_factory=lambda: np.zeros((3, MOST_FAMILIES), dtype=np.int64))

    def add(self, part: _Part, keys: Keys, chosen: Chosen) -> None:
        """Takes note of a chunk."""
        family = keys.slot // CELLS
        out = ~chosen.keep
        for row, flags in enumerate((out, out & chosen.memory, out & chosen.missed)):
            self.counts[row] += np.bincount(family[flags], minlength=MOST_FAMILIES)
        self.gap_at.append((keys.slot[chosen.gaps], part.rows(("input", "line"), chosen.gaps)))

    def put_back(self, slot: Ints) -> None:
        """Takes note of events in memory that are kept after all."""
        self.counts[:2] -= np.bincount(slot // CELLS, minlength=MOST_FAMILIES)

    def replace_gaps(self, number: int, slots: Ints, slot: Ints, places: pl.DataFrame) -> None:
        """Puts gaps in the place of those that a chunk had in some blocks."""
        before, where = self.gap_at[number]
        other = np.flatnonzero(~np.isin(before, slots))
        self.gap_at[number] = (np.append(before[other], slot), pl.concat([where[other], places]))

    def left_out(self) -> tuple[LeftOut, ...]:
        """The families that miss events."""
        rows = []
        for (kind, device, region), number in self.families.known.items():
            events, memory, missed = (int(n) for n in self.counts[:, number])
            if events and number < MOST_FAMILIES - 1:
                rows.append(LeftOut(kind, device, region, events, memory, missed))
        events, memory, missed = (int(n) for n in self.counts[:, MOST_FAMILIES - 1])
        rows += [LeftOut("places", "", 0, events, memory, missed)] if events else []
        return tuple(sorted(rows, key=lambda row: -row.events))

    def gaps(self, events: pl.DataFrame) -> Gaps:
        """The gaps of regions, with rows of the folded events."""
        names: dict[int, tuple[str, int] | None] = {}
        for (kind, device, region), number in self.families.known.items():
            names[number] = (device, region) if kind == "region" and number < MOST_FAMILIES - 1 else None
        slots = np.concatenate([slot for slot, _ in self.gap_at])
        places = pl.concat([place for _, place in self.gap_at])
        wanted = np.flatnonzero([names.get(int(f)) is not None for f in slots // CELLS])
        slots, places = slots[wanted], places[wanted]
        owners = [names[int(f)] or ("", 0) for f in slots // CELLS]
        rows = _rows(events, places)
        return gap_frame([o[0] for o in owners], [o[1] for o in owners], (slots % CELLS).tolist(), rows)


def _rows(events: pl.DataFrame, places: pl.DataFrame) -> Ints:
    """For each input and line the row of the first event of the input that does not lie before it."""
    rows = np.zeros(places.height, dtype=np.int64)
    inputs, lines = events["input"].to_numpy(), events["line"].to_numpy()
    wanted_input, wanted_line = places["input"].to_numpy(), places["line"].to_numpy()
    for number in np.unique(wanted_input):
        own = np.flatnonzero(inputs == number)
        mine = np.flatnonzero(wanted_input == number)
        found = np.searchsorted(lines[own], wanted_line[mine])
        rows[mine] = np.append(own, len(inputs))[found]
    return rows


def _in_order(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames one after the other; inputs with comparable stamps in the order of time."""
    if not frames:
        return empty_events()
    whole = pl.concat(frames)
    inputs = whole["input"].unique().to_list()
    if len(inputs) <= 1:
        return whole
    return merged_by_time([whole.filter(pl.col("input") == number) for number in sorted(inputs)])


def _chunks(frames: Sequence[pl.DataFrame], length: int) -> Iterator[pl.DataFrame]:
    whole = pl.concat(frames)
    for start in range(0, whole.height, length):
        yield whole.slice(start, length).select(COLUMNS)
