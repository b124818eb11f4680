"""What trapping a door costs in a given trace."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.card.model import Bar, Span
from quirkfinder.knowledge.cost import trap_cost
from tests.conftest import shared_trace
from tests.knowledge.builders import DEVICE, card, finding, leak, mirror, window
from tests.knowledge.lines import events, frame


def reads(*places: tuple[int, int], region: int = 2, device: str = DEVICE) -> pl.DataFrame:
    """Region reads at (offset, size)."""
    return frame(
        [{"event": "region_read", "device": device, "region": region, "address": a, "size": s} for a, s in places]
    )


def test_the_whole_page_is_taken_and_only_the_door_is_wanted() -> None:
    trace = reads((0x4010, 4), (0x40FC, 4), (0x4100, 4), (0x4FFC, 4), (0x5000, 4), (0x3FFC, 4))
    cost = trap_cost(mirror("bar2", 0x4000, 0x100), trace, card())
    assert cost is not None
    assert (cost["accesses"], cost["door_accesses"], cost["other_accesses"]) == (4, 2, 2)
    assert cost["other_share"] == 0.5
    assert cost["pages"] == ["0x4000"]
    assert cost["accesses_per_second"] is None
    assert cost["always_trapped"] is False
    assert cost["lower_bound"] is False


def test_registers_on_two_pages() -> None:
    cost = trap_cost(window("bar2", 0xFFC, 0x1000, (0, 0xFF, "config", 0)), reads((0x8, 4), (0x1FFC, 4), (0x2000, 4)))
    assert cost is not None
    assert cost["pages"] == ["0x0", "0x1000"]
    assert (cost["accesses"], cost["door_accesses"]) == (2, 0)


def test_an_access_that_straddles_the_page_counts() -> None:
    cost = trap_cost(leak("bar2", 0x4000, 0), reads((0x3FFC, 8), (0x3FF8, 8)))
    assert cost is not None
    assert (cost["accesses"], cost["door_accesses"]) == (1, 1)


def test_the_enable_registers_are_doors_too() -> None:
    claim = finding(
        "window",
        region="bar5",
        address={"offset": "0x8", "size": 4},
        data={"offset": "0xc", "size": 4},
        enable=[{"offset": "0x0", "value": "0x1", "mask": "0x1"}],
        targets=[],
    )
    cost = trap_cost(claim, reads((0x0, 4), (0x4, 4), region=5))
    assert cost is not None
    assert (cost["accesses"], cost["door_accesses"]) == (2, 1)


def test_rate_needs_a_clock() -> None:
    trace = events(
        f"100.000000 vfio_region_read  ({DEVICE}:region2+0x4010, 4) = 0x1\n"
        f"102.000000 vfio_region_read  ({DEVICE}:region2+0x4010, 4) = 0x1"
    )
    cost = trap_cost(mirror("bar2", 0x4000, 0x100), trace)
    assert cost is not None
    assert (cost["seconds"], cost["accesses_per_second"]) == (2.0, 1.0)


def test_ports_are_trapped_anyway() -> None:
    vga = trap_cost(
        leak("vga", 0x3C3, 4, 8, 1), events("vfio_vga_read  (0x3c3, 1) = 0xe0\nvfio_vga_read  (0x3da, 1) = 0x0")
    )
    assert vga is not None
    assert vga["always_trapped"] is True
    assert (vga["accesses"], vga["page_count"], vga["other_accesses"]) == (1, 0, 0)
    io = trap_cost(window("bar4", 0, 4, (0x4000, 0xFFF, "config", 0)), reads((0, 4), region=4), card())
    assert io is not None
    assert io["always_trapped"] is True


def test_mapped_pages_make_it_a_lower_bound() -> None:
    mapped = card(bars=(Bar(2, "memory64", 0x20000, mapped=(Span(0x4000, 0x4FFF, "mmaps[0]"),)),))
    claims = mirror("bar2", 0x4000, 0x100), mirror("bar2", 0x8000, 0x100)
    assert [c["lower_bound"] for claim in claims if (c := trap_cost(claim, reads(), mapped))] == [True, False]


def test_other_devices_and_regions_do_not_count() -> None:
    cost = trap_cost(leak("bar2", 0x0, 0), pl.concat([reads((0, 4), region=1), reads((0, 4), device="other")]))
    assert cost is not None
    assert cost["accesses"] == 0
    assert cost["other_share"] is None


@pytest.mark.parametrize(
    "claim",
    [
        finding("identity-mapped-bar", bar=2, address="0xe0000000", size="0x1000"),
        finding("host-address-access", bar=2, space="memory", reads=1, writes=0),
        finding("window", region="bar2"),
        finding("window", region="bar9", offset="0x0"),
        finding("config-mirror", region="bar0", offset=None, size="0x1"),
        finding("config-mirror", region="config", offset="0x0", size="0x1"),
    ],
)
def test_findings_without_a_place(claim: object) -> None:
    assert trap_cost(claim, reads((0, 4))) is None  # type: ignore[arg-type]  # the parametrisation is not typed


def test_a_huge_range_is_counted_and_not_listed() -> None:
    cost = trap_cost(finding("bar-alias", region="bar2", offset="0x0", size="0x1000000000000"), reads((0x7000, 4)))
    assert cost is not None
    assert cost["page_count"] == 0x1000000000
    assert len(cost["pages"]) == 64
    assert cost["accesses"] == 1


@given(st.lists(st.tuples(st.integers(0, 0x3000), st.sampled_from([1, 2, 4, 8])), max_size=30), st.integers(0, 0x2000))
def test_against_counting_by_hand(places: list[tuple[int, int]], offset: int) -> None:
    cost = trap_cost(leak("bar2", offset, 0), reads(*places))
    pages = set(range(offset // 4096, (offset + 3) // 4096 + 1))
    assert cost is not None
    assert cost["accesses"] == sum(bool({a // 4096, (a + s - 1) // 4096} & pages) for a, s in places)
    assert cost["door_accesses"] == sum(a < offset + 4 and a + s > offset for a, s in places)


def test_a_recorded_mirror() -> None:
    trace = events((shared_trace("radeon-quirked") / "qemu.log").read_text())
    cost = trap_cost(mirror("bar2", 0x4000, 0x100), trace, card())
    assert cost is not None
    assert cost["door_accesses"] == 8
    assert cost["accesses"] >= 9
