"""Looking accesses up by register gives what a walk over the trace gives."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.events import CONFIG, ROM, VGA
from quirkfinder.miners.accesses import device_accesses, offset_of, place_name, place_of, region_of
from quirkfinder.miners.registers import Registers
from tests.miners.columns import Access, columns, traces
from tests.miners.examples import DEVICE, Function, Row, access, frame_of, machine_of

spots = st.integers(0, 5).map(lambda at: place_of(at % 2, 0x10 + 2 * at))


@given(st.integers(0, 9), st.integers(0, (1 << 52) - 1))
def test_a_place_is_its_region_and_offset(region: int, offset: int) -> None:
    assert (region_of(place_of(region, offset)), offset_of(place_of(region, offset))) == (region, offset)


def test_places_have_the_names_of_the_contract() -> None:
    assert place_name(place_of(4, 0x10)) == "bar4+0x10"
    assert place_name(place_of(VGA, 0x3C3)) == "vga+0x3c3"


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1 << 40)), min_size=2))
def test_places_sort_as_regions_and_offsets_do(pairs: list[tuple[int, int]]) -> None:
    assert [(region_of(p), offset_of(p)) for p in sorted(place_of(*pair) for pair in pairs)] == sorted(pairs)


@given(traces(), spots, spots)
@settings(deadline=None)
def test_positions(trace: list[Access], one: int, other: int) -> None:
    registers = Registers(columns(trace))
    at = [i for i, a in enumerate(trace) if a[1] == one]
    assert registers.places.tolist() == sorted({a[1] for a in trace})
    assert registers.at(one).tolist() == at
    assert registers.reads(one).tolist() == [i for i in at if not trace[i][4]]
    assert registers.writes(one).tolist() == [i for i in at if trace[i][4]]
    first, last = min(one, other), max(one, other)
    assert registers.between(first, last) == sorted({a[1] for a in trace if first <= a[1] <= last})
    assert registers.inside(first, last).tolist() == [i for i, a in enumerate(trace) if first <= a[1] <= last]
    assert registers.mask([one, other]).tolist() == [a[1] in (one, other) for a in trace]
    near = [place + step for place in (one, other) for step in range(-2, 4)]  # most of them were never accessed
    assert registers.at_any(np.array(near)).tolist() == [i for i, a in enumerate(trace) if a[1] in near]


def image(trace: list[Access], row: int) -> dict[int, int]:
    """The bytes that the writes before `row` left, by place."""
    held: dict[int, int] = {}
    for when, place, size, value, write in trace:
        if write and when < row:
            held |= {place + k: value >> 8 * k & 0xFF for k in range(size)}
    return held


@given(traces(), spots, st.lists(st.integers(0, 130), max_size=8))
@settings(deadline=None)
def test_what_a_register_held(trace: list[Access], place: int, rows: list[int]) -> None:
    registers = Registers(columns(trace))
    width = registers.width(place)
    expected = []
    for row in rows:
        held = [image(trace, row).get(place + k) for k in range(width)]
        whole = [byte for byte in held if byte is not None]
        expected.append(int.from_bytes(whole, "little") if whole and len(whole) == width else -1)
    assert registers.in_force(place, np.array(rows, dtype=np.int64)).tolist() == expected
    assert registers.values_written(place).tolist() == sorted({a[3] for a in trace if a[1] == place and a[4]})


@given(traces(), spots, st.integers(1, 4))
@settings(deadline=None)
def test_what_bytes_side_by_side_held_after_each_write(trace: list[Access], first: int, width: int) -> None:
    registers = Registers(columns(trace))
    history = registers.history(first, width)
    into = [i for i, a in enumerate(trace) if a[4] and a[1] < first + width and a[1] + a[2] > first]
    assert history.at.tolist() == registers.writes_into(first, width).tolist() == into
    ever = [k for k in range(width) if first + k in image(trace, len(trace) + 1000)]
    for i, value, known in zip(into, history.value.tolist(), history.known.tolist(), strict=True):
        held = image(trace[: i + 1], len(trace) + 1000)
        assert value == sum(held.get(first + k, 0) << 8 * k for k in range(width))
        assert known == all(first + k in held for k in ever)


@given(traces(), spots)
@settings(deadline=None)
def test_the_width_is_that_of_most_writes(trace: list[Access], place: int) -> None:
    counts = Counter(a[2] for a in trace if a[1] == place and a[4])
    width = Registers(columns(trace)).width(place)
    assert counts[width] == max(counts.values(), default=0)
    assert bool(width) == bool(counts)


@given(traces(), st.data())
@settings(deadline=None)
def test_taking_some_is_as_if_the_others_were_not_there(trace: list[Access], data: st.DataObject) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(trace), max_size=len(trace)))
    some = columns(trace).take(np.array(keep, dtype=np.bool_))
    direct = columns([a for a, kept in zip(trace, keep, strict=True) if kept])
    for name in ("row", "place", "size", "value", "write"):
        assert getattr(some, name).tolist() == getattr(direct, name).tolist()


# ---- from the frame

rows_of_a_frame = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 5, VGA)), st.integers(0, 0xFFFF), st.integers(0, 2**64 - 1), st.booleans(),
        st.sampled_from((1, 2, 4, 8)),
    ),
    max_size=30,
)  # fmt: skip


@given(rows_of_a_frame, st.booleans())
@settings(deadline=None, max_examples=40)
def test_eight_bytes_are_two_accesses_of_four(content: list[tuple[int, int, int, bool, int]], with_vga: bool) -> None:
    rows = [access(region, at, value & (1 << 8 * size) - 1, write, size) for region, at, value, write, size in content]
    machine = machine_of(Function(), {})
    found = device_accesses(frame_of(rows), machine, machine.cards[0], with_vga=with_vga)
    expected = []
    for at, (region, offset, value, write, size) in enumerate(content):
        if region == VGA and not with_vga:
            continue
        for k in range(0, size, 4):
            part = value >> 8 * k & (1 << 8 * min(size, 4)) - 1
            expected.append((at, place_of(region, offset + k), min(size, 4), part, write))
    columns_found = (found.row, found.place, found.size, found.value, found.write)
    assert list(zip(*(c.tolist() for c in columns_found), strict=True)) == expected


def test_only_registers_of_this_device_are_accesses() -> None:
    others: list[Row] = [
        {"event": "region_read", "device": "0000:04:00.0", "region": 0, "address": 0, "size": 4, "value": 1},
        {"event": "rom_read", "device": DEVICE, "region": ROM, "address": 0, "size": 4, "value": 0xAA55},
        {"event": "region_read", "device": DEVICE, "region": CONFIG, "address": 0, "size": 4, "value": 1},
        {"event": "region_read", "device": DEVICE, "region": 9, "address": 0, "size": 4, "value": 1},
        {"event": "config_read", "device": DEVICE, "region": CONFIG, "address": 0, "size": 4, "value": 1},
        {"event": "region_read", "device": DEVICE, "region": 0, "address": 0, "size": 4, "value": None},
        {"event": "region_read", "device": DEVICE, "region": 0, "address": 1 << 63, "size": 4, "value": 1},
        {"event": "unassigned_read", "address": 0xFE000000, "size": 4, "value": 1},
    ]
    machine = machine_of(Function(), {})
    frame = frame_of([*others, access(0, 8, 7, write=False)])
    found = device_accesses(frame, machine, machine.cards[0], with_vga=True)
    assert (found.row.tolist(), found.place.tolist(), found.value.tolist()) == ([len(others)], [8], [7])
