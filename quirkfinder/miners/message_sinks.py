"""Registers that were given the guest's MSI message.

x86 MSI addresses are 0xfeexxxxx (Intel SDM volume 3, section 11.11; PCI 3.0 section 6.8.1) and multiples of four, so
that a register that takes one may have flags in bits 1:0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.miners.accesses import Flags, Ints
from quirkfinder.miners.claims import Scene, hexadecimal
from quirkfinder.miners.sink import MOST_SITES, Sink, registers
from quirkfinder.miners.told import Told

_MSI_PAGE = 0xFEE
_REACH = 16  # bytes after the address in which a message's data is looked for
_VECTORS = 32
_FLAGS = 3  # low bits of a message address that are zero
_UNITS = (2, 4, 8, 12)  # bits by which a message address may be shifted
_REGULAR = 3  # registers at equal distances that make an address with flags, or in units, one
_LOWER = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Message:
    """An MSI message as the guest programmed it; `row` shows its address, and `note` says where."""

    address: int
    data: int | None
    row: int
    note: str


def guest_messages(scene: Scene) -> list[Message]:
    """Messages from the MSI capability, from config writes that look like one, and from QEMU's interrupt lines."""
    rows = (
        scene.events.lazy()
        .with_row_index("row")
        .filter((pl.col("device") == scene.card.name) & pl.col("event").is_in(["config_write", "msi_interrupt"]))
        .filter((pl.col("event") == "msi_interrupt") | (pl.col("address") >= 0x40))
        .select("row", "event", "address", "size", "value")
        .collect()
    )
    found: dict[int, Message] = {}
    if scene.card.msi is not None:
        for row, address, data in scene.card.msi.messages:
            found.setdefault(address, Message(address, data, *_shown(rows, address, row)))
    for row, event, address, size, value in rows.iter_rows():
        if event == "msi_interrupt" and address is not None and address >> 20 == _MSI_PAGE:
            found.setdefault(address, Message(address, value, row, "QEMU's line about the guest's MSI message"))
        elif event == "config_write" and size == 4 and value >> 20 == _MSI_PAGE:
            found.setdefault(value, Message(value, _data_beside(rows, address), row, _IN_CONFIG))
    return list(found.values())


_IN_CONFIG = "the guest's MSI address in config space"


def _shown(rows: pl.DataFrame, address: int, row: int) -> tuple[int, str]:
    """The line that holds the address of a message that was complete at `row`, and what it is."""
    before = rows.filter(pl.col("row") <= row)
    whole = before.filter((pl.col("event") == "config_write") & (pl.col("value") == address & _LOWER))
    if whole.height:
        return int(whole["row"][-1]), _IN_CONFIG
    last = before.filter((pl.col("row") == row) & (pl.col("event") == "msi_interrupt"))
    if last.height:
        return row, "QEMU's line about the guest's MSI message"
    return row, f"with this write the guest's MSI address is 0x{address:x}"


def _data_beside(rows: pl.DataFrame, offset: int) -> int | None:
    """The message data written 4 (32-bit capability) or 8 bytes (64-bit) behind the address, if it is one."""
    beside = rows.filter(
        (pl.col("event") == "config_write") & pl.col("address").is_in([offset + 4, offset + 8]) & (pl.col("value") > 0)
    )
    return int(beside["value"][-1]) & 0xFFFF if beside.height else None


def message_sinks(told: Told, messages: Sequence[Message]) -> Iterator[Sink]:
    """The registers of one region that took the address of a message, and those that took its data beside it."""
    for message in messages:
        for shift in (0, *_UNITS):
            yield from _message_sinks(told, message, shift)


def _message_sinks(told: Told, message: Message, shift: int) -> Iterator[Sink]:
    """Those that took the address in units of 1 << `shift` bytes, and the data."""
    hits = told.in_registers(_in_units(told, message, shift) if shift else _hits(told, message))
    sites = np.unique(told.dwords.offset[hits])
    if not 0 < len(sites) <= MOST_SITES:
        return
    distance, data = _data_sites(told, hits, message)
    sure = len(data) > 0 or (len(sites) > 1 and not shift)
    row, region = told.dwords.row, int(told.dwords.region[hits[0]])
    evidence = [(message.row, message.note)]
    evidence += [(int(row[h]), _note(told, int(h), message, shift)) for h in hits[:5]]
    evidence += [(int(row[h]), "the message data beside it") for h in data[:3]]
    units = f" >> {shift}" if shift else ""
    rule = f"; the message data follows {distance} bytes on" if distance else ""
    where = registers(len(sites), region)
    more = {"data_distance": distance} if distance else {}
    yield Sink(
        "msi-address",
        tuple(sites.tolist()),
        sure,
        f"the guest writes its MSI address 0x{message.address:x}{units} to {where}{rule}",
        tuple(evidence),
        {"address": hexadecimal(message.address), **({"shift": shift} if shift else {}), **more},
    )
    if len(data):
        at = np.unique(told.dwords.offset[data])
        yield Sink(
            "msi-data",
            tuple(at.tolist()),
            sure,
            f"the guest writes its MSI data to {registers(len(at), region)}, {distance} bytes behind the address",
            tuple((int(row[h]), "the guest's MSI data") for h in data[:6]),
            {"data": hexadecimal(message.data) if message.data is not None else None},
        )


def _note(told: Told, hit: int, message: Message, shift: int) -> str:
    if shift:
        return f"the same address >> {shift}, written to a register{told.words_of(hit)}"
    flags = "" if int(told.dwords.value[hit]) == message.address & _LOWER else " with flags in its low bits"
    return f"the same address{flags}, written to a register{told.words_of(hit)}"


def _hits(told: Told, message: Message) -> Ints:
    """Positions of the address; with flags in its low bits where registers at equal distances or its data say so."""
    value = told.dwords.value
    hits = np.flatnonzero(value == np.uint64(message.address))
    for flags in range(1, _FLAGS + 1):
        flagged = np.flatnonzero(value == np.uint64(message.address & ~_FLAGS | flags))
        hits = np.union1d(hits, flagged) if _borne_out(told, flagged, message) else hits
    return hits


def _in_units(told: Told, message: Message, shift: int) -> Ints:
    """Positions of the address in units of 1 << `shift` bytes, borne out as one with flags has to be."""
    units = message.address >> shift
    if units << shift != message.address:
        return np.zeros(0, dtype=np.int64)
    hits = np.flatnonzero(told.dwords.value == np.uint64(units))
    return hits if _borne_out(told, hits, message) else hits[:0]


def _borne_out(told: Told, hits: Ints, message: Message) -> bool:
    """Do the registers of the dwords at `hits` lie at equal distances, or several have the message data beside them?"""
    beside = np.unique(told.dwords.offset[_data_sites(told, hits, message)[1]])
    return _regular(np.unique(told.dwords.offset[hits])) or len(beside) > 1


def _regular(sites: Ints) -> bool:
    return len(sites) >= _REGULAR and len(np.unique(np.diff(sites))) == 1


def _data_sites(told: Told, hits: Ints, message: Message) -> tuple[int, Ints]:
    """(distance, positions) of the writes that put the message data at one distance behind the address."""
    best: tuple[int, Ints] = (0, np.zeros(0, dtype=np.int64))
    if message.data is None:
        return best
    for distance in range(4, _REACH + 1, 4):
        behind = told.behind(hits, distance)
        behind = behind[behind >= 0]
        found = behind[_is_data(told, behind, message.data)]
        if len(found) > len(best[1]):
            best = (distance, found)
    return best


def _is_data(told: Told, at: Ints, data: int) -> Flags:
    """Which dwords are the data or that of a neighbouring vector, alone or as the upper half beside a small number."""
    value = told.dwords.value[at]
    upper, lower = value >> np.uint64(16), value & np.uint64(0xFFFF)
    whole = (value >= data) & (value < data + _VECTORS)
    half = (upper >= max(data, 1)) & (upper < data + _VECTORS) & (lower <= 0xFF)
    return np.asarray(whole | half)
