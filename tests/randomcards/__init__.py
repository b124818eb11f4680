"""Random PCI cards with known back doors, the guests that use them, and the logs QEMU would have written.

The independent truth for the miners: nothing here looks at them.  `make_card(seed)` is deterministic.
"""

from .generate import DECOYS, DOORS, RandomCard, make_card

__all__ = ["DECOYS", "DOORS", "RandomCard", "make_card"]
