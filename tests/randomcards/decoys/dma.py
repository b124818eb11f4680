"""Guest-physical addresses that the guest gave the card: rings, uploads, buffers."""

from collections.abc import Iterator

from ..features import register
from ..guests import Guest
from ..hardware import MASKS, Storage
from .decoy import Decoy


@register
class DmaRing(Decoy):
    """Ring bases written and read back; numerically some lie inside a host BAR."""

    kind = "dma-ring"
    looks_like = "address-leak"

    def build(self) -> None:
        self.at = self.install(0x40, Storage(self.rng.getrandbits(32), blank=True), align=0x40)

    def base(self, guest: Guest) -> int:
        first, last = self.rng.choice(guest.place.ram)
        inside = [
            b.host + 0x1000 * self.rng.randrange(1, max(2, min(b.size, 1 << 20) >> 12))
            for b in self.card.bars.values()
            if b.is_memory and b.size > 0x4000 and guest.place.occupied(b.host, b.host)
        ]
        if inside and self.rng.random() < 0.7:
            return self.rng.choice(inside)
        return self.rng.randrange(max(first, 0x100000), last) & ~0xFFF

    def run(self, guest: Guest) -> Iterator[None]:
        for ring in self.repeated(2, 4):
            base, at = self.base(guest), self.at + 16 * ring
            guest.write(self.region, at, base & MASKS[4])
            guest.write(self.region, at + 4, base >> 32)
            guest.write(self.region, at + 8, self.rng.choice((0x40, 0x100, 0x400)))
            yield
            for k in (0, 4, 12):
                guest.read(self.region, at + k)
            for tail in range(self.rng.randint(2, 10)):
                guest.write(self.region, at + 12, tail)
            yield


@register
class FirmwareUpload(Decoy):
    """A blob is written word by word into a memory BAR, with magic words around it, and partly verified."""

    kind = "firmware-upload"

    def build(self) -> None:
        self.length = self.rng.randint(40, 300)
        _, self.at = self.occupy("memory", 4 * self.length, 0x100)

    def run(self, guest: Guest) -> Iterator[None]:
        guest.write(self.region, self.at, 0xA5A5A5A5)
        for k in range(1, self.length - 1):
            value = self.rng.choice((0, 0x10000, self.rng.getrandbits(32), 0x7FDD0000 | self.rng.getrandbits(12)))
            guest.write(self.region, self.at + 4 * k, value)
            if k % 32 == 0:
                yield
        guest.write(self.region, self.at + 4 * (self.length - 1), 0x5A5A5A5A)
        for k in self.rng.sample(range(self.length), 6):
            guest.read(self.region, self.at + 4 * k)
        yield


@register
class Framebuffer(Decoy):
    """Pixels, written and read back; by chance some look like parts of a BAR's address."""

    kind = "framebuffer"
    looks_like = "address-leak"

    def build(self) -> None:
        self.length = self.rng.randint(30, 200)
        _, self.at = self.occupy("memory", 4 * self.length, 0x1000)

    def pixel(self) -> int:
        bar = self.rng.choice([b for b in self.card.bars.values() if b.is_memory])
        if self.rng.random() < 0.05:
            return bar.host & 0xFFFF0000 | self.rng.getrandbits(16) | 1
        if self.rng.random() < 0.02:
            return (bar.host & MASKS[4]) + self.rng.randrange(4, max(8, min(bar.size, 1 << 20)), 4)
        return self.rng.choice((0xFF000000, 0xFF000000 | self.rng.getrandbits(24), self.rng.getrandbits(32)))

    def run(self, guest: Guest) -> Iterator[None]:
        for k in range(self.length):
            guest.write(self.region, self.at + 4 * k, self.pixel())
            if k % 32 == 0:
                yield
        for k in sorted(self.rng.sample(range(self.length), self.length // 3)):
            guest.read(self.region, self.at + 4 * k)
        yield
