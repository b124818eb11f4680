"""What is put aside comes back as it was, whole or in part, and takes no more room than it needs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from quirkfinder.events import SCHEMA
from quirkfinder.folding.spill import Spill
from quirkfinder.folding.watch import Members
from quirkfinder.inputs import temporary
from quirkfinder.inputs.temporary import folder_for_large_files


def column(values: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """Mixed, all the same, or nothing."""
    several = st.lists(values | st.none(), min_size=12, max_size=12)
    return (
        several | values.map(lambda one: [one] * 12) | st.just([None] * 12) | st.lists(values, min_size=12, max_size=12)
    )


words = st.integers(0, 2**64 - 1) | st.integers(0, 2**32 + 1)
frames = st.fixed_dictionaries(
    {
        "input": column(st.integers(0, 3)),
        "line": column(words),
        "time": column(st.integers(-(2**63), 2**63 - 1)),
        "thread": column(st.integers(0, 2**32 - 1)),
        "event": column(st.sampled_from(["region_read", "lost"])),
        "device": column(st.sampled_from(["0000:01:00.0", "\x1b[31m", ""])),
        "region": column(st.integers(-128, 127)),
        "address": column(words),
        "size": column(st.integers(0, 255)),
        "value": column(words),
        "detail": column(st.sampled_from(["a", "b"])),
    }
).map(lambda columns: pl.DataFrame(columns, schema=SCHEMA))


@given(st.lists(frames, min_size=1, max_size=3), st.lists(st.integers(0, 11), max_size=12))
@settings(max_examples=40, deadline=None)
def test_frames_come_back(given_frames: list[pl.DataFrame], picked: list[int]) -> None:
    spill = Spill(SCHEMA)
    for frame in given_frames:
        spill.add(frame)
    rows = np.array(sorted(picked), dtype=np.int64)
    for number, (frame, back) in enumerate(zip(given_frames, spill.frames(list(SCHEMA)), strict=True)):
        assert_frame_equal(frame, back)
        assert_frame_equal(
            frame[rows].select("value", "event", "device"), spill.frame(number, ("value", "event", "device"), rows)
        )
    spill.close()


GROWTH = """
import resource, sys
import numpy as np
import polars as pl
from quirkfinder.events import SCHEMA
from quirkfinder.folding.spill import Spill

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

spill = Spill(SCHEMA)
for turn in range(int(sys.argv[1])):
    if turn == 4:
        before = used()
    rows = 1 << 18
    same = {"input": 1, "time": turn, "thread": 7, "event": "region_write", "device": "card", "region": 0}
    columns = [pl.Series(name, [value], SCHEMA[name]).new_from_index(0, rows) for name, value in same.items()]
    columns.append(pl.Series("address", np.arange(rows, dtype=np.uint64)))
    frame = pl.DataFrame(columns)[np.arange(rows)]
    spill.add(frame)
print(used() - before)
"""


def test_what_is_put_aside_takes_no_memory() -> None:
    """A column that says the same in every row keeps one of them, not the memory of all."""
    shown = subprocess.run([sys.executable, "-c", GROWTH, "24"], capture_output=True, text=True, check=True)
    assert int(shown.stdout) < 60  # MB; 20 frames of six such columns have 110


@given(st.lists(words, max_size=30), st.lists(words, max_size=30))
def test_members_are_those_of_a_set(members: list[int], asked: list[int]) -> None:
    asked += members[::2]
    held = Members(np.array(sorted(members), dtype=np.uint64)).hold(np.array(asked, dtype=np.uint64))
    assert held.tolist() == [word in set(members) for word in asked]


def test_large_files_go_where_the_user_says_or_to_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert folder_for_large_files() is None  # what Python takes, which is TMPDIR
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(temporary, "_DISK", tmp_path)
    assert folder_for_large_files() == str(tmp_path)
    monkeypatch.setattr(temporary, "_DISK", tmp_path / "absent")
    assert folder_for_large_files() is None
