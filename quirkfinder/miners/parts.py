"""Addresses told in parts: in words, in bytes, or in words too short to be believed one by one.

Only registers count that the guest never wrote and that always told the same.  A part proves little; what proves
something is the parts beside each other, or the same kind of part of several BARs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.events import VGA
from quirkfinder.miners.accesses import region_of
from quirkfinder.miners.information import information_of
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.steady import Steady

#: the least that the upper word of an address proves: it is all ones at the top more often than not
LEAST_WORD = 9.0
_STRIDES = (1, 2, 4, 8, 16)  # bytes from one part to the next
_TOGETHER = 18.0  # bits that words must prove together
_LEAST_BYTES = 3
_BYTE_BITS = 6.0
_ZERO_BITS = 1.5  # what a part proves that is zero, as in every address, or all ones
_WHOLE = 14.0  # bits that all parts of an address must prove, those that are zero among them
_FREE_BITS = 6.0  # 64 registers may be compared for nothing
_USED_WORDS = 10.0  # bits that two words must prove where the guest used the address afterwards
_LOW_WORD = 4.0  # a lower word that is not zero, flags and all
_DWORD_BITS = 32


@dataclass(frozen=True, slots=True)
class Parts:
    """The low 32 bits of an address cut into parts of `bits` bits, the lowest first; `bar` has the address."""

    bar: Bar
    bits: int

    @property
    def values(self) -> list[int]:
        base = (self.bar.host or 0) & 0xFFFFFFFF
        return [(base >> at) & self.full for at in range(0, _DWORD_BITS, self.bits)]

    @property
    def full(self) -> int:
        return (1 << self.bits) - 1

    @property
    def telling(self) -> list[int]:
        """The positions of the parts that are neither zero nor all ones."""
        return [n for n, value in enumerate(self.values) if value not in (0, self.full)]

    def proven(self, positions: Sequence[int]) -> float:
        """Bits that the parts at `positions` prove."""
        one = {8: _BYTE_BITS}
        return sum(
            one.get(self.bits, information_of(self.values[n], 2)) if n in self.telling else _ZERO_BITS
            for n in positions
        )


def told_in_parts(held: Mapping[int, Steady], bar: Bar, standard: frozenset[int], used: int) -> Iterator[Leak]:
    """Registers at equal distances that hold the bytes or the words of the address of `bar`, in either order.

    `held`: the steady registers by the width of their reads, which may be wider than the parts; `standard`: VGA's own;
    `used`: the row of the guest's last access to the address, where it has nothing; -1: there was none.
    """
    for parts in (Parts(bar, 8), Parts(bar, 16)):
        for size, steady in held.items():
            if size * 8 > parts.bits or parts.bits == 8:
                found = _in_a_row(steady, parts, size, standard, used)
                if found:
                    yield from found
                    return


def _in_a_row(steady: Steady, parts: Parts, size: int, standard: frozenset[int], used: int) -> list[Leak]:
    """The first row of registers of `size` bytes that holds the parts."""
    telling, values = parts.telling, parts.values
    if not telling:
        return []
    for place in steady.holding(values[telling[-1]]):
        for step in [sign * stride for stride in _STRIDES if stride >= size for sign in (1, -1)]:
            places = {n: place + (n - telling[-1]) * step for n in range(len(values))}
            fitting = [n for n, at in places.items() if _holds(steady, at, values[n], parts.bar, first=n == 0)]
            if any(region_of(places[n]) == VGA and (places[n] & 0xFFFF) in standard for n in fitting):
                continue
            rows = [steady.row(places[n]) for n in fitting]
            if _believed(parts, fitting, len(steady), in_time=max(rows) < used):
                mask = parts.full if size * 8 > parts.bits else None
                bits, together = parts.proven(fitting), len(fitting)
                return [
                    Leak(places[n], size, parts.bar, parts.bits * n, bits, (row,), 0, together=together, mask=mask)
                    for n, row in zip(fitting, rows, strict=True)
                ]
    return []


def _believed(parts: Parts, fitting: Sequence[int], compared: int, *, in_time: bool) -> bool:
    """Do the parts that fit prove the address?  `in_time`: the guest used it after they were read."""
    telling, proven = parts.telling, parts.proven(fitting)
    if not set(telling) <= set(fitting):
        return False
    various = len({parts.values[n] for n in telling}) > 1
    if parts.bits == 8 and len(telling) >= _LEAST_BYTES and various:
        return True
    if len(fitting) < len(parts.values):
        return False
    if in_time:
        return len(telling) > 1 if parts.bits == 8 else proven >= _USED_WORDS
    least = _WHOLE if parts.bits == 8 else _TOGETHER
    return various and proven - max(0.0, float(np.log2(max(1, compared))) - _FREE_BITS) >= least


def _holds(parts: Steady, place: int, wanted: int, bar: Bar, *, first: bool) -> bool:
    """Does the part hold what is wanted, the flags of the lowest one aside?"""
    flags = (3 if bar.kind == "io" else 15) if first else 0
    value = parts.at(place)
    return value is not None and value & ~flags == wanted & ~flags


def with_lower_words(words: Sequence[Leak], registers: Steady, chance: float) -> Iterator[Leak]:
    """The upper words of addresses that have a lower word beside them, and those lower words."""
    for leak in words:
        low = (leak.bar.host or 0) & 0xFFFF
        beside = [leak.place - step for step in _STRIDES[1:]] + [leak.place + step for step in _STRIDES[1:]]
        lower = [at for at in beside if _holds(registers, at, low, leak.bar, first=True) and registers.at(at)]
        if lower and leak.bits - chance + _LOW_WORD + information_of(low, 2) >= _TOGETHER - _LOW_WORD:
            yield replace(leak, bits=leak.bits + _LOW_WORD, together=2)
            row = registers.row(lower[0])
            yield Leak(lower[0], 2, leak.bar, 0, leak.bits, (row,), 0, together=2)


def words_of_several_bars(words: Sequence[Leak], chance: float) -> Iterator[Leak]:
    """The upper words of addresses of different BARs where they prove enough together."""
    values = {(leak.bar.host or 0) >> 16: leak.bits - chance for leak in words}
    if len(values) > 1 and sum(values.values()) >= _TOGETHER:
        yield from (replace(leak, together=len(values)) for leak in words)
