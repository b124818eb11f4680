"""Address leaks: registers and VGA ports that tell a host BAR address, whole, in half, shifted, or as a single byte.

Only a register that the guest did not fill itself counts, and only one that keeps telling the same: data ports and
counters hit every value sooner or later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.events import VGA, region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Accesses, Flags, distinct, place_name
from quirkfinder.miners.claims import Scene, claim, confidence, first_rows, hexadecimal
from quirkfinder.miners.information import information_of
from quirkfinder.miners.landing import landing_words, leaked_bars

_SHIFTS = (8, 12, 16, 20, 24)
#: bits a whole address must prove to stand on its own; below, something has to speak for it
_STRONG, _WEAK = 14.0, 7.0
_SHIFTED = 14.0
_FLAGS = 6.0  # a bit or two at the top is a flag, whatever else agrees
#: reads of these VGA ports have a meaning of their own (IBM VGA); 0x3b4.. are their monochrome twins
_VGA_STANDARD = frozenset([*range(0x3C0, 0x3C3), *range(0x3C4, 0x3CB), 0x3CC, 0x3CE, 0x3CF, 0x3D4, 0x3D5, 0x3DA])
_MOST_VALUES = 3
_DATA_PORT = 8  # a register with more other values than this is a port to something else
_FREE_BITS = 8.0  # 256 values may be compared for nothing


@dataclass(frozen=True, slots=True)
class Leak:
    """A read of `place` returns the host address of BAR `bar` shifted right by `shift` bits."""

    place: int
    size: int
    bar: Bar
    shift: int
    bits: float
    rows: tuple[int, ...]
    other_values: int  # distinct other values that the register told


def discover_leaks(scene: Scene, owned: Flags) -> list[Leak]:
    """Leaks among the reads that no window or mirror explains (`owned` marks those that are explained).

    A round address is believed too where the guest touched addresses in the BAR's host range: it had learnt it.
    """
    accesses = scene.accesses
    free = np.flatnonzero(~accesses.write & ~owned)
    reads = accesses.take(free)
    chance = _chance(reads)
    found: dict[tuple[int, int], Leak] = {}
    for bar in scene.card.bars:
        if bar.host is None or bar.host == 0 or bar.index > 5:
            continue
        for leak in _of_bar(accesses, reads, bar):
            strong = leak.bits - chance >= (_STRONG if leak.shift == 0 else _SHIFTED)
            weak = leak.shift == 0 and leak.bits - chance >= _WEAK
            believed = bar.index in scene.touched and leak.shift == 0 and leak.bits >= _FLAGS
            if not (strong or weak or believed or leak.size == 1):
                continue
            known = found.get((leak.place, bar.index))
            if known is None or leak.bits > known.bits:
                found[leak.place, bar.index] = leak
    return _one_bar_each(list(found.values()))


def _chance(reads: Accesses) -> float:
    """Bits that comparing many values takes from every agreement: the more values, the likelier a chance hit."""
    compared = len(distinct(reads.place, reads.value))
    return max(0.0, float(np.log2(max(1, compared))) - _FREE_BITS)


def _one_bar_each(leaks: list[Leak]) -> list[Leak]:
    """A register tells one address: the one that explains most of it."""
    best: dict[int, Leak] = {}
    for leak in leaks:
        known = best.get(leak.place)
        if known is None or leak.bits > known.bits:
            best[leak.place] = leak
    return sorted(best.values(), key=lambda leak: leak.rows[0])


def _of_bar(accesses: Accesses, reads: Accesses, bar: Bar) -> Iterator[Leak]:
    """Every register that tells the address of `bar`."""
    host = bar.host or 0
    low = 3 if bar.kind == "io" else 15
    value = reads.value
    dword = reads.size == 4
    whole = dword & ((value & np.uint64(0xFFFFFFFF & ~low)) == np.uint64(host & 0xFFFFFFFF & ~low))
    if host & 0xFFFFFFFF & ~low:
        yield from _registers(accesses, reads, whole, bar, 0)
    for shift in _SHIFTS:
        for size in (4, 2):
            expected = (host >> shift) & ((1 << (8 * size)) - 1)
            if information_of(expected, size) >= _SHIFTED and (size == 4 or shift == 16):
                yield from _registers(
                    accesses, reads, (reads.size == size) & (value == np.uint64(expected)), bar, shift
                )
    for shift in (8,) if bar.kind == "io" else (24, 16):
        byte = (host >> shift) & 0xFF
        guest = (bar.guest or 0) >> shift & 0xFF
        if information_of(byte, 1) > 0 and guest != byte:
            port = (reads.region == VGA) & (reads.size == 1) & ~np.isin(reads.offset, list(_VGA_STANDARD))
            yield from _registers(accesses, reads, port & (value == np.uint64(byte)), bar, shift)


def _registers(accesses: Accesses, reads: Accesses, hits: Flags, bar: Bar, shift: int) -> Iterator[Leak]:
    """The places among `hits`, less those that the guest filled itself and those that tell many values."""
    for place in np.unique(reads.place[hits]).tolist():
        here = hits & (reads.place == place)
        first = int(reads.row[here][0])
        value, size = int(reads.value[here][0]), int(reads.size[here][0])
        written = (accesses.place == place) & accesses.write & (accesses.row < first)
        if (accesses.value[written] == np.uint64(value)).any():
            continue
        others = np.unique(reads.value[(reads.place == place) & ~hits & (reads.size == size)])
        bits = information_of(value, size)
        if len(others) >= _MOST_VALUES and (bits < 20 or len(others) > _DATA_PORT):
            continue
        yield Leak(place, size, bar, shift, bits, tuple(reads.row[here].tolist()), len(others))


def leak_finding(scene: Scene, leak: Leak) -> Finding:
    """The finding for a leak, surer where the guest then used an address of that BAR."""
    corroborated = leak.bar.index in scene.touched
    bar = leak.bar
    identical = bar.guest == bar.host
    sure = leak.bits >= _STRONG and leak.size > 1 and not leak.other_values and (corroborated or not identical)
    whole = "the host address" if leak.shift == 0 else f"bits {leak.shift} and up of the host address"
    ceiling = 0.99 if sure else 0.9 if corroborated and leak.size > 1 else 0.75 if leak.size > 1 else 0.6
    told = f"{whole} of BAR{bar.index} (0x{bar.host or 0:x})"
    leaks = leaked_bars(scene, [bar.index])
    return claim(
        scene,
        "address-leak",
        f"{place_name(leak.place)}/bar{bar.index}",
        verdict="confirmed" if sure else "likely",
        confidence=confidence(leak.bits + (12 if corroborated else 0) + 8, leak.other_values, most=ceiling),
        needs_quirk=True,
        summary=f"a read of {place_name(leak.place)} tells the guest {told}",
        parameters={
            "region": region_name(leak.place >> 52),
            "offset": hexadecimal(leak.place & ((1 << 52) - 1)),
            "size": leak.size,
            "bar": bar.index,
            "shift": leak.shift,
            "leaks": leaks,
        },
        evidence=scene.evidence(first_rows(leak.rows, 4), told),
        evidence_count=len(leak.rows),
        reason=_reason(bar, leak, leaks),
        doubt=_doubt(leak),
    )


def _reason(bar: Bar, leak: Leak, leaks: list[dict[str, Any]]) -> str:
    if bar.guest is None:
        return "the guest's address of that BAR is not known, but a card can only tell the host's"
    if bar.guest == bar.host:
        return "the guest has the BAR at the same address, so the leaked one works by accident"
    partly = leak.shift and (bar.guest >> leak.shift) & 0xFF == ((bar.host or 0) >> leak.shift) & 0xFF
    agrees = "; the lowest byte that is told agrees with the guest's by accident" if partly else ""
    return f"the guest has that BAR at 0x{bar.guest:x}" + agrees + landing_words(leaks)


def _doubt(leak: Leak) -> str:
    if leak.size == 1:
        return "a single byte agrees by chance once in 256 reads"
    if leak.bits < _STRONG:
        return "so round a number may stand in a register for another reason"
    return "it would be false if the register held this value for another reason"
