"""The lines that show where the guest has a BAR."""

import polars as pl

from quirkfinder.card.model import Bar, Placement
from quirkfinder.findings import Evidence
from quirkfinder.miners.claims import Scene, hexadecimal

_FIRST = 0x10  # config offset of the first base address register (PCI 3.0, 6.2.5)
_KEPT = 0xFFFFFFF0
_UPPER = 32


def placement_evidence(scene: Scene, bar: Bar) -> tuple[Evidence, ...]:
    """The writes that gave the BAR its address, else the line of the log or of a listing that shows it there."""
    address = bar.guest or 0
    placement = next((p for p in reversed(bar.placements) if p.address == address), None)
    note = f"the guest has BAR{bar.index} at {hexadecimal(address)}"
    if placement is None:
        return scene.evidence([0] if scene.events.height else [], note)
    written = _written(scene, bar, placement)
    if written:
        return scene.evidence(written, f"the guest places BAR{bar.index}")
    if placement.position is not None:
        return (Evidence(placement.position.input, placement.position.line, note),)
    return scene.evidence([max(placement.row, 0)] if scene.events.height else [], note)


def _written(scene: Scene, bar: Bar, placement: Placement) -> list[int]:
    """Rows of the last writes of the address, up to that by which the BAR came to lie there; its upper half, too."""
    register, address = _FIRST + 4 * bar.index, bar.guest or 0
    halves = [(register, address & _KEPT, _KEPT)]
    if address >> _UPPER:
        halves.append((register + 4, address >> _UPPER, 0xFFFFFFFF))
    writes = (
        scene.events.lazy()
        .with_row_index("row")
        .head(placement.row + 1)
        .filter((pl.col("event") == "config_write") & (pl.col("device") == scene.card.name) & (pl.col("size") == 4))
        .select("row", "address", "value")
        .collect()
    )
    rows = []
    for offset, value, mask in halves:
        found = writes.filter((pl.col("address") == offset) & (pl.col("value") & mask == value))
        rows += found["row"].to_list()[-1:]
    return sorted(rows) if len(rows) == len(halves) else []
