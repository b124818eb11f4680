"""QEMU's memory regions as far as an access to a BAR notices them: what lies over what, and how accesses are split.

Sources: `system/memory.c` (`access_with_adjusted_size`) and `system/physmem.c` (`memory_access_size`) of QEMU 10.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
#: what a region takes in one access where it says nothing else
DEFAULT_LIMIT = 4


@dataclass(frozen=True, slots=True)
class Region:
    """A memory region over a BAR or over VGA ports: `offset` and `size` in bytes, `limit` the widest single access."""

    space: int  # 0 to 5 the BARs, 8 VGA (offset is then the port)
    offset: int
    size: int
    limit: int = DEFAULT_LIMIT

    def __contains__(self, address: int) -> bool:
        return self.offset <= address < self.offset + self.size


@dataclass(frozen=True, slots=True)
class Piece(Generic[Owner]):
    """A part of an access as a region gets it. `region` is None for the BAR itself; `address` counts from the BAR."""

    region: Region | None
    owner: Owner | None
    address: int
    size: int


class Overlay(Generic[Owner]):
    """The quirk regions of a device. All have priority 1, so that of two on the same bytes the later one wins."""

    def __init__(self, bar_limit: int) -> None:
        self._regions: dict[int, list[tuple[Region, Owner]]] = {}
        self._bar_limit = bar_limit

    def add(self, region: Region, owner: Owner) -> None:
        self._regions.setdefault(region.space, []).insert(0, (region, owner))

    def regions(self) -> Iterator[tuple[Region, Owner]]:
        for regions in self._regions.values():
            yield from regions

    def at(self, space: int, address: int) -> tuple[Region, Owner] | None:
        """The quirk region that gets an access which begins at `address`; its other bytes do not matter (MMIO)."""
        return next((found for found in self._regions.get(space, ()) if address in found[0]), None)

    def split(self, space: int, address: int, size: int) -> Iterator[Piece[Owner]]:
        """The accesses that regions see for one access of the guest, in order."""
        end = address + size
        while address < end:
            region, owner = self.at(space, address) or (None, None)
            start = address - region.offset if region else address
            length = access_size(end - address, region.limit if region else self._bar_limit, start)
            yield Piece(region, owner, address, length)
            address += length


def access_size(size: int, limit: int, address: int) -> int:
    """The widest access that fits: a power of two, no wider than the region takes, aligned in the region."""
    widest = min(size, limit, address & -address or limit)
    return 1 << (widest.bit_length() - 1)


def bar_limit(qemu: tuple[int, int]) -> int:
    """The widest access that reaches a device in one: eight bytes since 2.10, four before."""
    return 8 if qemu >= (2, 10) else 4
