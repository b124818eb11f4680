"""Windows onto config space and BARs, one kind for every way the registers are cut and worked."""

from collections.abc import Iterator
from dataclasses import replace

from ..features import Claim, Known, Level, register
from ..guests import Guest
from ..hardware import MASKS
from ..shapes import Shape, Target
from .window_door import WindowDoor


def bar_mask(size: int) -> int:
    return size - 1


@register
class PlainWindow(WindowDoor):
    """32-bit address, 32-bit data, config space behind a fixed match."""

    kind = "window-config"


@register
class ByteAddress(WindowDoor):
    """An 8-bit index register: config space and nothing else."""

    kind = "window-byte-address"

    def shape(self) -> Shape:
        return Shape(address_size=1)

    def targets(self) -> list[Target]:
        return [Target("config", 0, 0xFF)]


@register
class WordAddress(WindowDoor):
    """A 16-bit address register."""

    kind = "window-word-address"

    def shape(self) -> Shape:
        return Shape(address_size=2)

    def targets(self) -> list[Target]:
        return [Target("config", self.rng.choice((0, 0x4000, 0x8000, 0xF000)), self.config_mask())]


@register
class ByteData(WindowDoor):
    """Data a byte at a time."""

    kind = "window-byte-data"

    def shape(self) -> Shape:
        return Shape(data_size=1)


@register
class WordData(WindowDoor):
    """Data 16 bits at a time."""

    kind = "window-word-data"

    def shape(self) -> Shape:
        return Shape(data_size=2)


@register
class ScaledBy4(WindowDoor):
    """The address counts dwords."""

    kind = "window-scaled-4"

    def targets(self) -> list[Target]:
        return [Target("config", self.rng.choice((0, 0x100, 0x1000, 0x40000)), 0x3F, scale=4)]


@register
class ScaledBy2(WindowDoor):
    """The address counts 16-bit words."""

    kind = "window-scaled-2"

    def shape(self) -> Shape:
        return Shape(data_size=2)

    def targets(self) -> list[Target]:
        return [Target("config", self.rng.choice((0, 0x100, 0x8000)), 0x7F, scale=2)]


@register
class SplitAddress(WindowDoor):
    """The address goes into two adjacent half registers, low half first."""

    kind = "window-split-address"

    def shape(self) -> Shape:
        return Shape(address_size=self.rng.choice((2, 4)), halves=True)

    def targets(self) -> list[Target]:
        match = self.rng.choice((0x88000, 0x10000) if self.form.address_size == 4 else (0x4000, 0x1800))
        return [Target("config", match, 0xFF)]

    def claims(self, known: Known) -> Iterator[Claim]:
        """One address of both halves, or the low half with the high one as a selector: either is right."""
        target = self.window.targets[0]
        low = replace(target, match=target.match & MASKS[self.form.address_size // 2])
        level: Level = "required" if self.proven(target, known) else "allowed"
        yield Claim(level, self.window.entry([target.entry(), low.entry()]))


@register
class SeveralTargets(WindowDoor):
    """Registers of a BAR below, config space at a match above."""

    kind = "window-several-targets"

    def targets(self) -> list[Target]:
        bar = self.card.roles["registers"]
        size = self.card.bars[bar].size
        above = self.rng.choice([m for m in (0x88000, 0x100000, 0x800000, 0x40000000) if m >= size])
        return [Target(f"bar{bar}", 0, bar_mask(size)), Target("config", above, self.config_mask())]


@register
class SelectorBit(WindowDoor):
    """One bit of the address says which space it is."""

    kind = "window-selector-bit"

    def targets(self) -> list[Target]:
        bar = self.card.roles["memory"]
        bit = self.rng.choice((1, 0x80000000))
        mask = min(self.card.bars[bar].size, 0x100000) - 1
        if bit == 1:
            return [Target("config", 0, 0xFC), Target(f"bar{bar}", 1, mask & ~3)]
        return [Target("config", 0, 0xFF), Target(f"bar{bar}", bit, mask)]


@register
class ModeRegister(WindowDoor):
    """A mode register elsewhere says which space the same address values reach."""

    kind = "window-mode-register"

    def shape(self) -> Shape:
        return Shape(mode=True)

    def targets(self) -> list[Target]:
        bar = self.card.roles["memory"]
        first, second = self.rng.sample(range(1, 6), 2)
        mask = min(self.card.bars[bar].size, 0x40000) - 1
        return [Target("config", 0, 0xFF, select=first), Target(f"bar{bar}", 0, mask, select=second)]


@register
class BusyBit(WindowDoor):
    """Bit 31 of the address flips when the data is there; a write commits with it set."""

    kind = "window-busy-bit"

    def shape(self) -> Shape:
        return Shape(flag=31)

    def targets(self) -> list[Target]:
        return [Target("config", self.rng.choice((0, 0x10000, 0x4000)), 0xFFF, ignored=1 << 31)]


@register
class StrobeCommand(WindowDoor):
    """A command register starts the read or write; busy until its bit 31 falls."""

    kind = "window-strobe-command"

    def shape(self) -> Shape:
        return Shape(command=self.rng.choice(((1, 2), (0x10, 0x11), (0x80000001, 0x80000002))))


@register
class ByteEnables(WindowDoor):
    """Busy bit and four byte-enable bits in the address word."""

    kind = "window-byte-enables"

    def shape(self) -> Shape:
        return Shape(flag=31, enables=12)

    def targets(self) -> list[Target]:
        return [Target("config", self.rng.choice((0, 0x10000, 0x20000)), 0xFFF, ignored=0x8000F000)]


@register
class IncrementOnRead(WindowDoor):
    """The address is written once; every data read moves it on."""

    kind = "window-increment-read"

    def shape(self) -> Shape:
        return Shape(increment="r")

    def read_config(self, guest: Guest, target: Target) -> Iterator[None]:
        starts = self.thin([0x0, 0x10, 0x20, 0x2C, 0x40, 0x50])
        for start in starts:
            for k in range(self.rng.choice((3, 4, 6))):
                if start + 4 * k <= target.mask:
                    self.window.load(guest, target, start + 4 * k, again=k > 0)
            yield


@register
class IncrementOnWrite(WindowDoor):
    """Blocks of registers are written through the window and read back directly."""

    kind = "window-increment-write"

    def shape(self) -> Shape:
        return Shape(increment="w")

    def targets(self) -> list[Target]:
        bar = self.card.roles["registers"]
        return [Target(f"bar{bar}", 0, bar_mask(self.card.bars[bar].size))]

    def reach_bar(self, guest: Guest, target: Target) -> Iterator[None]:
        bar = int(target.space[3:])
        blocks = [self.card.regions[bar].allocate(self.rng, 16, 16) for _ in range(self.rng.randint(3, 6))]
        for start in self.thin(blocks):
            for k in range(4):
                self.window.store(guest, target, start + 4 * k, self.word(), again=k > 0)
            yield
            for k in range(4):
                guest.read(bar, start + 4 * k)
            yield


@register
class SubOffsets(WindowDoor):
    """The data register is also read a byte or a word at a time, at +1, +2 and +3."""

    kind = "window-sub-offsets"

    def shape(self) -> Shape:
        return Shape(sub_offsets=True)

    def read_config(self, guest: Guest, target: Target) -> Iterator[None]:
        for offset in self.thin([0, 2, 8, 9, 0xA, 0x10, 0x12, 0x18, 0x1A, 0x2C, 0x2E, 0x34, 0x40, 0x42, 0x50]):
            sizes = (1,) if offset % 2 else (1, 2) if offset % 4 else (1, 2, 4)
            self.window.load(guest, target, offset, self.rng.choice(sizes))
            yield


@register
class EnableRegisters(WindowDoor):
    """The window is dead until one or two enable registers hold their bit."""

    kind = "window-enabled"

    def shape(self) -> Shape:
        return Shape(switches=self.rng.choice(((1,), (1, 1), (0x80,), (0x10001, 1))))


@register
class WriteOnly(WindowDoor):
    """The driver only writes through the window; the registers behind it are seen directly."""

    kind = "window-write-only"

    def targets(self) -> list[Target]:
        bar = self.card.roles["registers"]
        return [Target(f"bar{bar}", 0, bar_mask(self.card.bars[bar].size))]

    def both_ways(self, guest: Guest, target: Target, bar: int, offset: int, size: int) -> None:
        self.window.store(guest, target, offset, self.word(), size)
        if self.rng.random() < 0.8:
            guest.read(bar, offset, size)


@register
class OtherBar(WindowDoor):
    """A window onto another BAR: real, and harmless."""

    kind = "window-other-bar"

    def targets(self) -> list[Target]:
        bar = self.card.roles["memory"]
        return [Target(f"bar{bar}", 0, bar_mask(self.card.bars[bar].size))]


@register
class OwnBar(WindowDoor):
    """A window onto the BAR it lies in."""

    kind = "window-own-bar"
    roles = ("registers",)

    def targets(self) -> list[Target]:
        bar = self.card.roles["registers"]
        return [Target(f"bar{bar}", 0, bar_mask(self.card.bars[bar].size))]
