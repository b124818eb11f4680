"""Plain registers whose values might mislead: counters, status, echoes, hashes, sizes."""

from collections.abc import Iterator

from ..features import register
from ..guests import Guest
from ..hardware import MASKS, Register
from .decoy import Decoy


@register
class InitNoise(Decoy):
    """A driver's initialisation: reads and writes all over the register BAR."""

    kind = "initialisation"

    def build(self) -> None:
        self.spots = [self.occupy("registers", 4)[1] for _ in range(self.rng.randint(20, 60))]

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(60, 250):
            at, size = self.rng.choice(self.spots), self.rng.choice((4, 4, 4, 4, 2, 1))
            if self.rng.random() < 0.5:
                guest.read(self.region, at, size)
            else:
                guest.write(self.region, at, self.rng.choice((0, 1, 0xFF, self.rng.getrandbits(32))), size)
            if self.rng.random() < 0.2:
                yield


@register
class Counter(Decoy):
    """A running timer of 64 bits and a frame counter."""

    kind = "counter"

    def build(self) -> None:
        self.now, self.step = self.rng.getrandbits(40), self.rng.randrange(100, 100000)
        self.at = self.install(8, Register(read=self._tick, width=8), align=8)

    def _tick(self) -> int:
        self.now += self.rng.randrange(self.step)
        return self.now

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(10, 60):
            guest.read(self.region, self.at)
            if self.rng.random() < 0.3:
                guest.read(self.region, self.at + 4)
            yield


@register
class StatusPoll(Decoy):
    """A status register polled until a bit rises."""

    kind = "status-poll"

    def build(self) -> None:
        self.left = 0
        self.at = self.install(4, Register(read=self._status, write=self._start))

    def _start(self, value: int) -> None:
        self.left = self.rng.randint(1, 20)

    def _status(self) -> int:
        self.left -= 1
        return 0x3028 | (0 if self.left > 0 else 1 << 31)

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(2, 8):
            guest.write(self.region, self.at, self.rng.choice((1, 0x10)))
            while not guest.read(self.region, self.at) >> 31:
                yield
            yield


@register
class ScratchEcho(Decoy):
    """Storage into which the guest copies values it read elsewhere, and reads them back."""

    kind = "scratch-echo"
    looks_like = "bar-alias"

    def build(self) -> None:
        self.source = self.occupy("registers", 32, 32)[1]
        self.copy = self.occupy("memory", 32, 32)

    def run(self, guest: Guest) -> Iterator[None]:
        region, at = self.copy
        for _ in self.repeated(6, 20):
            k = 4 * self.rng.randrange(8)
            value = guest.read(self.region, self.source + k)
            guest.write(region, at + self.rng.choice((k, 4 * self.rng.randrange(8))), value)
            yield
            guest.read(region, at + k)


@register
class GuestBarEcho(Decoy):
    """A register that holds a BAR's guest address because the guest wrote it there."""

    kind = "guest-bar-echo"
    looks_like = "address-leak"

    def build(self) -> None:
        self.at = self.install(4)

    def run(self, guest: Guest) -> Iterator[None]:
        bar = self.rng.choice([b for b in self.card.bars.values() if b.is_memory])
        guest.write(self.region, self.at, bar.guest & MASKS[4])
        yield
        for _ in self.repeated(1, 4):
            guest.read(self.region, self.at)
            yield


@register
class SizeRegisters(Decoy):
    """Registers that tell how large the BARs are."""

    kind = "size-registers"
    looks_like = "address-leak"

    def build(self) -> None:
        bars = list(self.card.bars.values())
        _, self.at = self.occupy("registers", 4 * len(bars), 32)
        region = self.card.regions[self.region]
        for k, bar in enumerate(bars):
            region.place(self.at + 4 * k, 4, Register(self.rng.choice((bar.size, bar.size - 1, -bar.size & MASKS[4]))))
        self.count = len(bars)

    def run(self, guest: Guest) -> Iterator[None]:
        for k in range(self.count):
            guest.read(self.region, self.at + 4 * k)
            yield


@register
class HashOutput(Decoy):
    """A hash unit: a message in, a digest of eight words out."""

    kind = "hash-output"

    def build(self) -> None:
        self.at = self.install(4)
        self.out = self.install(32, Register(read=lambda: self.rng.getrandbits(64), width=8), align=32)

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(2, 8):
            for _ in range(8):
                guest.write(self.region, self.at, self.rng.getrandbits(32))
            for k in range(0, 8, 4):
                guest.read(self.region, self.out + k)
            yield


@register
class SmallNumbers(Decoy):
    """Small numbers and all ones: they agree with everything."""

    kind = "small-numbers"
    looks_like = "config-mirror"

    def build(self) -> None:
        _, self.at = self.occupy("registers", 0x40, 0x40)
        region = self.card.regions[self.region]
        for k in range(0, 0x40, 4):
            region.place(self.at + k, 4, Register(self.rng.choice((0, 0, 1, 2, 4, 0x10, 0xFF, 0xFFFF, MASKS[4]))))

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in range(2):
            for k in range(0, 0x40, 4):
                guest.read(self.region, self.at + k)
            yield
