"""The accesses of one device as numpy columns: what every miner works on.

One element is one access of at most four bytes; an eight-byte access becomes two elements of the same row, low half
first, as QEMU itself split them up to 2.9 (`hw/vfio/common.c`, no `.impl.max_access_size`).  A `place` is a region and
an offset in one number, so that places compare and sort as integers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quirkfinder.card import rows_of_card
from quirkfinder.card.model import Card, Machine
from quirkfinder.events import CONFIG, VGA, region_name

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

_REGION_SHIFT = 52  # offsets stay below 2**52 bytes
_OFFSET_MASK = (1 << _REGION_SHIFT) - 1
# Not quirk_read and quirk_write: what QEMU's own quirks answer or swallow is the guest's config space, not the card.
_READS = ("region_read", "vga_read")
_WRITES = ("region_write", "vga_write")
_HEADER = 0x40  # bytes of config space that mean the same on every card (PCI 3.0, section 6.1)
_FOLD = 100_000  # accesses to one prefetchable BAR from which on its pixels are left out
_TRIVIAL = 0xFFFF  # values up to this, or as near to all ones, are colours and flags before they are evidence


def place_of(region: int, offset: int) -> int:
    """Region and offset as one number."""
    return (region << _REGION_SHIFT) | offset


def region_of(place: int) -> int:
    return place >> _REGION_SHIFT


def offset_of(place: int) -> int:
    return place & _OFFSET_MASK


def offsets(places: Ints) -> Ints:
    """The offsets of many places."""
    return places & _OFFSET_MASK


def place_name(place: int) -> str:
    """`bar4+0x10`, or `vga+0x3c3` (an absolute port)."""
    return f"{region_name(region_of(place))}+0x{offset_of(place):x}"


def distinct(*columns: NDArray[Any]) -> Ints:
    """Positions of the first of each distinct combination of values, ascending; what np.unique does by rows, faster."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort(columns[::-1])
    new = np.zeros(len(order), dtype=np.bool_)
    new[0] = True
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    return np.sort(order[new])


def several(values: NDArray[Any]) -> bool:
    """Are there at least two distinct ones?"""
    return len(values) > 1 and bool((values != values[0]).any())


def among(values: NDArray[Any], held: NDArray[Any]) -> Flags:
    """Which of `values` are in `held`, which is ascending: np.isin would sort both, every time."""
    if not len(held):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(held, values), len(held) - 1)
    return np.asarray(held[at] == values)


def any_of(values: NDArray[Any], few: Iterable[int]) -> Flags:
    """Which of `values` are one of a few numbers?"""
    out = np.zeros(len(values), dtype=np.bool_)
    for one in few:
        out |= values == one
    return out


@dataclass(frozen=True, slots=True)
class Accesses:
    """Columns of equal length in the order of the trace; `row` is the row in the events frame."""

    row: Ints
    place: Ints
    size: NDArray[np.uint8]
    value: Words
    write: Flags

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: Ints | Flags) -> "Accesses":
        """The elements at `index` (positions or a mask), in that order."""
        return Accesses(
            self.row[index],
            self.place[index],
            self.size[index],
            self.value[index],
            self.write[index],
        )

    @property
    def region(self) -> Ints:
        return self.place >> _REGION_SHIFT

    @property
    def offset(self) -> Ints:
        return offsets(self.place)

    def in_region(self, region: int) -> "Accesses":
        return self.take(self.region == region)


def config_accesses(events: pl.DataFrame, machine: Machine, card: Card) -> Accesses:
    """The guest's accesses to `card`'s config space behind the header, as of a region of its own.

    `events`: the frame of `quirkfinder.events.SCHEMA`; rows are positions in it.
    """
    where = rows_of_card(machine, card) & pl.col("value").is_not_null() & (pl.col("address") >= _HEADER)
    frame = (
        events.lazy()
        .with_row_index("row")
        .filter(pl.col("event").is_in(["config_read", "config_write"]) & (pl.col("region") == CONFIG) & where)
        .select(*_columns(["config_write"]))
        .collect()
    )
    return _accesses(frame)


def joined(first: Accesses, second: Accesses) -> Accesses:
    """The elements of both, those of `first` before the others."""
    return Accesses(
        np.concatenate([first.row, second.row]),
        np.concatenate([first.place, second.place]),
        np.concatenate([first.size, second.size]),
        np.concatenate([first.value, second.value]),
        np.concatenate([first.write, second.write]),
    )


def merged(first: Accesses, second: Accesses) -> Accesses:
    """Both, in the order of the trace."""
    both = joined(first, second)
    return both.take(np.argsort(both.row, kind="stable"))


def device_accesses(events: pl.DataFrame, machine: Machine, card: Card, *, with_vga: bool) -> Accesses:
    """All region accesses of `card`, and those to VGA ports where `with_vga`.

    `events`: the frame of `quirkfinder.events.SCHEMA`; rows are positions in it.  VGA lines carry no device, so the
    caller says whether they belong to this card.  Accesses to the ROM and to device-specific regions stay out: they
    reach no register.  Config space, where QEMU logs it as a region, is not a BAR either.
    """
    kinds = [k for k in _READS + _WRITES if with_vga or not k.startswith("vga")]
    vga = pl.col("region") == VGA
    mine = (rows_of_card(machine, card) & ~vga) | (vga if with_vga else pl.lit(False))
    frame = (
        events.lazy()
        .with_row_index("row")
        .filter(pl.col("event").is_in(kinds) & mine)
        .filter((pl.col("region") < 6) | (pl.col("region") == VGA))
        .filter((pl.col("region") != CONFIG) & (pl.col("address") <= _OFFSET_MASK) & pl.col("value").is_not_null())
        .select(*_columns(list(_WRITES)))
        .collect()
    )
    return _accesses(_folded(frame, card))


def _columns(writes: list[str]) -> tuple[pl.Expr, ...]:
    """What `Accesses` holds, and the region."""
    place = pl.col("region").cast(pl.Int64) * (1 << _REGION_SHIFT) + pl.col("address").cast(pl.Int64)
    return (
        pl.col("row").cast(pl.Int64),
        pl.col("region"),
        place.alias("place"),
        pl.col("size").fill_null(4),
        pl.col("value"),
        pl.col("event").is_in(writes).alias("write"),
    )


def _accesses(frame: pl.DataFrame) -> Accesses:
    columns = [frame[name].to_numpy() for name in ("row", "place", "size", "value", "write")]
    return _split_wide(Accesses(*columns))


def _folded(frame: pl.DataFrame, card: Card) -> pl.DataFrame:
    """Without the pixels: of a prefetchable BAR with very many accesses only what could be the other end of a door.

    That is every access to a place at which a value was seen that also went through a register of another region.
    """
    prefetchable = [bar.index for bar in card.bars if bar.prefetchable and bar.kind != "io"]
    counts = frame.lazy().filter(pl.col("region").is_in(prefetchable)).group_by("region").len().collect()
    heavy = counts.filter(pl.col("len") > _FOLD)["region"].to_list()
    if not heavy:
        return frame
    pixel = pl.col("region").is_in(heavy)
    telling = frame.lazy().filter(~pixel & (pl.col("value") > _TRIVIAL) & (pl.col("value") < (1 << 32) - _TRIVIAL))
    shared = frame.lazy().filter(pixel).join(telling.select("value").unique(), on="value", how="semi")
    kept = frame.lazy().filter(pixel).join(shared.select("place").unique(), on="place", how="semi")
    return pl.concat([frame.lazy().filter(~pixel), kept]).sort("row").collect()


def _split_wide(accesses: Accesses) -> Accesses:
    """Eight-byte accesses as two of four bytes, the low half first."""
    wide = accesses.size == 8
    if not wide.any():
        return accesses
    index = np.repeat(np.arange(len(accesses)), np.where(wide, 2, 1))
    second = np.zeros(len(index), dtype=np.bool_)
    second[1:] = index[1:] == index[:-1]
    parts = accesses.take(index)
    halves = wide[index]
    value = np.where(
        second, parts.value >> np.uint64(32), np.where(halves, parts.value & np.uint64(0xFFFFFFFF), parts.value)
    )
    place = np.where(second, parts.place + 4, parts.place)
    size = np.where(halves, 4, parts.size).astype(np.uint8)
    return Accesses(parts.row, place, size, value, parts.write)
