"""Is every sentence about where an address came from true?  Checked against the frame, the slow and plain way."""

import polars as pl

from quirkfinder.card.model import Machine
from quirkfinder.findings import Finding
from quirkfinder.miners.information import information_of

RETURNED = ("region_read", "vga_read", "rom_read", "config_read", "quirk_read")
GIVEN = ("region_write", "vga_write", "config_write", "quirk_write")
NOTHING_THERE = ("unassigned_read", "unassigned_write", "unassigned_access")
KINDS = ("host-address-access", "unassigned-access")
PAGE = 0x1000


def leads_to(value: int, address: int) -> bool:
    """Is the dword the address, the beginning of its page or of one of fifteen below, or its page in units?"""
    low = address & 0xFFFFFFFF
    if value >= 1 << 20 and value & ~15 == low & ~15:
        return True
    if value >= 1 << 20 and (value % PAGE).bit_count() <= 4 and 0 <= low // PAGE - value // PAGE < 16:
        return True
    return value >= PAGE and low - low % PAGE in (value << 8, value << 12)


def dwords(row: dict[str, int]) -> list[int]:
    """The dwords of an access."""
    return [row["value"] & 0xFFFFFFFF, *([row["value"] >> 32] if row["size"] == 8 else [])]


def row_of(events: pl.DataFrame, finding: Finding, at: int) -> dict[str, int]:
    evidence = finding.evidence[at]
    found = events.filter((pl.col("input") == evidence.input) & (pl.col("line") == evidence.line))
    return dict(found.row(0, named=True))


def accesses_of(events: pl.DataFrame, finding: Finding) -> pl.DataFrame:
    """row, address of the accesses to nothing that the finding is about."""
    first, last = (int(finding.parameters[key], 16) for key in ("first_address", "last_address"))
    strays = events.with_row_index("row").filter(pl.col("event").is_in(NOTHING_THERE))
    return strays.filter(pl.col("address").is_between(first, last)).select("row", "address")


def check(events: pl.DataFrame, machine: Machine, finding: Finding) -> None:
    """Raises AssertionError where a sentence of the finding is not what the frame shows."""
    told = finding.parameters.get("provenance")
    if told is not None:
        _check_sum(events, finding, told)
    if "no dword that a traced card returned" in finding.reason:
        strays = accesses_of(events, finding)
        before = events.with_row_index("row").filter(pl.col("event").is_in(RETURNED) & (pl.col("size") >= 4))
        for row in before.select("row", "size", "value").iter_rows(named=True):
            late = strays.filter(pl.col("row") > row["row"])["address"].unique().to_list()
            assert not any(leads_to(value, address) for value in dwords(row) for address in late), row
    if "the guest itself had" in finding.reason:
        placed = [
            (p.address, bar.size) for card in machine.cards for bar in card.bars for p in bar.placements if bar.size
        ]
        strays = accesses_of(events, finding)["address"].to_list()
        assert any(base is not None and base <= a < base + size for base, size in placed for a in strays)
    if "no traced card has a BAR on the host" in finding.summary:
        strays = accesses_of(events, finding)["address"].to_list()
        bars = [bar for card in machine.cards for bar in card.bars]
        assert all(bar.host is not None for bar in bars if bar.index < 6)
        assert not any(bar.host_contains(a) for bar in bars if bar.kind != "io" for a in strays)


def _check_sum(events: pl.DataFrame, finding: Finding, told: dict[str, str | int | bool]) -> None:
    source = row_of(events, finding, 0)
    value, base, distance, address = (int(str(told[key]), 16) for key in ("value", "base", "distance", "address"))
    assert source["event"] in (GIVEN if told["written"] else RETURNED)
    assert value in dwords(source)
    shifted = value << int(told["shift"])
    assert base in (shifted, shifted & ~3, shifted & ~15, shifted - shifted % PAGE)
    assert (base + distance) & 0xFFFFFFFF == address & 0xFFFFFFFF
    first, last = (int(finding.parameters[key], 16) for key in ("first_address", "last_address"))
    assert first <= address <= last
    words = f"{told['place']} returned it before" if not told["written"] else f"wrote it to {told['place']}"
    assert words in finding.reason
    assert f"0x{value:x}" in finding.reason


def check_indexed(events: pl.DataFrame, machine: Machine, finding: Finding) -> None:
    """What is said of the values behind an index: none in a register or in config space, or how many."""
    region = int(finding.parameters["region"].removeprefix("bar"))
    address, data = (int(finding.parameters[name]["offset"], 16) for name in ("address", "data"))
    mine = pl.col("region").eq(region) & pl.col("address").is_in([address, data])
    accesses = events.filter(pl.col("event").cast(pl.String).str.starts_with("region_"))
    through = accesses.filter(
        pl.col("region").eq(region) & pl.col("address").eq(data) & pl.col("event").cast(pl.String).eq("region_read")
    )
    values = {v for v, size in through.select("value", "size").iter_rows() if information_of(v, size)}
    beside = set(accesses.filter(~mine)["value"].to_list())
    if "none of the" in finding.reason:
        assert f"none of the {len(values)} telling values" in finding.reason
        assert not values & beside
        for card in machine.cards:
            held = card.host_config
            words = {held.read(at, size) for size in (1, 2, 4) for at in range(0, held.size, size)}
            assert not values & words
    elif "other registers" in finding.reason:
        assert f"{len(values & beside)} in other registers" in finding.reason
    elif "no value" in finding.reason:
        assert not values
