"""Registers that the guest never wrote and that always told the same, by the width in which they are read."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Ints, Words
from quirkfinder.miners.registers import Registers


@dataclass(frozen=True, slots=True)
class Steady:
    """Columns of equal length, ascending by place: what the register holds and the row of its first read."""

    places: Ints
    values: Words
    rows: Ints

    def __len__(self) -> int:
        return len(self.places)

    def at(self, place: int) -> int | None:
        """What the register at `place` holds; None: it is not one of them."""
        index = int(np.searchsorted(self.places, place))
        return int(self.values[index]) if index < len(self) and self.places[index] == place else None

    def row(self, place: int) -> int:
        """The row of the first read of a register that is one of them."""
        return int(self.rows[np.searchsorted(self.places, place)])

    def holding(self, value: int, flags: int = 0) -> list[int]:
        """The places that hold `value`, the low bits of `flags` aside."""
        kept = np.uint64(0xFFFFFFFF & ~flags)
        return [int(place) for place in self.places[(self.values & kept) == np.uint64(value & 0xFFFFFFFF & ~flags)]]


def steady_registers(registers: Registers, reads: Accesses, size: int) -> Steady:
    """Of the registers that `reads` shows in `size` bytes those that no access of any width showed otherwise."""
    accesses = registers.accesses
    order = np.argsort(accesses.place, kind="stable")
    place, value = accesses.place[order], accesses.value[order]
    if not len(order):
        return Steady(place, value, accesses.row)
    starts = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    same = np.minimum.reduceat(value, starts) == np.maximum.reduceat(value, starts)
    same &= ~np.logical_or.reduceat(accesses.write[order], starts)
    same &= np.isin(place[starts], reads.place[reads.size == size])
    first = order[starts[same]]
    return Steady(accesses.place[first], accesses.value[first], accesses.row[first])
