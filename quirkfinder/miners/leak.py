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
    index: tuple[int, int] | None = None  # the register that has to hold this value for the address to be told
    mask: int | None = None  # the bits that the address fills, where others stand beside them; None: all
    distance: int = 0  # what is told is an address this many bytes behind the base
    entries: int = 1  # of a table of addresses at equal distances that begins with the base
