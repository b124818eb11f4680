"""How a QEMU of a given version words its lines, and the stamp its back end puts in front.

Formats: `hw/vfio/trace-events`, `hw/misc/vfio.c`, `hw/vfio_pci.c`, `system/memory.c` of QEMU 1.5 to 11.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Literal

Version = tuple[int, int]
Prefix = Literal["none", "thread", "iso"]
OLD: tuple[Version, ...] = ((1, 5), (1, 6), (1, 7), (2, 0), (2, 1), (2, 2))
MIDDLE: tuple[Version, ...] = ((2, 3), (2, 4), (2, 5), (2, 6), (2, 9), (2, 12), (3, 1), (4, 2), (5, 1), (5, 2))
NEW: tuple[Version, ...] = ((6, 0), (6, 1), (6, 2), (7, 2), (8, 0), (8, 2), (9, 0), (9, 2), (10, 0))
NEWEST: tuple[Version, ...] = ((10, 1), (10, 2), (11, 0), (11, 1))
FILE_OFFSET = 1 << 40  # a region's place in the VFIO device file is its index shifted by 40 bits


@dataclass
class Dialect:
    """A QEMU version, its stamp, the device's name and whether it says unassigned accesses."""

    version: Version
    prefix: Prefix
    device: str
    unassigned: bool
    operations: bool = False  # memory_region_ops_* lines beside the vfio ones
    thread: int = 4711
    clock: int = 1_750_000_000_000_000  # microseconds since the epoch

    @property
    def old(self) -> bool:
        return self.version < (2, 3)

    @property
    def hexed(self) -> str:
        """Bare hexadecimal got its 0x in 2.10."""
        return "0x" if self.version >= (2, 10) else ""

    def stamp(self, trace: bool = True) -> str:
        """The prefix of the next line; lines that are no trace events have one only since 10.1."""
        self.clock += 7 + self.clock % 13
        if self.prefix == "thread" and trace:
            return f"{self.thread}@{self.clock // 1000000}.{self.clock % 1000000:06d}:"
        if self.prefix == "iso":
            moment = datetime.fromtimestamp(self.clock // 1000000, UTC)
            return f"{moment:%Y-%m-%dT%H:%M:%S}.{self.clock % 1000000:06d}Z "
        return ""

    def access(self, kind: str, region: int, offset: int, size: int, value: int, name: str | None = None) -> str:
        """A BAR, VGA, config or ROM access as this version prints it, without the stamp."""
        device = name or self.device
        where, verb = (f"BAR{region}", "bar") if self.old else (f"region{region}", "region")
        head, gap = ("vfio: ", "") if self.old else ("", "  ")
        if kind == "read":
            if region == 8:
                return f"{head}vfio_vga_read{gap}(0x{offset:x}, {size}) = 0x{value:x}"
            return f"{head}vfio_{verb}_read{gap}({device}:{where}+0x{offset:x}, {size}) = 0x{value:x}"
        if kind == "write":
            if region == 8:
                return f"{head}vfio_vga_write{gap}(0x{offset:x}, 0x{value:x}, {size})"
            return f"{head}vfio_{verb}_write{gap}({device}:{where}+0x{offset:x}, 0x{value:x}, {size})"
        if kind == "config_read":
            return f"{head}vfio_pci_read_config{gap}({device}, @0x{offset:x}, len=0x{size:x}) {self.hexed}{value:x}"
        if kind == "config_write":
            return f"{head}vfio_pci_write_config{gap}({device}, @0x{offset:x}, 0x{value:x}, len=0x{size:x})"
        return f"{head}vfio_rom_read{gap}({device}, 0x{offset:x}, 0x{size:x}) = 0x{value:x}"

    def unassigned_line(self, write: bool, address: int, size: int, value: int) -> str | None:
        """The line for an access to nothing; None where this capture cannot show it."""
        if not self.unassigned:
            return None
        if self.version < (5, 2):
            head = f"Unassigned mem {'write' if write else 'read'} {address:016x}"
            return f"{head} = 0x{value:x}" if write else head
        verb = "access" if self.version < (6, 2) else "write" if write else "read"
        return f"Invalid {verb} at addr 0x{address:X}, size {size}, region '(null)', reason: rejected"

    def operation(self, write: bool, name: str, address: int, size: int, value: int) -> str:
        verb = "write" if write else "read"
        return (
            f"memory_region_ops_{verb} cpu 0 mr 0x55d0c8a1{address & 0xFFF0:04x} addr 0x{address:x} value 0x{value:x}"
            f" size {size} name '{name}'"
        )

    def note(self, kind: str, words: tuple[object, ...]) -> list[str]:
        """Every other line; an empty list where this version prints nothing."""
        return NOTES[kind](self, *words)


def choose(rng: Random, version: Version | None = None) -> Dialect:
    """A version with a stamp and a device name that it can have."""
    if version is None:
        version = rng.choice(rng.choices((OLD, MIDDLE, NEW, NEWEST), (2, 2, 4, 4))[0])
    prefix: Prefix = "none"
    if (2, 3) <= version < (6, 0) or ((6, 0) <= version < (10, 1) and rng.random() < 0.5):
        prefix = "thread"
    elif version >= (10, 1) and rng.random() < 0.6:
        prefix = "iso"
    bus = rng.choice((1, 2, 3, 5, 0xA, 0xB, 0x1F, 0x84, 0xC1))
    device = f"0000:{bus:02x}:00.0"
    if version >= (10, 1) and rng.random() < 0.4:
        device = rng.choice(("vfio-user:/run/vfio-user/card.sock", "vfio-user:/tmp/x.sock"))
    elif version >= (3, 1) and rng.random() < 0.06:
        device = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
    unassigned = rng.random() < (0.5 if version < (5, 2) else 0.9)
    operations = version >= (6, 1) and rng.random() < 0.08
    return Dialect(version, prefix, device, unassigned, operations, thread=rng.randrange(500, 32000))


def bus_of(rng: Random, dialect: Dialect) -> int:
    """The host bus the card sits on."""
    return int(dialect.device[5:7], 16) if dialect.device.startswith("0000:") else rng.choice((1, 3, 0xA))


def _plain(old: str, new: str) -> Callable[..., list[str]]:
    """A note of one line; `{d}` is the device, `{0}`… the words; an empty text prints nothing."""

    def render(dialect: Dialect, *words: object) -> list[str]:
        text = old if dialect.old else new
        return [("vfio: " if dialect.old else "") + text.format(*words, d=dialect.device)] if text else []

    return render


def _attach(dialect: Dialect, group: int) -> list[str]:
    version = dialect.version
    names = (((2, 3), "vfio: vfio_initfn"), ((2, 8), "vfio_initfn  "), ((8, 2), "vfio_realize  "))
    name = next((n for v, n in names if version < v), "vfio_attach_device  ")
    name = "vfio_device_attach  " if version >= (10, 1) else name
    return [f"{name}({dialect.device}) group {group}"]


def _device_info(dialect: Dialect, regions: int, irqs: int) -> list[str]:
    if dialect.old:
        return [f"vfio: Device {dialect.device} flags: 3, regions: {regions}, irgs: {irqs}"]
    name = "vfio_get_device" if dialect.version < (10, 1) else "vfio_device_get"
    return [f"{name} Device {dialect.device} flags: 3, regions: {regions}, irqs: {irqs}"]


def _region_setup(dialect: Dialect, index: int, size: int, flags: int) -> list[str]:
    device, at = dialect.device, index * FILE_OFFSET
    body = f"  size: 0x{size:x}, offset: 0x{at:x}, flags: 0x{flags:x}"
    if dialect.old:
        return [f"vfio: Device {device} region {index}:", f"vfio: {body}"]
    if dialect.version < (2, 6):
        return [f"vfio_populate_device_region Device {device} region {index}:\n{body}"]
    x = dialect.hexed
    head = f'vfio_region_setup Device {device}, region {index} "{device} BAR {index}"'
    return [f"{head}, flags: {x}{flags:x}, offset: {x}{at:x}, size: {x}{size:x}"]


def _sized(dialect: Dialect, word: str, event: str, size: int, at: int, flags: int) -> list[str]:
    device = dialect.device
    if dialect.old:
        return [f"vfio: Device {device} {word}:", f"vfio:   size: 0x{size:x}, offset: 0x{at:x}, flags: 0x{flags:x}"]
    if dialect.version < (9, 1):
        return [f"{event} Device {device} {word}:\n  size: 0x{size:x}, offset: 0x{at:x}, flags: 0x{flags:x}"]
    return [f"{event} Device '{device}' {word}: size: 0x{size:x}, offset: 0x{at:x}, flags: 0x{flags:x}"]


def _config_setup(dialect: Dialect, size: int) -> list[str]:
    name = "vfio_populate_device_config" if dialect.version < (10, 1) else "vfio_pci_populate_device_config"
    return _sized(dialect, "config", name, size, 7 * FILE_OFFSET, 3)


def _rom_load(dialect: Dialect, size: int) -> list[str]:
    return _sized(dialect, "ROM", "vfio_pci_load_rom", size, 6 * FILE_OFFSET, 1)


def _msix(dialect: Dialect, at: int, bar: int, offset: int, entries: int) -> list[str]:
    text = f"{dialect.device} PCI MSI-X CAP @0x{at:x}, BAR {bar}, offset 0x{offset:x}, entries {entries}"
    if dialect.old:
        return [f"vfio: {text}"]
    name = "vfio_early_setup_msix" if dialect.version < (2, 5) else "vfio_msix_early_setup"
    return [f"{name} {text}" + (", noresize 0" if dialect.version >= (8, 2) else "")]


def _msi_setup(dialect: Dialect, at: int) -> list[str]:
    name = "vfio: " if dialect.old else "vfio_setup_msi " if dialect.version < (2, 5) else "vfio_msi_setup "
    return [f"{name}{dialect.device} PCI MSI CAP @0x{at:x}"]


def _ram_add(dialect: Dialect, first: int, last: int) -> list[str]:
    x, pointer = dialect.hexed, f"[0x7f75{first & 0xFFF00000 | 0xBE00000:08x}]"
    if dialect.old:
        ram = "[ram] " if dialect.version >= (2, 1) else ""
        return [f"vfio: region_add {ram}{first:x} - {last:x} {pointer}"]
    return [f"vfio_listener_region_add_ram region_add [ram] {x}{first:x} - {x}{last:x} {pointer}"]


def _skip(verb: str) -> Callable[..., list[str]]:
    """A stretch of the memory map that DMA does not reach: a trapped BAR, the IOAPIC."""

    def render(dialect: Dialect, first: int, last: int) -> list[str]:
        x = dialect.hexed
        name = "vfio: " if dialect.old else f"vfio_listener_region_{verb}_skip "
        name = "vfio_listener_region_skip " if dialect.version >= (8, 0) else name
        return [f"{name}SKIPPING region_{verb} {x}{first:x} - {x}{last:x}"]

    return render


def _switched(before: str, after: str, tail: str = "") -> Callable[..., list[str]]:
    """An event renamed in 2.5 whose old name the DPRINTF era shares."""

    def render(dialect: Dialect, *words: object) -> list[str]:
        end = tail.format(*words)
        if dialect.old:
            return [f"vfio: {before}({dialect.device}){end}"]
        return [f"{before if dialect.version < (2, 5) else after}  ({dialect.device}){end}"]

    return render


def _eoi(dialect: Dialect) -> list[str]:
    name = "vfio_eoi" if dialect.version < (2, 5) else "vfio_intx_eoi"
    name = "vfio_pci_intx_eoi" if dialect.version >= (10, 1) else name
    return [f"vfio: {name}({dialect.device}) EOI" if dialect.old else f"{name}  ({dialect.device}) EOI"]


NOTES: dict[str, Callable[..., list[str]]] = {
    "attach": _attach,
    "device_info": _device_info,
    "region_setup": _region_setup,
    "config_setup": _config_setup,
    "rom_size": _plain("{d} ROM size 0x{0:x}", "vfio_pci_size_rom {d} ROM size 0x{0:x}"),
    "rom_load": _rom_load,
    "msix_setup": _msix,
    "msi_setup": _msi_setup,
    "ram_add": _ram_add,
    "skip_add": _skip("add"),
    "skip_del": _skip("del"),
    "intx_enable": _switched("vfio_enable_intx", "vfio_intx_enable"),
    "intx_moved": _switched("vfio_update_irq", "vfio_intx_update", " IRQ moved {0} -> {1}"),
    "intx_eoi": _eoi,
    "intx_interrupt": _plain("vfio_intx_interrupt({d}) Pin A", "vfio_intx_interrupt  ({d}) Pin A"),
    "msi_enable": _switched("vfio_enable_msi", "vfio_msi_enable", " Enabled {0} MSI vectors"),
    "msi_interrupt": _plain("", "vfio_msi_interrupt  ({d}) vector 0 0x{0:x}/0x{1:x}"),
    "ioeventfd": _plain("", "vfio_ioeventfd_init {d} BAR {0}+0x{1:x}[4]:0x{2:x} vfio:1"),
}
