"""The vectorised pairing of quirk answers and raw reads against one that walks the lines."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.knowledge.activity import guest_values, handled_rows
from tests.knowledge.lines import frame

DEVICES = st.sampled_from(["a", "b", None])
VALUES = st.sampled_from([None, 1, 2])


def _row(event: str, **columns: object) -> st.SearchStrategy[dict[str, Any]]:
    fixed = {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in columns.items()}
    return st.fixed_dictionaries({"event": st.just(event), "input": st.sampled_from([0, 1]), **fixed})


ROWS = st.one_of(
    _row("region_read", device=DEVICES, region=st.sampled_from([2, 4]), address=st.sampled_from([4, 8]), value=VALUES),
    _row("region_write", device=DEVICES, region=2, address=4, value=VALUES),
    _row("config_read", device=DEVICES, region=7, address=16, value=VALUES),
    _row("vga_read", region=8, address=st.sampled_from([0x3C3, 0x3D0, 0x3DA]), value=VALUES),
    _row("vga_write", region=8, address=0x3D4, value=VALUES),
    _row("quirk_read", device=DEVICES, detail="vfio-ati-bar2-4000-quirk", value=VALUES),
    _row("quirk_read", device=DEVICES, detail="vfio-ati-bar4-window-quirk", region=4, address=4, value=VALUES),
    _row("quirk_read", device=DEVICES, detail=st.sampled_from(["ati_3c3", "nvidia_3d0"]), value=VALUES),
    _row("quirk_latch", device=DEVICES, value=VALUES),
    _row("quirk_write", device=DEVICES, detail="vfio-ati-bar4-window-address-quirk", value=VALUES),
)


def by_walking(rows: list[dict[str, Any]]) -> dict[int, int]:
    """Raw row to the quirk row that answered it, one line after the other."""
    pairs: dict[int, int] = {}
    for at, row in enumerate(rows):
        if row["event"] not in ("quirk_read", "quirk_latch"):
            continue
        port = {"ati_3c3": 0x3C3, "nvidia_3d0": 0x3D0}.get(row.get("detail", ""))
        for before in range(at - 1, -1, -1):
            earlier = rows[before]
            if earlier["input"] != row["input"]:
                continue
            vga_answer = earlier.get("detail") in ("ati_3c3", "nvidia_3d0") and earlier["event"] == "quirk_read"
            if port is not None:
                if earlier["event"] in ("vga_read", "vga_write") or vga_answer:
                    if earlier["event"] == "vga_read" and earlier["address"] == port:
                        pairs[before] = at
                    break
            elif earlier["event"] in ("region_read", "region_write", "quirk_read", "quirk_latch", "quirk_write"):
                if row["device"] is not None and earlier.get("device") != row["device"]:
                    continue
                same = row.get("region") is None or (row["region"], row["address"]) == (
                    earlier.get("region"),
                    earlier.get("address"),
                )
                if earlier["event"] == "region_read" and row["value"] is not None and same:
                    pairs[before] = at
                break
    return pairs


@given(st.lists(ROWS, max_size=25))
def test_against_a_walk(rows: list[dict[str, Any]]) -> None:
    trace = frame(rows)
    pairs = by_walking(rows)
    assert [i for i, handled in enumerate(handled_rows(trace)) if handled] == sorted(pairs)
    answered = [rows[pairs[i]]["value"] if i in pairs else row["value"] for i, row in enumerate(rows)]
    expected = [row["value"] if answer is None else answer for row, answer in zip(rows, answered, strict=True)]
    assert guest_values(trace).to_list() == expected
    assert guest_values(trace).dtype == pl.UInt64
