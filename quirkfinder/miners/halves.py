"""Addresses wider than a register: the upper half beside the lower one, both as one number, and tables of addresses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.miners.information import information_of
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.readings import PAGE, SHIFTS, STRONG
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.steady import Steady

_APART = (4, -4, 8, -8)  # bytes from the lower to the upper half
_LEAST_ENTRIES = 8
_MOST_ENTRIES = 4096
_MOST_BEGINNINGS = 64
_DWORD = 0xFFFFFFFF
_BAR_FLAGS = 15


def told_in_halves(steady: Steady, bars: Sequence[Bar]) -> Iterator[Leak]:
    """Two steady dwords beside each other that are the low and the high half of an address, whole or shifted.

    The upper halves of several BARs are often the same number: where one stands on either side of a lower half, its own
    is on the side on which most lower halves have theirs.
    """
    lowers = [(bar, shift, low) for bar in bars for shift, low in _lower_halves(steady, bar)]
    sides = [_sides(steady, low, (bar.host or 0) >> shift >> 32) for bar, shift, low in lowers]
    places = {
        step: len({low for (*_, low), steps in zip(lowers, sides, strict=True) if step in steps}) for step in _APART
    }
    for (bar, shift, low), steps in zip(lowers, sides, strict=True):
        if steps:
            high, bits = low + max(steps, key=lambda step: places[step]), information_of((bar.host or 0) >> shift, 8)
            yield Leak(low, 4, bar, shift, bits, (steady.row(low),), 0, together=2)
            yield Leak(high, 4, bar, shift + 32, bits, (steady.row(high),), 0, together=2)


def _lower_halves(steady: Steady, bar: Bar) -> Iterator[tuple[int, int]]:
    """(shift, place) of the dwords that hold the lower half of the address, where it has an upper one."""
    for shift in (0, *(shift for shift in SHIFTS if shift < 32)):
        number = (bar.host or 0) >> shift
        if number >> 32 and number & _DWORD and information_of(number, 8) >= STRONG:
            for place in steady.holding(number, 0 if shift else _BAR_FLAGS):
                yield shift, place


def _sides(steady: Steady, low: int, upper: int) -> list[int]:
    """Bytes from a lower half to the dwords that hold `upper`."""
    return [step for step in _APART if steady.at(low + step) == upper]


def upper_halves(registers: Registers, leaks: Sequence[Leak]) -> Iterator[Leak]:
    """The dword behind a leak that holds the upper half of a 64-bit address, if the half was not found already."""
    known = {(leak.bar.index, leak.place + step) for leak in leaks if leak.shift == 32 for step in _APART}
    taken = {leak.place for leak in leaks}
    for leak in leaks:
        upper = (leak.bar.host or 0) >> 32
        at = registers.reads(leak.place + 4)
        if leak.shift or leak.swapped or leak.index or not upper or not len(at) or leak.size != 4:
            continue
        if (leak.bar.index, leak.place) in known or leak.place + 4 in taken:
            continue
        if (registers.accesses.value[at] == np.uint64(upper)).all():
            rows = tuple(registers.accesses.row[at].tolist())
            yield Leak(leak.place + 4, 4, leak.bar, 32, leak.bits, rows, 0)


def joined_halves(leaks: list[Leak]) -> list[Leak]:
    """Both halves of an address that came in one access of eight bytes as one leak."""
    upper = {(leak.place, leak.bar.index, leak.rows): leak for leak in leaks if leak.shift == 32 and leak.size == 4}
    joined: list[Leak] = []
    taken: set[int] = set()
    for leak in leaks:
        half = upper.get((leak.place + 4, leak.bar.index, leak.rows))
        if half is not None and leak.shift == 0 and leak.size == 4 and not leak.swapped:
            taken.add(half.place)
            bits = max(leak.bits, half.bits, information_of(leak.bar.host or 0, 8))
            others = max(leak.other_values, half.other_values)
            mask = None if leak.mask is None else leak.mask | _DWORD << 32
            leak = replace(leak, size=8, bits=bits, other_values=others, mask=mask)
        joined.append(leak)
    return [leak for leak in joined if leak.place not in taken or leak.shift != 32]


def told_in_tables(steady: Steady, bar: Bar) -> Iterator[Leak]:
    """The first entry of a table of addresses at equal distances that begins with the base, flags aside."""
    host = bar.host or 0
    if host == 0 or host % PAGE or bar.kind == "io":
        return
    highs = {place - 4 for place in steady.holding(host >> 32)} if host >> 32 else None
    places = [p for p in steady.holding(host, PAGE - 1) if highs is None or p in highs]
    for place in places[:_MOST_BEGINNINGS]:
        for width in (8, 4) if highs is None else (8,):
            entries = _entries(steady, place, width)
            count = _rising(entries)
            before = _entry(steady, place - width, width)
            if count < _LEAST_ENTRIES or entries[0] & -PAGE != host or before == 2 * entries[0] - entries[1]:
                continue
            flags = entries[0] & (PAGE - 1)
            mask = (-(bar.size or PAGE) & ((1 << 8 * width) - 1)) if flags else None
            rows = tuple(sorted({steady.row(place + width * n) for n in range(count)}))
            bits = max(STRONG, information_of(host, 8))
            yield Leak(place, width, bar, 0, bits, rows, 0, mask=mask, entries=count)
            break


def _entries(steady: Steady, place: int, width: int) -> list[int]:
    """The numbers of `width` bytes from `place` on without a gap."""
    found: list[int] = []
    while len(found) < _MOST_ENTRIES and (entry := _entry(steady, place + width * len(found), width)) is not None:
        found.append(entry)
    return found


def _entry(steady: Steady, place: int, width: int) -> int | None:
    low, high = steady.at(place), steady.at(place + 4) if width == 8 else 0
    return None if low is None or high is None else high << 32 | low


def _rising(entries: list[int]) -> int:
    """How many entries from the first on lie a whole number of pages, always the same, above the one before."""
    if len(entries) < 2 or entries[1] <= entries[0] or (entries[1] - entries[0]) % PAGE:
        return 0
    step = entries[1] - entries[0]
    return next((n for n, entry in enumerate(entries) if entry != entries[0] + n * step), len(entries))
