"""What a window is cut like: its targets, the widths of its registers, and what else must be touched."""

from dataclasses import dataclass

from .features import Entry


@dataclass(frozen=True)
class Target:
    """An address value v with (v & ~mask & ~ignored) == match reaches base + scale * (v & mask) of the space."""

    space: str
    match: int
    mask: int
    base: int = 0
    scale: int = 1
    select: int | None = None
    ignored: int = 0

    def reached(self, value: int, mode: int | None) -> int | None:
        """The offset in the space, or None where the value selects something else."""
        value &= ~self.ignored
        if (self.select is not None and mode != self.select) or value & ~self.mask != self.match:
            return None
        return self.base + self.scale * (value & self.mask)

    def address(self, offset: int) -> int:
        """The address value that reaches the offset."""
        return self.match | (offset - self.base) // self.scale

    def entry(self, required: bool = False) -> Entry:
        """The target in the contract's shape."""
        entry: Entry = {
            "match": self.match, "mask": self.mask | self.ignored, "base": self.base, "space": self.space,
            "scale": self.scale, "ignored": self.ignored, "required": required,
        }  # fmt: skip
        return entry


@dataclass
class Shape:
    """How the registers are cut and what else must be touched. Sizes in bytes, bits counted from 0."""

    address_size: int = 4
    data_size: int = 4
    halves: bool = False  # the address is written in two halves, low first
    increment: str = ""  # r, w or rw: accesses after which the address moves on
    flag: int | None = None  # this bit of the address says write, and flips when done
    enables: int | None = None  # lowest of four byte-enable bits in the address
    command: tuple[int, int] | None = None  # codes for read and write in a command register
    mode: bool = False  # a mode register selects among targets
    switches: tuple[int, ...] = ()  # values the enable registers must hold
    sub_offsets: bool = False  # the driver reads parts of the data register at +1, +2
    strobes: tuple[int, int] | None = None  # bits of the address that start a read and a write
    stale: bool = False  # a data read gives what the read before it fetched
    qword: bool = False  # the driver writes address and data in one 8-byte access
    polite: bool = False  # the driver saves and restores the address register
