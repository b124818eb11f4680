"""Quoted lines are those of the file, wherever the reader cut it into blocks."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.inputs import Source
from quirkfinder.reading import lines

texts = st.lists(
    st.sampled_from(["", "a", "\r", "b\r", "vfio_region_read", "e\u0301", "x" * 70]), min_size=1, max_size=60
)


@given(texts, st.lists(st.integers(-1, 70), max_size=12), st.booleans())
@settings(max_examples=60, deadline=None)
def test_lines_are_those_of_a_plain_split(parts: list[str], numbers: list[int], closed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(Source.blocks, "__defaults__", (96,))  # bytes of a block
        path = Path(folder) / "qemu.log"
        path.write_bytes("\n".join(parts).encode() + (b"\n" if closed else b"xyz"))
        split = path.read_bytes().split(b"\n")
        expected = {n: split[n - 1].rstrip(b"\r").decode() for n in numbers if 0 < n <= len(split) - closed}
        assert lines(Source(str(path), path, "trace"), numbers) == expected
