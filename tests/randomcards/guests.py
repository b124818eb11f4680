"""The guest: what its firmware and drivers do to the card, and what QEMU sees of it.

Every access goes to the hardware and into `trace`, one `Event` each; nothing else reaches the log.  A physical access
is routed as QEMU routes it: into a BAR the guest mapped, into RAM or another device (silent), or nowhere.
"""

from collections import Counter
from random import Random
from typing import NamedTuple

from .hardware import CONFIG_REGION, MASKS, VGA_REGION, Card
from .placement import Place

MSI_WINDOW = 0xFEE00000


class Event(NamedTuple):
    """Something QEMU would print. `kind`: read, write, config_read, …, unassigned_read, or the name of a note."""

    kind: str
    region: int = -1
    offset: int = 0
    size: int = 0
    value: int = 0
    words: tuple[object, ...] = ()


class Guest:
    """A running guest with the card plugged in."""

    def __init__(self, card: Card, place: Place, rng: Random, wide_accesses: bool) -> None:
        self.card, self.place, self.rng, self.wide_accesses = card, place, rng, wide_accesses
        self.trace: list[Event] = []
        self.leaks: Counter[tuple[int, int, int]] = Counter()  # (region, offset, bar): reads that told a host address
        self.dereferenced: set[int] = set()  # BARs whose host address the guest used
        self.lost: Counter[int] = Counter()  # unassigned accesses by the host BAR they were meant for
        self.lost_ports: Counter[int] = Counter()
        self.emulated = bytearray(card.config.values)  # what QEMU shows; BAR and MSI fields are its own
        for offset in range(0x10, 0x28):
            self.emulated[offset] = 0
        for bar in card.bars.values():
            self.emulated[0x10 + 4 * bar.index] = bar.flags
        self.emulated[0x30:0x34] = bytes(4)
        self.msi_message: tuple[int, int] | None = None
        self.decoding = False
        self.vga = False

    # -- registers -----------------------------------------------------------------------------------------------

    def read(self, region: int, offset: int, size: int = 4) -> int:
        """A read of the region (BAR offset or VGA port); returns what the hardware gave."""
        if size == 8 and not self.wide_accesses:
            return self.read(region, offset) | self.read(region, offset + 4) << 32
        self.card.tainted.clear()
        value = self.card.read(region, offset, size)
        for bar in self.card.tainted:
            self.leaks[region, offset, bar] += 1
        self.trace.append(Event("read", region, offset, size, value))
        return value

    def write(self, region: int, offset: int, value: int, size: int = 4) -> None:
        if size == 8 and not self.wide_accesses:
            self.write(region, offset, value & MASKS[4])
            self.write(region, offset + 4, value >> 32)
            return
        value &= MASKS[size]
        self.card.write(region, offset, value, size)
        self.trace.append(Event("write", region, offset, size, value))

    # -- config space --------------------------------------------------------------------------------------------

    def is_emulated(self, offset: int) -> bool:
        """Does QEMU answer this byte of config space itself?"""
        card = self.card
        in_msi = card.msi is not None and card.msi + 2 <= offset < card.msi + 14
        return 0x10 <= offset < 0x28 or 0x30 <= offset < 0x34 or offset == 0x3C or in_msi

    def config_read(self, offset: int, size: int = 4) -> int:
        view, real = self.emulated, self.card.config.values
        value = sum((view if self.is_emulated(offset + k) else real)[offset + k] << 8 * k for k in range(size))
        self.trace.append(Event("config_read", CONFIG_REGION, offset, size, value))
        return value

    def config_write(self, offset: int, value: int, size: int = 4) -> None:
        value &= MASKS[size]
        self.trace.append(Event("config_write", CONFIG_REGION, offset, size, value))
        for k in range(size):
            if self.is_emulated(offset + k):
                self.emulated[offset + k] = value >> 8 * k & 0xFF
            else:
                self.card.config.write(offset + k, value >> 8 * k & 0xFF, 1)
        self._keep_read_only_bits(offset)
        if offset == 4:
            self.decoding = bool(value & 3)

    def _keep_read_only_bits(self, offset: int) -> None:
        for bar in self.card.bars.values():
            at = 0x10 + 4 * bar.index
            if at <= offset < at + (8 if bar.kind == "memory64" else 4):
                length = 8 if bar.kind == "memory64" else 4
                written = int.from_bytes(self.emulated[at : at + length], "little")
                value = written & ~(bar.size - 1) | bar.flags
                self.emulated[at : at + length] = (value & MASKS[length]).to_bytes(length, "little")
                return
        if 0x10 <= offset < 0x28:
            self.emulated[offset & ~3 : (offset & ~3) + 4] = bytes(4)
        if 0x30 <= offset < 0x34:
            written = int.from_bytes(self.emulated[0x30:0x34], "little")
            self.emulated[0x30:0x34] = (written & 0xFFFF8001 if self.card.rom else 0).to_bytes(4, "little")

    def note(self, name: str, *words: object) -> None:
        """Another line of QEMU's: `logs.NOTES` knows how each version words it."""
        self.trace.append(Event(name, words=words))

    def rom_read(self, offset: int, size: int = 4) -> int:
        value = int.from_bytes(self.card.rom[offset : offset + size], "little")
        self.trace.append(Event("rom_read", 6, offset, size, value))
        return value

    # -- physical accesses ---------------------------------------------------------------------------------------

    def locate(self, address: int) -> tuple[int, int] | None:
        """(BAR, offset) of a guest-physical address the guest mapped the card to."""
        for bar in self.card.bars.values():
            if bar.is_memory and self.decoding and bar.guest <= address < bar.guest + bar.size:
                return bar.index, address - bar.guest
        return None

    def physical_read(self, address: int, size: int = 4) -> int | None:
        """A read of guest-physical memory; None where RAM or another device answered, unseen by VFIO."""
        hit = self._route(address, size, "unassigned_read", 0)
        return self.read(hit[0], hit[1], size) if hit else None

    def physical_write(self, address: int, value: int, size: int = 4) -> None:
        hit = self._route(address, size, "unassigned_write", value)
        if hit:
            self.write(hit[0], hit[1], value, size)

    def _route(self, address: int, size: int, kind: str, value: int) -> tuple[int, int] | None:
        meant = next((b.index for b in self.card.bars.values() if b.is_memory and b.at_host(address)), None)
        if meant is not None:
            self.dereferenced.add(meant)
        hit = self.locate(address)
        if hit is not None or self.place.occupied(address, address):
            return hit
        for part in range(0, size, 4):
            length = min(4, size - part)
            self.trace.append(Event(kind, -1, address + part, length, value >> 8 * part & MASKS[length]))
            if meant is not None:
                self.lost[meant] += 1
        return None

    def port_write(self, port: int, value: int, size: int) -> None:
        """An `out` instruction: lands in the card's I/O BAR, its VGA ports, or silently elsewhere."""
        for bar in self.card.bars.values():
            if bar.kind == "io" and bar.at_host(port):
                self.dereferenced.add(bar.index)
            if bar.kind == "io" and bar.guest <= port < bar.guest + bar.size:
                self.write(bar.index, port - bar.guest, value, size)
                return
        if self.vga and 0x3B0 <= port < 0x3E0:
            self.write(VGA_REGION, port, value, size)

    # -- interrupts ----------------------------------------------------------------------------------------------

    def enable_msi(self) -> None:
        """Program and switch on MSI; the host's kernel puts its own message into the silicon."""
        at = self.card.msi
        if at is None or self.msi_message:
            return
        address = MSI_WINDOW | self.rng.choice((0, 0x1000, 0x2000, 0x3000, 0xC, 0x400C))
        data = self.rng.choice((0x4021, 0x4031, 0x4041, 0x21, 0x40A2))
        self.config_read(at + 2, 2)
        self.config_write(at + 4, address)
        self.config_write(at + 8, 0)
        self.config_write(at + 12, data, 2)
        self.note("msi_enable", 1)
        self.config_write(at + 2, 0x81, 2)
        self.msi_message = (address, data)
        config = self.card.config
        config.put(at + 2, 0x81, 2)
        config.put(at + 4, MSI_WINDOW | self.rng.randrange(1, 0x3F) << 4 | 8, 4)
        config.put(at + 12, self.rng.randrange(4), 2)
