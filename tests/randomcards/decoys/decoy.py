"""What decoys share: they are no doors, and there is nothing true to claim of them."""

from typing import ClassVar

from ..features import Feature
from ..hardware import Block, Register


class Decoy(Feature):
    """`looks_like`: the claim it tempts an analyser into."""

    is_door: ClassVar[bool] = False
    looks_like: ClassVar[str] = ""

    def install(self, length: int, block: Block | None = None, role: str = "registers", align: int = 4) -> int:
        """Take a stretch of a region and lay registers over it; returns the offset."""
        region, offset = self.occupy(role, length, align)
        self.card.regions[region].place(offset, length, block or Register())
        return offset

    @property
    def region(self) -> int:
        """Where its first registers lie."""
        return self.places[0][0]

    def repeated(self, low: int, high: int) -> range:
        return range(self.rng.randint(low, high))
