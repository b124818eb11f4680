"""What QEMU and the guest's firmware do before any driver runs: attach, sizing probes, BAR programming, ROM scan."""

from itertools import pairwise

from .guests import Guest
from .placement import Place

PROBE_ORDER = ((0x0, 2), (0xA, 2), (0xE, 1), (0x0, 2), (0x0, 4), (0x8, 4), (0xE, 1))


def attach(guest: Guest, group: int) -> None:
    """The device is opened: regions, config space, capabilities."""
    card = guest.card
    guest.note("attach", group)
    listen(guest, guest.place)
    guest.note("device_info", 9, 5)
    for index in range(6):
        bar = card.bars.get(index)
        guest.note("region_setup", index, bar.size if bar else 0, 3 if bar else 0)
    guest.note("config_setup", card.config.size)
    if card.rom:
        guest.note("rom_size", 0x8000)
    if card.msix is not None:
        guest.note("msix_setup", card.msix, card.table_bar, card.table_offset, card.table_entries)
    if card.msi is not None:
        guest.note("msi_setup", card.msi)
    guest.config_read(0x3D, 1)
    guest.note("intx_enable")
    guest.config_read(4, 2)
    guest.config_write(4, 0, 2)


def listen(guest: Guest, place: Place) -> None:
    """Guest RAM is registered for DMA, fixed devices are skipped."""
    for first, last in place.ram:
        guest.note("ram_add", first, last)
    for first, last, name in place.devices:
        if name != "pc.bios":
            guest.note("skip_add", first, last)


def enumerate_bars(guest: Guest) -> None:
    """Size every BAR, place it, switch decoding on."""
    card = guest.card
    for offset, size in PROBE_ORDER:
        guest.config_read(offset, size)
    for offset in (*range(0x10, 0x28, 4), 0x30):
        old = guest.config_read(offset)
        guest.config_write(offset, 0xFFFFF800 if offset == 0x30 else 0xFFFFFFFF)
        guest.config_read(offset)
        guest.config_write(offset, old)
    first = {b.index: b.guest if b.firmware is None else b.firmware for b in card.bars.values()}
    place_bars(guest, first)
    guest.note("intx_moved", 0, 10)
    guest.config_write(0x3C, 0xA, 1)


def place_bars(guest: Guest, where: dict[int, int]) -> None:
    """Write the BARs and switch decoding on; each trapped BAR shows in the memory map."""
    card = guest.card
    for bar in sorted(card.bars.values(), key=lambda b: b.kind != "io"):
        if bar.index in where:
            guest.config_write(0x10 + 4 * bar.index, where[bar.index] & 0xFFFFFFFF)
            if bar.kind == "memory64":
                guest.config_write(0x14 + 4 * bar.index, where[bar.index] >> 32)
    guest.config_read(4, 2)
    guest.config_write(4, 0x103, 2)
    for index, address in where.items():
        if card.bars[index].is_memory:
            _announce(guest, index, address, "skip_add")


def move_bars(guest: Guest) -> None:
    """The operating system puts some BARs elsewhere."""
    moved = {b.index: b.firmware for b in guest.card.bars.values() if b.firmware is not None}
    if not moved:
        return
    guest.config_write(4, 0x100, 2)
    for index, address in moved.items():
        _announce(guest, index, address, "skip_del")
    place_bars(guest, {index: guest.card.bars[index].guest for index in moved})


def _announce(guest: Guest, index: int, address: int, note: str) -> None:
    """A trapped BAR comes or goes; an MSI-X table splits it in pieces."""
    card, bar = guest.card, guest.card.bars[index]
    cuts = [address, address + bar.size]
    if card.table_bar == index:
        cuts[1:1] = [address + card.table_offset + 16 * card.table_entries]
    for first, after in pairwise(cuts):
        guest.note(note, first, after - 1)


def scan_rom(guest: Guest) -> None:
    """The firmware copies the option ROM."""
    if not guest.card.rom:
        return
    guest.config_write(0x30, 0xFEBD0001)
    guest.note("rom_load", 0x8000)
    for offset, size in ((0, 2), (0x18, 2), (0x20, 4), (0x24, 2), (0x26, 2)):
        guest.rom_read(offset, size)
    for offset in range(0, 0x80, 4):
        guest.rom_read(offset, 4)
    guest.config_write(0x30, 0xFEBD0000)


def driver_probe(guest: Guest) -> None:
    """A driver looks at the card's config space: ids, BARs, the capability chain."""
    card = guest.card
    for offset in (0x0, 0x8, 0x2C):
        guest.config_read(offset)
    for offset in range(0x10, 0x28, 4):
        guest.config_read(offset)
    at = guest.config_read(0x34, 1)
    while at:
        head = guest.config_read(at, 2)
        if head & 0xFF in (0x01, 0x10, 0x11):
            guest.config_read(at + 4)
        at = head >> 8
    if card.config.size > 256 and guest.rng.random() < 0.5:
        guest.config_read(0x100)
    guest.config_read(4, 2)
    guest.config_write(4, 0x107, 2)


def boot(guest: Guest, group: int) -> None:
    """From power-on to a loaded driver."""
    attach(guest, group)
    enumerate_bars(guest)
    scan_rom(guest)
    move_bars(guest)
    driver_probe(guest)
