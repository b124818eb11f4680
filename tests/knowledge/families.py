"""Bundles of cards whose doors QEMU's own quirks answer, line for line as each era of QEMU prints them.

`new`: trace events of 2.5 and newer; `middle`: debug prints of 1.6 to 2.2, where an enabled quirk does not touch the
card; `old`: those of 1.5, which read the card and then replaced the answer.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

D = "0000:01:00.0"
#: config offsets that the guest reads through a door
READ = (0x0, 0x4, 0x8, 0x10, 0x14, 0x18, 0x20, 0x24, 0x2C, 0x50, 0x58, 0x3C)
VERSIONS = {"new": "8.2", "middle": "2.0", "old": "1.5"}
_FLAGS = {"io": (1, 0x40101), "memory32": (0, 0x40200), "memory64": (4, 0x140204)}
Bars = dict[int, tuple[str, int, int, int]]  # kind, size, host, guest


@dataclass(frozen=True)
class Config:
    """Config space of 256 bytes as the host has it and as the guest does."""

    host: bytes
    guest: bytes

    def at(self, offset: int, size: int = 4) -> tuple[int, int]:
        """What the card says there, and what the guest has to get."""
        return tuple(int.from_bytes(c[offset : offset + size], "little") for c in (self.host, self.guest))  # type: ignore[return-value]


@dataclass(frozen=True)
class Kind:
    """A card: ids, class, BARs."""

    ids: tuple[int, int]
    class_code: int
    bars: Bars

    @property
    def config(self) -> Config:
        return Config(*(self._header(side) for side in (2, 3)))

    def _header(self, side: int) -> bytes:
        space = bytearray(256)
        struct.pack_into("<HHHH", space, 0, *self.ids, 0x0407, 0x10)
        space[8:12] = (self.class_code << 8 | 0xA1).to_bytes(4, "little")
        for index, bar in self.bars.items():
            form = "<Q" if bar[0] == "memory64" else "<I"
            struct.pack_into(form, space, 0x10 + 4 * index, bar[side] | _FLAGS[bar[0]][0])
        struct.pack_into("<HH", space, 0x2C, 0x1043, 0x8534)
        space[0x3C:0x3E] = b"\x0b\x01"
        space[0x34] = 0x50
        space[0x50:0x5C] = bytes.fromhex("0100030022060000 51c7a302")
        return bytes(space)


RADEON = Kind(
    (0x1002, 0x68F9),
    0x030000,
    {
        0: ("memory64", 1 << 28, 0xD0000000, 0xC0000000),
        2: ("memory64", 1 << 17, 0xFE620000, 0xFEBC0000),
        4: ("io", 256, 0xE000, 0xC000),
    },
)
GEFORCE = Kind(
    (0x10DE, 0x0A65),
    0x030000,
    {
        0: ("memory32", 1 << 24, 0xF6000000, 0xFC000000),
        1: ("memory64", 1 << 28, 0xE0000000, 0xD0000000),
        5: ("io", 128, 0xE000, 0xC000),
    },
)
REALTEK = Kind(
    (0x10EC, 0x8168),
    0x020000,
    {2: ("memory64", 4096, 0xF7D04000, 0xFEBF1000), 4: ("memory64", 1 << 14, 0xF7D00000, 0xFEBF4000)},
)
UNKNOWN = Kind((0x1AF5, 0x0C0D), 0x020000, {2: ("memory64", 1 << 17, 0xFE620000, 0xFEBC0000)})


def read(era: str, bar: int, offset: int, value: int) -> str:
    """The card's answer to a read of four bytes."""
    if era == "new":
        return f"vfio_region_read  ({D}:region{bar}+{offset:#x}, 4) = {value:#x}"
    return f"vfio: vfio_bar_read({D}:BAR{bar}+{offset:#x}, 4) = {value:#x}"


def write(era: str, bar: int, offset: int, value: int) -> str:
    """A write of four bytes that the card received."""
    if era == "new":
        return f"vfio_region_write  ({D}:region{bar}+{offset:#x}, {value:#x}, 4)"
    return f"vfio: vfio_bar_write({D}:BAR{bar}+{offset:#x}, {value:#x}, 4)"


def config_read(era: str, offset: int, value: int, size: int = 4) -> str:
    """What the guest's config space holds."""
    if era == "new":
        return f"vfio_pci_read_config  ({D}, @{offset:#x}, len={size:#x}) {value:#x}"
    return f"vfio: vfio_pci_read_config({D}, @{offset:#x}, len={size:#x}) {value:x}"


def window(
    era: str, config: Config, bar: int, address: int, data: int, match: int, name: str, only: Iterable[int] = READ
) -> list[str]:
    """Reads through a window; the quirk `name` answers those of the config offsets `only`."""
    lines = []
    for offset in READ:
        host, guest = config.at(offset)
        answered = offset in only
        lines.append(write(era, bar, address, match | offset))
        if not (era == "middle" and answered):
            lines.append(read(era, bar, data, host))
        if answered:
            lines.append(config_read(era, offset, guest))
            lines.append(
                f"vfio_quirk_generic_window_data_read {D} {name} {guest:#x}"
                if era == "new"
                else f"vfio: {name} read({D}:BAR{bar}+{data:#x}, 4) = {guest:#x}"
                if era == "middle"
                else "vfio: " + name.format(bar=bar, offset=data, value=guest)
            )
    return lines


def mirror(era: str, config: Config, bar: int, start: int, name: str) -> list[str]:
    """Reads of a copy of config space, each of which the quirk `name` answers."""
    lines = []
    for offset in READ:
        host, guest = config.at(offset)
        lines += [] if era == "middle" else [read(era, bar, start + offset, host)]
        lines.append(config_read(era, offset, guest))
        lines.append(
            f"vfio_quirk_generic_mirror_read {D} {name} {offset:#x}: {guest:#x}"
            if era == "new"
            else f"vfio: {name} read({D}:BAR{bar}+{start + offset:#x}, 4) = {guest:#x}"
            if era == "middle"
            else "vfio: " + name.format(bar=bar, offset=start + offset, value=guest)
        )
    return lines


def rtl8168() -> list[str]:
    """The MSI-X table read and written through the window of a Realtek card, with QEMU's latch and table."""
    lines = []
    for offset, host, guest in ((0x0, 0xFEE00398, 0xFEE01000), (0x4, 0, 0), (0x8, 0x4021, 0x31), (0xC, 0, 0)):
        lines += [
            write("new", 2, 0x74, 0x1F000 | offset),
            read("new", 2, 0x74, 0x8001F000 | offset),
            f"vfio_quirk_rtl8168_fake_latch {D} {0x8001F000 | offset:#x}",
            read("new", 2, 0x70, host),
            f"vfio_quirk_rtl8168_msix_read {D} MSI-X table read[{offset:#x}]: {guest:#x}",
        ]
    for offset, value in ((0x0, 0xFEE01000), (0x4, 0), (0x8, 0x41), (0xC, 0)):
        lines += [
            write("new", 2, 0x70, value),
            f"vfio_quirk_rtl8168_msix_write {D} MSI-X table write[{offset:#x}]: {value:#x}",
            read("new", 2, 0x74, 0x8001F000 | offset),
            f"vfio_quirk_rtl8168_fake_latch {D} {0x1F000 | offset:#x}",
        ]
    return lines


def key_sequence(config: Config) -> list[str]:
    """Config space read through NVIDIA's key sequence on the VGA ports."""
    lines = []
    for offset in (0x0, 0x10, 0x14, 0x24, 0x2C):
        host, guest = config.at(offset)
        lines += [
            "vfio_vga_write  (0x3d4, 0x338, 2)",
            f"vfio_vga_write  (0x3d0, {0x1800 | offset:#x}, 4)",
            "vfio_vga_write  (0x3d4, 0x538, 2)",
            f"vfio_quirk_nvidia_3d0_state {D} READ",
            f"vfio_vga_read  (0x3d0, 4) = {host:#x}",
            config_read("new", offset, guest),
            f"vfio_quirk_nvidia_3d0_read  ({D}, @{offset:#x}, len=0x4) {guest:#x}",
        ]
    return lines


def bundle(folder: Path, kind: Kind, era: str, probe: str, body: Callable[[Config], list[str]]) -> Path:
    """A log with start-up, the line `probe` and `body`, beside the host's inventory."""
    config = kind.config
    lines = [*_setup(kind, era), probe, *_placed(kind, era), *body(config)]
    (folder / "qemu.log").write_text("\n".join(line for line in lines if line) + "\n")
    rows = (f"{at:02x}: " + " ".join(f"{b:02x}" for b in config.host[at : at + 16]) for at in range(0, 256, 16))
    (folder / "host-lspci-xxxx.txt").write_text("01:00.0 Device\n" + "\n".join(rows) + "\n")
    ranges = ["0x0000000000000000 0x0000000000000000 0x0000000000000000"] * 7
    for index, (form, size, host, _) in kind.bars.items():
        ranges[index] = f"{host:#018x} {host + size - 1:#018x} {_FLAGS[form][1]:#018x}"
    (folder / "host-resource.txt").write_text("\n".join(ranges) + "\n")
    (folder / "qemu-version.txt").write_text(f"QEMU emulator version {VERSIONS[era]}\n")
    return folder


def _setup(kind: Kind, era: str) -> list[str]:
    lines = []
    for index in range(6):
        size = kind.bars[index][1] if index in kind.bars else 0
        where = f"flags: 0x3, offset: {index << 40:#x}"
        if era == "new":
            lines.append(f'vfio_region_setup Device {D}, region {index} "{D} BAR {index}", {where}, size: {size:#x}')
        else:
            lines.append(f"vfio: Device {D} region {index}:")
            lines.append(f"vfio:   size: {size:#x}, offset: {index << 40:#x}, flags: 0x3")
    return lines


def _placed(kind: Kind, era: str) -> list[str]:
    name = "vfio_pci_write_config  " if era == "new" else "vfio: vfio_pci_write_config"
    lines = [config_read(era, 0, kind.ids[0] | kind.ids[1] << 16)]
    for index, bar in kind.bars.items():
        lines.append(f"{name}({D}, @{0x10 + 4 * index:#x}, {bar[3]:#x}, len=0x4)")
        if bar[0] == "memory64":
            lines.append(f"{name}({D}, @{0x14 + 4 * index:#x}, 0x0, len=0x4)")
    return [*lines, f"{name}({D}, @0x4, 0x507, len=0x2)"]
