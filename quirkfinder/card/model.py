"""What the miners know of a device: BARs with their host and guest addresses, config space, capabilities.

All addresses and sizes are bytes.  A `row` is the index of an event in the frame the card was built from: BARs move
while a guest boots, so the guest's map is a list of placements in the order of the rows.  PCI Local Bus 3.0, section
6.2.5 (base address registers), 6.7 (capabilities).
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

BarKind = Literal["io", "memory32", "memory64", "rom", "unknown"]


@dataclass(frozen=True, slots=True)
class Position:
    """A line of an input: what every statement can be traced back to."""

    input: int
    line: int


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two sources that cannot both be right; said, never silently resolved."""

    text: str
    positions: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """An address range `first`..`last` (inclusive) and what lies there."""

    first: int
    last: int
    name: str

    def __contains__(self, address: int) -> bool:
        return self.first <= address <= self.last


@dataclass(frozen=True, slots=True)
class Placement:
    """From event `row` on the guest has the BAR at `address` (None: not mapped). Row -1: before the first event."""

    row: int
    address: int | None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One base address register, or the option ROM (index 6)."""

    index: int
    kind: BarKind = "unknown"
    size: int | None = None
    host: int | None = None
    guest: int | None = None  # the last address the guest gave it
    prefetchable: bool | None = None
    placements: tuple[Placement, ...] = ()
    mapped: tuple[Span, ...] = ()  # offsets the guest reaches without a trap: not logged

    def guest_at(self, row: int) -> int | None:
        """The guest address in force at event `row`; None where the guest had not mapped it."""
        after = bisect_right([p.row for p in self.placements], row)
        return self.placements[after - 1].address if after else None

    def host_contains(self, address: int) -> bool:
        """Does the host address lie in this BAR?"""
        return self.host is not None and self.size is not None and self.host <= address < self.host + self.size

    @property
    def is_memory(self) -> bool:
        return self.kind in ("memory32", "memory64", "rom")


@dataclass(frozen=True, slots=True)
class ConfigSpace:
    """Bytes of a config space with a flag for each that is known. Length 64, 256 or 4096."""

    values: bytes
    known: bytes  # 1 where values holds a byte that was seen

    def read(self, offset: int, size: int) -> int | None:
        """`size` bytes at `offset`, little-endian; None where one of them is not known."""
        if offset < 0 or offset + size > len(self.values) or not all(self.known[offset : offset + size]):
            return None
        return int.from_bytes(self.values[offset : offset + size], "little")

    @property
    def size(self) -> int:
        return len(self.values)


EMPTY_CONFIG = ConfigSpace(b"", b"")


@dataclass(frozen=True, slots=True)
class MsiCapability:
    """PCI 3.0 section 6.8.1. `messages`: (row, address, data) as the guest programmed it over time."""

    offset: int
    messages: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class MsixCapability:
    """PCI 3.0 section 6.8.2: where table and pending bits lie. Offsets in bytes, 16 bytes an entry."""

    offset: int | None
    table_bar: int | None
    table_offset: int | None
    entries: int | None
    pba_bar: int | None = None
    pba_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A passed-through device as far as logs and inventories tell."""

    name: str  # as the log names it
    host_address: str | None = None  # dddd:bb:ss.f on the host
    vendor: int | None = None
    device: int | None = None
    subvendor: int | None = None
    subdevice: int | None = None
    class_code: int | None = None  # 24 bits: base class, sub-class, programming interface
    bars: tuple[Bar, ...] = ()
    host_config: ConfigSpace = EMPTY_CONFIG  # as `lspci -x…` on the host gave it
    guest_config: ConfigSpace = EMPTY_CONFIG  # the last value of every byte that the guest read or wrote
    config_size: int | None = None
    msi: MsiCapability | None = None
    msix: MsixCapability | None = None
    contradictions: tuple[Contradiction, ...] = ()

    def bar(self, index: int) -> Bar | None:
        return next((b for b in self.bars if b.index == index), None)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another function of the host: companion functions and bridges whose config space a mirror may show."""

    address: str
    name: str = ""
    config: ConfigSpace = EMPTY_CONFIG
    bars: tuple[Bar, ...] = ()
    is_bridge: bool = False
    secondary_bus: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything around the cards: their neighbours on the host, the guest's RAM and other devices."""

    cards: tuple[Card, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    host_spans: tuple[Span, ...] = ()  # /proc/iomem and /proc/ioports leaves (System RAM, Reserved, …)
    host_ports: tuple[Span, ...] = ()
    guest_spans: tuple[Span, ...] = ()  # guest-physical memory: RAM and devices (info mtree -f, listener lines)
    guest_ports: tuple[Span, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    notes: tuple[str, ...] = field(default=())  # inventory problems worth telling the user
    owns_nameless: tuple[str, ...] = ()  # the card whose accesses the log prints without a name (QEMU 1.3 and 1.4)
