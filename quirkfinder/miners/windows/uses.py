"""The uses of a candidate pair: every access to the data register with the address in force.

Cards differ in how the address comes about: one write or two halves, before the data or after it as a command.  Each
way is one function here, and all give the same columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words, joined
from quirkfinder.miners.agreement import written_before
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import Pair

_WIDEST = 4  # bytes of an address
_MOST_TOGETHER = 0.5  # of the rounds, at least, write every part of an address


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
    """Every access to the data register after the address register was first written, all of it."""
    accesses = registers.accesses
    data_at, sub = _data(registers, pair)
    history = registers.history(pair.address, span_of(registers, pair))
    latest = np.searchsorted(history.at, data_at, "left") - 1
    known = (latest >= 0) & (history.known[np.maximum(latest, 0)] if len(history.at) else False)
    data_at, sub, latest = data_at[known], sub[known], latest[known]
    whole = _unbroken(registers, pair, accesses.row[history.at[latest]], accesses.row[data_at])
    data_at, sub, latest = data_at[whole], sub[whole], latest[whole]
    address, source = history.value[latest], history.at[latest]
    data = accesses.take(data_at)
    counted = (_since(source, ~data.write), _since(source, data.write))
    uses = Uses(data, sub, address, accesses.row[source], *counted, _fresh(source))
    if pair.address == pair.data:  # a register that only reads back what was written to it reaches nothing
        return uses.take(uses.data.value != uses.address)
    return uses


def span_of(registers: Registers, pair: Pair) -> int:
    """Bytes of the address register: as many as are written at once, up to the data register."""
    if pair.span:
        return pair.span
    at = registers.writes(pair.address)
    widest = int(registers.accesses.size[at].max()) if len(at) else 0
    return min(widest, pair.data - pair.address) if pair.data > pair.address else widest


def commanded_uses(registers: Registers, pair: Pair, reads: Uses) -> Uses:
    """Reads as they are; a write of data belongs to the address that is written after it, as its command."""
    accesses = registers.accesses
    history, data_at = registers.history(pair.address, span_of(registers, pair)), registers.at(pair.data)
    address_at = history.at
    reads = reads.take(~reads.data.write)
    if not len(address_at) or not len(data_at):
        return reads
    following = np.searchsorted(address_at, data_at, "right")
    commit = address_at[np.minimum(following, len(address_at) - 1)]
    fits = accesses.write[data_at] & (following < len(address_at)) & (commit < np.append(data_at[1:], len(accesses)))
    fits &= _unbroken(registers, pair, accesses.row[data_at], accesses.row[commit])
    data_at, source, address = data_at[fits], commit[fits], history.value[following[fits]]
    zeros = np.zeros(len(data_at), dtype=np.int64)
    # the write takes effect with the command, so that is its place in time
    data = replace(accesses.take(data_at), row=accesses.row[source])
    writes = Uses(data, zeros, address, accesses.row[source], zeros, zeros, zeros == 0)
    return _merged(reads, writes)


def without_flag(uses: Uses, flag: int) -> Uses:
    """The uses with the bit that makes an address a command left out of all addresses."""
    return replace(uses, address=uses.address & ~np.uint64(flag))


def delayed_uses(uses: Uses) -> Uses:
    """Reads only, each with the address of the read before it: some cards answer with what they fetched last."""
    reads = uses.take(~uses.data.write)
    later, before = np.arange(1, len(reads)), np.arange(0, max(0, len(reads) - 1))
    shifted = reads.take(later)
    return replace(shifted, address=reads.address[before], sub=reads.sub[before])


def uses_of_way(uses: Uses, *, write: bool) -> Uses:
    """The reads or the writes alone, as where each have an address register of their own."""
    own = uses.take(uses.data.write if write else ~uses.data.write)
    zeros = np.zeros(len(own), dtype=np.int64)
    if write:
        return replace(own, reads=zeros, fresh=own.writes == 0)
    return replace(own, writes=zeros, fresh=own.reads == 0)


def split_addresses(registers: Registers, pair: Pair) -> Iterator[Pair]:
    """The pair with an address register that takes in the parts beside the first, as far as such are written.

    A split address may be written in any order, at once or in parts, and parts of it only where they change.
    """
    own = span_of(registers, pair)
    if own not in (1, 2) or pair.address == pair.data:
        return
    aligned = {(pair.address & ~(width - 1), width) for width in (2, _WIDEST)}
    beside = {(pair.address, 2 * own), (pair.address - own, 2 * own)}
    if own == 1:  # 24 bits in three registers
        beside |= {(pair.address, 3)} | {(first + (first == pair.data), 3) for first, width in aligned if width == 4}
    for first, width in sorted(aligned | beside):
        outside = first > pair.address or first + width < pair.address + own
        if not (outside or first <= pair.data < first + width or width <= own):
            yield from _split(registers, pair, first, width)


def _split(registers: Registers, pair: Pair, first: int, width: int) -> Iterator[Pair]:
    """The pair with the address in the `width` bytes from `first` on, where parts of those are written alone."""
    places = [p for p in registers.between(first, first + width - 1) if len(registers.writes(p))]
    ends = [p + int(registers.accesses.size[registers.writes(p)].max()) for p in places]
    if len(places) < 2 or max(ends) > first + width or not registers.history(first, width).known.any():
        return
    last = places[-1] - places[0]
    upper = registers.history(places[0], max(ends) - places[0]).value >> np.uint64(8 * last)
    if upper.any():  # else that part of it never told anything
        lasting = not _together(registers, pair, first, width)
        yield replace(pair, address=places[0], span=max(ends) - places[0], parts=tuple(places[1:]), lasting=lasting)


def _together(registers: Registers, pair: Pair, first: int, width: int) -> bool:
    """Are all bytes of the address that are ever written written together, most of the time?

    Together means with no access to the data register in between.
    """
    at = registers.writes_into(first, width)
    start, size = registers.accesses.place[at], registers.accesses.size[at]
    round_ = np.searchsorted(registers.at(pair.data), at)
    rounds = len(np.unique(round_))
    shares = []
    for byte in range(first, first + width):
        covers = (start <= byte) & (byte < start + size)
        if covers.any():
            shares.append(len(np.unique(round_[covers])) / rounds)
    return min(shares) >= _MOST_TOGETHER


def in_parts(registers: Registers, pair: Pair) -> Pair | None:
    """The pair with a data register of four bytes, where all that lies in those is accessed in narrower parts."""
    places = registers.between(pair.data, pair.data + 3)
    if pair.data % 4 or len(places) < 2 or {pair.address, *pair.parts} & set(range(pair.data, pair.data + 4)):
        return None
    sizes = registers.accesses.size[registers.inside(pair.data, pair.data + 3)]
    return replace(pair, width=4) if sizes.max() < 4 else None


def _data(registers: Registers, pair: Pair) -> tuple[Ints, Ints]:
    """Positions of the accesses to the data register and to bytes inside it, and the offset in it."""
    if pair.address == pair.data:
        at = registers.reads(pair.data)
        return at, np.zeros(len(at), dtype=np.int64)
    own = registers.at(pair.data)
    width = pair.width or (int(registers.accesses.size[own].max()) if len(own) else 1)
    inside = [p for p in registers.between(pair.data, pair.data + width - 1) if p not in (pair.address, *pair.parts)]
    at = own if len(inside) <= 1 else np.sort(np.concatenate([registers.at(p) for p in inside]))
    return at, registers.accesses.place[at] - pair.data


def _unbroken(registers: Registers, pair: Pair, first: Ints, last: Ints) -> Flags:
    """Is nothing left out of the trace of the pair's registers between the rows `first` and `last`?"""
    whole = np.ones(len(first), dtype=np.bool_)
    for place in pair.registers:
        whole &= registers.unbroken(place, first, last)
    return whole


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
