"""Recorded runs, read by the real reader: the version from the lines alone, and the quirks at work."""

from pathlib import Path

import pytest

from quirkfinder import inputs, reading
from quirkfinder.knowledge import handled_rows, infer_version, quirk_activity, read_command_line
from quirkfinder.knowledge.versions import Version, VersionRange
from tests.conftest import CORPUS

BUNDLES = sorted(p for p in CORPUS.iterdir() if p.is_dir()) if CORPUS.is_dir() else []
#: Quirks of QEMU's own that these runs had: (rows answered, ids).
QUIRKED = {
    "radeon-quirked": (17, {"ati-3c3", "ati-bar4-window", "ati-bar2-mirror"}),
    "rtl8168": (38, {"rtl8168-msix-window"}),
}


def texts(bundle: Path) -> list[str]:
    return [p.read_text(errors="replace") for p in sorted(bundle.glob("*.txt")) if "host" not in p.name]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_what_the_lines_tell(bundle: Path) -> None:
    read = reading.read(inputs.resolve([bundle]))
    alone = infer_version(read.events, read.hints)
    assert not alone.doubts
    assert alone.first >= Version(2, 6)
    stated = infer_version(texts=texts(bundle))
    if stated != VersionRange():
        # What stands beside the trace and what the lines show are independent of each other: they have to agree.
        assert alone.overlaps(stated.first, stated.last)
        assert not infer_version(read.events, read.hints, texts(bundle)).doubts
    activity = quirk_activity(read.events)
    answered, quirks = QUIRKED.get(bundle.name, (0, set()))
    assert handled_rows(read.events).sum() == answered
    assert {quirk for _, quirk in activity.sightings} == quirks
    assert activity.foreign == ()


@pytest.mark.parametrize("bundle", [b for b in BUNDLES if (b / "command.txt").exists()], ids=lambda path: path.name)
def test_every_recorded_command_line_is_understood(bundle: Path) -> None:
    command = read_command_line((bundle / "command.txt").read_text())
    assert command is not None
    assert command.devices
    assert "guest_errors" in command.log_items
