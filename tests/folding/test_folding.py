"""Folding: nothing is lost from the counts, nothing depends on how the log was cut, no gap is hidden."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.events import SCHEMA
from quirkfinder.folding import Budget, Folded, Folder, Watched
from quirkfinder.folding.keys import block_cell

ALL = list(SCHEMA)
SMALL = Budget(head=20, chunk=16, most=8, least=2, region=60, config=20, memory=10, stray=10, places=10, rescued=10)

accesses = st.tuples(
    st.sampled_from(["region_read", "region_write", "region_write", "config_write", "unassigned_read", "quirk_read"]),
    st.sampled_from(["0000:01:00.0", "0000:02:00.0"]),
    st.integers(0, 1),
    st.sampled_from([0x0, 0x4, 0x40, 0x44, 0x1000, 0x100040]),
    st.sampled_from([0, 1, 0xDEADBEEF, 0xA0000000]),
)
#: Steps of a driver that repeats itself, with something else now and then.
logs = st.lists(st.tuples(st.lists(accesses, min_size=1, max_size=5), st.integers(1, 30)), min_size=1, max_size=8)
cuts = st.lists(st.integers(1, 70), min_size=1, max_size=20)


def frame_of(steps: list[tuple[list[tuple[str, str, int, int, int]], int]]) -> pl.DataFrame:
    rows = [row for step, times in steps for row in step * times]
    events, devices, regions, addresses, values = zip(*rows, strict=True)
    known = {
        "input": [0] * len(rows),
        "line": list(range(1, len(rows) + 1)),
        "event": events,
        "device": devices,
        "region": [7 if e == "config_write" else None if e == "unassigned_read" else r
                   for e, r in zip(events, regions, strict=True)],
        "address": addresses,
        "size": [4] * len(rows),
        "value": values,
    }  # fmt: skip
    missing = {name: [None] * len(rows) for name in SCHEMA if name not in known}
    return pl.DataFrame({**known, **missing}, schema_overrides=SCHEMA).select(ALL)


def folded(frame: pl.DataFrame, lengths: list[int] | None = None, budget: Budget = SMALL) -> Folded:
    """The frame folded, given to the folder in parts of these lengths, again and again."""
    folder = Folder(budget)
    start = turn = 0
    while start < frame.height:
        length = lengths[turn % len(lengths)] if lengths else frame.height
        folder.add(frame.slice(start, length))
        start, turn = start + length, turn + 1
    folder.end_input()
    return folder.finish(Watched(*(np.array([n], dtype=np.uint64) for n in (0xA0000000, 0xF0000000, 0xF0000FFF))))


@given(logs, cuts)
@settings(max_examples=30, deadline=None)
def test_what_is_kept_does_not_depend_on_how_the_log_was_cut(steps: list, lengths: list[int]) -> None:  # type: ignore[type-arg]  # the strategy says what
    frame = frame_of(steps)
    one, other = folded(frame), folded(frame, lengths)
    assert one.events.equals(other.events)
    assert one.left_out == other.left_out
    assert (one.gaps is None) == (other.gaps is None)
    assert one.gaps is None or other.gaps is None or one.gaps.frame.equals(other.gaps.frame)


@given(logs)
@settings(max_examples=30, deadline=None)
def test_every_event_is_counted_and_can_be_had_again(steps: list) -> None:  # type: ignore[type-arg]
    frame = frame_of(steps)
    result = folded(frame)
    assert result.count == frame.height
    assert pl.concat(list(result.frames(ALL))).equals(frame)
    assert result.events.height + sum(row.events for row in result.left_out) == frame.height
    assert frame["line"].is_in(result.events["line"].implode()).sum() == result.events.height
    assert result.events["line"].is_sorted()


@given(logs)
@settings(max_examples=40, deadline=None)
def test_where_something_is_missing_between_two_accesses_to_a_block_there_is_a_gap(steps: list) -> None:  # type: ignore[type-arg]
    frame = frame_of(steps)
    result = folded(frame)
    kept = result.events.with_row_index("row").filter(pl.col("event").is_in(["region_read", "region_write"]))
    all_of = frame.filter(pl.col("event").is_in(["region_read", "region_write"]))
    for (device, region, address), own in kept.group_by("device", "region", "address"):
        cell = int(block_cell(int(str(address))))
        block = pl.col("address").map_elements(lambda a: int(block_cell(a)), return_dtype=pl.Int64) == cell
        here = (pl.col("device") == device) & (pl.col("region") == region) & block
        before = all_of.filter(here)["line"].to_list()
        place = {line: position for position, line in enumerate(before)}
        held = kept.filter(here)["line"].to_list()
        gaps = result.gaps.of([str(device)])(int(str(region)), int(str(address))) if result.gaps else np.zeros(0)
        for (row, line), (next_row, next_line) in zip(
            own.select("row", "line").rows(), own.select("row", "line").rows()[1:], strict=False
        ):
            whole = place[next_line] - place[line] == held.index(next_line) - held.index(line)
            broken = bool(((gaps > row) & (gaps <= next_row)).any())
            assert whole != broken


@given(logs)
@settings(max_examples=40, deadline=None)
def test_a_log_that_fits_is_left_as_it_is(steps: list) -> None:  # type: ignore[type-arg]
    frame = frame_of(steps)
    result = folded(frame, [7], Budget(head=frame.height))
    assert result.events.equals(frame)
    assert (result.gaps, result.left_out) == (None, ())


@pytest.mark.parametrize("times", [2_000, 8_000])
def test_what_is_kept_of_a_long_log_does_not_grow_with_it(times: int) -> None:
    chance = np.random.default_rng(1)
    rows = [
        ("region_write", "0000:01:00.0", 0, int(a) * 4, int(v))
        for a, v in zip(chance.integers(0, 1 << 20, times), chance.integers(0, 1 << 32, times), strict=True)
    ]
    most = SMALL.head + SMALL.region + 2 * SMALL.rescued
    assert folded(frame_of([(rows, 1)])).events.height <= most


def test_a_host_address_is_kept_wherever_it_comes() -> None:
    poll = ("region_read", "0000:01:00.0", 0, 0x10, 1)
    told = ("region_read", "0000:01:00.0", 0, 0x10, 0xA0000000)
    counter = [("region_read", "0000:01:00.0", 0, 0x14, n) for n in range(500)]
    events = folded(frame_of([([poll], 300), (counter, 1), ([told], 1), ([poll], 300)])).events
    assert Counter(events["value"].to_list())[0xA0000000] == 1
    assert events.height < 150


def test_a_stray_at_a_host_address_is_kept_wherever_it_comes() -> None:
    chance = np.random.default_rng(1)
    strays = [("unassigned_read", "0000:01:00.0", 0, int(a), 0) for a in chance.integers(0, 0xEFFFFFFF, 1000)]
    events = folded(frame_of([(strays, 1), ([("unassigned_read", "0000:01:00.0", 0, 0xF0000010, 0)], 1)])).events
    assert events["address"].to_list()[-1] == 0xF0000010
    assert events.height < 100


def test_a_quirk_s_answer_stays_with_its_access() -> None:
    pair = [("region_read", "0000:01:00.0", 0, 0x10, 5), ("quirk_read", "0000:01:00.0", 0, 0x10, 6)]
    others = [("region_read", "0000:01:00.0", 1, 0, n) for n in range(SMALL.head)]
    events = folded(frame_of([(others, 1), (pair, 400)])).events.slice(SMALL.head)
    assert 0 < events.height < 100
    assert (events["event"] == "region_read").sum() == (events["event"] == "quirk_read").sum()
