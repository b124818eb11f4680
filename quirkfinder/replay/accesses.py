"""A trace as what the guest did: accesses with the device's answer, and what QEMU's own quirks made of them.

QEMU logs the hardware first and the quirk after: a `region_read` that a `quirk_read` follows is one access whose
answer is the quirk's.  Config accesses between the two are the quirk's own, not the guest's.  What QEMU's quirks kept
from the device has no region line; it is put back from the quirk's line where that says enough.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from quirkfinder.card.model import Card
from quirkfinder.events import CONFIG, VGA

Kind = Literal["read", "write", "config_read", "config_write", "unassigned", "interrupt", "reset"]
_READS = ("region_read", "vga_read")
_WRITES = ("region_write", "vga_write")
_QUIRKS = ("quirk_read", "quirk_write", "quirk_latch")
_CONFIG = ("config_read", "config_write")
_UNASSIGNED = ("unassigned_read", "unassigned_write", "unassigned_access")
_INTERRUPTS = ("msi_interrupt", "interrupt")
#: where the swallowed accesses of QEMU's own quirks belong, by the name in the log: space, offset (pci-quirks.c)
_DATA_REGISTERS = {
    "vfio-ati-bar4-window-data-quirk": (4, 0x4),
    "vfio-nvidia-bar5-window-data-quirk": (5, 0xC),
    "nvidia 3d0": (VGA, 0x3D0),
    "ati 3c3": (VGA, 0x3C3),
}
_MIRRORS = {
    "vfio-ati-bar2-4000-quirk": (2, 0x4000),
    "vfio-nvidia-bar0-88000-mirror-quirk": (0, 0x88000),
    "vfio-nvidia-bar0-1800-mirror-quirk": (0, 0x1800),
}
_RTL8168_ADDRESS, _RTL8168_FLAG = (2, 0x74), 0x80000000


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that happened. `value`: written, or the device's answer; `given`: what QEMU's own quirk answered.

    `taken` is what QEMU's own quirk wrote instead of handing a write to the device: (offset in its target, value).
    """

    row: int
    input: int
    line: int
    kind: Kind
    space: int = -1
    offset: int = 0
    size: int = 0
    value: int | None = None
    given: int | None = None
    taken: tuple[int | None, int] | None = None


def device_frame(events: pl.DataFrame, card: Card, *, with_vga: bool) -> pl.LazyFrame:
    """The rows that concern a card, with `row` (position in `events`), in order."""
    event = pl.col("event").cast(pl.String)
    mine = pl.col("device").cast(pl.String).eq_missing(pl.lit(card.name))
    nameless = event.is_in(_UNASSIGNED)
    if with_vga:
        nameless = nameless | event.is_in(("vga_read", "vga_write"))
    wanted = event.is_in((*_READS, *_WRITES, *_QUIRKS, *_CONFIG, *_UNASSIGNED, *_INTERRUPTS, "reset"))
    return (
        events.lazy()
        .with_row_index("row")
        .filter(wanted & (mine | nameless))
        .select(
            "row", "input", "line", event.alias("event"), "region", "address", "size", "value",
            pl.col("detail").cast(pl.String) if "detail" in events.columns else pl.lit(None, pl.String).alias("detail"),
        )
    )  # fmt: skip


def relevant(frame: pl.LazyFrame, keep: pl.Expr) -> pl.DataFrame:
    """The rows a replay looks at: what `keep` says, and every access that QEMU's own quirks had a hand in."""
    is_quirk, is_config = pl.col("event").is_in(_QUIRKS), pl.col("event").is_in(_CONFIG)
    followed = is_quirk.shift(-1, fill_value=False) | (
        is_config.shift(-1, fill_value=False) & is_quirk.shift(-2, fill_value=False)
    )
    always = pl.col("event").is_in((*_QUIRKS, *_CONFIG, *_UNASSIGNED, *_INTERRUPTS, "reset"))
    return frame.filter(always | followed | keep).collect()


def accesses(rows: pl.DataFrame) -> Iterator[Access]:
    """What the guest did, in order. `rows` has the columns of `device_frame`."""
    records = list(rows.iter_rows(named=True))
    at = 0
    while at < len(records):
        first = _plain(records[at])
        nested = at + 1
        while nested < len(records) and nested - at <= 2 and records[nested]["event"] in _CONFIG:
            nested += 1
        follower = records[nested]["event"] if nested < len(records) else ""
        if first is not None and first.kind == "read" and _answers(follower, records, nested, first):
            yield replace(first, given=records[nested]["value"])
            at = nested + 1
        elif (
            first is not None and first.kind == "write" and follower == "quirk_write" and _is_swallowed(records[nested])
        ):
            # The device saw this write; the quirk's line belongs to one that it did not see.
            yield first
            at += 1
        elif first is not None and first.kind in ("config_read", "config_write") and _owns(records, at, nested):
            restored = list(_restored(records, at, nested))
            yield from restored
            at = nested + 1
            if restored and at < len(records) and _is_forwarded(records[at], restored[0]):
                at += 1
        elif records[at]["event"] in _QUIRKS:
            yield from _restored(records, at, at)
            at += 1
        else:
            if first is not None:
                yield first
            at += 1


def _answers(follower: str, records: Sequence[dict[str, object]], at: int, first: Access) -> bool:
    """Is the quirk's line the answer to this read? Port 0x3c3 is answered without a read of the device."""
    detail = str(records[at]["detail"]) if at < len(records) else ""
    place = _DATA_REGISTERS.get(detail, (first.space, first.offset))
    return follower == "quirk_latch" or (follower == "quirk_read" and place == (first.space, first.offset))


def _is_forwarded(record: dict[str, object], write: Access) -> bool:
    """Is a region write the second half of a write that QEMU's quirk handed to both (the MSI acknowledgement)?"""
    place = (write.kind, write.space, write.offset)
    return record["event"] == "region_write" and place == ("write", record["region"], record["address"])


def _owns(records: Sequence[dict[str, object]], at: int, nested: int) -> bool:
    """Is the config access at `at` the inner half of the quirk line that follows?"""
    return nested == at + 1 and nested < len(records) and records[nested]["event"] in ("quirk_read", "quirk_write")


def _plain(record: dict[str, object]) -> Access | None:
    event = str(record["event"])
    base = Access(_int(record["row"]), _int(record["input"]), _int(record["line"]), "reset")
    place = replace(base, offset=_int(record["address"]), size=_int(record["size"]), value=_value(record["value"]))
    if event in (*_READS, *_WRITES):
        space = VGA if event.startswith("vga") else _int(record["region"])
        return replace(place, kind="read" if event in _READS else "write", space=space)
    if event in _CONFIG:
        return replace(place, kind="config_read" if event == "config_read" else "config_write", space=CONFIG)
    if event in _UNASSIGNED:
        return replace(place, kind="unassigned")
    if event in _INTERRUPTS:
        return replace(base, kind="interrupt")
    return base if event == "reset" else None


def _is_swallowed(record: dict[str, object]) -> bool:
    """Does a quirk's write line stand for a write that the device did not see?"""
    detail = str(record["detail"])
    return detail in (*_DATA_REGISTERS, *_MIRRORS) or detail.startswith("rtl8168")


def _restored(records: Sequence[dict[str, object]], inner: int, outer: int) -> Iterator[Access]:
    """The guest's access behind a quirk's line that has no region line of its own."""
    record = records[outer]
    detail, event = str(record["detail"]), record["event"]
    base = Access(_int(record["row"]), _int(record["input"]), _int(record["line"]), "read", value=None)
    size = _int(records[inner]["size"]) if inner != outer else 0
    value = _value(record["value"])
    target = _value(record["address"])
    if event == "quirk_read" and detail in _DATA_REGISTERS:
        space, offset = _DATA_REGISTERS[detail]
        yield replace(base, space=space, offset=offset, size=size or (1 if detail == "ati 3c3" else 4), given=value)
    elif event == "quirk_write" and detail.startswith("rtl8168") and value is not None:
        latch = next((_int(r["value"]) for r in records[outer + 1 : outer + 4] if r["event"] == "quirk_latch"), None)
        if latch is not None:
            space, offset = _RTL8168_ADDRESS
            word = latch ^ _RTL8168_FLAG
            yield replace(base, kind="write", space=space, offset=offset, size=4, value=word, taken=(target, value))
    elif event == "quirk_write" and value is not None and (detail in _DATA_REGISTERS or detail in _MIRRORS):
        space, offset = _DATA_REGISTERS.get(detail) or _MIRRORS[detail]
        inside = 0 if detail in _DATA_REGISTERS else target or 0
        taken = (_int(records[inner]["address"]) if inner != outer else None, value)
        yield replace(base, kind="write", space=space, offset=offset + inside, size=size or 4, value=value, taken=taken)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _value(value: object) -> int | None:
    return value if isinstance(value, int) else None
