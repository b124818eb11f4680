"""Logs that are still written: the result comes when the stream ends or is interrupted, whole or not at all."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from quirkfinder.inputs import Source
from tests.conftest import CORPUS

BUNDLE = CORPUS / "radeon"
LISTINGS = [
    *("--host", str(BUNDLE / "host-lspci.txt"), "--host", str(BUNDLE / "host-resource.txt")),
    *("--guest", str(BUNDLE / "guest-info-pci.txt")),
]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    path = BUNDLE / "qemu.log.zst"
    return Source(str(path), path).read().splitlines(keepends=True)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of a test; none outlives it."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], *arguments: str, stdin: int | None = None) -> subprocess.Popen[str]:
    """A command that follows, at the moment when it says so."""
    command = [sys.executable, "-m", "quirkfinder", *arguments, "--follow"]
    process = subprocess.Popen(command, stdin=stdin, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    started.append(process)
    assert process.stderr is not None
    assert "following" in process.stderr.readline()
    return process


def test_a_growing_log_is_analysed_when_it_is_interrupted(
    started: list[subprocess.Popen[str]], lines: list[bytes], tmp_path: Path
) -> None:
    log, out = tmp_path / "qemu.log", tmp_path / "findings.json"
    log.touch()
    process = start(started, "analyze", str(log), *LISTINGS, "--format", "json", "-o", str(out))
    with log.open("ab", buffering=0) as file:
        for at in range(0, len(lines), 1000):
            file.write(b"".join(lines[at : at + 1000]))
            time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 0
    document = json.loads(out.read_text())
    assert document["inputs"][0]["lines"] == len(lines)
    assert document["inputs"][0]["format"] == "log"
    assert {"window", "config-mirror", "host-address-access"} <= {finding["kind"] for finding in document["findings"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_conversion_leaves_a_whole_file(
    started: list[subprocess.Popen[str]], lines: list[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    log, out = tmp_path / "qemu.log", tmp_path / "events.parquet"
    log.write_bytes(b"".join(lines[:5000]))
    process = start(started, "convert", str(log), "-o", str(out))
    with log.open("ab", buffering=0) as file:
        file.write(b"".join(lines[5000:]))
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 0
    frame = pl.read_parquet(out)
    assert frame["line"].to_list() == sorted(frame["line"].to_list())
    assert frame["line"].max() == len(lines)
    assert [path.name for path in tmp_path.iterdir() if path != log] == [out.name]


def test_standard_input_is_followed_to_its_end(
    started: list[subprocess.Popen[str]], lines: list[bytes], tmp_path: Path
) -> None:
    out = tmp_path / "events.parquet"
    process = start(started, "convert", "-", "-o", str(out), stdin=subprocess.PIPE)
    assert process.stdin is not None
    for at in (0, 5000):
        process.stdin.buffer.write(b"".join(lines[at : at + 5000]))
        process.stdin.flush()
        time.sleep(0.3)
    process.stdin.buffer.write(b"".join(lines[10_000:]))
    process.communicate()
    assert process.returncode == 0
    assert pl.read_parquet(out)["line"].max() == len(lines)


def test_a_second_interrupt_leaves_nothing(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    """Two signals at once: the second one may come too late, then the result is whole."""
    log, out = tmp_path / "qemu.log", tmp_path / "events.parquet"
    log.touch()
    process = start(started, "convert", str(log), "-o", str(out))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode in (0, 130)
    assert out.exists() == (process.returncode == 0)
    assert [path for path in tmp_path.iterdir() if path not in (log, out)] == []


def test_two_logs_cannot_be_followed(tmp_path: Path) -> None:
    for name in ("one.log", "two.log"):
        (tmp_path / name).touch()
    command = [sys.executable, "-m", "quirkfinder", "analyze", str(tmp_path / "one.log"), str(tmp_path / "two.log")]
    done = subprocess.run([*command, "--follow"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "one.log" in done.stderr
    assert "two.log" in done.stderr
