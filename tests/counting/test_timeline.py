"""The histogram of accesses: nothing is lost, and it is small whatever the log."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.counting import Counter, count, timeline
from quirkfinder.counting.cells import LINE_BUCKETS, OFFSET_BUCKETS
from quirkfinder.events import SCHEMA, empty_events
from quirkfinder.inputs import resolve
from quirkfinder.reading import read
from tests.conftest import corpus_trace

Row = tuple[str, str | None, int | None, int | None]
rows = st.lists(
    st.tuples(
        st.sampled_from(["region_read", "region_write", "unassigned_write", "unassigned_read", "config_read", "reset"]),
        st.sampled_from(["a", "b", None]),
        st.sampled_from([0, 2, 7, None]),
        st.none() | st.integers(0, 2**64 - 1),
    ),
    max_size=40,
)


def read_all(folder: Path) -> pl.DataFrame:
    return read(resolve([folder])).events


def frame(accesses: list[Row]) -> pl.DataFrame:
    data = {
        "input": [i % 2 for i in range(len(accesses))],
        "line": [3 * i + 1 for i in range(len(accesses))],
        "event": [event for event, *_ in accesses],
        "device": [device for _, device, *_ in accesses],
        "region": [region for _, _, region, _ in accesses],
        "address": [address for *_, address in accesses],
    }
    missing = {name: [None] * len(accesses) for name in SCHEMA if name not in data}
    return pl.DataFrame({**data, **missing}, schema_overrides=SCHEMA).select(*SCHEMA)


@given(rows)
@settings(max_examples=40, deadline=None)
def test_every_access_with_a_place_is_counted_once(accesses: list[Row]) -> None:
    placed = [
        (event, address)
        for event, _, region, address in accesses
        if event != "reset" and address is not None and (region is not None or event.startswith("unassigned"))
    ]
    series = [series for entry in count(frame(accesses)).timeline for series in entry["series"]]
    counted = [row for one in series for row in one["rows"]]
    assert sum(row[2] for row in counted) == sum("read" in event for event, _ in placed)
    assert sum(row[3] for row in counted) == sum("write" in event for event, _ in placed)
    assert all(row[1] < OFFSET_BUCKETS for row in counted)
    starts = [
        int(one["first"], 16) + row[1] * int(one["bytes_per_bucket"], 16) for one in series for row in one["rows"]
    ]
    assert all(any(start <= address for start in starts) for _, address in placed)


def test_a_real_trace_gives_a_small_histogram() -> None:
    (entry,) = count(read_all(corpus_trace("ati-leak"))).timeline
    assert {"bar1", "bar2", "config", "unassigned"} <= {one["region"] for one in entry["series"]}
    for one in entry["series"]:
        assert max(row[0] for row in one["rows"]) < LINE_BUCKETS
        assert len(one["rows"]) <= LINE_BUCKETS * OFFSET_BUCKETS


def test_no_accesses_give_no_timeline() -> None:
    assert count(empty_events()).timeline == []


def test_buckets_double_as_the_log_and_the_region_grow() -> None:
    """However it is cut, and whatever came first: the same picture, and every access in the bucket of its place."""
    count_of = 5000
    whole = pl.DataFrame(
        {
            "input": [0] * count_of,
            "line": range(1, count_of + 1),
            "event": ["region_write", "region_read"] * (count_of // 2),
            "device": ["card"] * count_of,
            "region": [0] * count_of,
            "address": [0x1000 + (i * i * 37) % (4 << (i // 500)) for i in range(count_of)],
        }
    )
    missing = {name: pl.lit(None, SCHEMA[name]) for name in SCHEMA if name not in whole.columns}
    whole = whole.with_columns(**missing).select(*SCHEMA).cast(SCHEMA)  # type: ignore[arg-type]  # a schema is a mapping
    counter = Counter()
    for start in range(0, count_of, 123):
        counter.add(whole.slice(start, 123))
    assert counter.finish().timeline == count(whole).timeline
    (entry,) = count(whole).timeline
    (series,) = entry["series"]
    first, step, lines = int(series["first"], 16), int(series["bytes_per_bucket"], 16), entry["lines_per_bucket"]
    expected: dict[tuple[int, int], list[int]] = {}
    for line, event, address in whole.select("line", "event", "address").iter_rows():
        cell = expected.setdefault(((line - 1) // lines, (address - first) // step), [0, 0])
        cell[event == "region_write"] += 1
    assert series["rows"] == [[*place, *cell] for place, cell in sorted(expected.items())]


def test_names_that_a_hostile_log_makes_up_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "_MOST_GROUPS", 3)
    names = [f"device {number % 7}" for number in range(70)]
    log = frame([("region_read", name, 0, 4 * number) for number, name in enumerate(names)])
    series = [one for entry in count(log).timeline for one in entry["series"]]
    assert len(series) == 2 * 3  # there are two inputs in it
    assert all(sum(row[2] for row in one["rows"]) == 5 for one in series)
