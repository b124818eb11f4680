"""Address sinks: registers into which the guest writes an address that has a meaning for the guest alone.

The device uses it for its own transactions and misses: the guest's MSI message is not the host's, and a BAR's guest
address is nothing to the card.  Found by value: what was written to a BAR is what the guest had written to its MSI
capability or BAR.  x86 MSI addresses are 0xfeexxxxx (Intel SDM volume 3, section 11.11; PCI 3.0 section 6.8.1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.card.model import Bar
from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Accesses, Ints, place_name
from quirkfinder.miners.claims import Scene, claim, hexadecimal
from quirkfinder.miners.information import information_of

_MSI_PAGE = 0xFEE
_MOST_SITES = 64  # an address at more places than this is data, not a register
_REACH = 16  # bytes after the address in which a message's data is looked for
_VECTORS = 32
_TELLING = 12.0
_UNITS = (8, 16)  # addresses are told in units of 256 bytes and of 64 KiB, too
_TELLING_UNITS, _FREE_BITS = 17.0, 6.0


@dataclass(frozen=True, slots=True)
class Message:
    """An MSI message as the guest programmed it; `row` is the config write of its address."""

    address: int
    data: int | None
    row: int


def sink_findings(scene: Scene) -> Iterator[Finding]:
    """Registers that were given the guest's MSI message or the guest address of a BAR."""
    writes = scene.accesses.take(scene.accesses.write & (scene.accesses.region < 6) & (scene.accesses.size == 4))
    messages = _messages(scene)
    for region in np.unique(writes.region).tolist():
        mine = writes.in_region(region)
        yield from _message_sinks(scene, mine, region, messages)
        yield from _bar_sinks(scene, mine, region)


def _messages(scene: Scene) -> list[Message]:
    """Messages from the MSI capability, from config writes that look like one, and from QEMU's interrupt lines."""
    found: dict[int, Message] = {}
    if scene.card.msi is not None:
        for row, address, data in scene.card.msi.messages:
            found.setdefault(address, Message(address, data, row))
    rows = (
        scene.events.lazy()
        .with_row_index("row")
        .filter((pl.col("device") == scene.card.name) & pl.col("event").is_in(["config_write", "msi_interrupt"]))
        .filter((pl.col("event") == "msi_interrupt") | (pl.col("address") >= 0x40))
        .select("row", "event", "address", "size", "value")
        .collect()
    )
    for row, event, address, size, value in rows.iter_rows():
        if event == "msi_interrupt" and address is not None and address >> 20 == _MSI_PAGE:
            found.setdefault(address, Message(address, value, row))
        elif event == "config_write" and size == 4 and value >> 20 == _MSI_PAGE:
            found.setdefault(value, Message(value, _data_beside(rows, address), row))
    return list(found.values())


def _data_beside(rows: pl.DataFrame, offset: int) -> int | None:
    """The message data written 4 (32-bit capability) or 8 bytes (64-bit) behind the address, if it is one."""
    beside = rows.filter(
        (pl.col("event") == "config_write") & pl.col("address").is_in([offset + 4, offset + 8]) & (pl.col("value") > 0)
    )
    return int(beside["value"][-1]) & 0xFFFF if beside.height else None


def _message_sinks(scene: Scene, writes: Accesses, region: int, messages: list[Message]) -> Iterator[Finding]:
    for message in messages:
        hits = np.flatnonzero(writes.value == np.uint64(message.address))
        sites = np.unique(writes.offset[hits])
        if not 0 < len(sites) <= _MOST_SITES:
            continue
        distance, data_hits = _data_sites(writes, hits, message)
        sure = len(sites) > 1 or len(data_hits) > 0
        evidence = [(message.row, "the guest's MSI address in config space")]
        evidence += [(int(writes.row[h]), "the same address, written to a register") for h in hits[:5]]
        evidence += [(int(writes.row[h]), "the message data beside it") for h in data_hits[:3]]
        rule = f"; the message data follows {distance} bytes on" if distance else ""
        yield _sink(
            scene,
            region,
            "msi-address",
            sites.tolist(),
            sure,
            evidence,
            f"the guest writes its MSI address 0x{message.address:x} to {len(sites)} registers of BAR{region}{rule}",
            {"address": hexadecimal(message.address), "data_distance": distance},
        )
        if len(data_hits):
            at = np.unique(writes.offset[data_hits])
            yield _sink(
                scene,
                region,
                "msi-data",
                at.tolist(),
                sure,
                [(int(writes.row[h]), "the guest's MSI data") for h in data_hits[:6]],
                f"the guest writes its MSI data to {len(at)} registers of BAR{region}, "
                f"{distance} bytes behind the MSI address",
                {"data": hexadecimal(message.data) if message.data is not None else None},
            )


def _data_sites(writes: Accesses, hits: Ints, message: Message) -> tuple[int, Ints]:
    """(distance, positions) of the writes that put the message data at one distance behind the address."""
    if message.data is None:
        return 0, np.zeros(0, dtype=np.int64)
    best: tuple[int, list[int]] = (0, [])
    for distance in range(4, _REACH + 1, 4):
        found = [p for h in hits.tolist() if (p := _write_at(writes, h, distance, message.data)) is not None]
        if len(found) > len(best[1]):
            best = (distance, found)
    return best[0], np.array(best[1], dtype=np.int64)


def _write_at(writes: Accesses, hit: int, distance: int, data: int) -> int | None:
    """Position of the next write `distance` bytes behind `hit` among the following few, if it holds the data."""
    for position in range(hit + 1, min(hit + 9, len(writes))):
        if writes.place[position] == writes.place[hit] + distance:
            value = int(writes.value[position])
            return position if data <= value < data + _VECTORS else None
    return None


def _bar_sinks(scene: Scene, writes: Accesses, region: int) -> Iterator[Finding]:
    for bar in scene.card.bars:
        guest = bar.guest
        if not guest or bar.index > 5 or bar.kind == "io" or guest == bar.host:
            continue
        if information_of(guest & 0xFFFFFFFF, 4) < _TELLING:
            continue
        hits = np.flatnonzero((writes.value & np.uint64(0xFFFFFFF0)) == np.uint64(guest & 0xFFFFFFF0))
        hits = hits[[_upper_fits(writes, hit, guest >> 32) for hit in hits.tolist()]] if guest >> 32 else hits
        yield from _bar_sink(scene, writes, region, bar, hits, 0)
        for shift in _UNITS:
            units = guest >> shift
            # the fewer bits are left, and the more values were written, the likelier is chance
            chance = max(0.0, float(np.log2(max(1, len(np.unique(writes.value))))) - _FREE_BITS)
            if units >> 32 == 0 and information_of(units, 4) - chance >= _TELLING_UNITS:
                yield from _bar_sink(
                    scene, writes, region, bar, np.flatnonzero(writes.value == np.uint64(units)), shift
                )


def _upper_fits(writes: Accesses, hit: int, upper: int) -> bool:
    """Is `upper` what went into the register behind the low half of an address, just before or after, or nothing?"""
    around = range(max(0, hit - 2), min(hit + 3, len(writes)))
    beside = [int(writes.value[at]) for at in around if writes.place[at] == writes.place[hit] + 4]
    return not beside or upper in beside


def _bar_sink(scene: Scene, writes: Accesses, region: int, bar: Bar, hits: Ints, shift: int) -> Iterator[Finding]:
    """The registers of one region that were given the guest address of `bar`, shifted right by `shift` bits."""
    sites = np.unique(writes.offset[hits])
    if not 0 < len(sites) <= _MOST_SITES:
        return
    told = f"0x{bar.guest or 0:x}" + (f" >> {shift}" if shift else "")
    yield _sink(
        scene,
        region,
        "guest-bar",
        sites.tolist(),
        False,
        [(int(writes.row[h]), f"the guest address of BAR{bar.index}, {told}") for h in hits[:4]],
        f"the guest tells {place_name(int(writes.place[hits[0]]))} where it has BAR{bar.index} ({told})",
        {"bar": bar.index, "address": hexadecimal(bar.guest or 0), **({"shift": shift} if shift else {})},
    )


def _sink(
    scene: Scene,
    region: int,
    what: str,
    sites: list[int],
    sure: bool,
    evidence: list[tuple[int, str]],
    summary: str,
    more: dict[str, object],
) -> Finding:
    name = region_name(region)
    return claim(
        scene,
        "address-sink",
        f"{name}/{what}{more.get('shift', '')}/0x{sites[0]:x}",
        verdict="confirmed" if sure else "likely",
        confidence=0.97 if sure else 0.7,
        needs_quirk=True,
        summary=summary,
        parameters={"region": name, "what": what, "sites": [hexadecimal(s) for s in sites], **more},
        evidence=scene.evidence([row for row, _ in evidence], [note for _, note in evidence]),
        evidence_count=len(sites),
        reason="the device uses what is written there for its own transactions, where only the host's values count",
        doubt="it would be false if the register is only a scratch pad of the driver's",
    )
