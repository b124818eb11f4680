"""Index and data registers that reach nothing but registers of their own."""

from collections.abc import Iterator

from ..features import register
from ..guests import Guest
from ..hardware import MASKS, VGA_REGION, Storage
from ..shapes import Shape, Target
from ..windowing import Window
from .decoy import Decoy


class Indexed(Decoy):
    """Same hardware as a window, but private storage behind it."""

    looks_like = "window"
    role = "registers"

    def shape(self) -> Shape:
        return Shape()

    def target(self) -> Target:
        return Target("private", self.rng.choice((0, 0x4000, 0x1800)), 0xFF)

    def build(self) -> None:
        self.window = Window(self.card, self.rng, [self.target()], self.shape(), [], private=self.storage())
        region, first = self.occupy(self.role if self.role in self.card.roles else "registers", 8, 8)
        self.window.address, self.window.data = (region, first), (region, first + 4)
        if self.window.shape.address_size == 1:
            self.window.data = (region, first + 1)
        if self.window.shape.command:
            self.window.command = self.beside(self.window.address)
        self.window.install()

    def storage(self) -> Storage:
        return Storage(self.rng.getrandbits(32))

    def run(self, guest: Guest) -> Iterator[None]:
        window, target = self.window, self.window.targets[0]
        size = window.shape.data_size
        for _ in self.repeated(8, 40):
            index = self.rng.randrange(0, target.mask + 1) & (~3 if size == 4 and target.scale == 1 else ~0)
            at = target.base + target.scale * (index & target.mask)
            if self.rng.random() < 0.5:
                window.load(guest, target, at, size)
            else:
                window.store(guest, target, at, self.rng.choice((0, 1, self.rng.getrandbits(8 * size))), size)
            yield


@register
class Crtc(Indexed):
    """8-bit index and data side by side, as CRTC, sequencer and DAC have them."""

    kind = "crtc"

    def shape(self) -> Shape:
        return Shape(address_size=1, data_size=1)

    def target(self) -> Target:
        return Target("private", 0, 0x3F)


@register
class VgaCrtc(Decoy):
    """The real CRTC ports, 3d4 and 3d5."""

    kind = "vga-crtc"
    needs = frozenset({"vga"})
    looks_like = "window"

    def build(self) -> None:
        self.window = Window(self.card, self.rng, [Target("private", 0, 0xFF)], Shape(1, 1), [])
        self.card.region("vga").claim(0x3D4, 2)
        self.window.address, self.window.data = (VGA_REGION, 0x3D4), (VGA_REGION, 0x3D5)
        self.window.private = Storage(self.rng.getrandbits(32))
        self.window.install()
        self.places.append((VGA_REGION, 0x3D4, 0x3D5))

    def run(self, guest: Guest) -> Iterator[None]:
        for index in self.repeated(10, 25):
            if self.rng.random() < 0.5:
                guest.write(VGA_REGION, 0x3D4, index | self.rng.getrandbits(8) << 8, 2)
            else:
                self.window.load(guest, self.window.targets[0], index, 1)
            yield


@register
class Pll(Indexed):
    """Clock registers behind a 32-bit pair."""

    kind = "pll"

    def target(self) -> Target:
        return Target("private", 0, 0x3F)


@register
class PllInPorts(Indexed):
    """The same in an I/O BAR, at offsets 0 and 4 as real windows often are."""

    kind = "pll-in-ports"
    needs = frozenset({"ports"})
    role = "ports"

    def target(self) -> Target:
        return Target("private", 0, 0xFFF)


@register
class SequencerMemory(Indexed):
    """A window onto private memory that counts on by itself: microcode in, microcode out."""

    kind = "private-memory"

    def shape(self) -> Shape:
        return Shape(increment="rw")

    def target(self) -> Target:
        return Target("private", 0, 0xFFFC)

    def run(self, guest: Guest) -> Iterator[None]:
        window, target = self.window, self.window.targets[0]
        start, length = self.rng.randrange(0, 0x8000, 4), self.rng.randint(16, 80)
        for k in range(length):
            window.store(guest, target, start + 4 * k, self.rng.getrandbits(32), again=k > 0)
        yield
        for k in range(0, length, self.rng.choice((1, 4))):
            window.load(guest, target, start + 4 * k)
        yield


@register
class Palette(Indexed):
    """An index, then red, green and blue bytes through one register."""

    kind = "palette"

    def shape(self) -> Shape:
        return Shape(address_size=1, data_size=1, increment="rw")

    def target(self) -> Target:
        return Target("private", 0, 0xFF)

    def run(self, guest: Guest) -> Iterator[None]:
        window, target = self.window, self.window.targets[0]
        for _ in self.repeated(3, 20):
            index = self.rng.randrange(0, 0x50) * 3 % 0xF0
            for k in range(3):
                window.store(guest, target, index + k, self.rng.getrandbits(6), 1, again=k > 0)
            yield


@register
class MdioPair(Indexed):
    """A PHY behind address and data registers with a busy bit, 16-bit values."""

    kind = "mdio-pair"

    def shape(self) -> Shape:
        return Shape(flag=31)

    def target(self) -> Target:
        return Target("private", 0, 0xFFF, ignored=1 << 31)

    def storage(self) -> Storage:
        return PhyStorage(self.rng.getrandbits(32))


class PhyStorage(Storage):
    """Registers 16 bits wide."""

    def word(self, index: int) -> int:
        return super().word(index) & MASKS[2]


@register
class EepromPair(Indexed):
    """An EEPROM behind a word-counting index; its words hold the card's ids."""

    kind = "eeprom-pair"

    def shape(self) -> Shape:
        return Shape(data_size=2)

    def target(self) -> Target:
        return Target("private", 0, 0x3F, scale=2)

    def storage(self) -> Storage:
        storage, values = Storage(self.rng.getrandbits(32)), self.card.config.values
        at = 2 * self.rng.randrange(4, 40)
        for source in self.rng.choice(((0x2E, 0x2C, 0x02, 0x00), (0x00, 0x02, 0x2C, 0x2E))):
            storage.write(at, int.from_bytes(values[source : source + 2], "little"), 2)
            at += 2
        return storage


@register
class SpiFlash(Indexed):
    """Flash behind offset and data: a ROM image with the ids, and a page of numbers that look like addresses."""

    kind = "spi-flash"

    def target(self) -> Target:
        return Target("private", 0, 0xFFFF)

    def storage(self) -> Storage:
        storage, values = Storage(self.rng.getrandbits(32)), self.card.config.values
        base = 0x1000 * self.rng.randrange(1, 8)
        ids = int.from_bytes(values[0:4], "little")
        for offset, value in ((0, 0xE940AA55), (0x18, 0x20), (0x20, 0x52494350), (0x24, ids), (0x2C, 0x03000000)):
            storage.write(base + offset, value, 4)
        for k in range(0x40):
            storage.write(base + 0x200 + 4 * k, self.rng.randrange(0x80000, 0xFE000) << 12, 4)
        self.base = base
        return storage

    def run(self, guest: Guest) -> Iterator[None]:
        window, target = self.window, self.window.targets[0]
        for at in (*range(0, 0x40, 4), *range(0x200, 0x200 + 4 * self.rng.randint(8, 60), 4)):
            window.load(guest, target, self.base + at)
            if at % 0x20 == 0:
                yield


@register
class StrobedPrivate(Indexed):
    """Address, command, data: private registers behind a command code."""

    kind = "indirect-command"

    def shape(self) -> Shape:
        return Shape(command=(1, 2))
