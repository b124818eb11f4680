"""Which registers could be an address register and its data register?

A register that is written just before another is accessed, again and again and with changing values, may address it.
That is all this module asks; whether the pair reaches anything is proven by values in `targets`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words, offset_of, region_of

#: pairs that are looked at per device, the most frequent first
MOST_PAIRS = 400
#: an address register this close (bytes) to its data register is believed with fewer uses
_NEAR = 16
_SHARE_NEAR, _SHARE_FAR = 0.02, 0.2


@dataclass(frozen=True, slots=True)
class Pair:
    """An address register and a data register, as places."""

    address: int
    data: int
    uses: int

    @property
    def near(self) -> bool:
        """In one region and next to each other."""
        together = region_of(self.address) == region_of(self.data)
        return together and abs(offset_of(self.address) - offset_of(self.data)) <= _NEAR


@dataclass(frozen=True, slots=True)
class Uses:
    """The accesses to a pair's data register with the address in force: columns of equal length.

    `since`: how many accesses to the data register lie between the last write of the address
    register and this one; `fresh`: the first access after that write.
    """

    data: Accesses
    address: Words
    address_row: Ints
    since: Ints
    fresh: Flags

    def take(self, index: Ints | Flags) -> "Uses":
        return Uses(
            self.data.take(index), self.address[index], self.address_row[index], self.since[index], self.fresh[index]
        )

    def __len__(self) -> int:
        return len(self.address)


def candidate_pairs(accesses: Accesses) -> Iterator[Pair]:
    """Pairs in the order of how often the one was written last before the other was accessed."""
    before = previous_written_place(accesses)
    known = before >= 0
    address, data = before[known], accesses.place[known]
    if not len(address):
        return
    pairs, counts = _count_pairs(address, data)
    totals = dict(zip(*np.unique(accesses.place, return_counts=True), strict=True))
    found = 0
    for at in np.argsort(-counts, kind="stable"):
        pair = Pair(int(pairs[0][at]), int(pairs[1][at]), int(counts[at]))
        share = pair.uses / int(totals[pair.data])
        if share < (_SHARE_NEAR if pair.near else _SHARE_FAR) or (pair.uses < 2 and not pair.near):
            continue
        yield pair
        found += 1
        if found == MOST_PAIRS:
            return


def previous_written_place(accesses: Accesses) -> Ints:
    """For every access the place that was last written before it, other than its own; -1 where there is none."""
    result = np.full(len(accesses), -1, dtype=np.int64)
    writes = np.flatnonzero(accesses.write)
    if not len(writes):
        return result
    written = accesses.place[writes]
    run_start = np.append(True, written[1:] != written[:-1])
    run = np.cumsum(run_start) - 1
    run_place = written[run_start]
    last = np.searchsorted(writes, np.arange(len(accesses)), "left") - 1
    has = last >= 0
    run_of = run[last[has]]
    own = run_place[run_of] == accesses.place[has]
    earlier = run_of - own
    result[has] = np.where(earlier >= 0, run_place[np.maximum(earlier, 0)], -1)
    return result


def self_pairs(accesses: Accesses) -> Iterator[Pair]:
    """Registers that take an address and give the data back themselves: several values written, several read."""
    places = np.intersect1d(accesses.place[accesses.write], accesses.place[~accesses.write])
    mine = np.isin(accesses.place, places)
    place, value, write = accesses.place[mine], accesses.value[mine].view(np.int64), accesses.write[mine]
    several = None
    for flag in (write, ~write):
        (owner, _), _ = _count_pairs(place[flag], value[flag])
        distinct, counts = np.unique(owner, return_counts=True)
        enough = distinct[counts >= 2]
        several = enough if several is None else np.intersect1d(several, enough)
    for at in several if several is not None else ():
        yield Pair(int(at), int(at), int((place[~write] == at).sum()))


def uses_of(accesses: Accesses, pair: Pair, *, commit_after: bool = False) -> Uses:
    """Every access to the data register after the address register was first written.

    With `commit_after` only writes of data that the *next* write of the address register commits: data first, then the
    address (with a command bit, as the RTL8168 wants it), before the data register is touched again.
    """
    if commit_after:
        return _committed(accesses, pair)
    address_at = np.flatnonzero((accesses.place == pair.address) & accesses.write)
    if pair.address == pair.data:
        data_at = np.flatnonzero((accesses.place == pair.data) & ~accesses.write)
    else:
        data_at = np.flatnonzero(accesses.place == pair.data)
    latest = np.searchsorted(address_at, data_at, "left") - 1
    data_at, latest = data_at[latest >= 0], latest[latest >= 0]
    data = accesses.take(data_at)
    since = _count_since(latest)
    fresh = np.append(True, latest[1:] != latest[:-1]) if len(latest) else np.zeros(0, np.bool_)
    source = address_at[latest]
    return Uses(data, accesses.value[source], accesses.row[source], since, fresh)


def _committed(accesses: Accesses, pair: Pair) -> Uses:
    address_at = np.flatnonzero((accesses.place == pair.address) & accesses.write)
    data_at = np.flatnonzero(accesses.place == pair.data)
    following = np.searchsorted(address_at, data_at, "right")
    next_data = np.append(data_at[1:], len(accesses)) if len(data_at) else data_at
    commit = address_at[np.minimum(following, len(address_at) - 1)] if len(address_at) else data_at
    fits = accesses.write[data_at] & (following < len(address_at)) & (commit < next_data)
    data_at, source = data_at[fits], commit[fits]
    zeros = np.zeros(len(data_at), dtype=np.int64)
    fresh = np.ones(len(data_at), np.bool_)
    return Uses(accesses.take(data_at), accesses.value[source], accesses.row[source], zeros, fresh)


def _count_since(latest: Ints) -> Ints:
    """Running number of each access among those with the same latest address write, reads and writes together."""
    if not len(latest):
        return np.zeros(0, dtype=np.int64)
    start = np.append(True, latest[1:] != latest[:-1])
    position = np.arange(len(latest))
    return np.asarray(position - np.maximum.accumulate(np.where(start, position, 0)))


def _count_pairs(first: Ints, second: Ints) -> tuple[tuple[Ints, Ints], NDArray[np.int64]]:
    """Distinct pairs of two integer columns and how often each occurs."""
    if not len(first):
        return (first, second), np.zeros(0, dtype=np.int64)
    order = np.lexsort([second, first])
    first, second = first[order], second[order]
    start = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))
    index = np.flatnonzero(start)
    counts = np.diff(np.append(index, len(first)))
    return (first[index], second[index]), counts
