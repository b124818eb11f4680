"""Which events of a long log are kept: chunk after chunk, with tables of a fixed size as the only memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quirkfinder.folding.budget import Plan
from quirkfinder.folding.keys import CELLS, MOST_FAMILIES, Flags, Ints, Keys, Words, mixed
from quirkfinder.folding.watch import Members, Watched

_SEEN = 1 << 24
_BEFORE, _BEHIND = 3, 1  # events of a block kept around one that brings something new
_LAST = 8  # the last events of a block outside regions: where a BAR ended up is said there
_MOST_WATCHED = 20_000  # of each kind
_NONE, _KEPT, _LEFT = 0, 1, 2


def table(dtype: type = np.uint32) -> np.ndarray:
    """A number for every block of every family; the system gives memory only to the pages that are written."""
    return np.zeros(MOST_FAMILIES * CELLS, dtype=dtype)


def counted(counts: np.ndarray, keys: Keys) -> None:
    """Adds the events of a chunk to a table of totals."""
    own = keys.follows == np.arange(len(keys.follows))
    np.add.at(counts, keys.slot[own], counts.dtype.type(1))


@dataclass(frozen=True, slots=True)
class Chosen:
    """`keep`: a flag for each event; `gaps`: positions of the first left out after a kept one of the same block;
    `memory`: events of blocks that count as memory; `missed`: events left out although they brought something new."""

    keep: Flags
    gaps: Ints
    memory: Flags
    missed: Flags


class Selection:
    """Goes over the log once more, in its order, and says what is kept."""

    def __init__(self, totals: np.ndarray, plan: Plan, regions: Flags, watched: Watched) -> None:
        """`totals`: events by block; `regions`: which families are regions; `watched`: what is always kept."""
        self._totals, self._plan, self._regions, self._watched = totals, plan, regions, watched
        self._ranks, self._extra, self._state = table(), table(np.uint16), table(np.uint8)
        self._seen = np.zeros(_SEEN, dtype=np.bool_)
        self._watched_left = [_MOST_WATCHED, _MOST_WATCHED]
        self._telling_values = Members(watched.values)

    def head(self, keys: Keys, content: Words) -> None:
        """Takes note of events that are kept anyway."""
        order, slot = _sorted(keys)
        self._new(slot, content[order])
        counted(self._ranks, keys)
        self._state[slot] = _KEPT

    def memory(self, slot: Ints) -> Flags:
        """Which events lie in blocks that count as memory."""
        return np.asarray(self._totals[slot] < self._plan.floor[slot // CELLS])

    def choose(self, keys: Keys, contents: Callable[[Ints], Words]) -> Chosen:
        """What of a chunk is kept; `contents` gives the content of some of its rows."""
        telling = self._telling(keys)
        rows = np.flatnonzero(self._undecided(keys.slot, telling)[keys.follows])
        few = self._choose(keys.at(rows), contents(rows), telling[rows])
        keep, missed = (np.zeros(len(keys.slot), dtype=np.bool_) for _ in range(2))
        keep[rows], missed[rows] = few.keep, few.missed
        return Chosen(keep, rows[few.gaps], self.memory(keys.slot)[keys.follows], missed)

    def _undecided(self, slot: Ints, telling: Flags) -> Flags:
        """All but memory of which nothing was kept and nothing will be: most of a log that draws pictures."""
        kept = self._state[slot] == _KEPT
        return np.asarray(~self.memory(slot) | kept | np.isin(slot, np.unique(slot[telling])))

    def _choose(self, keys: Keys, content: Words, telling: Flags) -> Chosen:
        order, slot = _sorted(keys)
        family = slot // CELLS
        starts = _starts(slot)
        rank = self._ranks[slot].astype(np.int64) + _within(starts)
        total = self._totals[slot]
        allowed = total >= self._plan.floor[family]
        kept = allowed & (rank < self._plan.quota[family])
        kept |= allowed & ~self._regions[family] & (rank >= total.astype(np.int64) - _LAST)
        new = self._new(slot, content[order]) & allowed & ~kept
        kept |= self._within_quota(_around(new, starts), slot, family, kept)
        kept |= _around(telling[order], starts)
        np.add.at(self._ranks, slot, np.uint32(1))
        gaps = self._gaps(slot, starts, kept)
        keep, memory, missed = (_unsorted(flags, order, len(keys.slot)) for flags in (kept, ~allowed, new & ~kept))
        return Chosen(keep[keys.follows], np.sort(order[gaps]), memory[keys.follows], missed)

    def _new(self, slot: Ints, content: Words) -> Flags:
        """Is an event behind the one before it in its block a sequence that was not seen yet?"""
        before = np.append(np.uint64(0), content[:-1])
        before[_starts(slot)] = 0
        with np.errstate(over="ignore"):
            words = mixed(before * np.uint64(3) + content) ^ mixed(slot.astype(np.uint64))
        place = (words % np.uint64(_SEEN)).astype(np.int64)
        new = ~self._seen[place]
        self._seen[place] = True
        first = np.zeros(len(new), dtype=np.bool_)
        first[np.unique(place, return_index=True)[1]] = True
        return np.asarray(new & first)

    def _within_quota(self, wanted: Flags, slot: Ints, family: Ints, kept: Flags) -> Flags:
        at = np.flatnonzero(wanted & ~kept)
        rank = self._extra[slot[at]].astype(np.int64) + _within(_starts(slot[at]))
        taken = at[rank < self._plan.quota[family[at]]]
        np.add.at(self._extra, slot[taken], np.uint16(1))
        out = np.zeros(len(wanted), dtype=np.bool_)
        out[taken] = True
        return out

    def _telling(self, keys: Keys) -> Flags:
        """Events with a watched value, and strays at a watched address; the first of them."""
        marked = np.zeros(len(keys.slot), dtype=np.bool_)
        for turn, flags in enumerate(
            (self._telling_values.hold(keys.value), keys.stray & self._watched.hold(keys.address))
        ):
            hits = np.flatnonzero(flags)[: self._watched_left[turn]]
            self._watched_left[turn] -= len(hits)
            marked[hits] = True
        return marked

    def restart(self, slots: Ints, kept: Flags) -> None:
        """Forgets what became of some blocks behind the head; `kept`: which of them were in it."""
        self._state[slots] = np.where(kept, _KEPT, _NONE)

    def gaps(self, slot: Ints, kept: Flags) -> Ints:
        """Of events of a chunk the positions of the first left out after a kept one of the same block, ascending."""
        order = np.argsort(slot, kind="stable")
        return np.sort(order[self._gaps(slot[order], _starts(slot[order]), kept[order])])

    def _gaps(self, slot: Ints, starts: Flags, kept: Flags) -> Ints:
        before = np.append(np.uint8(_NONE), np.where(kept, _KEPT, _LEFT)[:-1].astype(np.uint8))
        before[starts] = self._state[slot[starts]]
        last = np.append(starts[1:], True) if len(starts) else starts
        self._state[slot[last]] = np.where(kept[last], _KEPT, _LEFT)
        return np.flatnonzero(~kept & (before == _KEPT))


def _sorted(keys: Keys) -> tuple[Ints, Ints]:
    """The events block by block, in the order of the log; lines of quirks go where their access goes."""
    own = np.flatnonzero(keys.follows == np.arange(len(keys.follows)))
    order = own[np.argsort(keys.slot[own], kind="stable")]
    return order, keys.slot[order]


def _unsorted(flags: Flags, order: Ints, length: int) -> Flags:
    out = np.zeros(length, dtype=np.bool_)
    out[order] = flags
    return out


def _starts(slot: Ints) -> Flags:
    return np.append(True, slot[1:] != slot[:-1]) if len(slot) else np.zeros(0, dtype=np.bool_)


def _within(starts: Flags) -> Ints:
    """The position of each element in its run."""
    position = np.arange(len(starts))
    return np.asarray(position - np.maximum.accumulate(np.where(starts, position, 0))) if len(starts) else position


def _around(flags: Flags, starts: Flags) -> Flags:
    """The marked elements and their neighbours in the same run."""
    run = np.cumsum(starts)
    out = flags.copy()
    for step in range(1, max(_BEFORE, _BEHIND) + 1):
        together = run[step:] == run[:-step]
        if step <= _BEFORE:
            out[:-step] |= flags[step:] & together
        if step <= _BEHIND:
            out[step:] |= flags[:-step] & together
    return out
