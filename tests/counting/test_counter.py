"""Counts: as a count by hand gives them, and the same however the log was cut."""

from collections import Counter as Tally
from itertools import groupby, pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.counting import Counter, Counts, count
from quirkfinder.counting.pairs import POLL
from quirkfinder.events import SCHEMA, empty_events

Row = tuple[str, str | None, int | None, int | None, int | None, int | None, str | None, int | None]
accesses = st.tuples(
    st.sampled_from(["region_read", "region_read", "region_write", "config_read", "memory_read", "lost", "vga_write"]),
    st.sampled_from(["0000:01:00.0", "0000:02:00.0", None]),
    st.sampled_from([0, 0, 5, None]),
    st.sampled_from([0x0, 0x4, 0x8, 0xC, 0x10, 2**64 - 4, None]),
    st.sampled_from([4, 4, 4, 1, 8, None]),
    st.sampled_from([0, 7, 2**64 - 1, None]),
    st.sampled_from(["msix-table", "BAR 0", None]),
    st.sampled_from([5, -3, None]),
)
logs = st.lists(st.tuples(st.lists(accesses, min_size=1, max_size=4), st.sampled_from([1, 2, POLL, 130])), max_size=6)
NAMES = ("event", "device", "region", "address", "size", "value", "detail", "time")


def frame_of(steps: list[tuple[list[Row], int]]) -> tuple[pl.DataFrame, list[Row]]:
    rows = [row for step, times in steps for row in step * times]
    columns: dict[str, object] = {name: [row[i] for row in rows] for i, name in enumerate(NAMES)}
    columns |= {"input": [0] * len(rows), "line": range(1, len(rows) + 1), "thread": [None] * len(rows)}
    return pl.DataFrame(columns, schema_overrides=SCHEMA).select(*SCHEMA), rows


def in_pieces(frame: pl.DataFrame, length: int) -> Counts:
    counter = Counter()
    for start in range(0, frame.height, length):
        counter.add(frame.slice(start, length))
    counter.end_input()
    return counter.finish()


@given(logs, st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_counts_do_not_depend_on_how_the_log_was_cut(steps: list[tuple[list[Row], int]], length: int) -> None:
    frame, _ = frame_of(steps)
    assert in_pieces(frame, length) == count(frame)


@given(logs)
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_a_count_by_hand(steps: list[tuple[list[Row], int]]) -> None:
    frame, rows = frame_of(steps)
    counts = count(frame)
    assert counts.events == Tally(row[0] for row in rows)
    assert list(counts.events.values()) == sorted(counts.events.values(), reverse=True)
    regions = [row for row in rows if row[0].startswith("region_")]
    assert counts.accesses == Tally((row[1], row[2]) for row in regions if row[2] is not None)
    assert counts.wide == any(row[4] == 8 for row in regions)
    assert counts.lost == sum(row[5] or 0 for row in rows if row[0] == "lost")
    assert counts.names == {row[6] for row in rows if row[0] == "memory_read" and row[6] is not None}
    times = [row[7] for row in rows if row[7] is not None]
    assert (counts.first, counts.last) == ((min(times), max(times)) if times else (None, None))


@given(logs)
@settings(max_examples=60, deadline=None)
def test_neighbours_are_those_that_a_walk_over_the_accesses_finds(steps: list[tuple[list[Row], int]]) -> None:
    frame, rows = frame_of(steps)
    counts = count(frame)
    regions = [row for row in rows if row[0].startswith("region_") and None not in row[2:4]]
    halves = 0
    for one, other in pairwise(regions):
        low, high = one[3], other[3]
        assert low is not None
        assert high is not None
        follows = one[:3] == other[:3] and one[4] == other[4] == 4
        halves += follows and low % 8 == 0 and high == low + 4
    assert counts.halves == halves
    longest: dict[object, int] = {}
    reads = [(row[1], row[2], row[3], row[5]) for row in regions if row[0] == "region_read"]
    for key, run in groupby(reads):
        length = len(list(run))
        if length >= POLL:
            longest[key[:3]] = max(longest.get(key[:3], 0), length)
    assert counts.polls == longest


def test_nothing_counts_as_nothing() -> None:
    assert count(empty_events()) == count([]) == Counts()
