"""Addresses, endings and counts in the drawings are those of the document."""

import dataclasses
import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quirkfinder.findings.document import BarRecord, DeviceRecord, Findings
from quirkfinder.rendering.page.axis import GAP, axis
from quirkfinder.rendering.page.maps import ending, maps
from quirkfinder.rendering.page.marks import marks
from quirkfinder.rendering.page.timeline import _merged, timelines
from quirkfinder.rendering.page.window import window_diagram
from quirkfinder.rendering.view import view
from tests.documents import Json, anything, example, example_findings, texts

spans = st.lists(st.tuples(st.integers(0, 2**64), st.integers(0, 2**40)).map(lambda t: (t[0], t[0] + t[1])), max_size=8)


@given(spans, st.lists(st.integers(0, 2**65), max_size=8))
def test_higher_addresses_are_never_drawn_above_lower_ones(ranges: list[tuple[int, int]], addresses: list[int]) -> None:
    scale = axis([*ranges, (0x1000, 0x2000)])
    heights = [scale.at(address) for address in sorted(addresses)]
    assert all(0 <= height <= scale.height for height in heights)
    assert all(a <= b for a, b in pairwise(heights))


@given(st.integers(4, 60))
def test_a_doubling_is_always_the_same_step(bits: int) -> None:
    def height(size: int) -> float:
        return axis([(0, size)]).height

    step = height(1 << (bits + 1)) - height(1 << bits)
    assert step == pytest.approx(height(1 << 5) - height(1 << 4))


def test_gaps_are_alike_however_long() -> None:
    assert axis([(0, 16), (32, 48)]).height == axis([(0, 16), (1 << 40, (1 << 40) + 16)]).height
    assert axis([(0, 16), (32, 48)]).at(32) - axis([(0, 16), (32, 48)]).at(16) == GAP


def bar(index: int, host: int | None, guest: int | None, size: int | None = 0x1000) -> BarRecord:
    return BarRecord(index, "memory32", size, host, guest)


def without_leaks() -> Findings:
    document = example_findings()
    for finding in document.findings:
        finding.parameters.pop("leaks", None)
    return document


@pytest.mark.parametrize(
    ("bars", "kind", "said"),
    [
        ([bar(0, 0x1000, 0x1000)], "same", "the same BAR: 1:1, works by accident"),
        ([bar(0, 0x1000, 0x8000), bar(1, 0x9000, 0x1800)], "bar", "BAR1, the wrong one"),
        ([bar(0, 0x100000, 0x8000)], "nothing", "nothing: 20 accesses went there"),
        ([bar(1, 0xD0000000, 0x8000)], "nothing", "nothing"),
    ],
)
def test_where_the_guests_use_of_a_host_address_ends(bars: list[BarRecord], kind: str, said: str) -> None:
    device = DeviceRecord("0000:01:00.0", tuple(bars))
    assert dataclasses.astuple(ending(without_leaks(), device, bars[0])) == (kind, said)


@pytest.mark.parametrize(
    ("lands_on", "kind", "said"),
    [
        ("ram", "ram", "RAM, where accesses end unlogged"),
        ("bar2", "bar", "BAR2, the wrong one"),
        ("itself", "same", "the same BAR: 1:1, works by accident"),
        ("hpet", "bar", "hpet, the wrong one"),
        ("nothing", "nothing", "nothing: 20 accesses went there"),
    ],
)
def test_what_a_finding_says_of_the_landing_weighs_more(lands_on: str, kind: str, said: str) -> None:
    document = without_leaks()
    document.findings[0].parameters["leaks"] = [{"bar": 0, "host": "0x100000", "lands_on": lands_on}]
    device = DeviceRecord("0000:01:00.0", (bar(0, 0x100000, 0x8000),))
    assert dataclasses.astuple(ending(document, device, device.bars[0])) == (kind, said)


def test_memory_and_ports_have_a_map_each_and_equal_addresses_equal_heights() -> None:
    document = example_findings()
    drawn = dict(maps(document, document.devices[0]))
    assert list(drawn) == ["Memory", "I/O ports"]
    blocks = re.findall(r'<title>(BAR\d)[^<]*, (host|guest)</title><rect [^>]*y="([\d.]+)"', drawn["Memory"])
    at = {(name, side): height for name, side, height in blocks}
    assert at["BAR2", "host"] == at["BAR2", "guest"]
    assert at["BAR5", "guest"] == at["BAR0", "host"]
    assert "BAR4" not in drawn["Memory"].split("</title>")[1]


@given(st.lists(st.tuples(*[st.integers(0, 500)] * 4), max_size=60), st.integers(1, 9))
def test_thinning_a_timeline_loses_no_access(rows: list[tuple[int, int, int, int]], thinned: int) -> None:
    merged = _merged(tuple(rows), thinned)
    assert sum(r[2] + r[3] for r in merged) == sum(r[2] + r[3] for r in rows)


def test_a_cell_says_its_lines_offset_and_counts() -> None:
    document = example_findings()
    (drawn,) = timelines(document, view(document).claims, "r0")
    assert "lines 1198 to 1330, from 0x0: 44 reads, 42 writes" in drawn.picture
    assert "from 0x4000: 18 reads, 0 writes" in drawn.picture
    assert 'href="#r0-finding-1"' in drawn.picture


@given(st.recursive(anything, lambda inner: st.dictionaries(texts, inner, max_size=2) | st.lists(inner, max_size=2)))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_statistics_of_any_shape_draw_nothing_wrong(value: Json) -> None:
    for key in ("timeline", "series", "rows"):
        data = example()
        timeline = data["statistics"]["timeline"]
        if key == "timeline":
            data["statistics"]["timeline"] = value
        elif key == "series":
            timeline[0]["series"] = value
        else:
            timeline[0]["series"][0]["rows"] = [value]
        timelines(Findings.from_dict(data), (), "r0")


def test_a_window_shows_its_registers_and_targets() -> None:
    picture = window_diagram(example_findings().findings[0])
    for shown in ("bar4+0x0, 4 bytes", "bar4+0x4, 4 bytes", "config space", "match 0x4000, mask 0xff"):
        assert shown in picture


def test_a_finding_without_registers_has_no_diagram() -> None:
    assert window_diagram(example_findings().findings[3]) == ""


def findings_at(*lines: list[int]) -> Findings:
    """A document with a window on BAR4 for each list of lines of evidence."""
    data = example()
    windows = [data["findings"][0] | {"id": f"window/{i}", "evidence": _evidence(at)} for i, at in enumerate(lines)]
    data["findings"] = windows
    return Findings.from_dict(data)


def _evidence(lines: list[int]) -> Json:
    return [{"input": 0, "line": line} for line in lines]


def marks_of(document: Findings, lines: int) -> list[tuple[str, float, float]]:
    """What each mark says, its place in per cent of the log with the pixels it is moved by, and its height."""
    drawn = marks(view(document).claims, 0, lines, [("0000:01:00.0", "bar4", 100.0)], "r0")
    found = []
    for mark in drawn:
        told = re.search("<title>finding (.*?): ", mark)
        place = re.search(r'cx="([\d.]+)%" cy="([\d.]+)"', mark)
        moved = re.search(r"translate\((-?\d+),0\)", mark)
        assert told
        assert place
        found.append((told[1], float(place[1]) + (float(moved[1]) * 1000 if moved else 0), float(place[2])))
    return found


def test_lines_too_near_to_tell_apart_share_a_mark_that_counts_them() -> None:
    told = [mark[0] for mark in marks_of(findings_at([10, 11, 12, 5000]), 10000)]
    assert told == ["1, 3 lines of evidence from 10 to 12", "1, line 5000"]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=12))
@settings(deadline=None)
def test_marks_of_several_findings_never_lie_on_each_other(at: list[int]) -> None:
    drawn = marks_of(findings_at(*([line] for line in at)), 1000)
    assert len(drawn) == len(at)
    assert len({(place, height) for _, place, height in drawn}) == len(at)


def test_a_map_says_which_finding_a_register_is_and_what_became_of_its_address() -> None:
    document = example_findings()
    picture = dict(maps(document, document.devices[0]))["Memory"]
    assert ">1. bar4+0x4<" in picture
    assert ">1:1 accident<" in picture
    assert ">BAR5<" in picture


def test_a_side_that_nobody_knows_is_said_to_be_unknown() -> None:
    device = DeviceRecord("0000:01:00.0", (bar(0, None, 0x8000),))
    ((_, picture),) = maps(without_leaks(), device)
    assert picture.count(">not known<") == 1
