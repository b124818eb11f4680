"""A door behind a framebuffer or behind long polls is found as if nothing were left out."""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from quirkfinder.analysis import Study, study
from quirkfinder.folding import WHOLE, Budget
from quirkfinder.inputs import Source
from tests.conftest import corpus_trace

#: As for a log some hundred times as long.
SHORT = Budget(head=3_000, chunk=2_048, most=256, region=12_000, config=2_000, memory=500, stray=1_000, places=2_000)
DEVICE = "0000:01:00.0"


def pixels(lines: list[str], prefix: str) -> Iterator[str]:
    """The log with 95 % framebuffer: a prefetchable BAR is drawn over, again and again."""
    chance = random.Random(1)
    at = 0
    for line in lines:
        yield line
        for _ in range(19):
            yield f"{prefix}vfio_region_write  ({DEVICE}:region0+0x{at:x}, 0x{chance.getrandbits(24):x}, 4)"
            at = (at + 64) % 0x200000


def polls(lines: list[str], prefix: str) -> Iterator[str]:
    """The log with a driver that waits for a flag, and lets a counter run, now and then."""
    for number, line in enumerate(lines):
        yield line
        if number % 80 == 0:
            for turn in range(400):
                yield f"{prefix}vfio_region_read  ({DEVICE}:region2+0x1f000, 4) = 0x{int(turn == 399):x}"
                yield f"{prefix}vfio_region_read  ({DEVICE}:region2+0x1f010, 4) = 0x{number * 400 + turn:x}"


def hidden(bundle: Path, folder: Path, behind: object) -> Path:
    """The bundle in a folder of its own, its log buried."""
    folder.mkdir()
    for file in bundle.iterdir():
        if file.name.startswith("qemu.log"):
            lines = Source(str(file), file).read().decode().splitlines()
        elif file.name != "truth.json":
            shutil.copy(file, folder)
    prefix = next(m[1] for line in lines if (m := re.match(r"(.*?)vfio_region_read", line)))
    (folder / "qemu.log").write_text("\n".join(behind(lines, prefix)) + "\n")  # type: ignore[operator]  # one of the two
    return folder


def claims(result: Study) -> list[tuple[object, ...]]:
    return sorted(
        (f.id, f.verdict, f.confidence, str(f.parameters), str(f.cost), [e.line for e in f.evidence[:2]])
        for f in result.document.findings
        if f.verdict != "benign"
    )


@pytest.mark.parametrize("behind", [pixels, polls])
def test_a_door_is_found_behind(behind: object, tmp_path: Path) -> None:
    folder = hidden(corpus_trace("ati-doors-qemu72"), tmp_path / "run", behind)
    short, whole = study(folder, budget=SHORT), study(folder, budget=WHOLE)
    assert short.events.height < whole.events.height / 4
    assert len(claims(whole)) >= 7
    assert claims(short) == claims(whole)
    counts = ("events", "timeline", "quirks", "qemu")
    assert [short.document.statistics[c] for c in counts] == [whole.document.statistics[c] for c in counts]
    assert {c.problem for c in whole.document.capture} <= {c.problem for c in short.document.capture}
    said = short.document.statistics["folded"]
    assert said["kept"] + sum(row["events"] for row in said["left_out"]) == whole.events.height
