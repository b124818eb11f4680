"""The card itself: regions of registers, config space, MSI-X table, and what lies behind each register.

Everything here is the machine room: no log, no guest.  A read of a register does what the silicon would do; that is
the truth all the rest is measured against.  Offsets and sizes are bytes, values little-endian.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol

VGA_REGION = 8
CONFIG_REGION = 7
ROM_REGION = 6
MASKS = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF, 8: 0xFFFFFFFFFFFFFFFF}
BAR_FIELDS = range(0x10, 0x28)


BarKind = Literal["io", "memory32", "memory64"]


class NoRoomError(Exception):
    """The card has no place left for what was to be built into it."""


class Block(Protocol):
    """Registers that answer a stretch of a region; offsets count from the start of the stretch."""

    def read(self, offset: int, size: int) -> int: ...

    def write(self, offset: int, value: int, size: int) -> None: ...


class Storage:
    """Plain read/write memory; its first contents are a hash of the seed: zeros, small numbers, whole words."""

    def __init__(self, seed: int, blank: bool = False) -> None:
        self.seed, self.blank = seed, blank
        self.words: dict[int, int] = {}

    def word(self, index: int) -> int:
        value = self.words.get(index)
        if value is None:
            mixed = (index * 0x9E3779B97F4A7C15 + self.seed * 0xBF58476D1CE4E5B9) & MASKS[8]
            mixed = ((mixed ^ mixed >> 29) * 0x94D049BB133111EB) & MASKS[8]
            style, value = mixed & 7, mixed >> 20 & MASKS[4]
            value = 0 if self.blank or style < 2 else value & 0xFF if style < 3 else value
            self.words[index] = value
        return value

    def read(self, offset: int, size: int) -> int:
        if size <= 4 and offset % 4 + size <= 4:
            return self.word(offset // 4) >> 8 * (offset % 4) & MASKS[size]
        return sum(self.read(offset + k, 1) << 8 * k for k in range(size))

    def write(self, offset: int, value: int, size: int) -> None:
        if size == 4 and offset % 4 == 0:
            self.words[offset // 4] = value & MASKS[4]
            return
        for k in range(size):
            index, shift = (offset + k) // 4, 8 * ((offset + k) % 4)
            self.words[index] = self.word(index) & ~(0xFF << shift) | (value >> 8 * k & 0xFF) << shift


class Register:
    """One register that keeps what is written, or computes what is read and reacts to writes."""

    def __init__(
        self,
        value: int = 0,
        read: Callable[[], int] | None = None,
        write: Callable[[int], None] | None = None,
        width: int = 4,
    ) -> None:
        self.value, self.on_read, self.on_write, self.width = value, read, write, width

    def read(self, offset: int, size: int) -> int:
        value = self.on_read() if self.on_read else self.value
        return value >> 8 * offset & MASKS[size]

    def write(self, offset: int, value: int, size: int) -> None:
        lane = MASKS[size] << 8 * offset
        self.value = (self.value & ~lane | value << 8 * offset & lane) & MASKS[self.width]
        if self.on_write:
            self.on_write(self.value)


class Region:
    """A BAR's register file (or the VGA ports): storage with blocks laid over it."""

    def __init__(self, size: int, storage: Storage, first: int = 0) -> None:
        self.first, self.size, self.storage = first, size, storage
        self.blocks: list[tuple[int, int, Block]] = []
        self.taken: list[tuple[int, int]] = []

    def place(self, start: int, length: int, block: Block) -> None:
        """Lay registers over a stretch that was taken before."""
        self.blocks.append((start, start + length, block))

    def reserve(self, start: int, length: int) -> None:
        self.taken.append((start, start + length))

    def is_free(self, start: int, length: int) -> bool:
        return all(start + length <= a or b <= start for a, b in self.taken)

    def allocate(self, rng: Random, length: int, align: int = 4, limit: int | None = None) -> int:
        """A free stretch at a random place, below `limit` where given; it is taken from then on."""
        end = self.first + min(self.size, limit or self.size)
        low = -(-self.first // align)
        high = (end - length) // align
        for _ in range(2000):
            start = rng.randint(low, high) * align if high >= low else self.first
            if self.is_free(start, length):
                self.reserve(start, length)
                return start
        raise NoRoomError(f"no room for {length:#x} bytes in a region of {self.size:#x}")

    def allocate_between(self, rng: Random, length: int, align: int, low: int, high: int) -> int:
        """A free stretch that lies wholly in `low` to `high`."""
        low, high = max(self.first, low), min(self.first + self.size, high) - length
        free = [k for k in range(-(-low // align) * align, high + 1, align) if self.is_free(k, length)]
        if not free:
            raise NoRoomError(f"no room for {length:#x} bytes in {low:#x} to {high:#x}")
        self.reserve(start := rng.choice(free), length)
        return start

    def claim(self, start: int, length: int) -> None:
        """Take exactly this stretch."""
        if start + length > self.first + self.size or not self.is_free(start, length):
            raise NoRoomError(f"{start:#x} to {start + length:#x} is taken")
        self.reserve(start, length)

    def find(self, offset: int) -> tuple[int, Block]:
        for start, end, block in self.blocks:
            if start <= offset < end:
                return start, block
        return 0, self.storage

    def read(self, offset: int, size: int) -> int:
        if size == 8:
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        start, block = self.find(offset)
        return block.read(offset - start, size)

    def write(self, offset: int, value: int, size: int) -> None:
        if size == 8:
            self.write(offset, value & MASKS[4], 4)
            self.write(offset + 4, value >> 32, 4)
            return
        start, block = self.find(offset)
        block.write(offset - start, value, size)


@dataclass
class Bar:
    """A base address register; `host` is where the machine's firmware put it, `guest` where the guest's did."""

    index: int
    kind: BarKind
    size: int
    host: int = 0
    guest: int = 0
    prefetchable: bool = False
    firmware: int | None = None  # where the guest's firmware had it before the operating system moved it

    @property
    def flags(self) -> int:
        return 1 if self.kind == "io" else (4 if self.kind == "memory64" else 0) | (8 if self.prefetchable else 0)

    @property
    def is_memory(self) -> bool:
        return self.kind != "io"

    def at_host(self, address: int) -> bool:
        return self.host <= address < self.host + self.size


@dataclass
class ConfigSpace:
    """The bytes the silicon holds; `writable` marks those a write changes."""

    values: bytearray
    writable: set[int] = field(default_factory=set)
    status: dict[int, int] = field(default_factory=dict)  # offset: bits that the hardware changes by itself
    on_read: Callable[[int, int], None] | None = None

    @property
    def size(self) -> int:
        return len(self.values)

    def read(self, offset: int, size: int) -> int:
        if self.on_read:
            self.on_read(offset, size)
        return int.from_bytes(self.values[offset : offset + size], "little") if offset < self.size else MASKS[size]

    def write(self, offset: int, value: int, size: int) -> None:
        for k in range(size):
            if offset + k in self.writable:
                self.values[offset + k] = value >> 8 * k & 0xFF

    def put(self, offset: int, value: int, size: int) -> None:
        """Set bytes as the hardware or the host's kernel does, writable or not."""
        self.values[offset : offset + size] = (value & MASKS[size]).to_bytes(size, "little")


@dataclass
class Function:
    """Another function of the host: a companion of the card or the bridge above it."""

    address: str
    title: str
    config: ConfigSpace
    is_bridge: bool = False


@dataclass
class Card:
    """A passed-through device. `tainted`: BARs whose host address the current access has told."""

    bars: dict[int, Bar]
    regions: dict[int, Region]
    config: ConfigSpace
    rom: bytes = b""
    msi: int | None = None
    msix: int | None = None
    table_bar: int | None = None
    table_offset: int = 0
    table: Storage = field(default_factory=lambda: Storage(0, blank=True))
    table_entries: int = 0
    roles: dict[str, int] = field(default_factory=dict)
    neighbours: list[Function] = field(default_factory=list)
    tainted: set[int] = field(default_factory=set)
    depth: int = 0

    @contextmanager
    def nested(self) -> Iterator[bool]:
        """A register that reaches another one; False where it went round in circles."""
        self.depth += 1
        try:
            yield self.depth <= 4
        finally:
            self.depth -= 1

    def read(self, region: int, offset: int, size: int) -> int:
        with self.nested() as sane:
            return self.regions[region].read(offset, size) & MASKS[size] if sane else MASKS[size]

    def write(self, region: int, offset: int, value: int, size: int) -> None:
        with self.nested() as sane:
            if sane:
                self.regions[region].write(offset, value & MASKS[size], size)

    def region(self, role: str) -> Region:
        """The region of a role: registers, memory, ports, table, vga."""
        return self.regions[self.roles[role]]

    def change_status(self, rng: Random) -> None:
        """Time goes by: status bits come and go."""
        for offset, bits in self.config.status.items():
            if rng.random() < 0.5:
                self.config.values[offset] ^= bits & rng.getrandbits(8)

    def taint_from_config(self, offset: int, size: int) -> None:
        """Note which BARs a read of the card's own config space tells."""
        for bar in self.bars.values():
            field_at, length = 0x10 + 4 * bar.index, 8 if bar.kind == "memory64" else 4
            if offset < field_at + length and field_at < offset + size:
                self.tainted.add(bar.index)


def region_word(region: int) -> str:
    """The contract's word for a region."""
    return {VGA_REGION: "vga", CONFIG_REGION: "config", ROM_REGION: "rom"}.get(region, f"bar{region}")
