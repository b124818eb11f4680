"""The commands on real traces, end to end."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from quirkfinder import events
from quirkfinder.cli.main import main
from quirkfinder.findings.document import Findings
from tests.conftest import corpus_trace

Captured = pytest.CaptureFixture[str]
LEAK = str(corpus_trace("ati-leak"))


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "sarif"])
def test_every_format_is_written(form: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert main(["analyze", LEAK, "--format", form, "-o", str(target)]) == 0
    assert len(target.read_text()) > 1000


def test_a_run_that_leaks_fails_on_confirmed(capsys: Captured) -> None:
    assert main(["analyze", LEAK, "--fail-on", "confirmed", "--format", "json"]) == 1
    document = Findings.from_json(capsys.readouterr().out)
    assert any(f.kind == "address-leak" and f.verdict == "confirmed" for f in document.findings)


def test_an_input_that_fails_is_named_and_the_others_are_analysed(tmp_path: Path, capsys: Captured) -> None:
    gone = str(tmp_path / "gone.log")
    assert main(["analyze", LEAK, gone, "--format", "json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["findings"]
    assert f"failed: {gone}" in err


@pytest.mark.parametrize("content", [b"", b"nothing of ours\n", b"\x00\xff" * 1000])
def test_an_input_without_a_trace_is_no_usable_input(tmp_path: Path, content: bytes, capsys: Captured) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(content)
    for command in (["analyze", str(path)], ["convert", str(path), "-o", str(tmp_path / "x.parquet")]):
        assert main(command) == 3
        err = capsys.readouterr().err
        assert str(path) in err
        assert "quirkfinder capture" in err
    assert [p.name for p in tmp_path.iterdir()] == ["some.log"]


def test_an_unknown_device_is_wrong_usage_and_the_known_ones_are_named(capsys: Captured) -> None:
    assert main(["analyze", LEAK, "--device", "0000:99:00.0"]) == 2
    assert "0000:01:00.0" in capsys.readouterr().err


def test_events_become_parquet_with_the_contract_columns(tmp_path: Path, capsys: Captured) -> None:
    target = tmp_path / "events.parquet"
    assert main(["convert", LEAK, "-o", str(target)]) == 0
    frame = pl.read_parquet(target)
    assert frame.columns == list(events.PUBLIC_SCHEMA)
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{frame.height} events in {target}\n")


def test_a_partly_failed_conversion_keeps_what_could_be_read(tmp_path: Path, capsys: Captured) -> None:
    target = tmp_path / "events.parquet"
    assert main(["convert", LEAK, str(tmp_path / "gone.log"), "-o", str(target)]) == 4
    assert pl.read_parquet(target).height > 0
    assert "gone.log" in capsys.readouterr().err


def test_convert_needs_a_folder_that_exists(tmp_path: Path, capsys: Captured) -> None:
    assert main(["convert", LEAK, "-o", str(tmp_path / "no" / "events.parquet")]) == 2
    assert "mkdir -p" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_no_bug_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "events.parquet"
    (tmp_path / ".events.parquet.unfinished").symlink_to("/dev/full")
    assert main(["convert", LEAK, "-o", str(target)]) == 2
    assert f"{target}: cannot be written: No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["analyze -", "convert - -o out.parquet"])
def test_no_room_for_a_temporary_file_is_told_with_what_to_do(command: str, tmp_path: Path) -> None:
    log = tmp_path / "qemu.log"
    log.write_text("vfio_region_read  (0000:01:00.0:region0+0x8, 4) = 0x1\n" * 1000)
    limited = f"ulimit -f 8; exec {sys.executable} -m quirkfinder {command} < {log}"
    done = subprocess.run(["bash", "-c", limited], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "a temporary file cannot be written: File too large" in done.stderr
    assert "TMPDIR" in done.stderr
    assert list(tmp_path.iterdir()) == [log]
