"""The accesses of a device by register, so that looking at one register does not cost a pass over the trace."""

from collections.abc import Callable, Iterable

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints


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
        index = index[index < len(self.places)]
        index = index[np.isin(self.places[index], wanted, assume_unique=True)]
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

    def in_force(self, place: int, rows: Ints) -> Ints:
        """The value last written to `place` before each of `rows`; -1 where that is not known."""
        at = self.writes(place)
        if not len(at):
            return np.full(len(rows), -1, dtype=np.int64)
        latest = np.searchsorted(self.accesses.row[at], rows, "left") - 1
        values = self.accesses.value[at].astype(np.int64)
        written = self.accesses.row[at][np.maximum(latest, 0)]
        return np.where((latest >= 0) & self.unbroken(place, written, rows), values[np.maximum(latest, 0)], -1)

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
