"""What the project's own corpus teaches, end to end."""

import re
from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from quirkfinder.corpus import Joined, compare, compare_mined, load_findings, load_joined
from quirkfinder.corpus.results import DoorRow
from quirkfinder.corpus.showing import show_corpus
from quirkfinder.errors import UsageError
from quirkfinder.rendering.page import html
from tests.conftest import CORPUS, REPOSITORY, corpus_trace


def door(joined: Joined, finding_id: str) -> DoorRow:
    return next(row for row in joined.doors if row.id == finding_id)


def test_a_card_that_was_shown_under_two_vendors_is_one(joined: Joined) -> None:
    card = next(row for row in joined.cards if row.card == "1002:68f9")
    assert card.ids == ("1002:68f9", "1af5:78f9")
    names = ("identity", "identity-moved", "radeon", "radeon-mmapped", "radeon-quirked", "radeon-timestamps")
    assert card.runs == tuple(f"traces/{name}" for name in names)
    assert "subsystem 174b:3000" in card.joined
    assert (card.boots, card.configurations, card.guest_drivers) == (6, 3, 1)


def test_different_cards_of_one_vendor_are_not_one(joined: Joined) -> None:
    cards = [row.card for row in joined.cards]
    assert {"1002:5046", "1002:68f9", "1af5:0101", "1af5:0303", "1af5:1a65"} <= set(cards)
    assert len(cards) == 12


def test_the_same_door_once_with_the_evidence_of_every_run(joined: Joined) -> None:
    window = door(joined, "window/1002:68f9/bar4+0x0/bar4+0x4")
    assert len(window.runs) == 6
    assert window.verdict == "confirmed"
    assert window.evidence_count > 60
    assert {line.run for line in window.evidence} >= {"traces/radeon", "traces/identity"}
    mirror = door(joined, "config-mirror/1002:68f9/bar2+0x4000")
    assert mirror.not_seen == ("traces/radeon-mmapped: BAR2 is mapped into the guest, its accesses are not logged",)


def test_the_accident_of_one_configuration_is_named_with_lines_of_both(joined: Joined) -> None:
    accident = next(row for row in joined.accidents if (row.card, row.bar) == ("1002:68f9", 2))
    assert accident.proven
    assert accident.works == ("traces/identity",)
    assert "traces/identity-moved" in accident.fails
    lines = {(line.run, line.line): line.text for line in accident.lines}
    assert "region2+0x5428" in lines["traces/identity", 9144]
    assert "addr 0xFEBC5428" in lines["traces/identity-moved", 9157]
    use = door(joined, "host-address-access/1002:68f9/bar2/memory")
    assert any(text.startswith("traces/identity: host and guest address are the same") for text in use.not_seen)
    assert any(text.startswith("traces/radeon-quirked: ") and "own quirk" in text for text in use.not_seen)


def test_bars_that_lie_1_to_1_everywhere_prove_nothing(joined: Joined) -> None:
    unproven = {(row.card, row.bar) for row in joined.accidents if not row.proven}
    assert ("1002:5046", 1) in unproven


def test_doors_that_only_one_guest_driver_uses(joined: Joined) -> None:
    window = door(joined, "window/1002:5046/bar1+0x0/bar1+0x4")
    card = next(row for row in joined.cards if row.card == "1002:5046")
    assert card.guest_drivers > 1
    assert len(window.drivers) == 1
    assert "traces/ati-linux-driver: another guest driver" in window.not_seen


def test_a_leak_of_one_run_is_part_of_the_window_that_another_run_shows(joined: Joined) -> None:
    leak = door(joined, "address-leak/1002:5046/bar1+0x4/bar2")
    assert leak.runs == ("traces/ati-leak", "traces/ati-onetoone")
    assert leak.explained_by == "window/1002:5046/bar1+0x0/bar1+0x4"
    used = door(joined, "host-address-access/1002:5046/bar2/memory")
    assert used.parameters["source"] != leak.id


def test_the_same_mechanism_elsewhere_and_no_wider_match_from_single_devices(joined: Joined) -> None:
    family = next(row for row in joined.families if row.door == "window/bar4+0x0/bar4+0x4" and row.vendor == "1002")
    assert family.elsewhere == ("window/1002:5046/bar1+0x0/bar1+0x4",)
    assert all(row.mask == 0 for row in joined.families)


def test_what_qemus_quirks_cover(joined: Joined) -> None:
    quirk = next(row for row in joined.quirks if row.quirk == "ati-bar4-window")
    assert quirk.cards == ("1002:68f9",)
    assert quirk.at_work == ("traces/radeon-quirked",)
    assert "traces/radeon" in quirk.idle


def test_no_run_of_the_corpus_contradicts_another(joined: Joined) -> None:
    assert joined.contradictions == ()


def test_documents_of_the_store_are_findings_documents(store: Path) -> None:
    documents = load_findings(store)
    assert [document.devices[0].name for document in documents][:2] == ["1002:5046", "1002:68f9"]
    merged = documents[1]
    assert merged.statistics["corpus"]["boots"] == 6
    [device] = merged.devices
    bars = {bar.index: bar for bar in device.bars}
    assert (bars[2].kind, bars[2].size, bars[2].host) == ("memory64", 0x20000, None)  # hosts differ
    assert bars[0].host == 0xA0000000
    assert html(*documents).startswith("<!DOCTYPE html>")


def test_good_and_bad_run_differ_in_what_matters_only(store: Path) -> None:
    mined = compare_mined(store, "traces/identity", "traces/identity-moved")
    assert [d.kind for d in mined.differences] == ["outcome", "finding", "finding", *["only-good"] * 3]
    assert mined.differences[0].subject == "BAR2"
    assert {d.subject for d in mined.differences[3:]} == {
        "region_read bar2+0x5428",
        "region_write bar2+0x1724",
        "region_read bar2+0x1724",
    }
    assert mined.same > 500
    fresh = compare(corpus_trace("identity"), corpus_trace("identity-moved"))
    assert fresh.differences == mined.differences


def test_a_run_compared_with_itself_and_with_another_card(store: Path) -> None:
    assert compare_mined(store, "traces/radeon", "traces/radeon").differences == ()
    with pytest.raises(UsageError, match="share no card"):
        compare_mined(store, "traces/radeon", "traces/nvme-linux")
    with pytest.raises(UsageError, match="no run traces/radeom") as raised:
        compare_mined(store, "traces/radeom", "traces/radeon")
    assert raised.value.hint == "is traces/radeon meant?"


def test_clocks_and_polls_are_no_difference(store: Path) -> None:
    """The same card and guest once with and once without time stamps; other ids and another QEMU's events are left."""
    comparison = compare_mined(store, "traces/radeon-mmapped", "traces/radeon-timestamps")
    assert not [d for d in comparison.differences if d.kind == "value"]


def test_the_committed_report_is_what_the_command_writes(store: Path, joined: Joined) -> None:
    """quirkfinder mine corpus/traces -o STORE --format markdown > reports/corpus.md"""
    text = show_corpus(joined, "markdown")
    assert (REPOSITORY / "reports" / "corpus.md").read_text(encoding="utf-8") == text
    assert not re.search(r"(?<![\w.])/(home|work|tmp|root)/", text)


def test_mining_the_corpus_again_from_the_command_line_says_the_same(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mine", str(CORPUS), "-o", str(store), "--format", "markdown"]) == 0
    out, err = capsys.readouterr()
    assert out == show_corpus(load_joined(store), "markdown")
    assert "0 read now, 23 known before" in err
