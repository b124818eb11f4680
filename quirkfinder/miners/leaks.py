"""Address leaks: registers and VGA ports that tell a host BAR address, whole, in half, shifted, or as a single byte.

Only a register that the guest did not fill itself counts, and only one that keeps telling the same: data ports and
counters hit every value sooner or later.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.events import VGA
from quirkfinder.miners.accesses import Accesses, Flags, distinct
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.information import information_of
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.parts import LEAST_WORD, steady_parts, told_in_bytes, words_believed
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.written import NEVER, GuestWrites, guest_writes

_SHIFTS = (8, 12, 16, 20, 24, 32)
#: bits a whole address must prove to stand on its own; below, something has to speak for it
STRONG, _WEAK = 14.0, 7.0
_SHIFTED = 14.0
_FLAGS = 6.0  # a bit or two at the top is a flag, whatever else agrees
#: reads of these VGA ports have a meaning of their own (IBM VGA); 0x3b4.. are their monochrome twins
_VGA_STANDARD = frozenset([*range(0x3C0, 0x3C3), *range(0x3C4, 0x3CB), 0x3CC, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3DA])
_MOST_VALUES = 3
_MOST_REGISTERS = 8  # a value at more places than this is no address
_DATA_PORT = 8  # a register with more other values than this is a port to something else
_BESIDE = 0x100  # bytes around a register in which another one may give back what was written to it
_BAR_FLAGS = 8.0  # bits that a BAR's flags prove below its base
_UNIT = 1 << 16  # in which a range is told by its first and its last address in one dword
_FREE_BITS = 8.0  # 256 values may be compared for nothing


def discover_leaks(scene: Scene, owned: Flags) -> list[Leak]:
    """Leaks among the reads that no window or mirror explains (`owned` marks those that are explained).

    A round address is believed too where the guest touched addresses in the BAR's host range: it had learnt it.  What
    the guest had written before any read told it is its own, wherever it comes back.
    """
    accesses = scene.accesses
    free = np.flatnonzero(~accesses.write & ~owned)
    reads = accesses.take(free)
    chance, all_chance = _chance(reads), _chance(reads, free=0.0)
    words = _chance(reads.take(reads.size == 2), free=0.0)
    ports = any(bar.kind == "io" for bar in scene.card.bars)
    found: dict[tuple[int, int], Leak] = {}
    short: list[Leak] = []  # words that prove too little alone
    held = {size: steady_parts(scene.registers, reads, size) for size in (1, 2)}
    written = guest_writes(accesses)
    settings = frozenset(np.unique(accesses.place[accesses.write]).tolist())
    masks = {-bar.size & 0xFFFFFFFF for bar in scene.card.bars if bar.size}
    for bar in scene.card.bars:
        if bar.host is None or bar.host == 0 or bar.index > 5:
            continue
        if bar.host & 0xFFFFFFFF in masks and bar.index not in scene.touched:
            continue  # a register that tells the size of a BAR, as a sizing probe does, looks the same
        flags = 3 if bar.kind == "io" else 15
        own = any(bar.host in (b.guest, *(p.address for p in b.placements)) for b in scene.card.bars)
        known_from = NEVER if own else written.known_from(bar.host, flags)
        for leak in _of_bar(scene.registers, reads.take(reads.row < known_from), bar, not ports):
            if leak.size == 2 and leak.rows[0] > written.word_known_from((bar.host >> leak.shift) & 0xFFFF):
                continue
            if own and leak.rows[0] > _written_beside(scene.registers, leak).known_from(bar.host, flags):
                continue
            strong = leak.bits - chance >= (STRONG if leak.shift == 0 else _SHIFTED)
            weak = leak.shift == 0 and leak.bits - chance >= _WEAK
            believed = bar.index in scene.touched and leak.shift == 0 and leak.bits >= _FLAGS
            if leak.size == 2:  # sixteen bits agree by chance where many words are read
                if leak.place not in held[2]:
                    continue
                strong = leak.bits - words >= (LEAST_WORD if bar.index in scene.touched else _SHIFTED)
                short += [] if strong else [leak]
            if leak.size == 4 and leak.shift >= 16:  # and so do the low halves of dwords
                strong = bar.index in scene.touched or leak.bits - all_chance >= _SHIFTED
            if not (strong or weak or believed or leak.size == 1):
                continue
            if not believed and leak.bits < STRONG and leak.place in settings:
                continue
            known = found.get((leak.place, bar.index))
            if known is None or leak.bits > known.bits:
                found[leak.place, bar.index] = leak
        if known_from == NEVER:
            for leak in told_in_bytes(held[1], bar, _VGA_STANDARD):
                found[leak.place, bar.index] = leak
    for leak in words_believed(short, held[2], words):
        found.setdefault((leak.place, leak.bar.index), leak)
    leaks = _one_bar_each(list(found.values()))
    known_places = {(leak.place, leak.bar.index) for leak in leaks}
    upper = [u for u in _upper_halves(scene.registers, leaks) if (u.place, u.bar.index) not in known_places]
    return _joined([*leaks, *upper])


def _joined(leaks: list[Leak]) -> list[Leak]:
    """Both halves of an address that came in one access of eight bytes as one leak."""
    upper = {(leak.place, leak.bar.index, leak.rows): leak for leak in leaks if leak.shift == 32 and leak.size == 4}
    joined: list[Leak] = []
    taken: set[int] = set()
    for leak in leaks:
        half = upper.get((leak.place + 4, leak.bar.index, leak.rows))
        if half is not None and leak.shift == 0 and leak.size == 4 and not leak.swapped:
            taken.add(half.place)
            bits = leak.bits + information_of((leak.bar.host or 0) >> 32, 4)
            leak = replace(leak, size=8, bits=bits, other_values=max(leak.other_values, half.other_values))
        joined.append(leak)
    return [leak for leak in joined if leak.place not in taken or leak.shift != 32]


def _written_beside(registers: Registers, leak: Leak) -> GuestWrites:
    """Around the register alone: what the guest has at this address itself it may write anywhere for its own ends."""
    return guest_writes(registers.accesses.take(registers.inside(leak.place - _BESIDE, leak.place + _BESIDE)))


def _chance(reads: Accesses, free: float = _FREE_BITS) -> float:
    """Bits that comparing many values takes from every agreement: the more values, the likelier a chance hit."""
    compared = len(distinct(reads.place, reads.value))
    return max(0.0, float(np.log2(max(1, compared))) - free)


def _one_bar_each(leaks: list[Leak]) -> list[Leak]:
    """A register tells one address: the one that explains most of it."""
    best: dict[int, Leak] = {}
    for leak in leaks:
        known = best.get(leak.place)
        if known is None or leak.bits > known.bits:
            best[leak.place] = leak
    return sorted(best.values(), key=lambda leak: leak.rows[0])


def _of_bar(registers: Registers, reads: Accesses, bar: Bar, alone: bool) -> Iterator[Leak]:
    """Every register that tells the address of `bar`; `alone`: the card has no I/O BAR, which ports tell."""
    host = bar.host or 0
    low = 3 if bar.kind == "io" else 15
    base = np.uint64(host & 0xFFFFFFFF & ~low)
    if bar.size and int(base) == -bar.size & 0xFFFFFFFF:
        return  # a register that tells the BAR's size, as a sizing probe does, looks the same
    address = np.uint64(0xFFFFFFFF & ~low)
    dword = reads.size == 4
    if base:
        yield from _registers(registers, reads, dword & ((reads.value & address) == base), bar, 0)
        swapped = reads.value.astype(">u4").view("<u4").astype(np.uint64)
        yield from _registers(registers, reads, dword & ((swapped & address) == base), bar, 0, swapped=True)
    if bar.size and bar.size > _UNIT and host >> 32 == 0 and bar.kind != "io":
        both = (host + bar.size - 1) // _UNIT * _UNIT | host // _UNIT
        found = _registers(registers, reads, dword & (reads.value == np.uint64(both)), bar, _UNIT.bit_length() - 1)
        yield from (replace(leak, limits=True) for leak in found)
    for shift in _SHIFTS:
        for size in (4, 2):
            expected = (host >> shift) & ((1 << (8 * size)) - 1)
            least = _SHIFTED if size == 4 else LEAST_WORD
            if information_of(expected, size) >= least and (size == 4 or shift == 16):
                hits = (reads.size == size) & (reads.value == np.uint64(expected))
                yield from _registers(registers, reads, hits, bar, shift)
    for shift in (8,) if bar.kind == "io" else (24, 16) if alone else ():
        byte = (host >> shift) & 0xFF
        guest = (bar.guest or 0) >> shift & 0xFF
        if information_of(byte, 1) > 0 and guest != byte:
            port = (reads.region == VGA) & (reads.size == 1) & ~np.isin(reads.offset, list(_VGA_STANDARD))
            yield from _registers(registers, reads, port & (reads.value == np.uint64(byte)), bar, shift)


def _registers(
    registers: Registers, reads: Accesses, hits: Flags, bar: Bar, shift: int, *, swapped: bool = False
) -> Iterator[Leak]:
    """The places among `hits`, less those that the guest filled itself and those that tell many values."""
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
        told = same[~accesses.write[same]]
        others = np.setdiff1d(accesses.value[told], accesses.value[here])
        bits = information_of(value, size)
        if shift == 0 and size == 4:
            bits = min(bits, _proven(value, bar, swapped))
        if len(others) >= _MOST_VALUES and (bits < 20 or len(others) > _DATA_PORT):
            continue
        yield Leak(place, size, bar, shift, bits, tuple(accesses.row[here].tolist()), len(others), swapped)


def _proven(value: int, bar: Bar, swapped: bool) -> float:
    """Bits that a dword proves to be the base of `bar`: what the base proves, more if the BAR's own flags are there."""
    low = 3 if bar.kind == "io" else 15
    flags = {"io": 1, "memory64": 4}.get(bar.kind, 0) | (8 if bar.prefetchable else 0)
    told = int.from_bytes(value.to_bytes(4, "little"), "big") if swapped else value
    agreeing = _BAR_FLAGS if flags and told & low == flags else 0.0
    return information_of(told & ~low, 4) + agreeing


def _upper_halves(registers: Registers, leaks: list[Leak]) -> Iterator[Leak]:
    """The dword behind a leak that holds the upper half of a 64-bit address."""
    for leak in leaks:
        upper = (leak.bar.host or 0) >> 32
        at = registers.reads(leak.place + 4)
        if leak.shift or leak.swapped or not upper or not len(at) or leak.size != 4:
            continue
        if (registers.accesses.value[at] == np.uint64(upper)).all():
            rows = tuple(registers.accesses.row[at].tolist())
            yield Leak(leak.place + 4, 4, leak.bar, 32, leak.bits, rows, 0)
