"""The uses of a candidate pair: every access to the data register with the address in force.

Cards differ in how the address comes about: one write or two halves, before the data or after it as a command.  Each
way is one function here, and all give the same columns.
"""

from dataclasses import dataclass, replace

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words, joined, place_of, region_of
from quirkfinder.miners.agreement import written_before
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import Pair

#: registers this near (bytes) may hold the other half of an address or a mode
_HELPERS = 64
_MOST_MODES = 6
_MOST_HELPERS = 4


@dataclass(frozen=True, slots=True)
class Uses:
    """Columns of equal length.

    `sub`: offset inside the data register in bytes; `reads` and `writes`: how many of each went to the data register
    between the last write of the address and this access; `fresh`: it is the first of them.
    """

    data: Accesses
    sub: Ints
    address: Words
    address_row: Ints
    reads: Ints
    writes: Ints
    fresh: Flags

    def take(self, index: Ints | Flags) -> "Uses":
        """The uses at `index` (positions or a mask)."""
        return Uses(
            self.data.take(index),
            self.sub[index],
            self.address[index],
            self.address_row[index],
            self.reads[index],
            self.writes[index],
            self.fresh[index],
        )

    def __len__(self) -> int:
        return len(self.address)

    @property
    def echo(self) -> Flags:
        """Reads of a value that the guest had written to the data register before: they may be plain storage."""
        return written_before(self.data)


def plain_uses(registers: Registers, pair: Pair) -> Uses:
    """Every access to the data register after the address register was first written."""
    accesses = registers.accesses
    data_at, sub = _data(registers, pair)
    address_at = registers.writes(pair.address)
    latest = np.searchsorted(address_at, data_at, "left") - 1
    known = latest >= 0
    data_at, sub, latest = data_at[known], sub[known], latest[known]
    address = accesses.value[address_at[latest]]
    source = address_at[latest]
    if pair.high is not None:
        high_at = registers.writes(pair.high)
        latest_high = np.searchsorted(high_at, data_at, "left") - 1
        both = latest_high >= 0
        data_at, sub, address, source = data_at[both], sub[both], address[both], source[both]
        high_source = high_at[latest_high[both]]
        address = (accesses.value[high_source] << np.uint64(8 * registers.width(pair.address))) | address
        latest = np.maximum(source, high_source)
    else:
        latest = source
    whole = _unbroken(registers, pair, accesses.row[latest], accesses.row[data_at])
    data_at, sub, address, source, latest = data_at[whole], sub[whole], address[whole], source[whole], latest[whole]
    data = accesses.take(data_at)
    counted = (_since(latest, ~data.write), _since(latest, data.write))
    uses = Uses(data, sub, address, accesses.row[source], *counted, _fresh(latest))
    if pair.address == pair.data:  # a register that only reads back what was written to it reaches nothing
        return uses.take(uses.data.value != uses.address)
    return uses


def commanded_uses(registers: Registers, pair: Pair) -> Uses:
    """As `plain_uses` for reads; a write of data belongs to the address that is written after it, as its command."""
    accesses = registers.accesses
    address_at, data_at = registers.writes(pair.address), registers.at(pair.data)
    reads = plain_uses(registers, pair)
    reads = reads.take(~reads.data.write)
    if not len(address_at) or not len(data_at):
        return reads
    following = np.searchsorted(address_at, data_at, "right")
    commit = address_at[np.minimum(following, len(address_at) - 1)]
    fits = accesses.write[data_at] & (following < len(address_at)) & (commit < np.append(data_at[1:], len(accesses)))
    fits &= _unbroken(registers, pair, accesses.row[data_at], accesses.row[commit])
    data_at, source = data_at[fits], commit[fits]
    zeros = np.zeros(len(data_at), dtype=np.int64)
    # the write takes effect with the command, so that is its place in time
    data = replace(accesses.take(data_at), row=accesses.row[source])
    writes = Uses(data, zeros, accesses.value[source], accesses.row[source], zeros, zeros, zeros == 0)
    return _merged(reads, writes)


def delayed_uses(uses: Uses) -> Uses:
    """Reads only, each with the address of the read before it: some cards answer with what they fetched last."""
    reads = uses.take(~uses.data.write)
    later, before = np.arange(1, len(reads)), np.arange(0, max(0, len(reads) - 1))
    shifted = reads.take(later)
    return replace(shifted, address=reads.address[before], sub=reads.sub[before])


def other_halves(registers: Registers, pair: Pair) -> list[Pair]:
    """The pair with a second address register next to the first, where one is written in the same width."""
    width = registers.width(pair.address)
    if width not in (1, 2) or pair.address == pair.data:
        return []
    found = []
    for low, high in ((pair.address, pair.address + width), (pair.address - width, pair.address)):
        other = high if low == pair.address else low
        at = registers.writes(other)
        if other != pair.data and len(at) and (registers.accesses.size[at] == width).all():
            split = Pair(low, pair.data, pair.uses, high)
            if _together(registers, split):
                found.append(split)
    return found


def in_parts(registers: Registers, pair: Pair) -> Pair | None:
    """The pair with a data register of four bytes, where all that lies in those is accessed in narrower parts."""
    places = registers.between(pair.data, pair.data + 3)
    if pair.data % 4 or len(places) < 2 or {pair.address, pair.high} & set(range(pair.data, pair.data + 4)):
        return None
    sizes = registers.accesses.size[registers.inside(pair.data, pair.data + 3)]
    return replace(pair, width=4) if sizes.max() < 4 else None


def _together(registers: Registers, pair: Pair) -> bool:
    """Are both halves written together, most of the time, and does the upper one ever hold anything?

    Together means with no access to the data register, nor another write of the same half, in between.
    """
    high_place = pair.high if pair.high is not None else pair.address
    low, high = registers.writes(pair.address), registers.writes(high_place)
    at = np.sort(np.concatenate([low, high, registers.at(pair.data)]))
    place = registers.accesses.place[at]
    own, other = place == pair.address, place == high_place
    beside = own & (np.append(other[1:], False) | np.append(False, other[:-1]))
    return bool(beside[own].mean() >= 0.5) and bool(registers.accesses.value[high].any())


def mode_registers(registers: Registers, pair: Pair) -> list[int]:
    """Registers near the pair that are switched between a few values and could choose the target."""
    first = max(place_of(region_of(pair.address), 0), pair.address - _HELPERS)
    found = []
    for place in registers.between(first, pair.address + _HELPERS):
        values = len(registers.values_written(place))
        if place not in pair.registers and 0 < values <= _MOST_MODES:
            found.append((abs(place - pair.address), place))
    return [place for _, place in sorted(found)[:_MOST_HELPERS]]


def _data(registers: Registers, pair: Pair) -> tuple[Ints, Ints]:
    """Positions of the accesses to the data register and to bytes inside it, and the offset in it."""
    if pair.address == pair.data:
        at = registers.reads(pair.data)
        return at, np.zeros(len(at), dtype=np.int64)
    own = registers.at(pair.data)
    width = pair.width or (int(registers.accesses.size[own].max()) if len(own) else 1)
    inside = [p for p in registers.between(pair.data, pair.data + width - 1) if p not in (pair.address, pair.high)]
    at = own if len(inside) <= 1 else np.sort(np.concatenate([registers.at(p) for p in inside]))
    return at, registers.accesses.place[at] - pair.data


def _unbroken(registers: Registers, pair: Pair, first: Ints, last: Ints) -> Flags:
    """Is nothing left out of the trace of the pair's registers between the rows `first` and `last`?"""
    whole = registers.unbroken(pair.address, first, last) & registers.unbroken(pair.data, first, last)
    return whole if pair.high is None else whole & registers.unbroken(pair.high, first, last)


def _since(latest: Ints, flag: Flags) -> Ints:
    """How many of the flagged accesses lie before each one, among those with the same latest address write."""
    if not len(latest):
        return latest
    before: Ints = np.cumsum(flag) - flag
    return np.asarray(before - np.maximum.accumulate(np.where(_fresh(latest), before, 0)))


def _fresh(latest: Ints) -> Flags:
    if not len(latest):
        return np.zeros(0, dtype=np.bool_)
    return np.append(True, latest[1:] != latest[:-1])


def _merged(first: Uses, second: Uses) -> Uses:
    uses = Uses(
        joined(first.data, second.data),
        np.concatenate([first.sub, second.sub]),
        np.concatenate([first.address, second.address]),
        np.concatenate([first.address_row, second.address_row]),
        np.concatenate([first.reads, second.reads]),
        np.concatenate([first.writes, second.writes]),
        np.concatenate([first.fresh, second.fresh]),
    )
    return uses.take(np.argsort(uses.data.row, kind="stable"))
