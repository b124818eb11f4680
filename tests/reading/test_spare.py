"""Memory that is used again: never while something still looks at it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quirkfinder.inputs import resolve
from quirkfinder.inputs.blocks import BLOCK
from quirkfinder.reading.blocks import read_blocks
from quirkfinder.reading.spare import Spare

LINE = "vfio_region_read  (0000:01:00.0:region0+0x%x, 4) = 0x%x\n"


def test_memory_is_free_when_nothing_made_of_it_is_alive() -> None:
    spare = Spare()
    whole = spare.take(1000)
    place = whole.ctypes.data
    part = whole[100:200].view(np.int32)
    del whole
    assert spare.take(1000).ctypes.data != place
    del part
    taken = [spare.take(1000) for _ in range(2)]
    assert place in {memory.ctypes.data for memory in taken}


def test_a_piece_that_is_too_small_is_not_used() -> None:
    spare = Spare()
    spare.take(10)
    larger = 10 << 20
    assert len(spare.take(larger)) >= larger


def test_a_slightly_longer_block_takes_the_piece_of_a_shorter_one() -> None:
    spare = Spare()
    place = spare.take(1_000_000).ctypes.data
    assert spare.take(1_000_100).ctypes.data == place


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_that_are_kept_do_not_change(tmp_path: Path, threads: int) -> None:
    count = 4 * BLOCK // len(LINE)
    log = tmp_path / "qemu.log"
    log.write_text("".join(LINE % (4 * number, number) for number in range(count)))
    (source,) = resolve([log])
    kept = [block.frame["value"] for block in read_blocks(source, engine="native", threads=threads)]
    assert len(kept) > 3
    assert pl.concat(kept).equals(pl.Series("value", range(count), pl.UInt64))
