"""What a leak is: a register, a BAR, and which bits of the BAR's host address the register told."""

from dataclasses import dataclass

from quirkfinder.card.model import Bar


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
    swapped: bool = False  # most significant byte first
    together: int = 1  # registers that tell the address in parts, this one among them
    limits: bool = False  # the upper word tells where the BAR ends, in the same units
