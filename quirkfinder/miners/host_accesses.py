"""Accesses to addresses that nothing owns in the guest but a BAR owns on the host: the back door's victims.

For each the read is looked for through which the guest had learnt the address: the last informative value before it
that points into the BAR at or below the address.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.card.model import Bar
from quirkfinder.events import region_name
from quirkfinder.findings import Evidence, Finding
from quirkfinder.miners.accesses import Ints, Words, offset_of, region_of
from quirkfinder.miners.claims import Scene, claim, hexadecimal

_NEAR_BASE = 1 << 16  # bytes: an address this close to the base is no chance hit
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


def discover_strays(scene: Scene) -> list[Stray]:
    """Unassigned accesses by the BAR in whose host range they fall."""
    frame = _unassigned(scene.events)
    found = []
    for bar in scene.card.bars:
        if not bar.host or not bar.size or bar.index > 5 or bar.host == bar.guest:
            continue
        space = "io" if bar.kind == "io" else "memory"
        inside = frame.filter(
            (pl.col("space") == space) & (pl.col("address") >= bar.host) & (pl.col("address") < bar.host + bar.size)
        )
        if inside.height:
            event = inside["event"].cast(pl.String)
            writes = int(event.str.ends_with("write").sum())
            rows = inside["row"].cast(pl.Int64).to_numpy()
            found.append(Stray(bar, space, rows, inside["address"].to_numpy(), inside.height - writes, writes))
    return found


def _unassigned(events: pl.DataFrame) -> pl.DataFrame:
    """row, event, address and space of all accesses that hit nothing; ports show up as the region named `io`."""
    indexed = events.lazy().with_row_index("row").select("row", "event", "address", "detail")
    memory = indexed.filter(pl.col("event").is_in(_KINDS)).with_columns(pl.lit("memory").alias("space"))
    ports = indexed.filter(
        pl.col("event").is_in(["memory_read", "memory_write"]) & (pl.col("detail").cast(pl.String) == "io")
    ).with_columns(pl.lit("io").alias("space"))
    return pl.concat([memory, ports]).filter(pl.col("address").is_not_null()).sort("row").collect()


@dataclass(frozen=True, slots=True)
class Origin:
    """The read through which the guest had learnt an address: its position, and the value it told."""

    position: int
    value: int


def stray_findings(scene: Scene, strays: Sequence[Stray], doors: Sequence[Finding]) -> Iterator[Finding]:
    """A finding for each stray; `doors` are the findings through which addresses leak."""
    for stray in strays:
        origin = _origin(scene, stray)
        source = _owner(scene, origin, doors) if origin is not None else _teller(scene, stray, doors)
        offsets = stray.addresses.astype(np.int64) - (stray.bar.host or 0)
        near = bool((offsets < max(_NEAR_BASE, (stray.bar.size or 0) >> 4)).any())
        learnt = origin is not None or source is not None
        if learnt or near:
            yield _finding(scene, stray, origin, source, 0.98 if learnt else 0.8 if len(stray.rows) > 1 else 0.65)


def _finding(scene: Scene, stray: Stray, origin: Origin | None, source: Finding | None, sure: float) -> Finding:
    bar, unit = stray.bar, "ports" if stray.space == "io" else "addresses"
    first, last = int(stray.addresses.min()), int(stray.addresses.max())
    learnt = origin is not None or source is not None
    return claim(
        scene,
        "host-address-access",
        f"bar{bar.index}/{stray.space}",
        verdict="confirmed" if learnt else "likely",
        confidence=sure,
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
            "source": source.id if source is not None else None,
        },
        evidence=_evidence(scene, stray, origin),
        evidence_count=len(stray.rows),
        reason=_reason(stray, origin, source),
        doubt=(
            "it would be false if the guest had the address from elsewhere"
            if learnt
            else "it would be false if the guest touched these addresses for a reason of its own"
        ),
    )


def _reason(stray: Stray, origin: Origin | None, source: Finding | None) -> str:
    bar = stray.bar
    guest = f"the guest has BAR{bar.index} at 0x{bar.guest:x}" if bar.guest else "the BAR is elsewhere for the guest"
    if source is not None:
        told = f"it learnt the host address through {source.id}"
    elif origin is not None:
        told = "a register told it the host address"
    else:
        told = "no read in this trace told it the host address"
    return f"{guest}, so these accesses reach nothing; {told}"


def _origin(scene: Scene, stray: Stray) -> Origin | None:
    """The last read before the first stray whose value points into the BAR at or below the address, flags aside."""
    accesses = scene.accesses
    before = np.flatnonzero(~accesses.write & (accesses.row < int(stray.rows[0])) & (accesses.size >= 4))
    base = stray.bar.host or 0
    lowest = int(stray.addresses[0]) & 0xFFFFFFFF
    values = accesses.value[before].astype(np.int64) & ~(3 if stray.space == "io" else 15)
    hits = before[(values >= (base & 0xFFFFFFFF)) & (values <= lowest) & (values > 0xFFF)]
    return Origin(int(hits[-1]), int(accesses.value[hits[-1]])) if len(hits) else None


def _teller(scene: Scene, stray: Stray, doors: Sequence[Finding]) -> Finding | None:
    """A door that told the BAR's address before, in pieces or through registers too narrow to hold it."""
    first = scene.events[int(stray.rows[0])].select("input", "line").row(0)
    for finding in doors:
        tells = any(leak["bar"] == stray.bar.index for leak in finding.parameters.get("leaks", ()))
        if tells and any((e.input, e.line) < first for e in finding.evidence):
            return finding
    return None


def _owner(scene: Scene, origin: Origin, doors: Sequence[Finding]) -> Finding | None:
    """The finding that owns the register the address was read from."""
    place = int(scene.accesses.place[origin.position])
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


def _evidence(scene: Scene, stray: Stray, origin: Origin | None) -> tuple[Evidence, ...]:
    rows: list[int] = []
    notes: list[str] = []
    base, bar = stray.bar.host or 0, stray.bar.index
    if origin is not None:
        mask = 3 if stray.space == "io" else 15
        distance = (int(stray.addresses[0]) & 0xFFFFFFFF) - (origin.value & ~mask)
        rows.append(int(scene.accesses.row[origin.position]))
        notes.append(f"tells the guest an address in the host's BAR{bar}; its first access is 0x{distance:x} behind it")
    for row, address in list(zip(stray.rows.tolist(), stray.addresses.tolist(), strict=True))[:6]:
        rows.append(int(row))
        notes.append(f"host BAR{bar}+0x{int(address) - base:x}: nothing is there for the guest")
    return scene.evidence(rows, notes)
