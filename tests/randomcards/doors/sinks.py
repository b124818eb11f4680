"""Registers into which the guest writes an address that only the guest's view gives meaning to."""

from collections.abc import Iterator

from ..features import Claim, Feature, Known, register, significant_bits
from ..guests import Guest
from ..hardware import MASKS


class Sink(Feature):
    """The truth about sinks comes from the trace itself (`truth.sinks`): every value that was written, wherever."""

    deliberate: str = ""

    def build(self) -> None:
        self.sites: list[int] = []

    def claims(self, known: Known) -> Iterator[Claim]:
        yield from ()


@register
class MsiSink(Sink):
    """The MSI message goes into several register blocks: address, flags, and the data 8 bytes on."""

    kind = "sink-msi"
    deliberate = "msi-address"

    def build(self) -> None:
        super().build()
        self.blocks = [self.occupy("registers", 16, 8) for _ in range(self.rng.randint(3, 12))]
        self.flags = self.rng.choice((0, 0x100, 0x1))

    def run(self, guest: Guest) -> Iterator[None]:
        guest.enable_msi()
        yield
        address, data = guest.msi_message or (0, 0)
        for region, at in self.thin(self.blocks):
            guest.write(region, at, address)
            guest.write(region, at + 4, self.flags)
            guest.write(region, at + 8, data)
            self.sites.append(at)
            yield


@register
class WideMsiSink(MsiSink):
    """The address is written with its upper half in one access of 8 bytes."""

    kind = "sink-msi-wide"

    def run(self, guest: Guest) -> Iterator[None]:
        guest.enable_msi()
        yield
        address, data = guest.msi_message or (0, 0)
        for region, at in self.thin(self.blocks):
            guest.write(region, at, address, 8)
            guest.write(region, at + 8, data)
            self.sites.append(at)
            yield


@register
class GuestBarSink(Sink):
    """The driver tells the card where a BAR lies, as the guest sees it."""

    kind = "sink-guest-bar"
    deliberate = "guest-bar"

    def build(self) -> None:
        super().build()
        memory = [b for b in self.card.bars.values() if b.is_memory]
        telling = [b for b in memory if b.guest < 1 << 32 and significant_bits(b.guest) >= 9]
        self.bar = self.rng.choice(telling or memory)
        self.where = self.occupy("registers", 8, 8)

    def run(self, guest: Guest) -> Iterator[None]:
        region, at = self.where
        for _ in self.thin(range(self.rng.randint(2, 4))):
            guest.write(region, at, self.bar.guest & MASKS[4])
            if self.bar.kind == "memory64":
                guest.write(region, at + 4, self.bar.guest >> 32)
            self.sites.append(at)
            yield
