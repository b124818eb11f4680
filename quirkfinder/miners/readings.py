"""Single registers that tell a host address: whole, with flags below it, big-endian, shifted, as a word or as a byte.

A register that tells many values is a port to something else, unless an index chooses what it tells, or the guest used
the very address that it had told.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.events import VGA
from quirkfinder.miners.accesses import Accesses, Flags, Ints, place_of, region_of
from quirkfinder.miners.information import information_of
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.parts import LEAST_WORD
from quirkfinder.miners.registers import Registers

#: bits a whole address must prove to stand on its own; below, something has to speak for it
STRONG = 14.0
SHIFTED = 14.0
#: addresses are told in units of dwords, of 16, 64, 256, and 1024 bytes, of pages, or by their upper bits alone
SHIFTS = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32)
PAGE = 0x1000
#: reads of these VGA ports have a meaning of their own (IBM VGA); 0x3b4.. are their monochrome twins
VGA_STANDARD = frozenset([*range(0x3C0, 0x3C3), *range(0x3C4, 0x3CB), 0x3CC, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3DA])
_MOST_VALUES = 3
_MOST_REGISTERS = 8  # a value at more places than this is no address
_DATA_PORT = 8  # a register with more other values than this is a port to something else
_TELLING = 20.0  # bits of a value that a register with a few others may still tell
_BAR_FLAGS = 8.0  # bits that a BAR's flags prove below its base
_UNIT = 1 << 16  # in which a range is told by its first and its last address in one dword
_BESIDE = 0x100  # bytes around a register in which it may get the terms of a sum
_NEAR = 16  # bytes from an index to its data register
_CHOSEN = 2  # how often an index must have led to the address


def readings_of(registers: Registers, reads: Accesses, bar: Bar, alone: bool, used: int) -> Iterator[Leak]:
    """Every register that tells the address of `bar`; `alone`: the card has no I/O BAR, which ports tell.

    `used`: the row of the guest's last access to the address, where it has nothing; -1: there was none.
    """
    host = bar.host or 0
    low = 3 if bar.kind == "io" else 15
    base = np.uint64(host & 0xFFFFFFFF & ~low)
    if bar.size and int(base) == -bar.size & 0xFFFFFFFF:
        return  # a register that tells the BAR's size, as a sizing probe does, looks the same
    address = np.uint64(0xFFFFFFFF & ~low)
    dword = reads.size == 4
    if base:
        yield from _registers(registers, reads, dword & ((reads.value & address) == base), bar, 0, used)
        swapped = reads.value.astype(">u4").view("<u4").astype(np.uint64)
        yield from _registers(registers, reads, dword & ((swapped & address) == base), bar, 0, used, swapped=True)
        yield from _flagged(registers, reads, bar)
    if base and bar.kind == "io" and host <= 0xFFFF:  # ports are numbers of sixteen bits: a word is all of it
        word = (reads.size == 2) & ((reads.value & address) == base)
        yield from _registers(registers, reads, word, bar, 0, used)
    if bar.size and bar.size > _UNIT and host >> 32 == 0 and bar.kind != "io":
        both = (host + bar.size - 1) // _UNIT * _UNIT | host // _UNIT
        hits = dword & (reads.value == np.uint64(both))
        found = _registers(registers, reads, hits, bar, _UNIT.bit_length() - 1, used)
        yield from (replace(leak, limits=True) for leak in found)
    for shift in SHIFTS:
        for size in (4, 2):
            expected = (host >> shift) & ((1 << (8 * size)) - 1)
            least = SHIFTED if size == 4 else LEAST_WORD
            if information_of(expected, size) >= least and (size == 4 or shift == 16):
                hits = (reads.size == size) & (reads.value == np.uint64(expected))
                yield from _registers(registers, reads, hits, bar, shift, used)
    for shift in (8,) if bar.kind == "io" else (24, 16) if alone else ():
        byte = (host >> shift) & 0xFF
        guest = (bar.guest or 0) >> shift & 0xFF
        if information_of(byte, 1) > 0 and guest != byte:
            port = (reads.region == VGA) & (reads.size == 1) & ~np.isin(reads.offset, list(VGA_STANDARD))
            yield from _registers(registers, reads, port & (reads.value == np.uint64(byte)), bar, shift, used)


def _registers(
    registers: Registers,
    reads: Accesses,
    hits: Flags,
    bar: Bar,
    shift: int,
    used: int,
    *,
    swapped: bool = False,
) -> Iterator[Leak]:
    """The registers of `hits`, less those that the guest filled itself and those that tell many values."""
    accesses = registers.accesses
    rows_hit = reads.row[hits]
    places = np.unique(reads.place[hits])
    for place in places.tolist() if len(places) <= _MOST_REGISTERS else []:
        at = registers.at(place)
        here = at[np.isin(accesses.row[at], rows_hit) & ~accesses.write[at]]
        first = int(here[0])
        value, size = int(accesses.value[first]), int(accesses.size[first])
        same = at[accesses.size[at] == size]
        if (accesses.value[same[accesses.write[same] & (same < first)]] == np.uint64(value)).any():
            continue
        if _is_sum(registers, place, value, first):
            continue
        told = same[~accesses.write[same]]
        others = len(np.setdiff1d(accesses.value[told], accesses.value[here]))
        bits = information_of(value, size)
        if shift == 0 and size == 4:
            bits = min(bits, _proven(value, bar, swapped))
        leak = Leak(place, size, bar, shift, bits, tuple(accesses.row[here].tolist()), others, swapped)
        if others >= _MOST_VALUES:
            index = _chosen_by(registers, place, told, here)
            leak = leak if index is None else replace(leak, index=index, other_values=0)
            port = index is None and (bits < _TELLING or others > _DATA_PORT)
            used_it = bits >= STRONG and not shift and leak.rows[0] < used
            if port and (not used_it or _given(accesses, value, size, first)):
                continue
        yield leak


def _is_sum(registers: Registers, place: int, value: int, before: int) -> bool:
    """Is the value the sum of two that the guest wrote beside the register: the end of a ring, of a buffer?"""
    at = registers.inside(place - _BESIDE, place + _BESIDE)
    at = at[(at < before) & registers.accesses.write[at]]
    given = np.unique(registers.accesses.value[at])
    given = given[(given > 0) & (given < np.uint64(value))]
    return bool(np.isin(np.uint64(value) - given, given).any())


def _given(accesses: Accesses, value: int, size: int, before: int) -> bool:
    """Had the guest written the value anywhere before this position?"""
    written = accesses.write & (accesses.size == size) & (accesses.value == np.uint64(value))
    return bool(written[:before].any())


def _chosen_by(registers: Registers, place: int, told: Ints, here: Ints) -> tuple[int, int] | None:
    """The register and the value that choose the address among all that `place` tells; None: nothing does.

    `told`: positions of the reads of `place`; `here`: of those that told the address.  Whenever the index held this
    value the address was told, and never otherwise, and the index was written more than once for it.
    """
    accesses = registers.accesses
    hit = np.isin(told, here)
    beside = registers.between(max(place - _NEAR, place_of(region_of(place), 0)), place + _NEAR)
    writes = np.flatnonzero(accesses.write)
    before = np.searchsorted(writes, here) - 1
    last = np.unique(accesses.place[writes[before[before >= 0]]]).tolist()
    for candidate in dict.fromkeys([*last[:_CHOSEN], *beside]):
        at = registers.writes(candidate)
        if candidate == place or len(at) < _CHOSEN:
            continue
        force = registers.in_force(candidate, accesses.row[told])
        value = int(force[hit][0])
        selections = np.unique(np.searchsorted(at, here))
        if value >= 0 and len(selections) >= _CHOSEN and np.array_equal(force == value, hit):
            return candidate, value
    return None


def _flagged(registers: Registers, reads: Accesses, bar: Bar) -> Iterator[Leak]:
    """Registers that hold the base and, in bits that the BAR's alignment leaves free, more flags than a BAR has."""
    base = (bar.host or 0) & 0xFFFFFFFF
    if bar.kind == "io" or not bar.size or bar.size < PAGE or base % PAGE:
        return
    accesses, kept = registers.accesses, np.uint64(0xFFFFFFFF & -PAGE)
    hits = (reads.size == 4) & ((reads.value & kept) == np.uint64(base)) & (reads.value % np.uint64(PAGE) > 15)
    places = np.unique(reads.place[hits])
    for place in places.tolist() if len(places) <= _MOST_REGISTERS else []:
        at = registers.at(place)
        if not accesses.write[at].any() and ((accesses.value[at] & kept) == np.uint64(base)).all():
            mask = -bar.size & 0xFFFFFFFF
            yield Leak(place, 4, bar, 0, information_of(base, 4), tuple(accesses.row[at].tolist()), 0, mask=mask)


def _proven(value: int, bar: Bar, swapped: bool) -> float:
    """Bits that a dword proves to be the base of `bar`: what the base proves, more if the BAR's own flags are there."""
    low = 3 if bar.kind == "io" else 15
    flags = {"io": 1, "memory64": 4}.get(bar.kind, 0) | (8 if bar.prefetchable else 0)
    told = int.from_bytes(value.to_bytes(4, "little"), "big") if swapped else value
    agreeing = _BAR_FLAGS if flags and told & low == flags else 0.0
    return information_of(told & ~low, 4) + agreeing
