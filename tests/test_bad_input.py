"""Bad input through the command line: the documented exit status, a message that says what to do, never a traceback."""

import gzip
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quirkfinder import analyze
from quirkfinder.cli.main import main
from quirkfinder.errors import QuirkfinderError
from quirkfinder.rendering.markdown import markdown
from quirkfinder.rendering.table import table
from tests.conftest import REPOSITORY, corpus_trace

Captured = pytest.CaptureFixture[str]
BUNDLE = corpus_trace("ati-leak")
LOG = (BUNDLE / "qemu.log").read_bytes()
DEVICE = b"0000:01:00.0"


def run(capsys: Captured, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `analyze`; no run of it may show a traceback or speak of a bug."""
    status = main(["analyze", *map(str, arguments)])
    out, err = capsys.readouterr()
    for text in (out, err):
        assert "Traceback" not in text
        assert "this is a bug" not in text
        assert "\x1b" not in text
    return status, out, err


def written(folder: Path, content: bytes, name: str = "some.log") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


NO_TRACE: dict[str, bytes] = {
    "empty": b"",
    "one line end": b"\n",
    "random bytes": Random(1).randbytes(50_000),
    "zeros": bytes(1 << 20),
    "a ROM image": b"\x55\xaa\x80" + b"\xff" * (1 << 18) + b"PCIR\x02\x10\x63\x5b",
    "one long line": b"a " * (1 << 18),
    "an executable": b"\x7fELF\x02\x01\x01" + bytes(500),
    "prose": b"the guest hangs when the driver loads\nand I do not know why\n" * 50,
    "other software's log": b"kernel: usb 1-1: new high-speed USB device number 2 using xhci_hcd\n" * 20,
    "a page": b"<html><body>404 Not Found</body></html>\n",
    "JSON": b'{"findings": []}\n',
    "the beginning of a zstd file": zstandard.compress(LOG)[:6],
    "UTF-16": LOG.decode().encode("utf-16"),
}


@pytest.mark.parametrize("content", NO_TRACE.values(), ids=NO_TRACE.keys())
def test_what_is_no_trace_is_no_usable_input(content: bytes, tmp_path: Path, capsys: Captured) -> None:
    path = written(tmp_path, content)
    status, out, err = run(capsys, path)
    assert (status, out) == (3, "")
    assert err.startswith("error: ")
    assert str(path) in err
    assert "quirkfinder capture" in err


def test_missing_files_are_named(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("gone.log", "dangling", "loop"):
        status, out, err = run(capsys, tmp_path / name)
        assert (status, out) == (3, "")
        assert str(tmp_path / name) in err


def test_a_folder_without_a_log_is_no_usable_input(tmp_path: Path, capsys: Captured) -> None:
    status, out, err = run(capsys, tmp_path)
    assert (status, out) == (3, "")
    assert "quirkfinder capture" in err
    written(tmp_path, (BUNDLE / "host-lspci.txt").read_bytes(), "host-lspci.txt")
    status, out, err = run(capsys, tmp_path)
    assert (status, out) == (3, "")
    assert "host-lspci.txt" in err


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, zstandard.compress])
def test_a_file_that_breaks_off_is_used_as_far_as_it_goes(
    compress: Callable[[bytes], bytes], tmp_path: Path, capsys: Captured
) -> None:
    """Its failure is named, the results are there, and the exit status says both."""
    lines = b"".join(
        b"vfio_region_read  (%s:region0+0x%x, 4) = 0x%x\n" % (DEVICE, 4 * at, Random(at).getrandbits(32))
        for at in range(12_000)
    )
    whole = compress(LOG + lines)
    path = written(tmp_path, whole[: len(whole) * 3 // 4])
    status, out, err = run(capsys, path, "--format", "json")
    assert status == 4
    assert f"failed: {path}" in err
    assert "breaks off" in err
    (record,) = json.loads(out)["inputs"]
    assert record["events"] > 500


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_a_file_that_breaks_off_before_its_first_line_says_so(
    pack: Callable[[bytes], bytes], tmp_path: Path, capsys: Captured
) -> None:
    cut = written(tmp_path, pack(LOG)[:60], "cut.log")
    for path in (cut, tmp_path):
        status, _, err = run(capsys, path)
        assert status == 3
        assert "breaks off before a line" in err
    whole = written(tmp_path, LOG)
    status, out, err = run(capsys, whole, cut)
    assert status == 4
    assert out
    assert "cut.log" in err


@pytest.mark.parametrize("side", ["--host", "--guest"])
def test_a_file_that_is_no_inventory_is_told(side: str, tmp_path: Path, capsys: Captured) -> None:
    log = written(tmp_path, LOG)
    status, out, err = run(capsys, log, side, written(tmp_path, Random(2).randbytes(5000), "listing"))
    assert status == 4
    assert out
    assert f"given as the {side[2:]}'s inventory" in err


def test_a_device_of_a_megabyte_makes_no_long_report(tmp_path: Path, capsys: Captured) -> None:
    line = b"vfio_region_read  (%b:region0+0x0, 4) = 0x1\n"
    status, out, _ = run(capsys, written(tmp_path, LOG + line % (b"d" * 1_000_000)), "--format", "json")
    assert status == 0
    assert len(out) < 100_000


def test_damage_in_the_middle_does_no_harm(tmp_path: Path, capsys: Captured) -> None:
    data = zstandard.compress(LOG)
    for at in range(20, len(data), 97):
        path = written(tmp_path, data[:at] + bytes(5) + data[at + 5 :])
        status, _, err = run(capsys, path, "--format", "json")
        assert status in (0, 3, 4)
        assert str(path) in err or status == 0


def test_a_good_input_beside_bad_ones(tmp_path: Path, capsys: Captured) -> None:
    bad = written(tmp_path, Random(2).randbytes(5000), "noise.bin")
    for arguments in ((bad,), ("--guest", tmp_path / "gone.txt"), ("--host", tmp_path / "gone.txt")):
        status, out, err = run(capsys, BUNDLE / "qemu.log", *arguments)
        assert status == 4
        assert f"failed: {arguments[-1]}" in err
        assert "1 trace" in out


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path, capsys: Captured) -> None:
    written(tmp_path, LOG)
    os.mkfifo(tmp_path / "pipe")
    assert run(capsys, tmp_path)[0] == 0


# ---- large and strange


def test_a_hundred_devices(tmp_path: Path, capsys: Captured) -> None:
    """Every one gets its own findings; nothing is mixed up."""
    content = b"".join(LOG.replace(DEVICE, b"0000:%02x:00.0" % at) for at in range(1, 101))
    status, out, _ = run(capsys, written(tmp_path, content), "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert [device["name"] for device in document["devices"]] == [f"0000:{at:02x}:00.0" for at in range(1, 101)]
    assert len({tuple(b.items()) for d in document["devices"] for b in d["bars"] if b["index"] == 0}) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"x" * (1 << 20),
        b"vfio_region_write  (" + b"A" * (1 << 20) + b", 0x1, 4)",
        b"vfio_region_read  (0000:01:00.0:region0+0x" + b"0" * (1 << 20) + b"10, 4) = 0x1",
        b"vfio_region_read  (0000:01:00.0:region0+0x10, 4) = 0x" + b"f" * (1 << 20),
        b"\xff" * (1 << 20),
    ],
    ids=["text", "a name", "an offset", "a value", "bytes"],
)
def test_a_line_of_a_megabyte(line: bytes, tmp_path: Path, capsys: Captured) -> None:
    half = LOG[: LOG.index(b"\n", len(LOG) // 2) + 1]
    path = written(tmp_path, half + line + b"\n" + LOG[len(half) :])
    status, out, _ = run(capsys, path, "--format", "json")
    document = json.loads(out)
    assert status == 0
    assert document["inputs"][0]["lines"] == LOG.count(b"\n") + 1
    assert [device["name"] for device in document["devices"]] == [DEVICE.decode()]
    assert len(out) < 100_000


EXTREMES = [
    b"vfio_region_write  (0000:01:00.0:region0+0xffffffffffffffff, 0x1, 4)",
    b"vfio_region_read  (0000:01:00.0:region0+0x8000000000000000, 4) = 0xffffffffffffffff",
    b"vfio_region_read  (0000:01:00.0:region0+0x10, 4) = 0xffffffffffffffffffffffff",
    b"vfio_region_read  (0000:01:00.0:region99+0x10, 4) = 0x1",
    b"vfio_region_read  (0000:01:00.0:region0+0x10, 255) = 0x1",
    b"vfio_region_read  (0000:01:00.0:region0+0x10, 3) = 0x1",
    b"vfio_pci_write_config  (0000:01:00.0, @0xffffffff, 0xffffffffffff, len=0x80)",
    b'vfio_region_setup Device 0000:01:00.0, region 0 "x", flags: 0x7, offset: 0x0, size: 0xffffffffffffffff',
    b"vfio_listener_region_add_ram region_add [ram] 0xffffffffffffffff - 0x0 [0x7f]",
    b"vfio_region_mmap Region 0000:01:00.0 BAR 0 mmaps[0] [0xffffffffffffffff - 0x0]",
]


@pytest.mark.parametrize("line", EXTREMES, ids=range(len(EXTREMES)))
def test_numbers_beyond_all_sense(line: bytes, tmp_path: Path, capsys: Captured) -> None:
    for content in (LOG + line + b"\n", line + b"\n" + LOG):
        assert run(capsys, written(tmp_path, content))[0] == 0


# ---- contradictions


def test_inventories_that_contradict_each_other_are_said_to(tmp_path: Path, capsys: Captured) -> None:
    listing = (BUNDLE / "host-lspci.txt").read_bytes()
    address = b"Memory at f0000000 (32-bit, prefetchable) [size=64M]"
    assert address in listing
    other = listing.replace(address, b"Memory at e0000000 (32-bit, prefetchable) [size=32M]")
    written(tmp_path, LOG)
    written(tmp_path, listing, "one.txt")
    written(tmp_path, other, "two.txt")
    status, out, _ = run(capsys, tmp_path, "--format", "json")
    document = json.loads(out)
    said = " ".join([*document["devices"][0].get("contradictions", []), *(c["problem"] for c in document["capture"])])
    assert status == 0
    assert "0xe0000000" in said
    assert "0xf0000000" in said
    assert "size" in said


# ---- hostile text

HOSTILE = [
    "0000:01:00.0\x1b[2J\x1b]0;evil\x07",
    "[bold red]x[/nope]",
    "<script>alert(1)</script>",
    "|`x`|$(reboot)",
    "\u202e0.00:10:0000",
    "\x7f\x80\x9b2J",
    "a" * 300,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "sarif"])
def test_names_from_a_log_command_nothing(name: str, form: str, tmp_path: Path, capsys: Captured) -> None:
    status, out, err = run(capsys, written(tmp_path, LOG.replace(DEVICE, name.encode())), "--format", form)
    assert status == 0
    for text in (out, err):
        assert all(line.isprintable() for line in text.replace("\t", " ").splitlines())
    if form == "html":
        assert "<script>alert" not in out


@pytest.mark.parametrize("name", ["evil\x1b[2J.log", "[bold]x[nope].log", "\u202egol.emu", "a\nb.log", "-rf.log"])
def test_names_of_files_command_nothing(name: str, tmp_path: Path, capsys: Captured) -> None:
    for content, expected in ((LOG, 0), (b"nothing\n", 3)):
        status, out, err = run(capsys, written(tmp_path, content, name))
        assert status == expected
        assert all(line.isprintable() for text in (out, err) for line in text.splitlines())


# ---- anything at all

LINES = LOG.decode().splitlines()
SENSELESS = ("0x0", "0xffffffff", "0xffffffffffffffff", "0x10000000000000000", "-1", "255", "9" * 20, "")


def spoilt(random: Random, lines: list[str]) -> list[str]:
    """Lines with numbers exchanged, cut, doubled, joined, lost and overwritten."""
    lines = list(lines)
    for _ in range(random.choice((1, 3, 20))):
        at = random.randrange(len(lines))
        line, cut = lines[at], random.randrange(len(lines[at]) + 1)
        words = line.split(" ")
        words[random.randrange(len(words))] = random.choice(SENSELESS)
        lines[at] = random.choice(
            (" ".join(words), " ".join(words), line[:cut], line[:cut] + chr(random.randrange(1, 0x300)) + line[cut:],
             line + random.choice(lines), "", random.choice(lines))
        )  # fmt: skip
    return lines


@given(st.integers(0, 1 << 32))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spoilt_bundle_breaks_anything(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for path in BUNDLE.iterdir():
        if path.suffix == ".txt" or path.name == "qemu.log":
            lines = spoilt(random, path.read_text().splitlines())
            (tmp_path / path.name).write_text("\n".join(lines), encoding="utf-8")
    try:
        document = analyze(tmp_path)
    except QuirkfinderError:
        return  # the logs in it may be spoilt beyond recognition
    assert table(document)
    assert markdown(document)
    assert json.loads(document.to_json())


def test_a_process_of_its_own_shows_no_traceback_either(tmp_path: Path) -> None:
    """Standard input that is no trace, and one that ends in the middle of a line."""
    for content, status in ((Random(3).randbytes(3000), 3), (LOG[:-9], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "quirkfinder", "analyze", "-"],
            input=content,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        assert done.returncode == status
        assert b"Traceback" not in done.stderr + done.stdout
