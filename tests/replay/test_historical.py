"""Quirks that QEMU once had and that were wrong: a replay would have told before they were merged."""

from random import Random

import pytest

from quirkfinder.definition import Mirror, QuirkDefinition, WriteException
from quirkfinder.definition.model import Match
from quirkfinder.replay import ReplayReport, replay
from tests.replay.frames import Log, machine
from tests.replay.hardware import AcknowledgedMsi, Rtl8168
from tests.replay.recorded import bundle, historical

RTL8168 = "bar2-74-window"
WRONG = {
    "rtl8168-bit-28": "the quirk would show 0x1001f000",
    "rtl8168-address-as-data": "0x8001f000",
    "rtl8168-wrong-register": "the guest takes the data from 0x70, not 0x74",
}


def rtl8168_report(name: str, seed: int = 1) -> ReplayReport:
    """A trace of the modelled card without any quirk."""
    log = Log()
    Rtl8168(log, Random(seed)).session()
    return replay(historical(name), log.frame(), machine(Rtl8168.card()))


@pytest.mark.parametrize("name", WRONG)
def test_the_rtl8168_bugs_are_refuted_by_the_recorded_card(name: str) -> None:
    """QEMU 10.2's own, right quirk was active there: its answers are in the trace."""
    events, around = bundle("rtl8168")
    report = replay(historical(name), events, around)
    assert report.verdict(RTL8168) == "refuted"
    assert any(WRONG[name] in objection.text for objection in report.refuted[0].objections)


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", range(5))
def test_the_rtl8168_bugs_are_refuted_by_a_card_without_quirk(name: str, seed: int) -> None:
    report = rtl8168_report(name, seed)
    assert report.verdict(RTL8168) == "refuted"
    objection = report.refuted[0].objections[0]
    assert objection.line >= 1
    assert any(WRONG[name] in o.text for o in report.refuted[0].objections)


@pytest.mark.parametrize("seed", range(5))
def test_the_right_rtl8168_quirk_is_proven_by_both(seed: int) -> None:
    assert rtl8168_report("rtl8168-right", seed).verdict(RTL8168) == "proven"


def test_the_right_rtl8168_quirk_is_proven_by_the_recorded_card() -> None:
    events, around = bundle("rtl8168")
    report = replay(historical("rtl8168-right"), events, around)
    assert report.verdict(RTL8168) == "proven"
    (device,) = report.devices
    # Flags and table writes are what QEMU gave. Its reads of the table were all 0: see the note.
    assert device.quirks[0].agreements == 25
    assert any("re-entrance" in note for note in device.notes)


def test_the_host_message_is_what_the_right_quirk_takes_away() -> None:
    report = rtl8168_report("rtl8168-right")
    (device,) = report.devices
    before = {(change.before, change.after) for change in device.changes if change.offset == 0x70}
    assert all(value != 0xFEE00398 for _, value in before)


@pytest.mark.parametrize(
    ("name", "verdict", "line"),
    [
        ("igd-right", "proven", None),
        ("igd-entry-numbers", "refuted", 8882),  # BAR0 itself shows another entry there
    ],
)
def test_the_index_of_the_igd_window(name: str, verdict: str, line: int | None) -> None:
    events, around = bundle("igd")
    report = replay(historical(name), events, around)
    assert report.verdict("bar4-window") == verdict
    assert [quirk.objections[0].line for quirk in report.refuted] == ([line] if line else [])


def test_the_igd_misreading_is_refuted() -> None:
    """Rebased entries would not read back as they were written, and the guest does read them back."""
    events, around = bundle("igd")
    report = replay(historical("igd-rebase"), events, around)
    assert report.verdict("bar4-window") == "proven"
    assert report.verdict("table-rebase") == "refuted"
    (refuted,) = report.refuted
    assert refuted.objections[0].line == 8850
    assert "reads back 0xcba00001 as it wrote it (line 8338)" in refuted.objections[0].text


def acknowledge_quirk(*exceptions: WriteException) -> QuirkDefinition:
    mirror = Mirror("bar0-88000-mirror", 0, 0x88000, 0x1000, exceptions=exceptions)
    return QuirkDefinition(name="nvidia", match=Match(0x10DE, 0x1A65), mirrors=(mirror,))


def test_a_mirror_that_swallows_the_acknowledgement_is_refuted() -> None:
    """QEMU before commit 96eeeba0db: exactly one interrupt arrived."""
    log = Log()
    AcknowledgedMsi(log).session()
    around = machine(AcknowledgedMsi.card())
    report = replay(acknowledge_quirk(), log.frame(), around)
    assert report.verdict("bar0-88000-mirror") == "refuted"
    assert "it needs to see them" in report.refuted[0].objections[0].text
    forwards = acknowledge_quirk(WriteException(0x68, 2, "both"))
    assert replay(forwards, log.frame(), around).verdict("bar0-88000-mirror") == "proven"


def test_a_write_to_read_only_bytes_that_changes_nothing_is_only_remarked() -> None:
    log = Log()
    AcknowledgedMsi(log, needed=False).session()
    report = replay(acknowledge_quirk(), log.frame(), machine(AcknowledgedMsi.card()))
    (quirk,) = report.devices[0].quirks
    assert quirk.verdict == "proven"
    assert "6 writes to read-only config bytes would not reach the device" in quirk.reason
