"""Windows with habits of their own: strobe bits, stale reads, 8-byte writes, saved and restored addresses."""

from collections.abc import Iterator

from ..features import Claim, Known, register
from ..shapes import Shape, Target
from .window_door import WindowDoor


@register
class StrobeBits(WindowDoor):
    """Bit 30 of the address starts a read, bit 31 a write; nothing is polled."""

    kind = "window-strobe-bits"

    def shape(self) -> Shape:
        return Shape(strobes=(30, 31))

    def targets(self) -> list[Target]:
        return [Target("config", self.rng.choice((0, 0x4000, 0x10000)), 0xFFF, ignored=0xC0000000)]


@register
class StaleReads(WindowDoor):
    """The first data read gives the word before; drivers read twice.  No known card does: wanted, not required."""

    kind = "window-stale-read"

    def shape(self) -> Shape:
        return Shape(stale=True)

    def claims(self, known: Known) -> Iterator[Claim]:
        for claim in super().claims(known):
            entry = {**claim.entry, "targets": [{**t, "required": False} for t in claim.entry["targets"]]}
            yield Claim("wanted" if claim.level == "required" else claim.level, entry)


@register
class Qword(WindowDoor):
    """Address and data written in one access of 8 bytes (two of 4 before QEMU 2.10)."""

    kind = "window-qword"

    def shape(self) -> Shape:
        return Shape(qword=True)

    def targets(self) -> list[Target]:
        bar = self.card.roles["memory"]
        return [Target(f"bar{bar}", 0, self.card.bars[bar].size - 1)]

    def place(self, role: str) -> None:
        region, first = self.occupy(role, 8, 8)
        self.window.address, self.window.data = (region, first), (region, first + 4)


@register
class Polite(WindowDoor):
    """The driver puts the address register back as it found it."""

    kind = "window-restored"

    def shape(self) -> Shape:
        return Shape(polite=True)


@register
class WithBase(WindowDoor):
    """Address 0 is not offset 0: the window opens onto the middle of a BAR."""

    kind = "window-base"

    def targets(self) -> list[Target]:
        bar = self.card.roles["registers"]
        size = self.card.bars[bar].size
        mask = self.rng.choice((0xFFF, 0x3FFF))
        base = self.rng.randrange(1, size // (mask + 1)) * (mask + 1)
        return [Target(f"bar{bar}", self.rng.choice((0, 0x80000000)), mask, base=base)]
