"""Accesses to addresses that nothing owns in the guest but a BAR owns on the host: the back door's victims.

For each the read is looked for through which the guest had learnt the address.  Where a BAR of the guest's own lay
there before, the guest had the address from itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from quirkfinder.card.model import Bar
from quirkfinder.events import region_name
from quirkfinder.findings import Evidence, Finding
from quirkfinder.miners.accesses import Ints, Words, offset_of, region_of
from quirkfinder.miners.claims import Scene, claim, hexadecimal
from quirkfinder.miners.provenance import NOBODY, Clues, Source, former_place

_NEAR_BASE = 1 << 16  # bytes: an address this close to the base is no chance hit
#: least and most bytes on either side of a BAR that are looked at for a sweep
_AROUND, _AROUND_PORTS = (1 << 16, 1 << 22), (1 << 5, 1 << 8)
_STEPS = 3  # accesses at equal distances on either side of a BAR that make a sweep
_KINDS = ("unassigned_read", "unassigned_write", "unassigned_access")


@dataclass(frozen=True, slots=True)
class Stray:
    """The unassigned accesses inside one BAR's host range."""

    bar: Bar
    space: str
    rows: Ints
    addresses: Words
    reads: int
    writes: int
    #: accesses to nothing are as frequent all around: a sweep over the addresses, which meets the BAR as well
    swept: bool = False


def discover_strays(scene: Scene) -> list[Stray]:
    """Unassigned accesses by the BAR in whose host range they fall."""
    frame = _unassigned(scene.events)
    found = []
    for bar in scene.card.bars:
        if not bar.host or not bar.size or bar.index > 5 or _always_at_home(bar):
            continue
        space = "io" if bar.kind == "io" else "memory"
        inside = frame.filter(
            (pl.col("space") == space) & (pl.col("address") >= bar.host) & (pl.col("address") < bar.host + bar.size)
        )
        inside = inside.filter(~pl.Series(_of_the_guest(scene, bar, space, inside), dtype=pl.Boolean))
        if inside.height:
            event = inside["event"].cast(pl.String)
            writes = int(event.str.ends_with("write").sum())
            rows = inside["row"].cast(pl.Int64).to_numpy()
            addresses = inside["address"].to_numpy()
            everywhere = frame.filter(pl.col("space") == space)
            swept = _is_swept(everywhere, bar, inside.height) or _in_step(everywhere, bar, addresses)
            found.append(Stray(bar, space, rows, addresses, inside.height - writes, writes, swept))
    return found


def _always_at_home(bar: Bar) -> bool:
    """Has the guest the BAR at its host address from the beginning?  If it moved there, accesses before hit nothing."""
    return bar.host == bar.guest and all(p.address in (None, bar.host) for p in bar.placements)


def _unassigned(events: pl.DataFrame) -> pl.DataFrame:
    """row, event, address and space of all accesses that hit nothing; ports show up as the region named `io`."""
    indexed = events.lazy().with_row_index("row").select("row", "event", "address", "detail")
    memory = indexed.filter(pl.col("event").is_in(_KINDS)).with_columns(pl.lit("memory").alias("space"))
    ports = indexed.filter(
        pl.col("event").is_in(["memory_read", "memory_write"]) & (pl.col("detail").cast(pl.String) == "io")
    ).with_columns(pl.lit("io").alias("space"))
    return pl.concat([memory, ports]).filter(pl.col("address").is_not_null()).sort("row").collect()


def _is_swept(strays: pl.DataFrame, bar: Bar, inside: int) -> bool:
    """Are accesses to nothing as dense around the BAR as in it, or half as dense, and on both sides of it?"""
    base, size = bar.host or 0, bar.size or 1
    least, most = _AROUND_PORTS if bar.kind == "io" else _AROUND
    reach = min(max(size, least), most)
    below = strays.filter((pl.col("address") >= base - min(base, reach)) & (pl.col("address") < base)).height
    behind = strays.filter((pl.col("address") >= base + size) & (pl.col("address") < base + size + reach)).height
    return min(below, behind) > 0 and (below + behind) * size >= inside * reach


def _in_step(strays: pl.DataFrame, bar: Bar, addresses: Words) -> bool:
    """Do all the addresses in the BAR lie on the steps by which accesses to nothing come near and go on behind it?"""
    base, last = bar.host or 0, (bar.host or 0) + (bar.size or 1) - 1
    touched = np.unique(strays["address"].to_numpy()).tolist()
    below = [a for a in touched if a < base][-_STEPS:]
    behind = [a for a in touched if a > last][:_STEPS]
    if len(below) < _STEPS or len(behind) < _STEPS:
        return False
    step = below[-1] - below[-2]
    even = {b - a for side in (below, behind) for a, b in pairwise(side)} == {step}
    return even and all((a - below[-1]) % step == 0 for a in [*np.unique(addresses).tolist(), behind[0]])


def _of_the_guest(scene: Scene, bar: Bar, space: str, inside: pl.DataFrame) -> list[bool]:
    """Which of the accesses go to where the guest itself had a BAR before, and no read has told the address since."""
    result = []
    told = _rows_telling(scene, bar)
    for row, address in inside.select("row", "address").iter_rows():
        former = former_place(scene.machine.cards, address, row, ports=space == "io")
        again = former is not None and bool(((told > former[2]) & (told < row)).any())
        result.append(former is not None and not again)
    return result


@dataclass(frozen=True, slots=True)
class Origin:
    """How the guest came to an address: the door that told it, the row of a dword that did, or neither."""

    door: Finding | None
    row: int | None
    words: str
    parameters: dict[str, Any] | None
    told: tuple[Evidence, ...] = ()  # the door's own line, where it told the address in pieces


def stray_findings(scene: Scene, strays: Sequence[Stray], doors: Sequence[Finding]) -> Iterator[tuple[Finding, Ints]]:
    """A finding for each stray and its rows; `doors` are the findings through which addresses leak."""
    for stray in strays:
        origin = _origin(scene, stray, doors)
        offsets = stray.addresses.astype(np.int64) - (stray.bar.host or 0)
        near = bool((offsets < max(_NEAR_BASE, (stray.bar.size or 0) >> 4)).any())
        near = near and not stray.swept
        if origin is not None and (origin.door is not None or (origin.row is not None and not stray.swept) or near):
            yield _finding(scene, stray, origin), stray.rows


def _finding(scene: Scene, stray: Stray, origin: Origin) -> Finding:
    bar, unit = stray.bar, "ports" if stray.space == "io" else "addresses"
    first, last = int(stray.addresses.min()), int(stray.addresses.max())
    proven = origin.door is not None
    many = len(stray.rows) > 1 or origin.row is not None
    return claim(
        scene,
        "host-address-access",
        f"bar{bar.index}/{stray.space}",
        verdict="confirmed" if proven else "likely",
        confidence=0.98 if proven else 0.8 if many else 0.65,
        needs_quirk=True,
        summary=(
            f"the guest touched {len(stray.rows)} unmapped {unit} that are BAR{bar.index} on the host "
            f"(0x{first:x} to 0x{last:x})"
        ),
        parameters={
            "bar": bar.index,
            "space": stray.space,
            "reads": stray.reads,
            "writes": stray.writes,
            "first_address": hexadecimal(first),
            "last_address": hexadecimal(last),
            "source": origin.door.id if origin.door is not None else None,
            "provenance": origin.parameters,
        },
        evidence=_evidence(scene, stray, origin),
        evidence_count=len(stray.rows),
        reason=_reason(stray, origin),
        doubt=(
            "it would be false if the guest had the address from elsewhere"
            if proven
            else "it would be false if the guest touched these addresses for a reason of its own"
        ),
    )


def _reason(stray: Stray, origin: Origin) -> str:
    bar = stray.bar
    at = bar.guest_at(int(stray.rows[0])) if bar.placements else bar.guest
    guest = f"the guest has BAR{bar.index} at 0x{at:x}" if at else "the BAR is elsewhere for the guest"
    told = f"it learnt the host address through {origin.door.id}" if origin.door is not None else ""
    if origin.door is None and origin.row is not None:
        told = "a register that is no finding of its own told it"
    return f"{guest}, so these accesses reach nothing; " + "; ".join(part for part in (told, origin.words) if part)


def _origin(scene: Scene, stray: Stray, doors: Sequence[Finding]) -> Origin | None:
    """Where the guest had the first address from; None where it was the guest's own, written before anybody told it."""
    first, address = int(stray.rows[0]), int(stray.addresses[0])
    told = _rows_telling(scene, stray.bar)
    told = told[told < first]
    if len(told):
        # the last one that a door explains; a register that only gives back what it was given explains nothing
        for row in reversed(told.tolist()):
            if (door := _owner(scene, row, doors)) is not None:
                return _told(scene, stray, row, door)
    source = Clues(scene.events, stray.addresses[:1]).source(address, first) if stray.space == "memory" else None
    given = None if source is None or source.own else source
    door = _owner(scene, given.row, doors) if given is not None else None
    teller = _teller(scene, stray, doors) if door is None else None
    if teller is not None:
        base = stray.bar.host or 0
        line = next((e for e in teller.evidence if f"BAR{stray.bar.index}" in (e.note or "")), teller.evidence[0])
        words = f"told in pieces; 0x{address:x} is 0x{address - base:x} behind the base 0x{base:x}"
        return Origin(teller, None, words, None, (line,))
    if given is not None:
        return Origin(door, given.row, given.words(scene.events), given.parameters(scene.events))
    if source is not None:
        return None
    if len(told):
        return _told(scene, stray, int(told[0]), None)
    ports = "no dword that a register returned before told the base of the BAR"
    return Origin(None, None, NOBODY if stray.space == "memory" else ports, None)


def _told(scene: Scene, stray: Stray, row: int, door: Finding | None) -> Origin:
    """The base of the BAR stood in a dword, flags aside."""
    flags = 3 if stray.space == "io" else 15
    at = int(np.flatnonzero(scene.accesses.row == row)[0])
    address, value = int(stray.addresses[0]), int(scene.accesses.value[at])
    base = value & ~flags
    distance = (address & 0xFFFFFFFF) - base
    source = Source(row, value, 0, base, distance, address, int(stray.rows[0]), own=False)
    return Origin(door, row, source.words(scene.events), source.parameters(scene.events))


def _rows_telling(scene: Scene, bar: Bar) -> Ints:
    """The rows of reads that returned the base of the BAR as a dword, flags aside."""
    flags = 3 if bar.kind == "io" else 15
    base = (bar.host or 0) & 0xFFFFFFFF & ~flags
    accesses = scene.accesses
    hits = ~accesses.write & (accesses.size >= 4) & ((accesses.value & np.uint64(0xFFFFFFFF & ~flags)) == base)
    return accesses.row[hits] if base else accesses.row[:0]


def _teller(scene: Scene, stray: Stray, doors: Sequence[Finding]) -> Finding | None:
    """A door that told the BAR's address before, in pieces or through registers too narrow to hold it."""
    first = scene.events[int(stray.rows[0])].select("input", "line").row(0)
    for finding in doors:
        tells = any(leak["bar"] == stray.bar.index for leak in finding.parameters.get("leaks", ()))
        if tells and any((e.input, e.line) < first for e in finding.evidence):
            return finding
    return None


def _owner(scene: Scene, row: int, doors: Sequence[Finding]) -> Finding | None:
    """The finding that owns the register read at a row."""
    at = np.flatnonzero(scene.accesses.row == row)
    if not len(at):
        return None
    place = int(scene.accesses.place[at[0]])
    name, offset = region_name(region_of(place)), offset_of(place)
    return next((f for f in doors if _covers(f, name, offset)), None)


def _covers(finding: Finding, region: str, offset: int) -> bool:
    p = finding.parameters
    if finding.kind == "window":
        data = int(p["data"]["offset"], 16)
        return bool(p.get("data_region", p["region"]) == region) and data <= offset < data + int(p["data"]["size"])
    if p["region"] != region:
        return False
    start = int(p["offset"], 16)
    size = int(p["size"], 16) if finding.kind == "config-mirror" else int(p["size"])
    return start <= offset < start + size


def _evidence(scene: Scene, stray: Stray, origin: Origin) -> tuple[Evidence, ...]:
    rows: list[int] = []
    notes: list[str] = []
    base, bar = stray.bar.host or 0, stray.bar.index
    if origin.row is not None:
        rows.append(origin.row)
        notes.append(origin.words)
    for row, address in list(zip(stray.rows.tolist(), stray.addresses.tolist(), strict=True))[:6]:
        rows.append(int(row))
        notes.append(f"host BAR{bar}+0x{int(address) - base:x}: nothing is there for the guest")
    return origin.told + scene.evidence(rows, notes)
