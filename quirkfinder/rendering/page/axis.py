"""One address axis for host and guest, on which what has the same address has the same height.

Address spaces are almost empty, so the stretches where nothing lies are drawn alike, as gaps.  The others are drawn
by the logarithm of their length: a step is a doubling, so that 256 bytes of ports and 256 MiB of memory both fit.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

GAP = 14.0
_LEAST, _STEP, _SMALLEST = 18.0, 2.4, 16


@dataclass(frozen=True, slots=True)
class Axis:
    """`edges[i]` is the address at which stretch i begins, drawn at `tops[i]` pixels; the last one ends at `height`."""

    edges: tuple[int, ...]
    tops: tuple[float, ...]
    height: float

    def at(self, address: int) -> float:
        """The height of an address, in pixels from the top; addresses between edges are placed in proportion."""
        stretch = min(max(bisect_right(self.edges, address) - 1, 0), len(self.edges) - 1)
        top = self.tops[stretch]
        if stretch + 1 == len(self.edges):
            return top
        first, after = self.edges[stretch], self.edges[stretch + 1]
        share = min(max((address - first) / (after - first), 0), 1)
        return top + share * (self.tops[stretch + 1] - top)


def axis(spans: Iterable[tuple[int, int]]) -> Axis:
    """An axis for address ranges `(first, after)`; empty ranges are left out."""
    kept = [(first, after) for first, after in spans if first < after]
    edges = sorted({edge for span in kept for edge in span})
    tops, top = [], 0.0
    for first, after in zip(edges, [*edges[1:], None], strict=True):
        tops.append(top)
        if after is not None:
            covered = any(span[0] <= first and after <= span[1] for span in kept)
            top += _LEAST + _STEP * max(log2((after - first) / _SMALLEST), 0) if covered else GAP
    return Axis(tuple(edges), tuple(tops), top)
