"""Which quirks should have been at work, from a findings document alone and with the trace at hand."""

from dataclasses import replace

import pytest

from quirkfinder.findings.document import BarRecord, DeviceRecord, Findings
from quirkfinder.knowledge.activity import Activity, quirk_activity
from quirkfinder.knowledge.audit import AuditEntry, audit, audit_statistics
from quirkfinder.knowledge.command_line import read_command_line
from quirkfinder.knowledge.explanation import explain_known
from quirkfinder.knowledge.versions import VersionRange
from tests.conftest import shared_trace
from tests.knowledge.builders import DEVICE, RADEON_BARS, card, mirror
from tests.knowledge.lines import events

RADEON = DeviceRecord(
    DEVICE,
    tuple(BarRecord(b.index, b.kind, b.size, b.host, b.guest) for b in RADEON_BARS),
    DEVICE,
    0x1002,
    0x68F9,
    class_code=0x030000,
)
STARTED = Activity(started=frozenset({DEVICE}))


def document(device: DeviceRecord = RADEON, statistics: dict[str, object] | None = None, **kind: object) -> Findings:
    return Findings("0", (), (device,), (), (), statistics or {})


def by_quirk(entries: list[AuditEntry]) -> dict[str, AuditEntry]:
    return {e.quirk: e for e in entries}


def test_a_radeon_without_its_quirks() -> None:
    entries = by_quirk(audit(document(), version="7.2", activity=STARTED))
    assert set(entries) == {"ati-3c3", "ati-4010", "ati-bar4-window", "ati-f10", "ati-bar2-mirror"}
    assert entries["ati-bar4-window"].missing
    assert entries["ati-bar4-window"].expected is True
    assert entries["ati-4010"].expected is False
    assert not entries["ati-4010"].missing
    assert entries["ati-3c3"].expected is None


def test_missing_ones_come_first() -> None:
    entries = audit(document(), version="7.2", activity=STARTED)
    assert [e.missing for e in entries] == sorted((e.missing for e in entries), reverse=True)


def test_x_vga_off_means_that_the_port_quirk_was_not_expected() -> None:
    command = read_command_line(f"qemu-kvm -device vfio-pci,host={DEVICE},x-vga=off")
    entry = by_quirk(audit(document(), version="7.2", activity=STARTED, command=command))["ati-3c3"]
    assert entry.expected is False
    assert "x-vga=on is needed" in entry.why


def test_a_card_without_quirks_has_no_entries() -> None:
    assert audit(document(replace(RADEON, vendor=0x8086, device=0x10D3, class_code=0x020000)), version="7.2") == [
        e
        for e in audit(document(replace(RADEON, vendor=0x8086, device=0x10D3, class_code=0x020000)), version="7.2")
        if not e.missing
    ]
    assert audit(document(replace(RADEON, vendor=0x1234)), version="7.2") == []
    assert audit(document(replace(RADEON, vendor=None)), version="7.2") == []


def test_a_finding_brings_in_the_quirk_of_another_vendor() -> None:
    stranger = replace(RADEON, vendor=0x1AF4)
    known = explain_known(mirror("bar2", 0x4000, 0x100), stranger, STARTED, "11.1")
    found = replace(document(stranger), findings=(replace(mirror("bar2", 0x4000, 0x100), known_quirk=known),))
    (entry,) = audit(found, version="11.1")
    assert entry.missing
    assert entry.findings == ("f1",)
    assert "1002:any only" in entry.why


def test_the_document_carries_what_the_trace_said() -> None:
    trace = events((shared_trace("radeon-quirked") / "qemu.log").read_text())
    statistics = audit_statistics(trace, VersionRange.of("10.2"))
    entries = by_quirk(audit(document(statistics=statistics)))
    assert entries == by_quirk(audit(document(), version="10.2", activity=quirk_activity(trace)))
    active = {q for q, e in entries.items() if e.active}
    assert active == {"ati-3c3", "ati-bar4-window", "ati-bar2-mirror"}
    assert entries["ati-3c3"].evidence == ({"input": 0, "line": 21}, {"input": 0, "line": 8450})
    assert not any(e.missing for e in entries.values())


@pytest.mark.parametrize(
    "statistics",
    [
        {},
        {"qemu": 7, "quirks": []},
        {"qemu": {"first": "x"}},
        {"quirks": {"sightings": [{"device": 1}]}},
        {"qemu": None},
    ],
)
def test_a_document_of_another_making_is_audited_without_them(statistics: dict[str, object]) -> None:
    entries = audit(document(statistics=statistics))
    assert all(e.active is not True for e in entries)


def test_what_the_finding_said_outweighs_a_document_without_activity() -> None:
    trace = events((shared_trace("radeon-quirked") / "qemu.log").read_text())
    known = explain_known(mirror("bar2", 0x4000, 0x100), card(), trace, "10.2")
    found = replace(document(), findings=(replace(mirror("bar2", 0x4000, 0x100), known_quirk=known),))
    assert by_quirk(audit(found, version="10.2"))["ati-bar2-mirror"].active is True
