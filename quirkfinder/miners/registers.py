"""The accesses of a device by register, so that looking at one register does not cost a pass over the trace."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words

_WIDEST = 4  # bytes of an element of `Accesses`


@dataclass(frozen=True, slots=True)
class History:
    """What some bytes side by side held after each write to any of them, in the order of the trace.

    `at`: positions of the writes; `value`: all the bytes, little-endian, those that are never written zero; `known`:
    every byte that is ever written had been written by then.
    """

    at: Ints
    value: Words
    known: Flags


class Registers:
    """An index from places to the positions of their accesses, in the order of the trace."""

    def __init__(self, accesses: Accesses, gaps: Callable[[int], Ints] | None = None) -> None:
        """`gaps`: for a place the rows from which on accesses to it were left out of the trace, ascending."""
        self.accesses = accesses
        self._gaps = gaps
        self._order = np.argsort(accesses.place, kind="stable")
        ordered = accesses.place[self._order]
        start = np.append(True, ordered[1:] != ordered[:-1]) if len(ordered) else np.zeros(0, np.bool_)
        self.places: Ints = ordered[start]
        self._bounds = np.append(np.flatnonzero(start), len(ordered))
        self._histories: dict[tuple[int, int], History] = {}

    def at(self, place: int) -> Ints:
        """Positions of all accesses to `place`."""
        index = int(np.searchsorted(self.places, place))
        if index == len(self.places) or self.places[index] != place:
            return np.zeros(0, dtype=np.int64)
        return self._order[self._bounds[index] : self._bounds[index + 1]]

    def writes(self, place: int) -> Ints:
        """Positions of the writes to `place`."""
        at = self.at(place)
        return at[self.accesses.write[at]]

    def reads(self, place: int) -> Ints:
        """Positions of the reads of `place`."""
        at = self.at(place)
        return at[~self.accesses.write[at]]

    def between(self, first: int, last: int) -> list[int]:
        """The places from `first` to `last` inclusive that were accessed."""
        low, high = np.searchsorted(self.places, [first, last + 1])
        return [int(p) for p in self.places[low:high]]

    def inside(self, first: int, last: int) -> Ints:
        """Positions of all accesses to the places from `first` to `last`, in the order of the trace."""
        low, high = np.searchsorted(self.places, [first, last + 1])
        return np.sort(self._order[self._bounds[low] : self._bounds[high]])

    def at_any(self, places: Ints) -> Ints:
        """Positions of all accesses to any of `places`, in the order of the trace."""
        wanted = np.unique(places)
        index = np.searchsorted(self.places, wanted)
        known = index < len(self.places)
        index, wanted = index[known], wanted[known]
        index = index[self.places[index] == wanted]
        first, count = self._bounds[index], self._bounds[index + 1] - self._bounds[index]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.sort(self._order[np.repeat(first, count) + within])

    def width(self, place: int) -> int:
        """The width in bytes in which `place` is mostly written; 0 where it never is."""
        sizes = self.accesses.size[self.writes(place)]
        return int(np.bincount(sizes).argmax()) if len(sizes) else 0

    def values_written(self, place: int) -> Ints:
        """The distinct values written to `place`."""
        return np.unique(self.accesses.value[self.writes(place)]).astype(np.int64)

    def writes_into(self, first: int, width: int) -> Ints:
        """Positions of the writes that cover any of the `width` bytes from `first` on, wherever they begin."""
        at = self.inside(first - _WIDEST + 1, first + width - 1)
        at = at[self.accesses.write[at]]
        return at[self.accesses.place[at] + self.accesses.size[at] > first]

    def history(self, first: int, width: int) -> History:
        """The bytes from `first` on over time: every write replaces those that it covers and leaves the others."""
        if (first, width) not in self._histories:
            self._histories[first, width] = self._history(first, width)
        return self._histories[first, width]

    def _history(self, first: int, width: int) -> History:
        at = self.writes_into(first, width)
        start, size, written = self.accesses.place[at], self.accesses.size[at], self.accesses.value[at]
        value = np.zeros(len(at), dtype=np.uint64)
        known = np.ones(len(at), dtype=np.bool_)
        position = np.arange(len(at))
        for byte in range(width):
            covers = (start <= first + byte) & (first + byte < start + size)
            if not covers.any():
                continue
            latest = np.maximum.accumulate(np.where(covers, position, -1))
            source = np.maximum(latest, 0)
            skipped = np.maximum(first + byte - start[source], 0).astype(np.uint64)
            part = (written[source] >> (np.uint64(8) * skipped)) & np.uint64(0xFF)
            value |= np.where(latest >= 0, part, np.uint64(0)) << np.uint64(8 * byte)
            known &= latest >= 0
        return History(at, value, known)

    def in_force(self, place: int, rows: Ints, width: int | None = None) -> Ints:
        """What the register at `place` held before each of `rows`; -1 where that is not known.

        Its `width` in bytes is the one in which it is mostly written, unless given; what a wider write or one to its
        upper bytes left there counts as well.
        """
        history = self.history(place, self.width(place) if width is None else width)
        if not len(history.at):
            return np.full(len(rows), -1, dtype=np.int64)
        latest = np.searchsorted(self.accesses.row[history.at], rows, "left") - 1
        source = np.maximum(latest, 0)
        known = (latest >= 0) & history.known[source]
        known &= self.unbroken(place, self.accesses.row[history.at][source], rows)
        return np.where(known, history.value[source].astype(np.int64), -1)

    def unbroken(self, place: int, first: Ints, last: Ints) -> Flags:
        """Is the trace of `place` whole between each of the rows `first` and that of `last`?"""
        gaps = self._gaps(place) if self._gaps is not None else ()
        if not len(gaps):
            return np.ones(len(first), dtype=np.bool_)
        return np.asarray(np.searchsorted(gaps, first, "right") == np.searchsorted(gaps, last, "right"))

    def mask(self, places: Iterable[int]) -> Flags:
        """Which accesses go to one of `places`."""
        flags = np.zeros(len(self.accesses), dtype=np.bool_)
        for place in places:
            flags[self.at(place)] = True
        return flags
