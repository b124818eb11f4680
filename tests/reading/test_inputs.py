"""Files, folders and streams as inputs."""

import gzip
import io
import lzma
import sys
from itertools import count
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.inputs import blocks as blocks_module
from quirkfinder.inputs import line_blocks, resolve
from quirkfinder.inputs.blocks import PADDING
from quirkfinder.inputs.streams import PlainStream
from quirkfinder.reading import lines, read, read_blocks, read_trace
from tests.conftest import shared_trace

LOG = b"".join(b"vfio_region_read  (0000:01:00.0:region0+0x%x, 4) = 0x%x\n" % (4 * i, i) for i in range(5000))
PACKERS = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


class Dribble(io.RawIOBase):
    """A file that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self.data, self.step = data, step

    def readinto(self, target: memoryview) -> int:
        piece, self.data = self.data[: min(self.step, len(target))], self.data[min(self.step, len(target)) :]
        target[: len(piece)] = piece
        return len(piece)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.binary(max_size=30), st.just(b"Device x config:")), max_size=30).map(b"\n".join),
    st.integers(8, 64),
    st.integers(1, 50),
)
def test_blocks_are_whole_lines_and_lose_nothing(data: bytes, size: int, step: int) -> None:
    found = list(line_blocks(PlainStream(Dribble(data, step)), size))
    joined = b"".join(bytes(block.buffer[: block.length]) for block in found)
    assert joined == (data + b"\n" if data and not data.endswith(b"\n") else data)
    offset = 0
    for block in found:
        assert block.buffer[block.length - 1] == 0x0A
        assert len(block.buffer) >= block.length + PADDING
        assert block.offset == offset
        offset += block.length


def test_a_line_without_end_is_cut_and_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(blocks_module, "LONGEST_LINE", 1 << 16)
    monkeypatch.setattr("quirkfinder.inputs.sources.BLOCK", 1 << 16)
    path = tmp_path / "log"
    path.write_bytes(LOG[:5000].rpartition(b"\n")[0] + b"\n" + b"x" * 12_000_000 + b"\n" + LOG)
    source = resolve([path])[0]
    found = list(source.blocks(1 << 16))
    assert max(block.cut_lines for block in found) == 1
    assert max(len(block.buffer) for block in found) < 1 << 22
    text = b"".join(bytes(block.buffer[: block.length]) for block in found)
    assert text.endswith(LOG)


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed_by_content(packer: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_bytes(PACKERS[packer](LOG))
    assert read_trace(path).height == 5000


@pytest.mark.parametrize("packer", PACKERS)
def test_several_compressed_parts_in_one_file(packer: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    half = LOG.index(b"\n", len(LOG) // 2) + 1
    path.write_bytes(PACKERS[packer](LOG[:half]) + PACKERS[packer](LOG[half:]))
    assert read_trace(path).height == 5000


@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_file_that_breaks_off_gives_what_it_holds(packer: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    noise = b"".join(
        b"vfio_region_write  (0000:01:00.0:region0+0x%x, 0x%x, 4)\n" % (4 * i, i * 7919 % 65521) for i in range(60000)
    )
    path.write_bytes(PACKERS[packer](noise)[:-100])
    source = resolve([path])[0]
    assert source.role == "trace"
    found = read([source])
    assert found.events.height > 100
    assert found.problems
    assert "breaks off" in found.problems[0] or "damaged" in found.problems[0]


def test_a_damaged_file_is_told_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "trace.gz"
    packed = bytearray(gzip.compress(LOG))
    packed[200:260] = b"\0" * 60
    path.write_bytes(packed)
    source = resolve([path])[0]
    read([source])
    assert source.problem is not None
    assert str(path) in source.problem


def test_what_is_no_input(tmp_path: Path) -> None:
    empty, noise, missing = tmp_path / "empty", tmp_path / "noise", tmp_path / "missing"
    empty.write_bytes(b"")
    noise.write_bytes(bytes(range(256)) * 100)
    found = resolve([empty, noise, missing])
    assert [source.role for source in found] == ["other"] * 3
    assert all(source.problem and source.path in source.problem for source in found)


def test_a_folder_is_recognised_by_content(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(LOG)
    (tmp_path / "a").write_bytes(b"some notes\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "log").write_bytes(LOG)
    found = resolve([tmp_path])
    assert [(Path(s.path).name, s.role, s.problem) for s in found] == [("a", "other", None), ("b", "trace", None)]


def test_a_trace_behind_megabytes_of_noise(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"0x0000fff0:  ea 5b e0 00 f0           ljmpw    $0xf000:$0xe05b\n" * 40000 + LOG)
    source = resolve([path])[0]
    assert source.role == "trace"
    found = read([source])
    assert (found.events.height, found.inputs[0].unrecognised) == (5000, 0)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(LOG)

    monkeypatch.setattr(sys, "stdin", Stdin())
    source = resolve(["-"])[0]
    assert (source.path, source.role) == ("-", "trace")
    assert read([source]).events.height == 5000
    assert lines(source, [2])[2].startswith("vfio_region_read")


def test_forced_roles(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"whatever\n")
    found = resolve([], host=[path], guest=[path])
    assert [source.role for source in found] == ["host", "guest"]


def test_roles_of_a_recorded_bundle() -> None:
    roles = {Path(s.path).name: s.role for s in resolve([shared_trace("radeon")])}
    assert roles["qemu.log"] == "trace"
    assert {role for name, role in roles.items() if name.startswith("host-")} == {"host"}
    assert {role for name, role in roles.items() if name.startswith("guest-")} == {"guest"}
    assert roles["truth.json"] == "other"


def test_a_log_that_is_still_written_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    pieces = [LOG[:1000], LOG[1000:1010], b"", LOG[1010:100_000], LOG[100_000:], b"torn vfio_"]
    path.write_bytes(b"".join(LOG.splitlines(keepends=True)[:1]))
    source = resolve([path])[0]
    with path.open("ab", buffering=0) as log:

        def more() -> bool:
            if pieces:
                log.write(pieces.pop(0))
            return not pieces

        found = list(read_blocks(source, follow=more))
    assert sum(block.frame.height for block in found) == 5001
    assert sum(block.unrecognised for block in found) == 1
    assert found[-1].first_line + found[-1].lines == 5002
    assert [block.frame["line"][0] for block in found if block.frame.height] == sorted(
        block.first_line + 1 for block in found if block.frame.height
    )


def test_a_followed_log_that_is_started_anew_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(LOG)
    source = resolve([path])[0]

    looks = count()

    def truncate() -> bool:
        if next(looks) == 1:
            path.write_bytes(b"")
        return False

    assert sum(block.frame.height for block in read_blocks(source, follow=truncate)) == 5000
    assert source.problem is not None
    assert "shorter" in source.problem
