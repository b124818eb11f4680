"""Which registers could be an address register and its data register?

A register that is written just before another is accessed, again and again and with changing values, may address it;
so may one that lies next to it.  That is all this module asks; whether a pair reaches anything is proven by values in
`targets`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quirkfinder.miners.accesses import Accesses, Ints, offset_of, region_of
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.information import information
from quirkfinder.miners.windows.words import with_words

#: pairs that are looked at per device, the most frequent first
MOST_PAIRS = 400
#: an address register this close (bytes) to its data register is believed with fewer uses
NEAR = 16
_SHARE_NEAR, _SHARE_FAR = 0.02, 0.2
_MOST_BETWEEN = 5  # registers written between address and data


@dataclass(frozen=True, slots=True)
class Pair:
    """An address register and a data register, as places.

    `span`: bytes of the address register, 0 for as many as are written at once; `parts`: the places inside it, beside
    `address` itself, that are written on their own; `lasting`: some of them are written only where they change.
    `width`: bytes of the data register where it is only accessed in parts, else None.
    """

    address: int
    data: int
    uses: int
    span: int = 0
    parts: tuple[int, ...] = ()
    lasting: bool = False
    width: int | None = None

    @property
    def near(self) -> bool:
        """In one region and next to each other."""
        together = region_of(self.address) == region_of(self.data)
        return together and abs(offset_of(self.address) - offset_of(self.data)) <= NEAR

    def takes_in(self, other: "Pair") -> bool:
        """Is the other's address register a part of this one?"""
        return set(self.parts) > set(other.parts) and other.address in (self.address, *self.parts)

    @property
    def registers(self) -> tuple[int, ...]:
        return (self.address, self.data, *self.parts)


def telling_places(accesses: Accesses, hardware: HardwareConfig) -> Ints:
    """Places that could be a data register: values go through them that config space or another place holds as well.

    Looking at every register of a card with thousands would take minutes; this takes one sort.
    """
    told = with_words(accesses)
    (value, _), _ = count_pairs(told.value.view(np.int64), told.place)
    values, places = np.unique(value, return_counts=True)
    shared = np.isin(told.value.view(np.int64), values[places >= 2])
    found = [np.stack([told.place[shared], told.value[shared].view(np.int64)])]
    for size in (4, 2, 1):
        at = np.flatnonzero((accesses.size == size) & ~accesses.write)
        at = at[np.isin(accesses.value[at], hardware.sorted_fields[size][0])]
        found.append(np.stack([accesses.place[at], accesses.value[at].view(np.int64)]))
    messages = np.flatnonzero((accesses.value >> np.uint64(20) == np.uint64(0xFEE)) & ~accesses.write)
    (owner, _), _ = count_pairs(*np.concatenate(found, axis=1))
    several, counts = np.unique(owner, return_counts=True)
    least = 1 if hardware.open_bars else 2  # a host address that nobody knows yet is telling, too
    return np.union1d(several[counts >= least], accesses.place[messages])


def candidate_pairs(accesses: Accesses, telling: Ints | None = None) -> Iterator[Pair]:
    """Pairs in the order of how often the one was written last before the other was accessed, then neighbours.

    `telling`: the places that may be data registers; None: any.
    """
    seen: set[tuple[int, int]] = set()
    wanted = None if telling is None else frozenset(telling.tolist())
    for pair in [*_successive(accesses), *_neighbours(accesses), *_own(accesses)]:
        if (pair.address, pair.data) in seen or not (wanted is None or wanted & set(range(pair.data, pair.data + 4))):
            continue
        seen.add((pair.address, pair.data))
        yield pair
        if len(seen) == MOST_PAIRS:
            return


def _successive(accesses: Accesses) -> Iterator[Pair]:
    """Pairs where the address was the last thing written before the data was accessed, or the last but a few.

    Commands and modes may be written between address and data; that is looked for only where the data register tells
    something, because it costs a pass over its accesses each time.
    """
    totals = dict(zip(*np.unique(accesses.place, return_counts=True), strict=True))
    yield from _preceding(accesses, np.arange(len(accesses)), 0, totals)
    worth = (information(accesses.value, accesses.size) > 0) & ~accesses.write
    told, _ = _with_several(accesses.place[worth], accesses.value[worth])
    reads = np.flatnonzero(np.isin(accesses.place, told) & ~accesses.write)
    for skipped in (1, 2):
        yield from _preceding(accesses, reads, skipped, totals)
    for region in np.unique(accesses.region[reads]).tolist():  # what goes on in other regions passes by
        own = accesses.in_region(region)
        reads = np.flatnonzero(np.isin(own.place, told) & ~own.write)
        for skipped in range(_MOST_BETWEEN + 1):
            yield from _preceding(own, reads, skipped, totals)


def _preceding(accesses: Accesses, at: Ints, skipped: int, totals: dict[int, int]) -> Iterator[Pair]:
    before = previous_written_place(accesses, at, skipped)
    known = before >= 0
    (addresses, datas), counts = count_pairs(before[known], accesses.place[at[known]])
    for index in np.argsort(-counts, kind="stable")[: 4 * MOST_PAIRS]:
        pair = Pair(int(addresses[index]), int(datas[index]), int(counts[index]))
        share = pair.uses / int(totals[pair.data])
        if share < (_SHARE_NEAR if pair.near else _SHARE_FAR) or (pair.uses < 2 and not pair.near):
            continue
        yield pair


def _neighbours(accesses: Accesses) -> Iterator[Pair]:
    """Registers next to each other, of which one is written and the other tells something, both with several values.

    Interleaved windows never show up as successive: another address is always written in between.
    """
    written, uses = _with_several(accesses.place[accesses.write], accesses.value[accesses.write])
    worth = information(accesses.value, accesses.size) > 0
    told, _ = _with_several(accesses.place[worth], accesses.value[worth])
    counts = dict(zip(written.tolist(), uses.tolist(), strict=True))
    for data in told.tolist():
        low, high = np.searchsorted(written, [data - NEAR, data + NEAR + 1])
        for address in written[low:high].tolist():
            if address != data:
                yield Pair(address, data, counts[address])


def _own(accesses: Accesses) -> Iterator[Pair]:
    """Registers that take an address and give the data back themselves: several values written, several read."""
    written, _ = _with_several(accesses.place[accesses.write], accesses.value[accesses.write])
    read, uses = _with_several(accesses.place[~accesses.write], accesses.value[~accesses.write])
    for place, count in zip(read.tolist(), uses.tolist(), strict=True):
        if place in written:
            yield Pair(place, place, count)


def _with_several(place: Ints, value: NDArray[np.uint64]) -> tuple[Ints, NDArray[np.int64]]:
    """Places with at least two distinct values, sorted, and how many they have."""
    (owner, _), _ = count_pairs(place, value.view(np.int64))
    places, counts = np.unique(owner, return_counts=True)
    return places[counts >= 2], counts[counts >= 2]


def previous_written_place(accesses: Accesses, at: Ints, skipped: int = 0) -> Ints:
    """For the accesses at positions `at` the place that was last written before; -1 where there is none.

    Writes to the access's own place do not count, writes in a row to one place count once, and the last `skipped` of
    those that remain are passed over.
    """
    result = np.full(len(at), -1, dtype=np.int64)
    writes = np.flatnonzero(accesses.write)
    if not len(writes):
        return result
    written = accesses.place[writes]
    run_start = np.append(True, written[1:] != written[:-1])
    run = np.cumsum(run_start) - 1
    run_place = written[run_start]
    last = np.searchsorted(writes, at, "left") - 1
    has = last >= 0
    run_of = run[last[has]]
    own = run_place[run_of] == accesses.place[at[has]]
    earlier = run_of - own - skipped
    result[has] = np.where(earlier >= 0, run_place[np.maximum(earlier, 0)], -1)
    return result


def count_pairs(first: Ints, second: Ints) -> tuple[tuple[Ints, Ints], NDArray[np.int64]]:
    """Distinct pairs of two integer columns and how often each occurs."""
    if not len(first):
        return (first, second), np.zeros(0, dtype=np.int64)
    order = np.lexsort([second, first])
    first, second = first[order], second[order]
    start = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))
    index = np.flatnonzero(start)
    counts = np.diff(np.append(index, len(first)))
    return (first[index], second[index]), counts
