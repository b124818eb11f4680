"""What a random card looks like: its BARs, where host and guest put them, and its config space.

PCI Local Bus 3.0, chapter 6 (header, BARs, capabilities), PCI Express Base 3.0, section 7.8 and 7.9.
"""

from random import Random

from .hardware import VGA_REGION, Bar, BarKind, Card, ConfigSpace, Function, Region, Storage
from .placement import Place, Wishes, guest_place, place_in_guest, place_on_host

KIB, MIB = 1 << 10, 1 << 20
#: Vendors whose cards QEMU has no quirk for: nothing but the card's own behaviour is in the log.
VENDORS = (0x1AF5, 0x1CB5, 0x14E4, 0x1B4B, 0x17CB, 0x1B36, 0x144D, 0x168C, 0x15B3, 0x1D6A, 0x102B, 0x1A03)
DISPLAY = 0x030000
OTHER_CLASSES = (0x020000, 0x040300, 0x010802, 0x0C0330, 0x048000, 0x028000, 0x0B4000, 0xFF0000)


def plan_bars(rng: Random, wishes: Wishes) -> tuple[dict[int, Bar], dict[str, int]]:
    """Kinds, sizes and indices of the BARs; addresses come later."""
    needs = wishes.needs
    roles: dict[str, Bar] = {}
    wide = "wide" in needs
    roles["registers"] = Bar(
        0,
        "memory64" if rng.random() < 0.3 and not wide else "memory32",
        rng.choice((256, 512, 1024) if "roomy" in needs else (64, 128, 256, 512, 1024)) * KIB,
    )
    kind: BarKind = "memory64" if wide or rng.random() < 0.6 else "memory32"
    roles["memory"] = Bar(0, kind, rng.choice((1, 4, 16, 64, 256)) * MIB, prefetchable=rng.random() < 0.8)
    if "ports" in needs or rng.random() < 0.6:
        roles["ports"] = Bar(0, "io", 0x100)
    if "msix" in needs or rng.random() < 0.3:
        roles["table"] = Bar(0, "memory32", rng.choice((4, 16)) * KIB)
    order = list(roles)
    rng.shuffle(order)
    index, bars, indices = 0, {}, {}
    slack = 6 - sum(2 if b.kind == "memory64" else 1 for b in roles.values())
    for role in order:
        skip = rng.randint(0, slack) if rng.random() < 0.4 else 0
        index, slack = index + skip, slack - skip
        roles[role].index = indices[role] = index
        bars[index] = roles[role]
        index += 2 if roles[role].kind == "memory64" else 1
    return bars, indices


def build_config(rng: Random, bars: dict[int, Bar], roles: dict[str, int], wishes: Wishes, rom: bool) -> ConfigSpace:
    """A type 0 header with a capability chain, as the silicon holds it while the host's firmware placed the BARs."""
    size = 4096 if "extended" in wishes.needs or rng.random() < 0.75 else 256
    space = ConfigSpace(bytearray(size))
    space.put(0, rng.choice(VENDORS), 2)
    space.put(2, rng.randrange(0x1000, 0xFFF0), 2)
    space.put(4, 0x7, 2)
    space.put(6, 0x10, 2)
    code = DISPLAY if "vga" in wishes.needs else rng.choice(OTHER_CLASSES)
    space.put(8, code << 8 | rng.randrange(1, 0xC0), 4)
    space.put(0xC, rng.choice((0x10, 0x08)), 1)
    for bar in bars.values():
        space.put(0x10 + 4 * bar.index, bar.host & 0xFFFFFFFF | bar.flags, 4)
        if bar.kind == "memory64":
            space.put(0x14 + 4 * bar.index, bar.host >> 32, 4)
    space.put(0x2C, rng.choice((0x1043, 0x1462, 0x17AA, 0x1028, 0x174B)), 2)
    space.put(0x2E, rng.randrange(0x1000, 0xFFF0), 2)
    space.put(0x30, 0xFE200000 + rng.randrange(16) * 0x20000 if rom else 0, 4)
    space.put(0x3C, rng.choice((0x0B, 0x0A, 0x10)), 1)
    space.put(0x3D, 1, 1)
    space.writable |= {4, 5, 0x3C}
    space.status[6] = 0x08  # interrupt status
    return space


def add_capabilities(rng: Random, card: Card) -> None:
    """Power management, MSI, vendor scratch bytes, MSI-X, PCI Express; serial number and AER beyond 0xff."""
    space, entries = card.config, []
    at = rng.choice((0x40, 0x50, 0x60))
    lengths = {0x01: 8, 0x05: 16, 0x10: 60, 0x11: 12, 0x09: 20}
    wanted = [0x01, 0x05, 0x09]
    if "table" in card.roles:
        wanted.append(0x11)
    if space.size > 256:
        wanted.append(0x10)
    rng.shuffle(wanted)
    for code in wanted:
        entries.append((code, at))
        at = -(-(at + lengths[code] + rng.choice((0, 0, 8))) // 8) * 8
    space.put(0x34, entries[0][1], 1)
    for (code, where), after in zip(entries, [*entries[1:], (0, 0)], strict=True):
        space.put(where, code | after[1] << 8, 2)
        _fill_capability(rng, card, code, where)
    if space.size > 256:
        space.put(0x100, 0x15010001 if rng.random() < 0.5 else 0x15020001, 4)
        for offset in (0x108, 0x10C, 0x114):
            space.put(offset, rng.choice((0x62030, 0x462031, 0x2000, 0x31C1)), 4)
        space.status |= {0x104: 0x10, 0x110: 0x41}  # errors, AER
        space.put(0x150, 0x0003 | 1 << 16, 4)
        space.put(0x154, rng.getrandbits(32), 4)
        space.put(0x158, rng.getrandbits(32), 4)


def _fill_capability(rng: Random, card: Card, code: int, where: int) -> None:
    space = card.config
    if code == 0x01:
        space.put(where + 2, rng.choice((0x0003, 0xC803, 0x5803, 0xFFC3)), 2)
        space.put(where + 4, 0x8, 2)
    elif code == 0x05:
        card.msi = where
        space.put(where + 2, 0x0080, 2)
    elif code == 0x09:
        space.put(where + 2, 20, 1)
        for offset in range(where + 4, where + 20, 4):
            space.put(offset, rng.getrandbits(32), 4)
            space.writable |= set(range(offset, offset + 4))
    elif code == 0x11:
        card.msix = where
        card.table_bar, card.table_entries = card.roles["table"], rng.choice((4, 8, 16))
        space.put(where + 2, card.table_entries - 1, 2)
        space.put(where + 4, card.table_offset | card.table_bar, 4)
        space.put(where + 8, 0x800 | card.table_bar, 4)
    elif code == 0x10:
        space.put(where + 2, 0x0002, 2)
        space.put(where + 4, rng.choice((0x8FA1, 0x8CC1, 0x10008FE2)), 4)
        space.put(where + 8, rng.choice((0x2810, 0x2910, 0x5936)), 2)
        space.status[where + 10] = 0x0F  # errors, device status
        space.put(where + 12, rng.choice((0x477D02, 0x45C813, 0x40D02)), 4)
        space.put(where + 16, rng.choice((0x10110040, 0x10820000, 0x1043)), 4)


def neighbours(rng: Random, bus: int, card: Card) -> list[Function]:
    """The bridge above the card and a companion function of the same slot."""
    bridge = ConfigSpace(bytearray(256))
    for offset, value in ((0, 0x8C108086), (4, 0x00100407), (8, 0x060400D4), (0xC, 0x00810010), (0x34, 0x40)):
        bridge.put(offset, value, 4)
    bridge.put(0x18, 0 | bus << 8 | bus << 16, 4)
    bridge.put(0x1C, 0x2000F0E1 | rng.randrange(16) << 4, 4)
    bridge.put(0x20, rng.randrange(0xF000, 0xFE00) & 0xFFF0 | 0xFEB0 << 16, 4)
    bridge.put(0x24, rng.randrange(0x8000, 0xC000) & 0xFFF0 | 0x0001 | 0xDFF1 << 16, 4)
    for offset in (0x40, 0x44, 0x48, 0x4C, 0x50, 0x80, 0x90):
        bridge.put(offset, rng.getrandbits(32), 4)
    other = ConfigSpace(bytearray(card.config.values))
    other.put(2, rng.randrange(0x1000, 0xFFF0), 2)
    other.put(8, 0x040300A1, 4)
    for offset in range(0x10, 0x28, 4):
        other.put(offset, 0, 4)
    other.put(0x10, rng.randrange(0xFE08, 0xFEA0) << 16, 4)
    other.put(0x3D, 2, 1)
    return [
        Function("0000:00:1c.0", "PCI bridge", bridge, is_bridge=True),
        Function(f"0000:{bus:02x}:00.1", "Audio device", other),
    ]


def build_card(rng: Random, wishes: Wishes, bus: int) -> tuple[Card, Place]:
    """A card without features yet, and the guest around it."""
    bars, roles = plan_bars(rng, wishes)
    place_on_host(rng, bars, high="wide" in wishes.needs or rng.random() < 0.4)
    place = guest_place(rng, bars, wishes)
    place_in_guest(rng, bars, place, wishes)
    regions = {i: Region(b.size, Storage(rng.getrandbits(32))) for i, b in bars.items()}
    regions[VGA_REGION] = Region(0x30, Storage(rng.getrandbits(32)), first=0x3B0)
    rom = rng.random() < 0.4
    config = build_config(rng, bars, roles, wishes, rom)
    card = Card(bars, regions, config, roles={**roles, "vga": VGA_REGION})
    if rom:
        card.rom = build_rom(rng, card)
    add_capabilities(rng, card)
    config.on_read = card.taint_from_config
    card.neighbours = neighbours(rng, bus, card)
    if "table" in roles:
        regions[roles["table"]].claim(0, 0x1000)
        regions[roles["table"]].place(card.table_offset, 16 * card.table_entries, card.table)
    return card, place


def build_rom(rng: Random, card: Card) -> bytes:
    """An option ROM image: signature, PCI data structure with the ids, and code (PCI Firmware 3.0, chapter 5)."""
    image = bytearray(rng.getrandbits(8) for _ in range(0x100))
    image[0:4] = b"\x55\xaa\x40\xe9"
    image[0x18:0x1A] = (0x20).to_bytes(2, "little")
    image[0x20:0x24] = b"PCIR"
    image[0x24:0x28] = bytes(card.config.values[0:4])
    image[0x2D:0x30] = bytes(card.config.values[9:12])
    return bytes(image)
