"""Config space as the guest has it, at every moment of a trace: what QEMU's emulation would answer.

Some bytes QEMU or the kernel emulates: the BARs (what the guest wrote, cut to the BAR's size), command, interrupt line,
MSI.  The rest is handed through, so that the device's own answer of the moment is right where there is one, then what
the guest read or wrote last, then the host's dump, which may be from another time.  PCI Local Bus 3.0, section 6.1 and
6.2.5.1 for the registers; `hw/vfio/pci.c` (QEMU 10.2) and Linux `vfio_pci_config.c` for what is emulated.
"""

from quirkfinder.card.model import Card
from quirkfinder.replay.environment import Value

BAR_FIRST, BAR_LAST = 0x10, 0x27
#: read-only by the specification: ids, class, header type, capability pointer, interrupt pin
READ_ONLY = frozenset((*range(0x04), *range(0x08, 0x0C), 0x0E, *range(0x2C, 0x30), 0x34, 0x3D))
#: what a device does not change while it runs: the above and its own BARs
STATIC = READ_ONLY | frozenset(range(BAR_FIRST, BAR_LAST + 1))
#: emulated in every device: command, header type, BARs, ROM, interrupt line and pin
_EMULATED = frozenset((0x04, 0x05, 0x0E, *range(BAR_FIRST, BAR_LAST + 1), *range(0x30, 0x34), 0x3C, 0x3D))
#: bytes of an MSI capability with 64-bit address and mask (PCI 3.0, section 6.8.1), of an MSI-X capability
_MSI_LENGTH, _MSIX_LENGTH = 0x18, 0x04
#: status: written ones clear bits, so a write does not tell what it holds
_STATUS = frozenset((0x06, 0x07))


class GuestConfig:
    """Bytes of the guest's config space; None for a byte nobody can know."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.size = card.config_size or max(len(card.host_config.values), 0x100)
        self._bytes: dict[int, int] = {}
        self._placed: dict[int, int] = {}  # BAR registers from listings
        self._emulated = _EMULATED | _message_bytes(card)
        self._sizes = {bar.index: bar.size for bar in card.bars if bar.size and bar.index < 6}

    def read(self, offset: int, size: int, device: Value = None) -> Value:
        """`size` bytes, little-endian; None where one is not known. `device` is its own answer, if there is one."""
        found = [
            device >> 8 * at & 0xFF
            if device is not None and offset + at not in self._emulated
            else self._byte(offset + at)
            for at in range(size)
        ]
        if any(byte is None for byte in found):
            return None
        return int.from_bytes(bytes(byte for byte in found if byte is not None), "little")

    def seen_read(self, offset: int, size: int, value: int) -> None:
        """The guest read this: nobody knows better."""
        for at in range(size):
            self._bytes[offset + at] = value >> 8 * at & 0xFF

    def written(self, offset: int, size: int, value: Value) -> None:
        """The guest wrote this, or a quirk did on its behalf."""
        for at in range(size):
            place = offset + at
            if value is None:
                self._bytes.pop(place, None)
            elif BAR_FIRST <= place <= BAR_LAST:
                self._write_bar(place, value >> 8 * at & 0xFF)
            elif place not in READ_ONLY and place not in _STATUS:
                self._bytes[place] = value >> 8 * at & 0xFF

    def bar_address(self, bar: int) -> Value:
        """Where the guest has a BAR, from its registers."""
        low = self.read(BAR_FIRST + 4 * bar, 4)
        if low is None:
            return None
        if low & 1:
            return low & ~3
        high: Value = 0
        if low & 4 and bar < 5:
            high = self.read(BAR_FIRST + 4 * bar + 4, 4)
        return None if high is None else (high << 32 | low) & ~0xF

    def knows_bar(self, bar: int) -> bool:
        """Did the trace tell what the guest put into the register?"""
        return all(place in self._bytes for place in range(BAR_FIRST + 4 * bar, BAR_FIRST + 4 * bar + 4))

    def place_bar(self, bar: int, address: int) -> None:
        """A listing says where the guest has the BAR now; what the trace tells of the register goes before."""
        flags = self._flags(bar)
        word = (address & ~3) | 1 if flags & 1 else (address & ~0xF) | flags
        length = 8 if flags & 7 == 4 and bar < 5 else 4
        for at in range(length):
            self._placed[BAR_FIRST + 4 * bar + at] = word >> 8 * at & 0xFF

    def _byte(self, offset: int) -> Value:
        if offset in self._bytes:
            return self._bytes[offset]
        if BAR_FIRST <= offset <= BAR_LAST:
            if offset in self._placed:
                return self._placed[offset]
            # A register of a BAR that the device does not have is zero; others nobody told us.
            return 0 if self._owner(offset) is None and self._card.bars else None
        return self._card.host_config.read(offset, 1)

    def _owner(self, offset: int) -> tuple[int, int] | None:
        """The BAR a byte belongs to and its byte in the address; the second half of a 64-bit BAR belongs to it."""
        index, byte = divmod(offset - BAR_FIRST, 4)
        if index in self._sizes:
            return index, byte
        before = self._card.bar(index - 1)
        if before is not None and before.index in self._sizes and before.kind == "memory64":
            return before.index, byte + 4
        return None

    def _write_bar(self, place: int, byte: int) -> None:
        owner = self._owner(place)
        if owner is None:
            self._bytes[place] = 0
            return
        index, at = owner
        mask = ~(self._sizes[index] - 1) >> 8 * at & 0xFF if self._sizes[index] else 0xFF
        flags = self._flags(index) if at == 0 else 0
        self._bytes[place] = byte & mask | flags

    def _flags(self, bar: int) -> int:
        """The low bits of a BAR: I/O, 64 bits, prefetchable; from the host's dump, else from what is known of it."""
        host = self._card.host_config.read(BAR_FIRST + 4 * bar, 1)
        known = self._card.bar(bar)
        if host:
            return host & (3 if host & 1 else 0xF)
        if known is None or known.kind == "unknown":
            return 0
        return {"io": 1, "memory64": 4}.get(known.kind, 0) | (8 if known.prefetchable and known.kind != "io" else 0)


def _message_bytes(card: Card) -> frozenset[int]:
    """Bytes of the MSI and MSI-X capabilities: QEMU keeps the guest's."""
    found: set[int] = set()
    if card.msi is not None:
        found |= set(range(card.msi.offset + 2, card.msi.offset + _MSI_LENGTH))
    if card.msix is not None and card.msix.offset is not None:
        found |= set(range(card.msix.offset + 2, card.msix.offset + _MSIX_LENGTH))
    return frozenset(found)
