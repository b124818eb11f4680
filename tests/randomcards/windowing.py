"""Address and data registers: the hardware of a window and the way a driver works it.

A window's address register latches a value; a target whose match fits says which space is reached, and where.  What
is reached is the real thing: config space with the host's BAR values, another BAR, the MSI-X table, or (for decoys)
registers of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from .features import Entry, Use
from .guests import Guest
from .hardware import MASKS, Block, Card, ConfigSpace, Register, Storage, region_word
from .shapes import Shape, Target

Location = tuple[int, int]  # region, offset


class DataBlock:
    """The data register."""

    def __init__(self, window: "Window") -> None:
        self.window = window

    def read(self, offset: int, size: int) -> int:
        return self.window.data_read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        self.window.data_write(offset, value, size)


@dataclass
class Window:
    """One address/data pair with everything around it."""

    card: Card
    rng: Random
    targets: list[Target]
    shape: Shape
    uses: list[Use]
    address: Location = (0, 0)
    data: Location = (0, 0)
    mode: Location = (0, 0)
    command: Location = (0, 0)
    switches: list[Location] = field(default_factory=list)
    private: Storage = field(default_factory=lambda: Storage(0))
    function: ConfigSpace | None = None
    value: int = 0
    latch: int = 0
    pending: tuple[Target, int] | None = None
    busy: int = 0
    mode_now: int | None = None
    distract: Callable[[Guest], None] | None = None  # what happens between address and data
    armed: dict[int, bool] = field(default_factory=dict)

    # -- hardware ------------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Lay the registers over the card's regions; their locations are set by then."""
        shape = self.shape
        register = Register(read=self._address_read, write=self._address_written, width=shape.address_size)
        self._place(self.address, shape.address_size, register)
        self._place(self.data, shape.data_size, DataBlock(self))
        if shape.mode:
            self._place(self.mode, 4, Register(write=self._mode_written))
        if shape.command:
            self._place(self.command, 4, Register(read=self._command_read, write=self._command_written))
        for k, (location, wanted) in enumerate(zip(self.switches, shape.switches, strict=True)):
            self.armed[k] = False
            self._place(location, 4, Register(write=self._switch(k, wanted)))

    def _place(self, location: Location, length: int, block: Block) -> None:
        self.card.regions[location[0]].place(location[1], length, block)

    def _switch(self, index: int, wanted: int) -> Callable[[int], None]:
        def written(value: int) -> None:
            self.armed[index] = value & wanted == wanted

        return written

    def _mode_written(self, value: int) -> None:
        self.mode_now = value

    def resolve(self, value: int) -> tuple[Target, int] | None:
        """Where an address value leads, given mode and enable registers."""
        if not all(self.armed.values()):
            return None
        for target in self.targets:
            at = target.reached(value, self.mode_now)
            if at is not None:
                return target, at
        return None

    def fetch(self, target: Target, at: int, size: int) -> int:
        """Read the space a target names."""
        if target.space == "private":
            return self.private.read(at, size)
        if target.space == "config":
            return (self.function or self.card.config).read(at, size)
        if target.space == "msix-table":
            return self.card.table.read(at, size)
        return self.card.read(int(target.space[3:]), at, size)

    def put(self, target: Target, at: int, value: int, size: int) -> None:
        """Write the space a target names."""
        if target.space == "private":
            self.private.write(at, value, size)
        elif target.space == "config":
            (self.function or self.card.config).write(at, value, size)
        elif target.space == "msix-table":
            self.card.table.write(at, value, size)
        else:
            self.card.write(int(target.space[3:]), at, value, size)

    def _address_read(self) -> int:
        flag = self.shape.flag
        if flag is None or self.pending is None:
            return self.value
        if self.busy:
            self.busy -= 1
            return self.value
        return self.value ^ 1 << flag

    def _address_written(self, value: int) -> None:
        self.value = value
        flag = self.shape.flag
        if self.shape.strobes:
            self._strobed(value, *self.shape.strobes)
        if flag is None:
            return
        self.pending = self.resolve(value)
        self.busy = self.rng.choice((0, 0, 0, 1, 2))
        if self.pending is None:
            return
        target, at = self.pending
        if value >> flag & 1:
            self._commit(target, at)
        else:
            self.latch = self.fetch(target, at, 4)

    def _strobed(self, value: int, reading: int, writing: int) -> None:
        self.pending = self.resolve(value)
        if self.pending and value >> writing & 1:
            self._commit(*self.pending)
        elif self.pending and value >> reading & 1:
            self.latch = self.fetch(*self.pending, 4)

    def _commit(self, target: Target, at: int) -> None:
        enables = self.shape.enables
        lanes = 0xF if enables is None else self.value >> enables & 0xF
        for k in range(4):
            if lanes >> k & 1:
                self.put(target, at + k, self.latch >> 8 * k & 0xFF, 1)
        if lanes == 0xF:
            self.uses.append(Use(target.space, at, 4, self.latch, write=True))

    def _command_written(self, code: int) -> None:
        self.pending = self.resolve(self.value)
        self.busy = self.rng.choice((0, 0, 1, 2))
        reading, writing = self.shape.command or (0, 0)
        if self.pending and code == reading:
            self.latch = self.fetch(*self.pending, 4)
        elif self.pending and code == writing:
            self.put(*self.pending, self.latch, 4)
            self.uses.append(Use(self.pending[0].space, self.pending[1], 4, self.latch, write=True))

    def _command_read(self) -> int:
        self.busy, before = max(0, self.busy - 1), self.busy
        return 0x80000000 if before else 0

    @property
    def latched(self) -> bool:
        shape = self.shape
        return shape.flag is not None or shape.command is not None or shape.strobes is not None

    def data_read(self, sub: int, size: int) -> int:
        if self.latched:
            if self.pending:
                target, at = self.pending
                self.card.tainted |= self._told(target, at, size)
                self.uses.append(Use(target.space, at + sub, size, self.latch >> 8 * sub & MASKS[size], write=False))
            return self.latch >> 8 * sub & MASKS[size]
        hit = self.resolve(self.value)
        if hit is None:
            return 0
        value = self.fetch(hit[0], hit[1] + sub, size)
        if self.shape.stale:
            value, self.latch = self.latch, value
            if value != self.latch:
                return value
        self.uses.append(Use(hit[0].space, hit[1] + sub, size, value, write=False))
        self._advance("r", hit[0], size)
        return value

    def _told(self, target: Target, at: int, size: int) -> set[int]:
        """The BARs that the latched word tells: what a read of the place now would."""
        before = set(self.card.tainted)
        self.fetch(target, at, size)
        told = self.card.tainted - before
        self.card.tainted = before
        return told

    def data_write(self, sub: int, value: int, size: int) -> None:
        if self.latched:
            self.latch = self.latch & ~(MASKS[size] << 8 * sub) | value << 8 * sub
            return
        hit = self.resolve(self.value)
        if hit is None:
            return
        self.put(hit[0], hit[1] + sub, value, size)
        self.uses.append(Use(hit[0].space, hit[1] + sub, size, value, write=True))
        self._advance("w", hit[0], size)

    def _advance(self, what: str, target: Target, size: int) -> None:
        if what in self.shape.increment:
            self.value = (self.value + max(1, size // target.scale)) & MASKS[self.shape.address_size]

    # -- the driver ----------------------------------------------------------------------------------------------

    def arm(self, guest: Guest) -> None:
        """Switch the window on."""
        for (region, offset), wanted in zip(self.switches, self.shape.switches, strict=True):
            guest.write(region, offset, wanted)

    def choose(self, guest: Guest, target: Target, offset: int, extra: int = 0) -> int:
        """Write mode and address registers so that the data register reaches the offset."""
        if self.shape.mode and target.select is not None and self.mode_now != target.select:
            guest.write(*self.mode, target.select)
        value = target.address(offset) | extra
        region, at = self.address
        size = self.shape.address_size
        if self.shape.halves:
            guest.write(region, at, value & MASKS[size // 2], size // 2)
            guest.write(region, at + size // 2, value >> 4 * size, size // 2)
        else:
            guest.write(region, at, value, size)
        return value

    def _wait(self, guest: Guest, code: int | None) -> None:
        if self.shape.command and code is not None:
            guest.write(*self.command, code)
            while guest.read(*self.command) & 0x80000000:
                continue
        elif self.shape.flag is not None:
            sent = self.value
            for _ in range(8):
                if guest.read(*self.address) != sent:
                    return

    def load(self, guest: Guest, target: Target, offset: int, size: int = 4, again: bool = False) -> int:
        """Read through the window. `again`: the address has moved on by itself."""
        shape, sub = self.shape, offset % 4 if self.shape.sub_offsets else 0
        before = guest.read(*self.address, shape.address_size) if shape.polite else 0
        if not again:
            extra = 0xF << shape.enables if shape.enables is not None else 0
            extra |= 1 << shape.strobes[0] if shape.strobes else 0
            self.choose(guest, target, offset - sub, extra)
            self._wait(guest, shape.command[0] if shape.command else None)
        if self.distract:
            self.distract(guest)
        if shape.stale:
            guest.read(*self.data, shape.data_size)
        value = guest.read(self.data[0], self.data[1] + sub, min(size, shape.data_size))
        if shape.polite:
            guest.write(*self.address, before, shape.address_size)
        return value

    def store(self, guest: Guest, target: Target, offset: int, value: int, size: int = 4, again: bool = False) -> None:
        """Write through the window."""
        shape = self.shape
        size = min(size, shape.data_size)
        if shape.qword:
            guest.write(*self.address, target.address(offset) | value << 32, 8)
            return
        if shape.strobes:
            guest.write(*self.data, value)
            self.choose(guest, target, offset, 1 << shape.strobes[1])
            return
        if shape.flag is not None:
            guest.write(*self.data, value)
            extra = 1 << shape.flag | (0xF << shape.enables if shape.enables is not None else 0)
            self.choose(guest, target, offset, extra)
            self._wait(guest, None)
            return
        if not again:
            self.choose(guest, target, offset)
        if self.distract:
            self.distract(guest)
        guest.write(*self.data, value, size)
        if shape.command:
            self._wait(guest, shape.command[1])

    # -- truth ---------------------------------------------------------------------------------------------------

    def entry(self, targets: list[Entry]) -> Entry:
        """The window in the contract's shape; both registers must lie in one region."""
        return {
            "kind": "window", "region": region_word(self.data[0]),
            "address": {"offset": self.address[1], "size": self.shape.address_size},
            "data": {"offset": self.data[1], "size": self.shape.data_size},
            "targets": targets,
        }  # fmt: skip
