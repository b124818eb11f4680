"""Addresses told in parts: in two words, in bytes, or in words too short to be believed one by one.

Only registers count that the guest never wrote and that always told the same.  A part proves little; what proves
something is the parts beside each other, or the same kind of part of several BARs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.events import VGA
from quirkfinder.miners.accesses import Accesses, region_of
from quirkfinder.miners.information import information_of
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.registers import Registers

#: the least that the upper word of an address proves: it is all ones at the top more often than not
LEAST_WORD = 9.0
_STRIDES = (1, 2, 4, 8)  # bytes from one part to the next
_TOGETHER = 18.0  # bits that words must prove together
_LEAST_BYTES = 3
_BYTE_BITS = 6.0
_LOW_WORD = 4.0  # a lower word that is not zero, flags and all


def steady_parts(registers: Registers, reads: Accesses, size: int) -> dict[int, tuple[int, int]]:
    """place -> (value, first row) of the registers read in `size` bytes that were never written and never changed."""
    found: dict[int, tuple[int, int]] = {}
    mine = reads.take(reads.size == size)
    for place in np.unique(mine.place).tolist():
        at = registers.at(place)
        value = registers.accesses.value[at]
        if not registers.accesses.write[at].any() and (value == value[0]).all():
            found[place] = (int(value[0]), int(registers.accesses.row[at[0]]))
    return found


def told_in_bytes(bytes_: dict[int, tuple[int, int]], bar: Bar, standard: frozenset[int]) -> Iterator[Leak]:
    """Byte registers at equal distances that hold the bytes of the address, in either order; `standard`: VGA's own."""
    base = (bar.host or 0) & 0xFFFFFFFF
    wanted = [(base >> (8 * n)) & 0xFF for n in range(4)]
    telling = [n for n in range(4) if wanted[n]]
    if len(telling) < _LEAST_BYTES or len({wanted[n] for n in telling}) < 2:
        return
    for place, (value, _) in bytes_.items():
        if value != wanted[telling[-1]]:
            continue
        for step in [sign * stride for stride in _STRIDES for sign in (1, -1)]:
            places = {n: place + (n - telling[-1]) * step for n in telling}
            fits = (_holds(bytes_, at, wanted[n], bar, first=n == 0) for n, at in places.items())
            if all(fits) and not any(region_of(p) == VGA and (p & 0xFFFF) in standard for p in places.values()):
                bits = _BYTE_BITS * len(telling)
                yield from (
                    Leak(at, 1, bar, 8 * n, bits, (bytes_[at][1],), 0, together=len(telling))
                    for n, at in places.items()
                )
                return


def _holds(parts: dict[int, tuple[int, int]], place: int, wanted: int, bar: Bar, *, first: bool) -> bool:
    """Does the part hold what is wanted, the flags of the lowest one aside?"""
    flags = (3 if bar.kind == "io" else 15) if first else 0
    return place in parts and parts[place][0] & ~flags == wanted & ~flags


def words_believed(words: Sequence[Leak], registers: dict[int, tuple[int, int]], chance: float) -> list[Leak]:
    """Of the upper words of addresses those that a lower word beside them, or the words of other BARs, bear out."""
    believed: list[Leak] = []
    for leak in words:
        low = (leak.bar.host or 0) & 0xFFFF
        beside = [leak.place - step for step in _STRIDES[1:]] + [leak.place + step for step in _STRIDES[1:]]
        lower = [at for at in beside if _holds(registers, at, low, leak.bar, first=True) and registers[at][0]]
        if lower and leak.bits - chance + _LOW_WORD + information_of(low, 2) >= _TOGETHER - _LOW_WORD:
            believed.append(replace(leak, bits=leak.bits + _LOW_WORD, together=2))
            believed.append(Leak(lower[0], 2, leak.bar, 0, leak.bits, (registers[lower[0]][1],), 0, together=2))
    known = {leak.place for leak in believed}
    values = {(leak.bar.host or 0) >> 16: leak.bits - chance for leak in words}
    if len(values) > 1 and sum(values.values()) >= _TOGETHER:
        believed += [replace(leak, together=len(values)) for leak in words if leak.place not in known]
    return believed
