"""Which bits of a bank register choose a page?  Solved from the distances that were seen while it held what.

An aperture at `offset` shows its target at `page = (bank & mask) << shift`, so that the distance between the two
places of one value is `page - offset`.  Bits of the register outside `mask` are flags: enable, busy, write strobe.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quirkfinder.miners.accesses import Flags, Ints, distinct

Weights = NDArray[np.float64]

_BITS = 32
_SHIFTS = range(-24, 25)
_SMALLEST_PAGE = 8  # 2**8 bytes; what is chosen in smaller steps is an index
_MOST_BANKS = 64
_LEAST_VALUES = 3
#: of what was seen under a bank register so much has to follow from it
_EXPLAINED = 0.7


@dataclass(frozen=True, slots=True)
class BankField:
    """The page is `(bank & mask) << shift`, to the right where `shift` is negative; the aperture begins at `offset`."""

    mask: int
    shift: int
    offset: int

    @property
    def page_bits(self) -> int:
        """The binary logarithm of the smallest step from page to page, in bytes."""
        return (self.mask & -self.mask).bit_length() - 1 + self.shift

    def pages(self, banks: Ints) -> Ints:
        """The offset in the target, in bytes, that each of `banks` chooses."""
        return shifted(banks & self.mask, self.shift)


def shifted(values: Ints, shift: int) -> Ints:
    """`values << shift`, to the right where `shift` is negative."""
    return np.asarray(values << shift if shift >= 0 else values >> -shift)


@dataclass(frozen=True, slots=True)
class Seen:
    """Columns of equal length: under `bank` values were seen at `distance`; `weight`: how many of them."""

    bank: Ints
    distance: Ints
    weight: Ints

    def take(self, index: Ints | Flags) -> "Seen":
        return Seen(self.bank[index], self.distance[index], self.weight[index])


def seen_under(banks: Ints, distances: Ints, values: Ints) -> Seen:
    """The distances of equal values by what the bank register held; `banks` is negative where that is not known."""
    known = np.flatnonzero(banks >= 0)
    known = known[distinct(banks[known], distances[known], values[known])]
    bank, distance = banks[known], distances[known]
    order = np.lexsort([distance, bank])
    bank, distance = bank[order], distance[order]
    first = np.flatnonzero(np.append(True, (bank[1:] != bank[:-1]) | (distance[1:] != distance[:-1]))[: len(bank)])
    return Seen(bank[first], distance[first], np.diff(np.append(first, len(bank))))


def bank_field(seen: Seen, offsets: Sequence[int]) -> BankField | None:
    """The field that explains the distances, the aperture beginning at one of `offsets`; None where nothing does."""
    chosen = _usual(seen)
    total = int(seen.weight.sum())
    if chosen.weight.sum() < _EXPLAINED * total or len(np.unique(chosen.distance)) < 2:
        return None
    best: tuple[int, BankField] | None = None
    for offset in offsets:
        explained, field = _at(chosen, offset)
        if field is not None and explained >= _EXPLAINED * total and (best is None or explained > best[0]):
            best = explained, field
    return None if best is None else best[1]


def _usual(seen: Seen) -> Seen:
    """The distance with most values for each bank, for the banks with most values."""
    order = np.lexsort([-seen.weight, seen.bank])
    bank = seen.bank[order]
    usual = seen.take(order[np.append(True, bank[1:] != bank[:-1])[: len(bank)]])
    return usual.take(np.argsort(-usual.weight, kind="stable")[:_MOST_BANKS])


def _at(seen: Seen, offset: int) -> tuple[int, BankField | None]:
    """The best field for an aperture at `offset`, and the weight of what it explains."""
    seen = seen.take(seen.distance + offset >= 0)
    page = seen.distance + offset
    agree, both = _shared_bits(seen.bank, page, seen.weight)
    telling_of = (agree >= _EXPLAINED * seen.weight.sum()) & (both > 0)
    bits = np.arange(_BITS)
    best: tuple[int, BankField | None] = (0, None)
    for shift, telling in zip(_SHIFTS, telling_of, strict=True):
        if not telling.any():
            continue
        low, high = int(bits[telling][0]), int(bits[telling][-1])
        field = BankField((2 << high) - (1 << low), shift, offset)
        fits = field.pages(seen.bank) == page
        explained = int(seen.weight[fits].sum())
        several = len(np.unique(page[fits])) >= 2 and explained >= _LEAST_VALUES
        if several and field.page_bits >= _SMALLEST_PAGE and explained > best[0]:
            best = explained, field
    return best


def _shared_bits(bank: Ints, page: Ints, weight: Ints) -> tuple[Weights, Weights]:
    """By shift (as in `_SHIFTS`) and bit of the register: how often it is the same bit of the page shifted to the right
    that far, and how often both are set, in weight.

    One product of matrices for all shifts: bit b has to agree with bit b + shift of the page.
    """
    held = (bank[:, None] >> np.arange(_BITS) & 1).astype(np.float64)
    positions = np.arange(_SHIFTS.start, _SHIFTS.stop - 1 + _BITS)
    told = np.where(positions < 0, 0, page[:, None] >> np.maximum(positions, 0) & 1).astype(np.float64)
    both = (held * weight[:, None]).T @ told
    set_held, set_told = weight @ held, weight @ told
    neither = weight.sum() - set_held[:, None] - set_told + both
    columns = np.arange(len(_SHIFTS))[:, None] + np.arange(_BITS)
    return (both + neither)[np.arange(_BITS), columns], both[np.arange(_BITS), columns]


def widened(field: BankField, proven: Ints, written: Ints, reach: int, size: int) -> BankField:
    """With the bits beside the field that no proven bank had set: they may belong to it.

    `proven`: what the register held while the field was right; `written`: all that was written to it; `reach`, `size`:
    bytes seen of the aperture and of the target.  Downwards only where there are no flags below, or the bits beside
    a flag would be taken for pages.
    """
    used, known = int(np.bitwise_or.reduce(proven)), int(np.bitwise_or.reduce(written))
    low = (field.mask & -field.mask).bit_length() - 1
    high = field.mask.bit_length() - 1
    if not known & ((1 << low) - 1):
        smallest = max(_SMALLEST_PAGE, (reach - 1).bit_length())
        low = max(0, min(low, smallest - field.shift))
    while high + 1 < _BITS and not used >> (high + 1) & 1:
        within = 1 << max(0, high + 1 + field.shift) < size
        if not within and not known >> (high + 1) & 1:
            break
        high += 1
    return BankField((2 << high) - (1 << low), field.shift, field.offset)
