"""Serial buses and queues: values go in and come out, addresses mean nothing to the card's BARs."""

from collections.abc import Iterator

from ..features import register
from ..guests import Guest
from ..hardware import Register, Storage
from .decoy import Decoy


@register
class MdioRegister(Decoy):
    """PHY access through one register: number, data and busy bit 31 in one word."""

    kind = "mdio-register"
    looks_like = "window"

    def build(self) -> None:
        self.phy = {k: self.rng.getrandbits(16) for k in range(32)}
        self.done = 0
        self.at = self.install(4, Register(read=lambda: self.done, write=self._written))

    def _written(self, value: int) -> None:
        number = value >> 16 & 0x1F
        if value >> 31:
            self.phy[number] = value & 0xFFFF
            self.done = value & 0x7FFFFFFF
        else:
            self.done = 0x80000000 | number << 16 | self.phy[number]

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(6, 25):
            number = self.rng.randrange(32)
            writing = self.rng.random() < 0.4
            guest.write(self.region, self.at, number << 16 | (1 << 31 | self.rng.getrandbits(16) if writing else 0))
            guest.read(self.region, self.at)
            yield


@register
class EepromRegister(Decoy):
    """EEPROM access through one register: address, start, done and data; the words hold the card's ids."""

    kind = "eeprom-register"
    looks_like = "window"

    def build(self) -> None:
        values = self.card.config.values
        self.words = {k: self.rng.getrandbits(16) for k in range(64)}
        self.words.update({
            0xB: int.from_bytes(values[0x2E:0x30], "little"), 0xC: int.from_bytes(values[0x2C:0x2E], "little"),
            0xD: int.from_bytes(values[2:4], "little"), 0xE: int.from_bytes(values[0:2], "little"),
        })  # fmt: skip
        self.result = 0
        self.at = self.install(4, Register(read=lambda: self.result, write=self._start))

    def _start(self, value: int) -> None:
        if value & 1:
            self.result = self.words[value >> 8 & 0x3F] << 16 | value & 0xFF00 | 0x10

    def run(self, guest: Guest) -> Iterator[None]:
        for word in range(self.rng.randint(16, 64)):
            guest.write(self.region, self.at, word << 8 | 1)
            guest.read(self.region, self.at)
            if word % 8 == 7:
                yield


@register
class BitBangedI2c(Decoy):
    """Clock and data lines, one bit at a time."""

    kind = "i2c-bit-bang"

    def build(self) -> None:
        self.at = self.install(4)

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(4, 12):
            for bit in f"{self.rng.getrandbits(8):08b}":
                for clock in (0, 2, 0):
                    guest.write(self.region, self.at, int(bit) | clock)
                guest.read(self.region, self.at)
            yield


@register
class I2cController(Decoy):
    """Slave address, register number, data and status registers of an I2C controller."""

    kind = "i2c-controller"
    looks_like = "window"

    def build(self) -> None:
        self.chip = Storage(self.rng.getrandbits(32))
        self.number = 0
        _, self.at = self.occupy("registers", 16, 16)
        region = self.card.regions[self.region]
        region.place(self.at, 4, Register())
        region.place(self.at + 4, 4, Register(write=lambda v: setattr(self, "number", v & 0xFF)))
        region.place(self.at + 8, 4, Register(read=lambda: self.chip.read(self.number, 1)))
        region.place(self.at + 12, 4, Register(read=lambda: 0x80))

    def run(self, guest: Guest) -> Iterator[None]:
        region, at = self.region, self.at
        for number in self.repeated(8, 40):
            guest.write(region, at, self.rng.choice((0xA0, 0xA1, 0x6E)))
            guest.write(region, at + 4, number)
            guest.read(region, at + 12)
            guest.read(region, at + 8)
            if number % 8 == 0:
                yield


@register
class Fifo(Decoy):
    """Data in and out through one register, a fill level beside it."""

    kind = "fifo"
    looks_like = "window"

    def build(self) -> None:
        self.queue: list[int] = [self.rng.getrandbits(32) for _ in range(64)]
        self.at = self.install(4, Register(read=self._pop, write=self.queue.append))
        self.level = self.install(4, Register(read=lambda: len(self.queue) << 16))

    def _pop(self) -> int:
        return self.queue.pop(0) if self.queue else 0

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(4, 12):
            guest.read(self.region, self.level)
            for _ in range(self.rng.randint(2, 8)):
                if self.rng.random() < 0.5:
                    guest.write(self.region, self.at, self.rng.getrandbits(32))
                else:
                    guest.read(self.region, self.at)
            yield


@register
class Mailbox(Decoy):
    """A command block, a doorbell, an answer: command and size, sequence number, arguments."""

    kind = "mailbox"
    looks_like = "window"

    def build(self) -> None:
        self.box = Storage(self.rng.getrandbits(32), blank=True)
        self.at = self.install(0x40, self.box, align=0x40)
        self.bell = self.install(4, Register(write=self._ring))

    def _ring(self, value: int) -> None:
        if value & 1:
            self.box.write(0, self.box.read(0, 4) | 0x80000000, 4)
            for k in range(8, 0x20, 4):
                self.box.write(k, self.rng.choice((0, self.rng.getrandbits(32))), 4)

    def run(self, guest: Guest) -> Iterator[None]:
        for sequence in self.repeated(3, 10):
            guest.write(self.region, self.at, self.rng.randrange(1, 0x40) << 16 | 8)
            guest.write(self.region, self.at + 4, sequence)
            for k in range(8, 8 + 4 * self.rng.randint(1, 5), 4):
                guest.write(self.region, self.at + k, self.rng.choice((0, 1, self.rng.getrandbits(32))))
            guest.write(self.region, self.bell, 1)
            for k in range(0, 0x20, 4):
                guest.read(self.region, self.at + k)
            guest.write(self.region, self.bell, 2)
            yield
