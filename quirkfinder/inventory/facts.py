"""What inventories say, source by source: nothing is merged or judged here, every statement keeps its line.

Addresses and sizes are bytes; lines count from 1.  PCI functions are named `dddd:bb:ss.f`, with domain 0000 where the
listing does not print one (lspci without `-D`).  PCI Local Bus 3.0, sections 6.2 (header) and 6.7 (capabilities).
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["host", "guest"]
BarKind = Literal["io", "memory32", "memory64", "rom", "unknown"]
Source = Literal["lspci", "config", "resource", "info pci"]

ROM = 6


@dataclass(frozen=True, slots=True)
class InventoryBar:
    """A base address register (or the option ROM, index 6) as one source shows it.

    `index` is None where the listing does not number BARs (`lspci -v`); `address` is None where it has none to show.
    """

    index: int | None
    kind: BarKind = "unknown"
    address: int | None = None
    size: int | None = None
    prefetchable: bool | None = None
    disabled: bool = False  # decoding is switched off in the command register
    ignored: bool = False  # the kernel gave the BAR no resource
    unassigned: bool = False
    virtual: bool = False  # the kernel knows an address, the register itself does not hold it
    line: int = 0


@dataclass(frozen=True, slots=True)
class BridgeWindow:
    """Addresses that a bridge forwards to its secondary bus, `first`..`last` inclusive."""

    kind: Literal["io", "memory", "prefetchable"]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class MsiFacts:
    """PCI 3.0 section 6.8.1. `address` and `data` as programmed when the listing was made."""

    offset: int
    wide: bool  # 64-bit message address: the data register lies 4 bytes further
    enabled: bool | None = None
    address: int | None = None
    data: int | None = None


@dataclass(frozen=True, slots=True)
class MsixFacts:
    """PCI 3.0 section 6.8.2. Offsets in bytes."""

    offset: int
    entries: int | None = None
    table_bar: int | None = None
    table_offset: int | None = None
    pba_bar: int | None = None
    pba_offset: int | None = None


@dataclass(frozen=True, slots=True)
class HostFunction:
    """One PCI function from one source. A sysfs `resource` file does not say whose it is: `address` is then None."""

    source: Source
    address: str | None = None
    name: str = ""
    vendor: int | None = None
    device: int | None = None
    subvendor: int | None = None
    subdevice: int | None = None
    class_code: int | None = None  # 24 bits: base class, sub-class, programming interface
    bars: tuple[InventoryBar, ...] = ()
    config: bytes = b""  # from offset 0, without gaps
    msi: MsiFacts | None = None
    msix: MsixFacts | None = None
    express: int | None = None  # offset of the PCI Express capability
    driver: str | None = None
    is_bridge: bool = False
    secondary_bus: int | None = None
    windows: tuple[BridgeWindow, ...] = ()
    asleep: bool = False  # the function answered with all ones
    line: int = 0


@dataclass(frozen=True, slots=True)
class GuestFunction(HostFunction):
    """A function at its guest address. `identifier`: the id of its `-device` (libvirt: hostdev0)."""

    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceSpan:
    """A line of /proc/iomem or /proc/ioports; `parents` are the names around it, outermost first."""

    first: int
    last: int
    name: str
    parents: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class MtreeSpan:
    """A line of `info mtree`; `flat` where it comes from a rendered flat view (`-f`), so nothing lies on top of it."""

    first: int
    last: int
    name: str
    kind: str  # ram, rom, romd, ramd, i/o, container; RW, R-, -W up to QEMU 2.8
    space: Literal["memory", "ports", "other"]
    flat: bool
    priority: int = 0
    offset: int = 0  # where in the memory region the span starts
    alias_of: str | None = None
    disabled: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class GuestDevice:
    """A `-device` of a QEMU command line."""

    driver: str
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        """The last value given for an option."""
        return next((value for key, value in reversed(self.options) if key == name), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one file says. `input` is its position in the inputs, for references to its lines."""

    role: Role
    format: str
    input: int = 0
    lines: int = 0
    unrecognised: int = 0
    unrecognised_lines: tuple[int, ...] = ()  # the first of them
    functions: tuple[HostFunction, ...] = ()
    guest_functions: tuple[GuestFunction, ...] = ()
    memory: tuple[ResourceSpan, ...] = ()
    ports: tuple[ResourceSpan, ...] = ()
    mtree: tuple[MtreeSpan, ...] = ()
    devices: tuple[GuestDevice, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        """False for a file that is no listing at all; one whose lines are all known may still list nothing."""
        told = (self.functions, self.guest_functions, self.memory, self.ports, self.mtree, self.devices, self.notes)
        return any(told) or (self.lines > 0 and not self.unrecognised)
