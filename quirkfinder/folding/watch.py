"""Values that are worth keeping wherever they show up: what the inventories say of the cards' host addresses."""

from collections.abc import Iterable

import numpy as np

from quirkfinder.folding.keys import Words
from quirkfinder.inventory import Facts

_LEAST = 0xFFFF  # shorter values are counters and flags before they are addresses
_FLAG_BITS = 16  # what the low bits of a base address register may say


def watched_values(facts: Iterable[Facts]) -> Words:
    """The host addresses of all BARs as a register would hold them, ascending: whole, halves, with low flag bits."""
    values: set[int] = set()
    for one in facts:
        for function in one.functions:
            for bar in function.bars:
                if bar.address:
                    values |= {bar.address, bar.address & 0xFFFFFFFF, bar.address >> 8, bar.address >> 16}
                    values |= {(bar.address & 0xFFFFFFFF) | flags for flags in range(_FLAG_BITS)}
    return np.array(sorted(v for v in values if v > _LEAST), dtype=np.uint64)
