"""Small models of hardware with a driver in front of them: honest traces of devices that nobody recorded.

The models answer as the devices are documented to; what quirks make of them is not their business.
"""

from dataclasses import dataclass, field
from random import Random

from quirkfinder.card.model import Bar, Card
from tests.replay.frames import Log, card

FLAG = 0x80000000


@dataclass(slots=True)
class Rtl8168:
    """BAR2+0x74 takes an address word, +0x70 the data; type 1 is the MSI-X table, type 0 the extended MAC registers.

    A command is done after a few polls: then the flag in bit 31 has turned over.
    """

    log: Log
    random: Random
    table: dict[int, int] = field(default_factory=lambda: {0: 0xFEE00398, 4: 0, 8: 0x4041, 12: 1})
    mac: dict[int, int] = field(default_factory=dict)
    word: int = 0
    data: int = 0
    busy: int = 0

    @staticmethod
    def card() -> Card:
        bars = (
            Bar(2, "memory64", 0x1000, 0xFE504000, 0xFEBF8000),
            Bar(4, "memory64", 0x4000, 0xFE500000, 0xFEBFC000),
        )
        return card(bars, vendor=0x10EC, device=0x8168)

    def _memory(self) -> dict[int, int]:
        return self.table if self.word >> 16 & 0x7FFF == 1 else self.mac

    def write_address(self, word: int) -> None:
        self.log.write(2, 0x74, word)
        self.word, self.busy = word, self.random.randrange(4)
        offset = word & 0xFFF
        if word & FLAG:
            self._memory()[offset] = self.data
        else:
            self.data = self._memory().get(offset, 0)

    def wait(self) -> None:
        """The driver polls until the flag has turned over."""
        while True:
            done = self.busy == 0
            self.log.read(2, 0x74, self.word ^ FLAG if done else self.word)
            if done:
                return
            self.busy -= 1

    def driver_read(self, kind: int, offset: int) -> int:
        self.write_address(kind << 16 | 0xF000 | offset)
        self.wait()
        self.log.read(2, 0x70, self.data)
        return self.data

    def driver_write(self, kind: int, offset: int, value: int) -> None:
        self.log.write(2, 0x70, value)
        self.data = value
        self.write_address(FLAG | kind << 16 | 0xF000 | offset)
        self.wait()

    def session(self) -> None:
        """Reads the table, sets up a vector and looks whether it is there, with MAC registers in between."""
        for offset in (0, 4, 8, 12):
            self.driver_read(1, offset)
        for offset, value in ((0, 0xFEE01004), (4, 0), (8, 0x4061)):
            self.driver_write(1, offset, value)
            self.driver_write(0, 0xC0 + offset, 0x5F00C0 + offset)
            self.driver_read(0, 0xC0 + offset)
        for offset in (0, 8):
            assert self.driver_read(1, offset) == self.table[offset]


@dataclass(slots=True)
class AcknowledgedMsi:
    """BAR0+0x88000 mirrors config space; the next interrupt comes only after a write to the id of the MSI capability.

    With `needed` False the write does nothing and interrupts come when they like.
    """

    log: Log
    needed: bool = True
    acknowledged: bool = True

    @staticmethod
    def card() -> Card:
        bars = (Bar(0, "memory32", 0x1000000, 0xF6000000, 0xFD000000),)
        words = {0x34: 0x60, 0x60: 0x00036801, 0x68: 0x00807805, 0x78: 0x00020010}
        return card(bars, words, vendor=0x10DE, device=0x1A65)

    def interrupt(self) -> None:
        if self.acknowledged or not self.needed:
            self.log.add("msi_interrupt", address=0xFEE00000, value=0x4021)
            self.acknowledged = False

    def acknowledge(self) -> None:
        self.log.write(0, 0x88068, 0xFF, 1)
        self.acknowledged = True

    def session(self) -> None:
        self.log.read(0, 0x88000, 0x1A6510DE)
        self.log.read(0, 0x88010, 0xF6000000)
        for at in range(6):
            self.interrupt()
            if not self.needed and at % 2:
                self.interrupt()
            self.acknowledge()
