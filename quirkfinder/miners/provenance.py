"""Where an address came from: the dword that told it, and the arithmetic between, or that none was seen.

Looked for are dwords that any traced card returned, in registers, VGA memory, ROM or config space, before the address
was used: the address itself, the beginning of its page or of one of the fifteen pages below, or its page in units of
256 bytes or of a page.  What the guest had written to a card before any dword told it came from the guest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from quirkfinder.card.model import Bar, Card
from quirkfinder.events import region_name
from quirkfinder.miners.accesses import Words

_PAGE_BITS = 12
_PAGES = 16  # pages behind a told one in which an access is taken to follow from it
_PAGE = (1 << _PAGE_BITS) - 1
_FLAGS = 15
_MOST_FLAGS = 4  # bits set below the page: more are no flags
#: addresses below are the PC's own, known to every driver
LOWEST = 1 << 20
_LEAST_UNITS = 0x1000  # a number of units below this may be any number
_READS = ("region_read", "vga_read", "rom_read", "config_read", "quirk_read")
_WRITES = ("region_write", "vga_write", "config_write", "quirk_write")
_DWORD = 0xFFFFFFFF
#: how a dword tells an address: by bits it is shifted to the right
_EXACT, _PAGEWISE, _IN_256, _IN_PAGES = 0, 1, 8, 12


@dataclass(frozen=True, slots=True)
class Source:
    """A dword that leads to an address: `(value << unit, without flags) + distance` is the address, or its low half."""

    row: int
    value: int
    unit: int
    base: int
    distance: int
    address: int
    used: int  # row of the access to the address
    own: bool  # the guest wrote it, nobody had told it

    def parameters(self, events: pl.DataFrame) -> dict[str, Any]:
        """The source as JSON: where the dword stands, and the terms of the sum; its line is in the evidence."""
        region, offset = events.select("region", "address").row(self.row)
        place = f"{region_name(region)}+0x{offset:x}" if region is not None and offset is not None else None
        return {
            "place": place,
            "written": self.own,
            "value": f"0x{self.value:x}",
            "shift": self.unit,
            "base": f"0x{self.base:x}",
            "distance": f"0x{self.distance:x}",
            "address": f"0x{self.address:x}",
        }

    def words(self, events: pl.DataFrame) -> str:
        """The sum as a sentence."""
        p = self.parameters(events)
        term = p["base"] if self.base == self.value else f"0x{self.value:x} without its flags is {p['base']}"
        if self.unit:
            term = f"0x{self.value:x} << {self.unit} is {p['base']}"
        if self.distance:
            term += f", {p['distance']} behind it lies {p['address']}"
        half = " (its low half)" if self.address >> 32 else ""
        how = f"the guest itself wrote it to {p['place']}" if self.own else f"{p['place']} returned it before"
        return f"{how}: {term}{half}"


class Clues:
    """The first dword of each kind that leads to one of the addresses asked about, by way and key."""

    def __init__(self, events: pl.DataFrame, addresses: Words) -> None:
        #: (way, key, written) -> (row, value)
        self._first: dict[tuple[int, int, bool], tuple[int, int]] = {}
        low = np.unique(addresses[addresses >= LOWEST] & np.uint64(_DWORD))
        if not len(low):
            return
        dwords = _dwords(events)
        for way, key, wanted, sane in _ways(low):
            found = (
                dwords.filter(sane & key.is_in(wanted.tolist()))
                .group_by(key.alias("key"), "written")
                .agg(pl.col("row").min(), pl.col("value").sort_by("row").first())
                .collect()
            )
            for told, written, row, value in found.iter_rows():
                self._first[way, told, written] = (row, value)

    def source(self, address: int, used: int) -> Source | None:
        """The dword that told `address` before its use at row `used`, the nearest first; None: none did."""
        if address < LOWEST:
            return None
        for way, key, unit, base in _keys(address & _DWORD):
            told, wrote = self._first.get((way, key, False)), self._first.get((way, key, True))
            first = min((one for one in (told, wrote) if one is not None), default=None)
            if first is not None and first[0] < used:
                row, value = first
                return Source(row, value, unit, base, (address & _DWORD) - base, address, used, first is not told)
        return None


def _dwords(events: pl.DataFrame) -> pl.LazyFrame:
    """row, written, value of every dword that crossed between a guest and a card; eight bytes count as two."""
    frame = (
        events.lazy()
        .with_row_index("row")
        .filter(pl.col("event").is_in([*_READS, *_WRITES]) & pl.col("value").is_not_null() & (pl.col("size") >= 4))
        .select("row", pl.col("event").is_in(list(_WRITES)).alias("written"), "value", "size")
    )
    upper = frame.filter(pl.col("size") == 8).with_columns(pl.col("value") // (1 << 32))
    return pl.concat([frame.with_columns(pl.col("value") % (1 << 32)), upper])


def _ways(low: Words) -> Iterator[tuple[int, pl.Expr, Words, pl.Expr]]:
    """(way, key of a dword, keys wanted, which dwords are sane) for the low halves of all addresses."""
    value = pl.col("value")
    pages = np.unique(np.concatenate([(low >> np.uint64(_PAGE_BITS)) - np.uint64(n) for n in range(_PAGES)]))
    own = np.unique(low >> np.uint64(_PAGE_BITS))
    flags = sum(((value // (1 << bit)) % 2 for bit in range(1, _PAGE_BITS)), value % 2)
    yield _EXACT, value - value % (_FLAGS + 1), np.unique(low & ~np.uint64(_FLAGS)), value >= LOWEST
    yield _PAGEWISE, value // (1 << _PAGE_BITS), pages, (value >= LOWEST) & (flags <= _MOST_FLAGS)
    yield _IN_256, value, own << np.uint64(_PAGE_BITS - 8), value >= _LEAST_UNITS
    yield _IN_PAGES, value, own, value >= _LEAST_UNITS


def _keys(low: int) -> Iterator[tuple[int, int, int, int]]:
    """(way, key, shift, base) by which a dword may lead to an address, the nearest first."""
    page = low >> _PAGE_BITS
    yield _EXACT, low & ~_FLAGS, 0, low & ~_FLAGS
    for back in range(_PAGES):
        yield _PAGEWISE, page - back, 0, (page - back) << _PAGE_BITS
    yield _IN_PAGES, page, _IN_PAGES, page << _PAGE_BITS
    yield _IN_256, page << (_PAGE_BITS - 8), _IN_256, page << _PAGE_BITS


NOBODY = "no dword that a traced card returned before told this address, its page or one of the fifteen pages below it"


def former_place(
    cards: tuple[Card, ...], address: int, row: int, *, ports: bool = False
) -> tuple[Card, Bar, int] | None:
    """The BAR that the guest itself had at an address at event `row` or before, and the row of that placement."""
    for card in cards:
        for bar in card.bars:
            if (bar.kind == "io") != ports or not bar.size:
                continue
            for placement in bar.placements:
                base = placement.address
                if base is not None and placement.row <= row and base <= address < base + bar.size:
                    return card, bar, placement.row
    return None
