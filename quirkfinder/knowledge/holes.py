"""Holes in mapped BARs: pages that QEMU keeps for itself, most of all those of the MSI-X table.

VFIO leaves the pages of the MSI-X table out of what it maps where the host demands it (vfio_pci_fixup_msix_region in
hw/vfio/pci.c), and elsewhere QEMU's own region for the table lies on top: either way the place of the table shows where
no capability was traced.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from quirkfinder.card.model import Bar, Card, ConfigSpace

_PAGE = 0x1000
_POINTER, _MSIX = 0x34, 0x11  # config offset of the first capability, and the id of MSI-X
_CAPABILITIES = 48  # as many have room
_MOST = 0x10000  # bytes: a table has at most 2048 entries of 16, and its pending bits lie beside it


@dataclass(frozen=True, slots=True)
class Hole:
    """Offsets `first`..`last` of a BAR between two mapped parts; `lines`: those that show the parts' ends."""

    bar: int
    first: int
    last: int
    lines: tuple[int, ...]


def holes(card: Card, events: pl.DataFrame) -> Iterator[Hole]:
    """The holes of a card's BARs that nothing else explains, by BAR and offset."""
    parts = events.filter(pl.col("event").is_in(["listener_add", "region_mmap"])).select("line", "address", "value")
    for bar in card.bars:
        for before, behind in pairwise(bar.mapped):
            first, last = before.last + 1, behind.first - 1
            paged = first % _PAGE == 0 and (last + 1) % _PAGE == 0
            if paged and last - first < _MOST and not _is_table(card, bar, first, last):
                yield Hole(bar.index, first, last, _lines(parts, bar, first, last))


def may_have_table(card: Card) -> bool:
    """Is the MSI-X table a likely reason for a hole?

    Not where its place is known, nor where a list of capabilities that is known to its end (PCI 3.0, 6.7) has none.
    """
    if card.msix is not None:
        return card.msix.table_bar is None
    return not any(_lists_none(config) for config in (card.host_config, card.guest_config))


def _lists_none(config: ConfigSpace) -> bool:
    offset = config.read(_POINTER, 1)
    for _ in range(_CAPABILITIES):
        if not offset:
            return offset == 0
        if config.read(offset & ~3, 1) in (_MSIX, None):
            return False
        offset = config.read((offset & ~3) + 1, 1)
    return False


def _is_table(card: Card, bar: Bar, first: int, last: int) -> bool:
    """Is the card's MSI-X table, or its pending bits, known to lie there?"""
    msix = card.msix
    if msix is None:
        return False
    places = [(msix.table_bar, msix.table_offset), (msix.pba_bar, msix.pba_offset)]
    return any(index == bar.index and offset is not None and first <= offset <= last for index, offset in places)


def _lines(parts: pl.DataFrame, bar: Bar, first: int, last: int) -> tuple[int, ...]:
    """The lines of the part that ends before the hole and of the one that begins behind it."""
    bases = [0, *(p.address for p in bar.placements if p.address is not None)]
    found = {
        row["line"]
        for row in parts.iter_rows(named=True)
        for base in bases
        if row["value"] == base + first - 1 or row["address"] == base + last + 1
    }
    return tuple(sorted(found))
