"""Listings as lspci, the kernel and the monitor would print them, from plain descriptions of a function."""

from dataclasses import dataclass, field

ROM = 6


@dataclass(frozen=True)
class Bar:
    """A BAR that exists. `index` 6: the option ROM."""

    index: int
    kind: str  # io, memory32, memory64, rom
    address: int
    size: int
    prefetchable: bool = False


@dataclass(frozen=True)
class Function:
    address: str
    vendor: int
    device: int
    subvendor: int = 0x1AF4
    subdevice: int = 0x1100
    class_code: int = 0x038000
    bars: tuple[Bar, ...] = ()
    msix: tuple[int, int, int, int] | None = None  # entries, BAR, table offset, offset of the pending bits
    extra: dict[int, int] = field(default_factory=dict)  # further bytes of the config space


def scaled(size: int) -> str:
    """A size as lspci writes it: decimal, in the largest unit that fits."""
    for shift, letter in ((30, "G"), (20, "M"), (10, "K")):
        if size >= 1 << shift and size % (1 << shift) == 0:
            return f"{size >> shift}{letter}"
    return str(size)


def lspci(function: Function, *, domain: bool = True, numbers: bool = False) -> str:
    """One record of `lspci -vvvnn` (or `-vvvn`)."""
    address = function.address if domain else function.address.removeprefix("0000:")
    ids, code = f"{function.vendor:04x}:{function.device:04x}", function.class_code >> 8
    heading = f"{code:04x}: {ids}" if numbers else f"Some controller [{code:04x}]: Maker: Thing [A] [{ids}]"
    progif = f" (prog-if {function.class_code & 0xFF:02x})" if function.class_code & 0xFF else ""
    lines = [f"{address} {heading} (rev 01){progif}"]
    subsystem = f"{function.subvendor:04x}:{function.subdevice:04x}"
    lines.append(f"\tSubsystem: {subsystem if numbers else f'Board [{subsystem}]'}")
    lines.append("\tControl: I/O+ Mem+ BusMaster+")
    for bar in function.bars:
        size = f"[size={scaled(bar.size)}]"
        if bar.kind == "io":
            lines.append(f"\tRegion {bar.index}: I/O ports at {bar.address:04x} {size}")
        elif bar.kind == "rom":
            lines.append(f"\tExpansion ROM at {bar.address:08x} [disabled] {size}")
        else:
            width = "64" if bar.kind == "memory64" else "32"
            words = f"({width}-bit, {'' if bar.prefetchable else 'non-'}prefetchable)"
            lines.append(f"\tRegion {bar.index}: Memory at {bar.address:08x} {words} {size}")
    if function.msix:
        entries, bar_index, table, pending = function.msix
        lines.append(f"\tCapabilities: [70] MSI-X: Enable+ Count={entries} Masked-")
        lines.append(f"\t\tVector table: BAR={bar_index} offset={table:08x}")
        lines.append(f"\t\tPBA: BAR={bar_index} offset={pending:08x}")
    return "\n".join([*lines, "\tKernel driver in use: vfio-pci", ""])


def config_bytes(function: Function, length: int = 256) -> bytes:
    """The config space that such a function has."""
    space = bytearray(length)

    def put(offset: int, value: int, size: int) -> None:
        if offset + size <= length:
            space[offset : offset + size] = value.to_bytes(size, "little")

    put(0, function.vendor, 2)
    put(2, function.device, 2)
    put(4, 0x0007, 2)
    put(9, function.class_code, 3)
    put(0x2C, function.subvendor, 2)
    put(0x2E, function.subdevice, 2)
    for bar in function.bars:
        if bar.kind == "io":
            put(0x10 + 4 * bar.index, bar.address | 1, 4)
        elif bar.kind == "rom":
            put(0x30, bar.address, 4)
        else:
            wide = bar.kind == "memory64"
            flags = (8 if bar.prefetchable else 0) | (4 if wide else 0)
            put(0x10 + 4 * bar.index, bar.address & 0xFFFF_FFFF | flags, 4)
            if wide:
                put(0x14 + 4 * bar.index, bar.address >> 32, 4)
    if function.msix and length >= 256:
        entries, bar_index, table, pending = function.msix
        put(6, 0x0010, 2)
        put(0x34, 0x70, 1)
        put(0x70, 0x11, 1)
        put(0x72, entries - 1, 2)
        put(0x74, table | bar_index, 4)
        put(0x78, pending | bar_index, 4)
    for offset, byte in function.extra.items():
        put(offset, byte, 1)
    return bytes(space)


def hex_dump(function: Function, length: int = 256, *, heading: bool = True) -> str:
    """`lspci -x`, `-xxx` or `-xxxx`."""
    space = config_bytes(function, length)
    lines = [f"{function.address} Some controller: Maker: Thing"] if heading else []
    lines += [f"{at:02x}: " + " ".join(f"{b:02x}" for b in space[at : at + 16]) for at in range(0, length, 16)]
    return "\n".join([*lines, ""])


def resource(function: Function, rows: int = 13) -> str:
    """A sysfs `resource` file."""
    table = {bar.index: bar for bar in function.bars}
    lines = []
    for index in range(rows):
        bar = table.get(index)
        if bar is None:
            lines.append("0x0000000000000000 0x0000000000000000 0x0000000000000000")
            continue
        flags = {"io": 0x40101, "memory32": 0x40200, "memory64": 0x140204, "rom": 0x46200}[bar.kind]
        flags |= 0x2008 if bar.prefetchable else 0
        lines.append(f"0x{bar.address:016x} 0x{bar.address + bar.size - 1:016x} 0x{flags:016x}")
    return "\n".join([*lines, ""])


def info_pci(
    function: Function, identifier: str = "", *, old: bool = False, unmapped: frozenset[int] = frozenset()
) -> str:
    """One function of `info pci`; `old`: the spelling of QEMU up to 9.1."""
    bus, device, number = (int(word, 16) for word in function.address[5:].replace(".", ":").split(":"))
    dot = "." if old else ""
    lines = [f"  Bus {bus:2d}, device {device:3d}, function {number}:"]
    lines.append(f"    Some controller: PCI device {function.vendor:04x}:{function.device:04x}")
    lines.append(f"      PCI subsystem {function.subvendor:04x}:{function.subdevice:04x}")
    lines.append("      IRQ 11, pin A")
    for bar in function.bars:
        width = 4 if bar.kind == "io" else 8
        first, last = bar.address, bar.address + bar.size - 1
        if bar.index in unmapped:
            first, last = 0xFFFF_FFFF_FFFF_FFFF, bar.size - 2
        prefetch = "prefetchable " if bar.prefetchable else ""
        bits = 64 if bar.kind == "memory64" else 32
        what = "I/O" if bar.kind == "io" else f"{bits} bit {prefetch}memory"
        at = f"at 0x{first:0{width}x} [0x{last:0{width}x}]"
        lines.append(f"      BAR{bar.index}: {what} {'(not mapped)' if bar.index in unmapped and not old else at}{dot}")
    return "\n".join([*lines, f'      id "{identifier}"', ""])


def iomem(function: Function) -> str:
    """What /proc/iomem has of a function."""
    return "".join(
        f"  {bar.address:08x}-{bar.address + bar.size - 1:08x} : {function.address}\n"
        for bar in sorted(function.bars, key=lambda b: b.address)
        if bar.kind != "io"
    )
