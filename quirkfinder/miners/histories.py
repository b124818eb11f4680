"""The merged history of every location that two ways are said to reach: what each read says for and against it.

Accesses of different widths are compared byte by byte: where one way reads a word and the other a dword, the word is
held against its half of the dword.  A `unit` is the largest piece of a dword that no access to it cuts in two, so that
a register which everybody accesses alike is one unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quirkfinder.miners.accesses import Flags, Ints, Words

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Units:
    """Columns of equal length, sorted by place and then by time; `other`: the access came by the mapped way."""

    access: Ints  # the position of the access that the unit is a part of
    byte: Ints  # where in that access it begins
    size: Bytes
    value: Words
    write: Flags
    other: Flags
    start: Flags  # the first unit of its place

    def __len__(self) -> int:
        return len(self.access)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What each unit says, and the earlier one (`partner`) that it was compared with."""

    compared: Flags  # a read of what the other way wrote last, or read where nobody wrote
    equal: Flags
    crossed: Flags  # the other way wrote it last
    changed: Flags  # and its write changed what the location held, as far as the trace shows
    partner: Ints
    stale: Flags  # the other way wrote, and this way still reads what it knew before
    kept: Flags  # the same, and what it still reads it had written itself: two memories
    late: Flags  # it reads what the other way wrote, but first it read something else: a copy was made
    volatile: Flags  # of a place that changes by itself


def units_of(place: Ints, row: Ints, size: Bytes, value: Words, write: Flags, other: Flags) -> Units:
    """The units of accesses given as columns, none of them wider than four bytes."""
    access, byte, width = _cut(place, size)
    order = np.lexsort([row[access], place[access] + byte])
    access, byte, width = access[order], byte[order], width[order]
    at = place[access] + byte
    bits = (byte * 8).astype(np.uint64)
    whole = (np.uint64(1) << (width.astype(np.uint64) * np.uint64(8))) - np.uint64(1)
    start = np.append(True, at[1:] != at[:-1])
    return Units(access, byte, width, (value[access] >> bits) & whole, write[access], other[access], start)


def _cut(place: Ints, size: Bytes) -> tuple[Ints, Ints, Bytes]:
    """(access, first byte, width) of every unit."""
    aligned = place % size == 0
    _, dword = np.unique(place >> 2, return_inverse=True)
    narrow = np.full(int(dword.max(initial=-1)) + 1, 4, dtype=np.uint8)
    wanted = np.where(aligned, size, 1).astype(np.uint8)
    np.minimum.at(narrow, dword, wanted)
    width = np.where(aligned, np.minimum(narrow[dword], size), 1).astype(np.uint8)
    count = (size // width).astype(np.int64)
    access = np.repeat(np.arange(len(place)), count)
    within = np.arange(len(access)) - np.repeat(np.cumsum(count) - count, count)
    return access, within * width[access], width[access]


def judged(units: Units) -> Verdicts:
    """What the history of each place says."""
    position = np.arange(len(units))
    first = np.maximum.accumulate(np.where(units.start, position, 0))
    value, write, other = units.value, units.write, units.other
    last_write = _last(write, position)  # inclusive, but only reads are judged
    written = last_write >= first
    source = np.where(written, last_write, 0)
    before = np.maximum(source - 1, 0)
    changed = (source == first) | (value[before] != value[source])
    crossed = ~write & written & (other[source] != other)
    direct, mapped = _last(~other, position), _last(other, position)
    last_other = np.where(other, direct, mapped)
    untouched = ~write & ~written & (last_other >= first)
    partner = np.where(crossed, source, np.where(untouched, last_other, 0))
    equal = value[partner] == value
    own = np.where(other, mapped[before], direct[before])  # what this way knew before the other one wrote
    stale = crossed & ~equal & (own >= first) & (source > first) & (value[own] == value)
    missed = _last(crossed & ~equal, position)
    return Verdicts(
        crossed | untouched,
        equal,
        crossed,
        changed,
        partner,
        stale,
        stale & write[own],
        crossed & equal & (missed > source),
        _volatile(units),
    )


def _last(flag: Flags, position: Ints) -> Ints:
    """The last position up to each one at which `flag` is set; -1 where it never was."""
    return np.asarray(np.maximum.accumulate(np.where(flag, position, -1)))


def _volatile(units: Units) -> Flags:
    """Units of places where one way alone reads two values without a write between: counters, status, FIFOs."""
    start, value, write, other = units.start, units.value, units.write, units.other
    group = np.cumsum(start) - 1
    same = ~start[1:] & ~write[1:] & ~write[:-1] & (other[1:] == other[:-1]) & (value[1:] != value[:-1])
    moved = np.zeros(group[-1] + 1 if len(group) else 0, dtype=np.bool_)
    moved[group[1:][same]] = True
    return np.asarray(moved[group])


def assembled(units: Units, flags: Flags, value: Words, count: int) -> tuple[Words, Bytes]:
    """Of each of `count` accesses the bytes of its flagged units, as (value, bytes); `value` is by unit.

    Zero bytes where no unit of an access is flagged.  What lies between the first and the last flagged unit counts
    as zero, so that the value is never worth more than what was compared.
    """
    access, byte = units.access[flags], units.byte[flags]
    low = np.full(count, 4, dtype=np.int64)
    np.minimum.at(low, access, byte)
    width = np.bincount(access, weights=units.size[flags], minlength=count)
    raised = value[flags].astype(np.float64) * np.exp2(8 * (byte - low[access]))  # exact: below 2**32
    total = np.bincount(access, weights=raised, minlength=count)
    return total.astype(np.uint64), np.where(width > 2, 4, width).astype(np.uint8)
