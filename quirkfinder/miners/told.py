"""What the guest told the card, dword by dword: addresses put together from pieces, and data told from registers.

An address goes into a register whole, as two halves of a dword, byte by byte, or with its upper dword beside it.  And
not every place is a register: a port that takes a firmware image takes any word sooner or later, and a copy into the
card's memory writes any word somewhere.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words, distinct, joined

NOTHING = np.uint64(0xFFFFFFFFFFFFFFFF)  # no upper dword was written; none is as large
_NEAR = 2  # accesses before or after a dword among which its upper dword is written
_INDEX_BITS = 16
_LARGEST_INDEX = (1 << _INDEX_BITS) - 1
_FEW = 16  # different values of a register; what takes more is a port or a buffer
_SHARE = 16  # of so many writes to a port one has to be the address: a message table has one in four


@dataclass(frozen=True, slots=True)
class Told:
    """The dwords that went into one region, in the order of the trace; columns of equal length.

    `dwords`: writes of four bytes, also such as were made in pieces, with the row of the last piece and the place of
    the lowest (`pieces` says which).  `upper`: the dword that went into the place four bytes on, just before or after;
    `NOTHING` where none.
    """

    dwords: Accesses
    upper: Words
    pieces: Flags

    def __len__(self) -> int:
        return len(self.dwords)

    def in_registers(self, hits: Ints) -> Ints:
        """Those of the dwords at `hits` that are more than words among words of a stream of data."""
        if not len(hits):
            return hits
        place, value = self.dwords.place, self.dwords.value
        return hits[_are_few(place, value, hits) & _are_few(_runs(place), value, hits)]

    def registers(self) -> Ints:
        """A number for every register that a dword went into, from 0 on.

        That is its place; behind a port each index.  A port is known by its index: whatever goes into it comes right
        after a small number for one and the same other place.
        """
        place, value = np.unique(self.dwords.place, return_inverse=True)[1].reshape(-1), self.dwords.value
        before, index = np.append(place[:1], place[:-1]), np.append(value[:1], value[:-1])
        first = np.zeros(int(place.max(initial=0)) + 1, dtype=np.int64)
        first[place[::-1]] = before[::-1]
        port = np.ones(len(first), dtype=np.bool_)
        port[place[(before == place) | (before != first[place]) | (index > _LARGEST_INDEX)]] = False
        # an index takes the lower bits, so that one number holds both
        both = place << _INDEX_BITS | np.where(port[place], index, np.uint64(0)).astype(np.int64)
        numbers: Ints = np.unique(both, return_inverse=True)[1].reshape(-1)
        return numbers

    def words_of(self, hit: int) -> str:
        """How the dword at `hit` was written, as the end of a note; the line at its row shows the last piece alone."""
        return ", the last piece of it" if self.pieces[hit] else ""

    def behind(self, hits: Ints, distance: int, *, most: int = 8) -> Ints:
        """Of each hit the position of the next write `distance` bytes on, of the `most` that follow; -1: none."""
        found = np.full(len(hits), -1, dtype=np.int64)
        place = self.dwords.place
        for step in range(most, 0, -1):
            at = np.minimum(hits + step, len(place) - 1)
            fits = (place[at] == place[hits] + distance) & (at == hits + step)
            found = np.where(fits, at, found)
        return found


def told(writes: Accesses) -> Told:
    """`writes`: those to one region, in the order of the trace."""
    whole = writes.take(writes.size == 4)
    parts = in_pieces(writes)
    both = joined(whole, parts)
    order = np.argsort(both.row, kind="stable")
    dwords, pieces = both.take(order), order >= len(whole)
    return Told(dwords, _upper(dwords), pieces)


def in_pieces(writes: Accesses) -> Accesses:
    """Dwords that were written in two halves, in four bytes, or in three with the lowest or highest one left out.

    The pieces follow one another, upwards or downwards; a byte that is left out is zero.
    """
    found = [_joined(writes, size, count, up) for size, count in ((2, 2), (1, 4), (1, 3)) for up in (1, -1)]
    together = found[0]
    for one in found[1:]:
        together = joined(together, one)
    return together


def _joined(writes: Accesses, size: int, count: int, direction: int) -> Accesses:
    """Dwords of `count` pieces of `size` bytes, each beside the one before it in `direction`."""
    step = size * direction
    follows = _follows(writes, size, step)
    last = np.arange(count - 1, len(writes))
    for back in range(count - 1):
        last = last[follows[last - back]]
    lowest = last if direction < 0 else last - (count - 1)
    complete = writes.place[lowest] % 4 + size * count <= 4
    if size * count < 4:  # three bytes are no dword where the fourth was written, too
        before, after = last - count + 1, np.minimum(last + 1, len(writes) - 1)
        complete &= ~follows[before] & ~(follows[after] & (after > last))
    last, lowest = last[complete], lowest[complete]
    shift = ((writes.place[lowest] % 4) * 8).astype(np.uint64)
    value = np.zeros(len(last), dtype=np.uint64)
    for piece in range(count):
        value |= writes.value[lowest + piece * direction] << (shift + np.uint64(8 * size * piece))
    place = writes.place[lowest] if size * count < 4 else writes.place[lowest] // 4 * 4
    return Accesses(
        writes.row[last], place, np.full(len(last), 4, dtype=np.uint8), value, np.ones(len(last), dtype=bool)
    )


def _follows(writes: Accesses, size: int, step: int) -> Flags:
    """Which writes of `size` bytes are made `step` bytes on from the one just before."""
    follows = np.zeros(len(writes), dtype=np.bool_)
    same = (writes.size[1:] == size) & (writes.size[:-1] == size)
    follows[1:] = same & (writes.place[1:] == writes.place[:-1] + step)
    return follows


def _upper(dwords: Accesses) -> Words:
    """The nearest dword four bytes on, `NOTHING` where there is none near; one just behind comes first."""
    upper = np.full(len(dwords), NOTHING, dtype=np.uint64)
    for distance in range(_NEAR, 0, -1):
        for low, high in (
            (slice(distance, None), slice(None, -distance)),
            (slice(None, -distance), slice(distance, None)),
        ):
            beside = dwords.place[high] == dwords.place[low] + 4
            upper[low] = np.where(beside, dwords.value[high], upper[low])
    return upper


def _runs(place: Ints) -> Ints:
    """A number for every run of dwords that were written one behind the other."""
    return np.cumsum(np.append(np.ones(min(len(place), 1)), np.diff(place) != 4)).astype(np.int64)


def _are_few(group: Ints, value: Words, hits: Ints) -> Flags:
    """Which hits are in a group that takes few different values, or a share of which are hits."""
    names, mine = np.unique(group[hits], return_inverse=True)
    members = np.flatnonzero(np.isin(group, names))
    of = np.searchsorted(names, group[members])
    different = np.bincount(of[distinct(of, value[members])], minlength=len(names))
    share = np.bincount(mine.reshape(-1)) * _SHARE >= np.bincount(of)
    return np.asarray(((different <= _FEW) | share)[mine.reshape(-1)])
