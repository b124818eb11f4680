"""The few events that say where things lie, taken out of a frame of millions without touching the others twice.

A `row` is the index of an event in the frame.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from quirkfinder.card.model import Position
from quirkfinder.events import ACCESSES, EVENTS

#: Named like this where the log names no device (debug prints of QEMU 1.3 and 1.4).
UNNAMED = "unnamed"
_MAPPED_REGION = re.compile(r"(?P<device>.+?) (?:base )?BAR (?P<bar>[0-5]) mmaps\[\d+\]")
#: Map and device events that the card is built from; the frequent ones (interrupts, vectors) are not among them.
PLACES = (
    "region_setup",
    "region_mmap",
    "listener_add",
    "listener_del",
    "listener_skip_add",
    "listener_skip_del",
    "bar_map",
    "bar_unmap",
    "user_memory",
    "emulated_id",
    "reset",
    "msi_setup",
    "msix_setup",
    "msix_relocation",
)
CONFIG_ACCESSES = ("config_read", "config_write")
#: Accesses of the guest that a moving BAR matters to.
_GUEST_ACCESSES = tuple(name for name in ACCESSES if name not in CONFIG_ACCESSES)
_COLUMNS = ("row", "input", "line", "event", "device", "region", "address", "size", "value", "detail")


class Row(NamedTuple):
    """One event with its place in the frame; columns as in `quirkfinder.events.SCHEMA`."""

    row: int
    input: int
    line: int
    event: str
    device: str | None
    region: int | None
    address: int | None
    size: int | None
    value: int | None
    detail: str | None

    @property
    def position(self) -> Position:
        return Position(self.input, self.line)


def kinds(names: Iterable[str]) -> pl.Expr:
    """Events of these names. Compares the enum's codes: names compared as strings would cost a cast of the column."""
    codes = [EVENTS.index(name) for name in names]
    return pl.col("event").to_physical().is_in(codes)


def numbered(events: pl.DataFrame) -> pl.LazyFrame:
    """The frame with the column `row`."""
    return events.lazy().with_row_index("row")


def rows_of(frame: pl.LazyFrame) -> list[Row]:
    """A filtered frame as rows. Only for the few: a Python object each."""
    return [Row(*values) for values in frame.select(_COLUMNS).collect().iter_rows()]


def map_rows(events: pl.DataFrame) -> list[Row]:
    """Map and device events in the order of the frame.

    Where VFIO's listener was not traced, KVM's memory slots stand in for it: they are the guest's RAM and the mapped
    parts of BARs (`kvm_set_user_memory`; a size of 0 removes a slot).
    """
    rows = rows_of(numbered(events).filter(kinds(PLACES)))
    if any(row.event.startswith("listener") for row in rows):
        return rows
    return [_as_listener(row) if row.event == "user_memory" else row for row in rows]


def _as_listener(row: Row) -> Row:
    if row.address is None or not row.value:
        return row._replace(event="listener_del", value=row.address)
    return row._replace(event="listener_add", value=row.address + row.value - 1)


def header_rows(events: pl.DataFrame) -> list[Row]:
    """Config accesses that touch the command register or a base address register.

    A read that repeats the access before it to the same four bytes says nothing new (drivers poll) and is left out.
    """
    first, end = pl.col("address"), pl.col("address") + pl.col("size")
    header = (
        kinds(CONFIG_ACCESSES)
        & pl.col("value").is_not_null()
        & (first < 0x34)
        & (((first < 0x06) & (end > 0x04)) | ((first < 0x28) & (end > 0x10)) | (end > 0x30))
    )
    touched = numbered(events).filter(header | kinds(("reset",)))
    return rows_of(_without_repeats(touched).filter(kinds(CONFIG_ACCESSES)))


def _without_repeats(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Leaves out reads that repeat the access before them to the same four bytes, unless a reset lies between."""
    same = ("event", "address", "size", "value")
    place = [pl.col("device"), pl.col("address") // 4, kinds(("reset",)).cum_sum()]
    repeated = pl.all_horizontal([pl.col(name).eq_missing(pl.col(name).shift(1).over(place)) for name in same])
    # The first access to a place has nothing before it: its shifted columns are null, and the event never is.
    return frame.filter(~(repeated & kinds(("config_read",))))


def capability_writes(events: pl.DataFrame, device: str | None, offset: int) -> list[Row]:
    """What the guest wrote to the 0x18 bytes of a capability at `offset`, and read of its control word."""
    mine = pl.col("device").eq_missing(pl.lit(device))
    inside = (pl.col("address") >= offset) & (pl.col("address") < offset + 0x18) & pl.col("value").is_not_null()
    return rows_of(_without_repeats(numbered(events).filter(kinds(CONFIG_ACCESSES) & inside & mine)))


def message_rows(events: pl.DataFrame) -> list[Row]:
    """Interrupt messages: the first of every device, address and data."""
    found = numbered(events).filter(kinds(["msi_interrupt"]) & pl.col("address").is_not_null())
    return rows_of(found.unique(["device", "address", "value"], keep="first", maintain_order=True))


def device_names(events: pl.DataFrame) -> tuple[list[str], bool]:
    """The devices in the order of their first event, and whether accesses without a device exist."""
    first = (
        numbered(events)
        .filter(pl.col("device").is_not_null())
        .group_by("device")
        .agg(pl.col("row").min())
        .sort("row")
        .collect()
    )
    nameless = kinds(("region_read", "region_write", *CONFIG_ACCESSES)) & pl.col("device").is_null()
    any_nameless = events.lazy().select(nameless.any()).collect().item()
    return first["device"].cast(pl.String).to_list(), bool(any_nameless)


def mapped_sizes(rows: Iterable[Row]) -> dict[str, dict[int, int]]:
    """By device and BAR the least size that a power of two has room for, from the parts that VFIO mapped.

    Such lines name the device in the region's name (`0000:84:00.0 BAR 0 mmaps[0]`), and may be all that is traced.
    """
    found: dict[str, dict[int, int]] = {}
    for row in rows:
        match = _MAPPED_REGION.fullmatch(row.detail or "") if row.event == "region_mmap" else None
        if match is not None and row.value is not None:
            sizes = found.setdefault(match["device"], {})
            bar = int(match["bar"])
            sizes[bar] = max(sizes.get(bar, 0), 1 << row.value.bit_length())
    return found


def quiet(events: pl.DataFrame, first: int, last: int) -> bool:
    """Are there no accesses of the guest between two rows (both excluded)?"""
    between = events.slice(first + 1, max(last - first - 1, 0))
    return not between.select(kinds(_GUEST_ACCESSES).any()).item() if len(between) else True
