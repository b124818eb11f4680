"""What goes on around the card: legacy probing into nothing, the option ROM, interrupts."""

from collections.abc import Iterator

from ..features import register
from ..guests import Guest
from .decoy import Decoy


@register
class LegacyProbing(Decoy):
    """Firmware and drivers look for devices that are not there, nowhere near the card."""

    kind = "legacy-probing"
    looks_like = "host-address-access"

    def addresses(self, guest: Guest) -> list[int]:
        hosts = list(self.card.bars.values())
        spots = [0xFED40000, 0xFED40F00, 0xFED80000, 0xFED20000, 0xFEDC0000, 0xE0000000, 0xF0000000, 0xFEB00000]
        spots += [self.rng.randrange(0xC0000000, 0xFEB00000) & ~0xFFF for _ in range(3)]
        return [
            a
            for a in spots
            if not any(b.host - 0x1000 <= a < b.host + b.size for b in hosts)
            and guest.locate(a) is None
            and not guest.place.occupied(a, a + 0x1000)
        ]

    def run(self, guest: Guest) -> Iterator[None]:
        spots = self.addresses(guest)
        for _ in self.repeated(2, 12):
            if spots:
                guest.physical_read(self.rng.choice(spots) + 4 * self.rng.randrange(4), self.rng.choice((1, 2, 4)))
            yield


@register
class RomAgain(Decoy):
    """A driver reads the option ROM once more: ids and code."""

    kind = "rom-read"

    def run(self, guest: Guest) -> Iterator[None]:
        if guest.card.rom:
            for offset in range(0, 0x60, 4):
                guest.rom_read(offset)
        yield


@register
class Interrupts(Decoy):
    """MSI is switched on, and interrupts come."""

    kind = "interrupts"

    def run(self, guest: Guest) -> Iterator[None]:
        guest.enable_msi()
        yield
        address, data = guest.msi_message or (0, 0)
        for _ in self.repeated(2, 20):
            guest.note("msi_interrupt", address, data)
            yield


@register
class FastWrites(Decoy):
    """A register written with the same value ten times; QEMU hands it to the kernel and it vanishes from the log."""

    kind = "ioeventfd"

    def build(self) -> None:
        self.at = self.install(4)

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in range(10):
            guest.write(self.region, self.at, 0)
        yield
