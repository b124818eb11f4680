"""The uses of a candidate pair: every access to the data register with the address in force.

Cards differ in how the address comes about: one write or two halves, before the data or after it as a command.  Each
way is one function here, and all give the same columns.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words, place_of, region_of
from quirkfinder.miners.windows.candidates import Pair

#: registers this near (bytes) may hold the other half of an address or a mode
_HELPERS = 64
_MOST_MODES = 6
_MOST_HELPERS = 4


@dataclass(frozen=True, slots=True)
class Uses:
    """Columns of equal length.

    `sub`: offset inside the data register in bytes; `since`: how many accesses to the data register lie between the
    last write of the address and this one; `fresh`: it is the first of them.
    """

    data: Accesses
    sub: Ints
    address: Words
    address_row: Ints
    since: Ints
    fresh: Flags

    def take(self, index: Ints | Flags) -> "Uses":
        """The uses at `index` (positions or a mask)."""
        return Uses(
            self.data.take(index),
            self.sub[index],
            self.address[index],
            self.address_row[index],
            self.since[index],
            self.fresh[index],
        )

    def __len__(self) -> int:
        return len(self.address)


def plain_uses(accesses: Accesses, pair: Pair) -> Uses:
    """Every access to the data register after the address register was first written."""
    data_at, sub = _data(accesses, pair)
    address_at = np.flatnonzero((accesses.place == pair.address) & accesses.write)
    latest = np.searchsorted(address_at, data_at, "left") - 1
    known = latest >= 0
    data_at, sub, latest = data_at[known], sub[known], latest[known]
    address = accesses.value[address_at[latest]]
    row = accesses.row[address_at[latest]]
    if pair.high is not None:
        high_at = np.flatnonzero((accesses.place == pair.high) & accesses.write)
        latest_high = np.searchsorted(high_at, data_at, "left") - 1
        both = latest_high >= 0
        data_at, sub, latest = data_at[both], sub[both], latest[both]
        address, row, latest_high = address[both], row[both], latest_high[both]
        shift = np.uint64(8 * _width(accesses, pair.address))
        address = (accesses.value[high_at[latest_high]] << shift) | address
        latest = np.maximum(address_at[latest], high_at[latest_high])
    uses = Uses(accesses.take(data_at), sub, address, row, _since(latest), _fresh(latest))
    if pair.address == pair.data:  # a register that only reads back what was written to it reaches nothing
        return uses.take(uses.data.value != uses.address)
    return uses


def commanded_uses(accesses: Accesses, pair: Pair) -> Uses:
    """As `plain_uses` for reads; a write of data belongs to the address that is written after it, as its command."""
    address_at = np.flatnonzero((accesses.place == pair.address) & accesses.write)
    data_at = np.flatnonzero(accesses.place == pair.data)
    reads = plain_uses(accesses, pair)
    reads = reads.take(~reads.data.write)
    if not len(address_at) or not len(data_at):
        return reads
    following = np.searchsorted(address_at, data_at, "right")
    commit = address_at[np.minimum(following, len(address_at) - 1)]
    fits = accesses.write[data_at] & (following < len(address_at)) & (commit < np.append(data_at[1:], len(accesses)))
    data_at, source = data_at[fits], commit[fits]
    zeros = np.zeros(len(data_at), dtype=np.int64)
    # the write takes effect with the command, so that is its place in time
    data = accesses.take(data_at)
    data = Accesses(accesses.row[source], data.place, data.size, data.value, data.write, data.handled)
    writes = Uses(data, zeros, accesses.value[source], accesses.row[source], zeros, zeros == 0)
    return _merged(reads, writes)


def other_halves(accesses: Accesses, pair: Pair) -> list[Pair]:
    """The pair with a second address register next to the first, where one is written in the same width."""
    width = _width(accesses, pair.address)
    if width not in (1, 2) or pair.address == pair.data:
        return []
    found = []
    for low, high in ((pair.address, pair.address + width), (pair.address - width, pair.address)):
        other = high if low == pair.address else low
        mine = (accesses.place == other) & accesses.write
        if other != pair.data and mine.any() and (accesses.size[mine] == width).all():
            found.append(Pair(low, pair.data, pair.uses, high))
    return found


def mode_registers(accesses: Accesses, pair: Pair) -> list[int]:
    """Registers near the pair that are switched between a few values and could choose the target."""
    region = region_of(pair.address)
    low = place_of(region, 0)
    near = (accesses.place >= max(low, pair.address - _HELPERS)) & (accesses.place <= pair.address + _HELPERS)
    near &= accesses.write
    found = []
    for place in np.unique(accesses.place[near]).tolist():
        values = np.unique(accesses.value[near & (accesses.place == place)])
        if place not in pair.registers and len(values) <= _MOST_MODES:
            found.append((abs(place - pair.address), place))
    return [place for _, place in sorted(found)[:_MOST_HELPERS]]


def value_in_force(accesses: Accesses, place: int, rows: Ints) -> Ints:
    """The value last written to `place` before each of `rows`; -1 where it was not written yet."""
    at = np.flatnonzero((accesses.place == place) & accesses.write)
    if not len(at):
        return np.full(len(rows), -1, dtype=np.int64)
    latest = np.searchsorted(accesses.row[at], rows, "left") - 1
    values = accesses.value[at].astype(np.int64)
    return np.where(latest >= 0, values[np.maximum(latest, 0)], -1)


def _data(accesses: Accesses, pair: Pair) -> tuple[Ints, Ints]:
    """Positions of the accesses to the data register and to bytes inside it, and the offset in it."""
    own = accesses.place == pair.data
    if pair.address == pair.data:
        at = np.flatnonzero(own & ~accesses.write)
        return at, np.zeros(len(at), dtype=np.int64)
    width = int(accesses.size[own].max()) if own.any() else 1
    inside = (accesses.place >= pair.data) & (accesses.place < pair.data + width)
    for register in (pair.address, pair.high):
        if register is not None:
            inside &= accesses.place != register
    at = np.flatnonzero(inside)
    return at, accesses.place[at] - pair.data


def _width(accesses: Accesses, place: int) -> int:
    """The width in bytes in which a register is mostly written; 0 where it never is."""
    sizes = accesses.size[(accesses.place == place) & accesses.write]
    return int(np.bincount(sizes).argmax()) if len(sizes) else 0


def _since(latest: Ints) -> Ints:
    """Running number of each access among those with the same latest address write."""
    position = np.arange(len(latest))
    return (
        np.asarray(position - np.maximum.accumulate(np.where(_fresh(latest), position, 0))) if len(latest) else latest
    )


def _fresh(latest: Ints) -> Flags:
    if not len(latest):
        return np.zeros(0, dtype=np.bool_)
    return np.append(True, latest[1:] != latest[:-1])


def _merged(first: Uses, second: Uses) -> Uses:
    columns = [
        np.concatenate([a, b])
        for a, b in (
            (first.data.row, second.data.row),
            (first.data.place, second.data.place),
            (first.data.size, second.data.size),
            (first.data.value, second.data.value),
            (first.data.write, second.data.write),
            (first.data.handled, second.data.handled),
            (first.sub, second.sub),
            (first.address, second.address),
            (first.address_row, second.address_row),
            (first.since, second.since),
            (first.fresh, second.fresh),
        )
    ]
    uses = Uses(Accesses(*columns[:6]), *columns[6:])
    return uses.take(np.argsort(uses.data.row, kind="stable"))
