"""What the user attached beside the log: the host's lspci, sysfs and iomem, the guest's monitor output.

`PLANS` says which files a bundle has; `known_bars` and `known_config` say what can be proven from them.
"""

from dataclasses import dataclass
from random import Random

from .dialects import Dialect
from .hardware import Bar, Card, ConfigSpace, Function
from .placement import Place

HOST_FILES = ("host-lspci.txt", "host-lspci-xxxx.txt", "host-resource.txt", "host-iomem.txt")
GUEST_FILES = ("guest-info-pci.txt", "guest-info-mtree.txt")
PLANS: dict[str, tuple[str, ...]] = {
    "full": HOST_FILES + GUEST_FILES,
    "host": HOST_FILES,
    "resource": ("host-resource.txt", *GUEST_FILES),
    "lspci": ("host-lspci.txt", *GUEST_FILES),
    "bytes": ("host-lspci-xxxx.txt",),
    "iomem": ("host-iomem.txt", *GUEST_FILES),
    "guest": GUEST_FILES,
    "none": (),
}
WEIGHTS = {"full": 50, "host": 12, "resource": 8, "lspci": 10, "bytes": 8, "iomem": 4, "guest": 5, "none": 3}
CLASS_NAMES = {
    0x0300: "VGA compatible controller",
    0x0200: "Ethernet controller",
    0x0403: "Audio device",
    0x0108: "Non-Volatile memory controller",
    0x0C03: "USB controller",
    0x0480: "Multimedia controller",
    0x0280: "Network controller",
    0x0B40: "Co-processor",
    0xFF00: "Unassigned class",
}


def choose_plan(rng: Random) -> str:
    return rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


@dataclass
class Inventory:
    """The files of a bundle and what they tell. `config`: bytes of the card's config space that they show."""

    plan: str
    files: dict[str, str]
    config: dict[int, int]
    dump: int  # bytes of each function's config space that `lspci -x…` printed

    @property
    def tells_host_bars(self) -> bool:
        return any(n in self.files for n in ("host-lspci.txt", "host-lspci-xxxx.txt", "host-resource.txt"))


def shown_config(card: Card, names: tuple[str, ...], dump: int) -> dict[int, int]:
    """Bytes of the silicon's config space that the host's files give away. `dump`: bytes `lspci -x…` printed."""
    values, shown = card.config.values, set[int]()
    if "host-lspci-xxxx.txt" in names:
        shown |= set(range(min(dump, card.config.size)))
    if "host-lspci.txt" in names:
        shown |= {0, 1, 2, 3, 8, 9, 10, 11, 0x2C, 0x2D, 0x2E, 0x2F, *range(0x10, 0x28)}
    if "host-resource.txt" in names:
        shown |= set(range(0x10, 0x28))
    return {k: values[k] for k in shown}


def build(rng: Random, card: Card, place: Place, dialect: Dialect, bus: int, plan: str) -> Inventory:
    """Write every file the plan names. The host's were made before the guest ran."""
    dump = card.config.size if rng.random() < 0.7 else rng.choice((64, 256))
    address = f"{bus:02x}:00.0"
    writers = {
        "host-lspci.txt": lambda: lspci(card, address),
        "host-lspci-xxxx.txt": lambda: lspci_bytes(card, address, dump),
        "host-resource.txt": lambda: resource(card),
        "host-iomem.txt": lambda: iomem(card, address),
        "guest-info-pci.txt": lambda: info_pci(card, dialect),
        "guest-info-mtree.txt": lambda: info_mtree(card, place, dialect),
    }
    files = {name: writers[name]() for name in PLANS[plan]}
    printed = dump if "host-lspci-xxxx.txt" in files else 0
    return Inventory(plan, files, shown_config(card, PLANS[plan], dump), printed)


def _unit(size: int) -> str:
    for shift, letter in ((20, "M"), (10, "K")):
        if size >= 1 << shift:
            return f"{size >> shift}{letter}"
    return str(size)


def lspci(card: Card, address: str) -> str:
    """`lspci -vvnn` of the host."""
    values = card.config.values
    code = values[0xB] << 8 | values[0xA]
    own = f"{values[1]:02x}{values[0]:02x}:{values[3]:02x}{values[2]:02x}"
    sub = f"{values[0x2D]:02x}{values[0x2C]:02x}:{values[0x2F]:02x}{values[0x2E]:02x}"
    lines = [
        "00:00.0 Host bridge [0600]: Intel Corporation 4th Gen Core Processor DRAM Controller [8086:0c00] (rev 06)",
        "\tSubsystem: ASUSTeK Computer Inc. Device [1043:8534]",
        "\tKernel driver in use: hsw_uncore",
        "",
    ]
    for function in card.neighbours:
        v = function.config.values
        ids = f"{v[1]:02x}{v[0]:02x}:{v[3]:02x}{v[2]:02x}"
        lines.append(f"{function.address[5:]} {function.title} [{v[0xB]:02x}{v[0xA]:02x}]: Device [{ids}]")
        if function.is_bridge:
            lines += [f"\tBus: primary=00, secondary={v[0x19]:02x}, subordinate={v[0x1A]:02x}, sec-latency=0"]
        else:
            lines += [f"\tRegion 0: Memory at {v[0x13]:02x}{v[0x12]:02x}0000 (32-bit, non-prefetchable) [size=16K]"]
        lines += ["\tKernel driver in use: " + ("pcieport" if function.is_bridge else "vfio-pci"), ""]
    lines += [
        f"{address} {CLASS_NAMES[code]} [{code:04x}]: Device [{own}] (rev {values[8]:02x})",
        f"\tSubsystem: Device [{sub}]",
        "\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-",
        "\tLatency: 0, Cache Line Size: 64 bytes",
        "\tInterrupt: pin A routed to IRQ 16",
        *(_lspci_region(bar) for bar in card.bars.values()),
    ]
    if card.rom:
        lines.append(f"\tExpansion ROM at {int.from_bytes(values[0x30:0x34], 'little'):08x} [disabled] [size=32K]")
    if card.msix is not None:
        lines += [
            f"\tCapabilities: [{card.msix:02x}] MSI-X: Enable- Count={card.table_entries} Masked-",
            f"\t\tVector table: BAR={card.table_bar} offset={card.table_offset:08x}",
            f"\t\tPBA: BAR={card.table_bar} offset=00000800",
        ]
    return "\n".join([*lines, "\tKernel driver in use: vfio-pci", ""])


def _lspci_region(bar: Bar) -> str:
    if bar.kind == "io":
        return f"\tRegion {bar.index}: I/O ports at {bar.host:04x} [size={_unit(bar.size)}]"
    width = "64-bit" if bar.kind == "memory64" else "32-bit"
    fetch = "prefetchable" if bar.prefetchable else "non-prefetchable"
    return f"\tRegion {bar.index}: Memory at {bar.host:08x} ({width}, {fetch}) [size={_unit(bar.size)}]"


def _dump(address: str, config: ConfigSpace, length: int) -> list[str]:
    v = config.values
    lines = [f"{address} {v[0xB]:02x}{v[0xA]:02x}: {v[1]:02x}{v[0]:02x}:{v[3]:02x}{v[2]:02x}"]
    rows = range(0, min(length, config.size), 16)
    return [*lines, *(f"{at:02x}: " + v[at : at + 16].hex(" ") for at in rows), ""]


def lspci_bytes(card: Card, address: str, length: int) -> str:
    """`lspci -nxxxx` (or -x, -xxx) of the host."""
    functions: list[Function] = card.neighbours
    lines = [line for f in functions for line in _dump(f.address[5:], f.config, length)]
    return "\n".join([*lines, *_dump(address, card.config, length)])


def resource(card: Card) -> str:
    """`/sys/bus/pci/devices/…/resource`."""
    rows = [(0, 0, 0)] * 13
    for bar in card.bars.values():
        flags = 0x40101 if bar.kind == "io" else 0x40200
        flags |= 0x100000 | 4 if bar.kind == "memory64" else 0
        flags |= 0x2008 if bar.prefetchable else 0
        rows[bar.index] = (bar.host, bar.host + bar.size - 1, flags)
    if card.rom:
        at = int.from_bytes(card.config.values[0x30:0x34], "little")
        rows[6] = (at, at + 0x7FFF, 0x46200)
    return "".join(f"0x{a:016x} 0x{b:016x} 0x{f:016x}\n" for a, b, f in rows)


def iomem(card: Card, address: str) -> str:
    """`/proc/iomem` as root reads it."""
    lines = ["00000000-00000fff : Reserved", "00001000-0009d7ff : System RAM", "00100000-7fffffff : System RAM"]
    low = [b for b in card.bars.values() if b.is_memory and b.host < 1 << 32]
    high = [b for b in card.bars.values() if b.is_memory and b.host >= 1 << 32]
    for bars, first, last in ((low, 0x80000000, 0xFEAFFFFF), (high, 0x200000000, 0x7FFFFFFFFFFF)):
        lines.append(f"{first:08x}-{last:08x} : PCI Bus 0000:00")
        for bar in sorted(bars, key=lambda b: b.host):
            span = f"{bar.host:08x}-{bar.host + bar.size - 1:08x}"
            lines += [f"  {span} : 0000:{address}", f"    {span} : vfio-pci"]
        if bars is low:
            lines.append("fec00000-fec003ff : IOAPIC 0")
            lines.append("fee00000-fee00fff : Local APIC")
    return "\n".join([*lines, ""])


def info_pci(card: Card, dialect: Dialect) -> str:
    """`info pci` of the guest's monitor."""
    v = card.config.values
    code = v[0xB] << 8 | v[0xA]
    title = {0x0300: "VGA controller", 0x0200: "Ethernet controller"}.get(code, f"Class {code:04d}")
    end = "." if dialect.version < (9, 2) else ""
    lines = [
        "  Bus  0, device   0, function 0:",
        "    Host bridge: PCI device 8086:1237",
        '      id ""',
        "  Bus  0, device   5, function 0:",
        f"    {title}: PCI device {v[1]:02x}{v[0]:02x}:{v[3]:02x}{v[2]:02x}",
    ]
    if dialect.version >= (3, 1):
        lines.append(f"      PCI subsystem {v[0x2D]:02x}{v[0x2C]:02x}:{v[0x2F]:02x}{v[0x2E]:02x}")
    lines.append("      IRQ 10.") if dialect.version < (3, 1) else lines.append("      IRQ 10, pin A")
    for bar in card.bars.values():
        last = bar.guest + bar.size - 1
        if bar.kind == "io":
            lines.append(f"      BAR{bar.index}: I/O at 0x{bar.guest:04x} [0x{last:04x}]{end}")
            continue
        kind = ("64" if bar.kind == "memory64" else "32") + " bit" + (" prefetchable" if bar.prefetchable else "")
        lines.append(f"      BAR{bar.index}: {kind} memory at 0x{bar.guest:08x} [0x{last:08x}]{end}")
    return "\n".join([*lines, '      id "hostdev0"', ""])


def info_mtree(card: Card, place: Place, dialect: Dialect) -> str:
    """`info mtree -f` of the guest's monitor."""
    spans = [(a, b, "ram", "pc.ram", f" @{a:016x}" if a else "") for a, b in place.ram]
    spans += [(a, b, "i/o", name, "") for a, b, name in place.devices]
    for bar in card.bars.values():
        if bar.is_memory:
            first = bar.guest
            if card.table_bar == bar.index:
                after = first + card.table_offset + 16 * card.table_entries
                spans.append((first, after - 1, "i/o", "msix-table", ""))
                first = after
            offset = f" @{first - bar.guest:016x}" if first != bar.guest else ""
            spans.append((first, bar.guest + bar.size - 1, "i/o", f"{dialect.device} BAR {bar.index}", offset))
    lines = ["FlatView #0", ' AS "memory", root: system', " Root memory region: system"]
    lines += [f"  {a:016x}-{b:016x} (prio 0, {kind}): {name}{at}" for a, b, kind, name, at in sorted(spans)]
    lines += ["", "FlatView #1", ' AS "I/O", root: io', " Root memory region: io"]
    for bar in card.bars.values():
        if bar.kind == "io":
            name = f"{dialect.device} BAR {bar.index}"
            lines.append(f"  {bar.guest:016x}-{bar.guest + bar.size - 1:016x} (prio 0, i/o): {name}")
    return "\n".join([*lines, ""])
