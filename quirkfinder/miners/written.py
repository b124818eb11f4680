"""What the guest knew by itself: an address that it wrote to the card before the card told it anything of the kind.

Such an address may come back from any register: from a second view of the same register, from one that follows it, or
put together from the halves or bytes in which it was written.  A card tells the guest nothing by that.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints
from quirkfinder.miners.information import information_of

NEVER = np.iinfo(np.int64).max
_UNITS = (2, 4, 6, 8, 10, 12, 16)  # bits by which addresses are shifted: units from a dword to 64 KiB
_LEAST_UNITS = 0x1000  # a number of units below this may be any number
_WORD = 0xFFFF
_PAGE, _ALIGNED = 0x1000, 16  # bytes; buffers and descriptors begin at multiples of 16
_STRIDES = (1, 2, 4)  # parts side by side, or in registers twice or four times as far apart
_TELLING = 12.0  # bits: in another unit or byte order a number has to be as telling as an address


@dataclass(frozen=True, slots=True)
class GuestWrites:
    """The writes and the reads of a card, each apart: what was said in which direction first."""

    writes: Accesses
    reads: Accesses

    def known_from(self, address: int, flags: int) -> int:
        """The row of the write from which on the guest knew `address` by itself; `NEVER` where a read told it before.

        `flags`: the low bits that do not matter.  The beginning of a page is known from a buffer in it, too.
        """
        wrote = first_row(self.writes, address, flags)
        if address % _PAGE == 0:
            value = self.writes.value
            page = (value & np.uint64(0xFFFFFFFF & -_PAGE)) == np.uint64(address & 0xFFFFFFFF)
            buffer = page & (self.writes.size == 4) & (value % np.uint64(_ALIGNED) == 0)
            wrote = min(wrote, _first(self.writes.row, buffer)) if address & 0xFFFFFFFF else wrote
        return wrote if wrote < first_row(self.reads, address, flags) else int(NEVER)

    def word_known_from(self, word: int) -> int:
        """The row of the first write that held these sixteen bits, alone or as a half of a dword."""
        value, size = self.writes.value, self.writes.size
        high, low = value >> np.uint64(16), value & np.uint64(_WORD)
        held = (size == 2) & (value == np.uint64(word))
        held |= (size == 4) & ((high == np.uint64(word)) | (low == np.uint64(word)))
        return _first(self.writes.row, held)


def guest_writes(accesses: Accesses) -> GuestWrites:
    """The accesses of a card by direction."""
    return GuestWrites(accesses.take(accesses.write), accesses.take(~accesses.write))


def first_row(accesses: Accesses, address: int, flags: int) -> int:
    """The first row by which `accesses` had shown the low 32 bits of `address`: whole, in units, halves or bytes."""
    base = address & 0xFFFFFFFF & ~flags
    if not base or not len(accesses):
        return int(NEVER)
    kept = np.uint64(0xFFFFFFFF & ~flags)
    dword = accesses.size == 4
    shown: Flags = dword & ((accesses.value & kept) == base)
    swapped = int.from_bytes(base.to_bytes(4, "little"), "big")
    if information_of(swapped, 4) >= _TELLING:  # a round address is a small number the other way round
        backwards = accesses.value.astype(">u4").view("<u4").astype(np.uint64)
        shown |= dword & ((backwards & kept) == base)
    for unit in _UNITS:
        units = base >> unit
        if units << unit == base and units >= _LEAST_UNITS and information_of(units, 4) >= _TELLING:
            shown |= (accesses.size >= 2) & (accesses.value == np.uint64(units))
    parts = [size for size in (2, 1) if sum(bool(base >> (8 * at) & 0xFF) for at in range(4)) > 1]
    return min(
        [
            _first(accesses.row, shown),
            *(_in_parts(accesses, base, kept, part, stride) for part in parts for stride in _STRIDES),
        ]
    )


def _in_parts(accesses: Accesses, base: int, kept: np.uint64, size: int, stride: int) -> int:
    """The first row by which neighbouring words or bytes had shown the whole dword, the telling upper part first.

    `stride`: how many times its size lies between a part and the next.
    """
    part = accesses.size == size
    begins: Ints | None = None
    rows: Ints = np.zeros(0, dtype=np.int64)
    for at in range(4 - size, -1, -size):
        mask = (int(kept) >> (8 * at)) & ((1 << (8 * size)) - 1)
        wanted = (base >> (8 * at)) & mask
        places, first = _firsts(accesses, part & ((accesses.value & np.uint64(mask)) == np.uint64(wanted)), at * stride)
        if begins is None:
            begins, rows = places, first
        else:
            begins, mine, theirs = np.intersect1d(begins, places, assume_unique=True, return_indices=True)
            rows = np.maximum(rows[mine], first[theirs])
        if not len(begins):
            return int(NEVER)
    return int(rows.min())


def _firsts(accesses: Accesses, shown: Flags, at: int) -> tuple[Ints, Ints]:
    """The places `at` bytes before those that `shown` selects, each once, and the row of its first."""
    index = np.flatnonzero(shown)
    places, first = np.unique(accesses.place[index] - at, return_index=True)
    return places, accesses.row[index[first]]


def _first(rows: Ints, shown: Flags) -> int:
    index = np.flatnonzero(shown)
    return int(rows[index[0]]) if len(index) else int(NEVER)
