"""Accesses to addresses that nothing owns in the guest but a BAR owns on the host: the back door's victims.

For each the read is looked for through which the guest had learnt the address: the last informative value before it
that points into the BAR at or below the address.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.card.model import Bar
from quirkfinder.findings import Evidence, Finding
from quirkfinder.miners.accesses import Ints, Words, place_name
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


def stray_findings(scene: Scene, strays: Sequence[Stray], sources: Sequence[Finding]) -> Iterator[Finding]:
    """A finding for each stray; `sources` are the findings through which addresses leak."""
    for stray in strays:
        origin = _origin(scene, stray)
        bar = stray.bar
        base = bar.host or 0
        offsets = stray.addresses.astype(np.int64) - base
        near = bool((offsets < max(_NEAR_BASE, (bar.size or 0) >> 4)).any())
        if origin is None and not near:
            continue
        source = _source_of(scene, origin, sources) if origin is not None else None
        first, last = int(stray.addresses.min()), int(stray.addresses.max())
        yield claim(
            scene,
            "host-address-access",
            f"bar{bar.index}/{stray.space}",
            verdict="confirmed" if origin is not None else "likely",
            confidence=0.98 if origin is not None else 0.8 if len(stray.rows) > 1 else 0.65,
            needs_quirk=True,
            summary=(
                f"the guest touched {len(stray.rows)} unmapped {_unit(stray)} that are BAR{bar.index} on the host "
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
            reason=_reason(stray, source),
            doubt=(
                "it would be false if the guest touched these addresses for a reason of its own"
                if origin is None
                else "it would be false if the guest had the address from elsewhere"
            ),
        )


def _unit(stray: Stray) -> str:
    return "ports" if stray.space == "io" else "addresses"


def _reason(stray: Stray, source: Finding | None) -> str:
    guest = (
        f"the guest has BAR{stray.bar.index} at 0x{stray.bar.guest:x}" if stray.bar.guest else "the BAR is elsewhere"
    )
    learnt = f"; it learnt the host address through {source.id}" if source is not None else ""
    return f"{guest}, so these accesses reach nothing{learnt}"


def _origin(scene: Scene, stray: Stray) -> int | None:
    """Index of the last access before the first stray whose value points into the BAR, flags aside."""
    accesses = scene.accesses
    before = np.flatnonzero(~accesses.write & (accesses.row < int(stray.rows[0])) & (accesses.size >= 4))
    base = stray.bar.host or 0
    lowest = int(stray.addresses[0]) & 0xFFFFFFFF
    values = accesses.value[before].astype(np.int64) & ~(3 if stray.space == "io" else 15)
    hits = before[(values >= (base & 0xFFFFFFFF)) & (values <= lowest) & (values > 0xFFF)]
    return int(hits[-1]) if len(hits) else None


def _source_of(scene: Scene, origin: int, sources: Sequence[Finding]) -> Finding | None:
    """The finding that owns the register the address was read from, by its place."""
    place = int(scene.accesses.place[origin])
    region, offset = place >> 52, place & ((1 << 52) - 1)
    name = place_name(place).split("+")[0]
    for finding in sources:
        p = finding.parameters
        if (
            finding.kind == "window"
            and p.get("data_region", p["region"]) == name
            and int(p["data"]["offset"], 16) == offset
        ):
            return finding
        if finding.kind == "config-mirror" and p["region"] == name:
            start = int(p["offset"], 16)
            if start <= offset < start + int(p["size"], 16):
                return finding
        if finding.kind == "address-leak" and p["region"] == name and int(p["offset"], 16) == offset:
            return finding
    del region
    return None


def _evidence(scene: Scene, stray: Stray, origin: int | None) -> tuple[Evidence, ...]:
    rows: list[int] = []
    notes: list[str] = []
    if origin is not None:
        rows.append(int(scene.accesses.row[origin]))
        notes.append(f"the guest reads an address inside the host's BAR{stray.bar.index}")
    base = stray.bar.host or 0
    for row, address in list(zip(stray.rows.tolist(), stray.addresses.tolist(), strict=True))[:6]:
        rows.append(int(row))
        notes.append(f"host BAR{stray.bar.index}+0x{int(address) - base:x}: nothing is there for the guest")
    return scene.evidence(rows, notes)
