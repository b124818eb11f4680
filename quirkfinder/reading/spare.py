"""Memory for columns that is used again: fresh pages cost as much as filling them does."""

import weakref

import numpy as np
from numpy.typing import NDArray

#: Pieces that wait for their next use; more are given back to the system.
MOST = 16
#: Blocks differ by a line's length: a piece has to do for all of them, not for the shorter ones only.
_ROUNDED = 1 << 22


class Spare:
    """Pieces of memory.  One is free again when no array that was made of it is alive, frames included."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []

    def take(self, size: int) -> NDArray[np.uint8]:
        """At least `size` bytes with anything in them."""
        size = -(-size // _ROUNDED) * _ROUNDED
        try:
            memory = self._free.pop()
        except IndexError:
            memory = np.empty(size, np.uint8)
        if len(memory) < size:
            memory = np.empty(size, np.uint8)
        # Slices and views keep the first array that is made of a buffer: its end is the end of all of them.
        view = np.frombuffer(memory.data, np.uint8)
        weakref.finalize(view, self._give_back, memory).atexit = False
        return view

    def _give_back(self, memory: NDArray[np.uint8]) -> None:
        if len(self._free) < MOST:
            self._free.append(memory)
