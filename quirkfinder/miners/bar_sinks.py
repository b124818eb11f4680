"""Registers that were given a guest address of a BAR: its beginning, whole or in units, or addresses inside it.

What is written is compared with where the guest had the BAR at that moment, the whole of 64 bits where it lies above
4 GiB.  A round address is a flag or a mask before it is an address, so it takes several registers that were given it;
and one number that lies inside a BAR is chance, so it takes several numbers and registers that hold nothing else.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.miners.accesses import Flags, Ints, Words, distinct, place_name
from quirkfinder.miners.claims import Scene, hexadecimal
from quirkfinder.miners.information import INFORMATIVE, information, information_of
from quirkfinder.miners.sink import MOST_SITES, Sink
from quirkfinder.miners.told import NOTHING, Told

_TELLING = 12.0
_ROUND, _SEVERAL = 8.0, 20.0  # bits of an address, and of all registers that were given it
_UNITS = (8, 12, 16)  # addresses are told in units of 256 bytes, of pages and of 64 KiB, too
_TELLING_UNITS, _FREE_BITS = 17.0, 6.0
_INSIDE = 24.0  # bits of all numbers that lie in the BAR
_FLAGS = 0xF  # low bits of an address that do not matter
_LOWER = (1 << 32) - 1
_ALIGNED = 4


@dataclass(frozen=True, slots=True)
class _Given:
    """The dwords of one region beside one BAR; `base`: where the guest had it at each, 0 for nowhere."""

    told: Told
    bar: Bar
    base: Words
    chance: float  # bits by which a number is likelier to occur among so many

    @property
    def low(self) -> Words:
        return self.told.dwords.value

    @property
    def whole(self) -> Words:
        """The number of 64 bits; only its lower half where no upper one was written."""
        upper = np.where(self.told.upper == NOTHING, np.uint64(0), self.told.upper)
        return self.low | upper << np.uint64(32)


def bar_sinks(scene: Scene, told: Told) -> Iterator[Sink]:
    """The registers of one region that were told where the guest has a BAR."""
    numbers = len(np.unique(told.dwords.value))
    chance = max(0.0, math.log2(max(1, numbers)) - _FREE_BITS)
    for bar in scene.card.bars:
        if not bar.guest or bar.index > 5 or bar.kind == "io" or bar.guest == bar.host:
            continue
        given = _Given(told, bar, _bases(bar, told.dwords.row), chance)
        yield from _whole(scene, given)
        for shift in _UNITS:
            yield from _in_units(given, shift)


def _bases(bar: Bar, rows: Ints) -> Words:
    """Where the guest had the BAR at each row; the last address where a row is before all or where it was unmapped."""
    base = np.full(len(rows), bar.guest or 0, dtype=np.uint64)
    for placement in bar.placements:
        if placement.address is not None:
            base[rows >= placement.row] = placement.address
    return base


def _whole(scene: Scene, given: _Given) -> Iterator[Sink]:
    """Registers that were given the address of the BAR, or addresses inside it."""
    at = given.told.in_registers(np.flatnonzero(_begins(given)))
    begins = at if _is_told(given, at) else at[:0]
    inside = _inside(scene, given)
    hits, others = np.union1d(begins, inside), np.setdiff1d(inside, begins)
    sites = np.unique(given.told.dwords.offset[hits])
    if not 0 < len(sites) <= MOST_SITES:
        return
    first = int(given.told.dwords.place[hits[0]])
    base, index = hexadecimal(given.bar.guest or 0), given.bar.index
    if len(begins):
        summary = f"the guest tells {place_name(first)} where it has BAR{index} ({base})"
    else:
        summary = f"the guest gives {place_name(first)} addresses in its BAR{index} ({base})"
    yield Sink(
        "guest-bar",
        tuple(sites.tolist()),
        False,
        summary,
        (*_shown(given, begins[:4], "the guest address of"), *_shown(given, others[:6], "an address in")),
        {"bar": index, "address": base},
    )


def _shown(given: _Given, hits: Ints, words: str) -> Iterator[tuple[int, str]]:
    for hit in hits.tolist():
        number = int(given.whole[hit] if int(given.base[hit]) >> 32 else given.low[hit])
        flags = " with flags" if number & _FLAGS and number & ~_FLAGS == int(given.base[hit]) else ""
        note = f"{words} BAR{given.bar.index}{flags}, 0x{number:x}{given.told.words_of(hit)}"
        yield int(given.told.dwords.row[hit]), note


def _begins(given: _Given) -> Flags:
    """Which dwords are the address of the BAR, whatever their flags; above 4 GiB with the upper half beside them."""
    begin = ((given.low ^ given.base) & np.uint64(_LOWER & ~_FLAGS)) == 0
    upper = given.base >> np.uint64(32)
    alone = (given.told.upper == NOTHING) & _telling(given.base & np.uint64(_LOWER), _TELLING)
    return np.asarray(begin & (given.base != 0) & ((upper == 0) | (given.told.upper == upper) | alone))


def _telling(values: Words, least: float) -> Flags:
    return information(values, np.full(len(values), 4, dtype=np.uint8)) >= least


def _is_told(given: _Given, hits: Ints) -> bool:
    """Do the dwords at `hits`, all of them the address of the BAR, prove that the registers were told it?"""
    if not len(hits):
        return False
    bits = max(_bits(base) for base in np.unique(given.base[hits]).tolist())
    registers = len(np.unique(given.told.registers()[hits]))
    return bits >= _TELLING or (bits >= _ROUND and bits * registers >= _SEVERAL)


def _bits(base: int) -> float:
    """What an address proves; nothing where it is a mask, ones from some bit upwards."""
    if base >> 32:
        return information_of(base, 8)
    return 0.0 if _are_masks(np.array([base], dtype=np.uint64))[0] else information_of(base, 4)


def _are_masks(values: Words) -> Flags:
    size = ~values + np.uint64(1) & np.uint64(_LOWER)
    return np.asarray(size & (size - np.uint64(1)) == 0)


def _inside(scene: Scene, given: _Given) -> Ints:
    """Positions of the addresses inside the BAR, of registers that take addresses only; none where it is chance."""
    dwords, size = given.told.dwords, given.bar.size
    none = np.zeros(0, dtype=np.int64)
    if not size:
        return none
    high = bool((given.bar.guest or 0) >> 32)
    number = given.whole if high else given.low
    hit = (number >= given.base) & (number < given.base + np.uint64(size)) & (given.base != 0)
    hit &= (number % _ALIGNED == 0) & (number != dwords.offset.astype(np.uint64) + given.base)
    hit &= _telling(given.low, INFORMATIVE) & ~_are_masks(given.low) if not high else True
    if not hit.any():
        return none
    register = given.told.registers()
    other = _telling(given.low, INFORMATIVE) & ~hit & ~_in_ram(scene, given)
    strange = np.bincount(register[other], minlength=len(register)) > 0
    at = given.told.in_registers(np.flatnonzero(hit & ~strange[register]))
    shown = len(distinct(register[at], number[at]))
    # of many numbers some lie in the BAR by chance: as many bits less as tell which of them do
    numbers = len(np.unique(given.low[_telling(given.low, INFORMATIVE)]))
    bits = shown * (32 + 4 * high - math.log2(size) - math.log2(max(1.0, numbers / max(1, shown))))
    several = len(np.unique(number[at])) > 1
    return at if several and bits >= _INSIDE and len(np.unique(dwords.place[at])) <= MOST_SITES else none


def _in_ram(scene: Scene, given: _Given) -> Flags:
    """Which dwords are addresses of the guest's memory, alone or with the upper half beside them."""
    inside = np.zeros(len(given.told), dtype=np.bool_)
    whole = given.whole
    for span in scene.machine.guest_spans:
        if span.name == "ram":
            for number in (given.low, whole):
                inside |= (number >= span.first) & (number <= span.last)
    return inside


def _in_units(given: _Given, shift: int) -> Iterator[Sink]:
    """Registers that were given the address in units of 1 << `shift` bytes."""
    units = (given.bar.guest or 0) >> shift
    # the fewer bits are left, and the more values were written, the likelier is chance
    if units >> 32 or information_of(units, 4) - given.chance < _TELLING_UNITS:
        return
    hits = given.told.in_registers(np.flatnonzero(given.low == np.uint64(units)))
    sites = np.unique(given.told.dwords.offset[hits])
    if not 0 < len(sites) <= MOST_SITES:
        return
    index, base = given.bar.index, hexadecimal(given.bar.guest or 0)
    where = place_name(int(given.told.dwords.place[hits[0]]))
    note = f"the guest address of BAR{index}, {base} >> {shift}, is 0x{units:x}"
    yield Sink(
        "guest-bar",
        tuple(sites.tolist()),
        False,
        f"the guest tells {where} where it has BAR{index} ({base} >> {shift})",
        tuple((int(given.told.dwords.row[h]), note) for h in hits[:4]),
        {"bar": index, "address": base, "shift": shift},
    )
