"""Whole traces: recorded ones, several at once, converted ones."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quirkfinder.events import PUBLIC_SCHEMA, SCHEMA
from quirkfinder.inputs import resolve
from quirkfinder.reading import convert, lines, merged_by_time, read, read_blocks, read_trace
from quirkfinder.reading.native import NativeUnavailableError
from tests.conftest import shared

READ = b"vfio_region_read  (0000:01:00.0:region0+0x%x, 4) = 0x%x\n"


def test_recorded_bundles_leave_no_line_unknown(any_shared_trace: Path) -> None:
    found = read(resolve([any_shared_trace]))
    assert [u.text for u in found.unrecognised] == []
    assert dict(found.events.schema) == SCHEMA
    assert found.events.height > 0


def test_engines_agree_on_a_recorded_bundle(any_shared_trace: Path) -> None:
    native, portable = (read(resolve([any_shared_trace]), engine=engine) for engine in ("native", "portable"))
    text = pl.col("device", "detail").cast(pl.String)
    assert_frame_equal(native.events.with_columns(text), portable.events.with_columns(text))
    assert (native.inputs, native.hints, native.torn) == (portable.inputs, portable.hints, portable.torn)


def test_samples_of_the_format_reference() -> None:
    for path in sorted(shared("docs", "samples").glob("*.log")):
        assert read(resolve([path])).unrecognised == ()


def test_published_logs() -> None:
    for path in sorted(shared("public", "clarett").glob("*.log")):
        found = read(resolve([path]))
        cut_at_the_end = 1
        assert sum(record.unrecognised for record in found.inputs) <= cut_at_the_end
        assert found.events.height > 500


def test_public_frame(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(READ % (0x74, 1))
    frame = read_trace(path)
    assert dict(frame.schema) == PUBLIC_SCHEMA
    assert frame.row(0) == (0, 1, None, None, "region_read", "0000:01:00.0", 0, 0x74, 4, 1)


def test_no_trace_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"nothing of interest\n")
    with pytest.raises(ValueError, match="neither a trace nor an inventory"):
        read_trace(path)


def test_lines_by_number(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(READ % (i, i) for i in range(1000)))
    source = resolve([path])[0]
    found = lines(source, {1, 500, 1000, 2000})
    assert sorted(found) == [1, 500, 1000]
    assert found[500] == (READ % (499, 499)).decode().rstrip()


@pytest.mark.parametrize("engine", ["portable", "native"])
def test_small_blocks_change_nothing(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    record = b"vfio_populate_device_config Device 0000:01:00.0 config:\n  size: 0x100, offset: 0x7, flags: 0x3\n"
    path.write_bytes(b"".join((READ % (i, i)) + (record if i % 7 == 0 else b"torn vfio_\n") for i in range(400)))
    source = resolve([path])[0]
    whole = pl.concat([block.frame for block in read_blocks(source, engine=engine)])
    original = source.blocks
    monkeypatch.setattr(source, "blocks", lambda *_: original(300))
    pieces = list(read_blocks(source, engine=engine))
    assert len(pieces) > 50
    assert_frame_equal(pl.concat([block.frame for block in pieces]), whole)
    assert [block.first_line for block in pieces] == list(np.cumsum([0, *(b.lines for b in pieces)])[:-1])


def test_several_traces_of_one_run_are_merged_by_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"".join(b"1@10.00000%d:" % i + READ % (i, i) for i in (1, 3, 5)))
    second.write_bytes(b"".join(b"2@10.00000%d:" % i + READ % (i, i) for i in (2, 3, 4)))
    found = read(resolve([first, second])).events
    assert found["value"].to_list() == [1, 2, 3, 3, 4, 5]
    assert found["input"].to_list() == [0, 1, 0, 1, 1, 0]
    second.write_bytes(READ % (9, 9))
    kept = read(resolve([first, second])).events
    assert kept["value"].to_list() == [1, 3, 5, 9]
    assert merged_by_time([]).height == 0


@pytest.mark.parametrize("engine", ["portable", "native"])
def test_convert(engine: str, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "events.parquet"
    log.write_bytes(b"".join(READ % (i, 2**64 - 1 - i) for i in range(3000)) + b"torn vfio_\n")
    written = convert(resolve([log]), out, engine=engine)
    assert (written.rows, written.inputs[0].unrecognised) == (3000, 1)
    frame = pl.read_parquet(out)
    assert dict(frame.schema) == PUBLIC_SCHEMA
    assert_frame_equal(frame, read_trace(log))
    assert frame["value"][0] == 2**64 - 1
    assert [path.name for path in tmp_path.iterdir()] == ["log", "events.parquet"] or len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_conversion_leaves_the_old_file(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "events.parquet"
    log.write_bytes(READ % (1, 1))
    out.write_bytes(b"old")

    def interrupt(stage: str, done: float, total: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(BaseException):  # noqa: B017,PT011  polars may wrap what a callback raises
        convert(resolve([log]), out, progress=interrupt)
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.parquet", "log"]


def test_without_a_compiler_the_portable_engine_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> None:
        raise NativeUnavailableError("no llvmlite")

    monkeypatch.setattr("quirkfinder.reading.blocks.NativeEngine", unavailable)
    monkeypatch.setattr("quirkfinder.reading.blocks.WORTH_COMPILING", 1)
    path = tmp_path / "log"
    path.write_bytes(READ % (1, 1))
    assert read(resolve([path])).events.height == 1
    with pytest.raises(NativeUnavailableError):
        read(resolve([path]), engine="native")
