"""Small traces, each with one reason for its verdict."""

from dataclasses import replace

import pytest

from quirkfinder.card.model import Bar
from quirkfinder.definition import (
    Condition,
    Leak,
    Match,
    Mirror,
    QuirkDefinition,
    Sink,
    Window,
    WindowMatch,
)
from quirkfinder.events import VGA
from quirkfinder.replay import DeviceReplay, ReplayReport, replay
from tests.replay.frames import Log, card, machine

BARS = (
    Bar(0, "memory32", 0x1000000, 0xA0000000, 0xE0000000),
    Bar(2, "memory32", 0x20000, 0xFE620000, 0xFEBC0000),
    Bar(4, "io", 0x100, 0xE000, 0xC000),
)
CARD = card(BARS, {0x2C: 0x3000174B})
MATCH = Match(0x1AF5, 0x78F9)
WINDOW = Window("window", 0, 4, (WindowMatch(0x4000, 0xFFF, "config"),), bar=4)
MIRROR = Mirror("mirror", 2, 0x4000, 0x100)
LEAK = Leak("leak", 0x100, 4, 0, bar=2)


def played(log: Log, *mechanisms: Window | Mirror | Leak | Sink) -> DeviceReplay:
    definition = QuirkDefinition(
        name="test",
        match=MATCH,
        windows=tuple(m for m in mechanisms if isinstance(m, Window)),
        mirrors=tuple(m for m in mechanisms if isinstance(m, Mirror)),
        leaks=tuple(m for m in mechanisms if isinstance(m, Leak)),
        sinks=tuple(m for m in mechanisms if isinstance(m, Sink)),
    )
    (found,) = replay(definition, log.frame(), machine(CARD)).devices
    return found


def test_a_mirror_is_proven_by_two_values_of_the_hosts_config_space() -> None:
    log = Log()
    log.read(2, 0x4000, 0x78F91AF5)
    (quirk,) = played(log, MIRROR).quirks
    assert quirk.verdict == "not refuted"
    log.read(2, 0x402C, 0x3000174B)
    (quirk,) = played(log, MIRROR).quirks
    assert quirk.verdict == "proven"


@pytest.mark.parametrize("value", [0x0, 0xFFFFFFFF])
def test_zeros_and_ones_prove_nothing(value: int) -> None:
    log = Log()
    for offset in (0x40, 0x44, 0x48):
        log.read(2, 0x4000 + offset, value)
    (quirk,) = played(log, MIRROR).quirks
    assert quirk.verdict == "not refuted"


def test_a_static_byte_that_is_another_refutes_and_a_living_one_does_not() -> None:
    log = Log()
    log.read(2, 0x4050, 0x12345678)  # a capability: may have changed
    (quirk,) = played(log, MIRROR).quirks
    assert quirk.verdict == "not refuted"
    line = log.read(2, 0x4010, 0xA1000000)
    (quirk,) = played(log, MIRROR).quirks
    assert (quirk.verdict, quirk.objections[0].line) == ("refuted", line)
    assert "0xa1000000 for config offset 0x10" in quirk.objections[0].text


def test_an_answer_in_two_pieces_is_put_together() -> None:
    """Eight bytes across address and data register: the second half is the window's."""
    log = Log()
    log.write(4, 0, 0x4010)
    log.read(4, 0, 0xA000000000004010, 8)
    (change,) = played(log, WINDOW).changes
    assert (change.before, change.after) == (0xA000000000004010, 0xE000000000004010)


def test_an_enable_that_is_not_set_leaves_the_device_its_answer() -> None:
    closed = Window("window", 8, 12, WINDOW.matches, bar=4, enable=(Condition(0, 1, 1),))
    log = Log()
    log.write(4, 8, 0x4010)
    log.read(4, 12, 0xFFFFFFFF)
    log.write(4, 0, 1)
    log.read(4, 12, 0xA0000000)
    found = played(log, closed)
    assert [(c.line, c.after) for c in found.changes] == [(4, 0xE0000000)]
    assert found.quirks[0].verdict == "not refuted"
    without = Window("window", 8, 12, WINDOW.matches, bar=4)
    assert played(log, without).quirks[0].verdict == "refuted"


def test_bars_that_move_are_answered_where_they_are() -> None:
    log = Log()
    log.config_write(0x10, 0xD0000000)
    log.read(2, 0x100, 0xA0000000)
    log.config_write(0x10, 0xC0000000)
    log.read(2, 0x100, 0xA0000000)
    assert [c.after for c in played(log, LEAK).changes] == [0xD0000000, 0xC0000000]


def test_a_leak_that_is_none() -> None:
    log = Log()
    log.read(2, 0x100, 0xA0000000)
    assert played(log, LEAK).quirks[0].verdict == "proven"
    log.read(2, 0x100, 0xB0000000)
    (quirk,) = played(log, LEAK).quirks
    assert quirk.verdict == "refuted"
    assert "the host's address of BAR0 gives 0xa0000000" in quirk.objections[0].text


def test_bits_beside_the_address_stay_the_devices() -> None:
    log = Log()
    log.read(2, 0x100, 0xA0000003)
    masked = Leak("leak", 0x100, 4, 0, bar=2, mask=0xFFFFFFF0)
    found = played(log, masked)
    assert (found.changes[0].after, found.quirks[0].verdict) == (0xE0000003, "proven")


def test_accesses_to_nowhere_are_avoided_only_where_nothing_leaks_any_more() -> None:
    log = Log()
    log.read(2, 0x100, 0xA0000000)
    log.unassigned(0xA0000010)
    log.unassigned(0xA0000014, write=True)
    log.unassigned(0xFE620000)  # nobody told this one
    log.unassigned(0x12345678)  # nobody's
    found = played(log, LEAK)
    assert [(u.bar, u.total, u.avoided) for u in found.unassigned] == [(0, 2, 2), (2, 1, 0)]
    log.rows.insert(0, log.rows[0] | {"address": 0x200})  # a second register that tells the same
    found = played(log, LEAK)
    assert [(u.bar, u.total, u.avoided) for u in found.unassigned] == [(0, 2, 0), (2, 1, 0)]
    assert (found.leaks_before, found.leaks_after) == (2, 1)


def test_pages_are_counted_for_memory_only() -> None:
    log = Log()
    log.write(4, 0, 0x4000)
    for offset in (0x100, 0x104, 0xFFC, 0x1000):
        log.read(2, offset, 0)
    found = played(log, WINDOW, LEAK)
    assert [(p.bar, p.offset, p.hits) for p in found.pages] == [(2, 0, 3)]


def test_a_port_belongs_to_the_card_that_has_vga() -> None:
    port = Leak("port", 0x3C3, 1, 4, vga=True, shift=8)
    log = Log()
    log.read(VGA, 0x3C3, 0xE0, 1)
    found = played(log, port)
    assert [(c.region, c.before, c.after) for c in found.changes] == [("vga", 0xE0, 0xC0)]
    assert found.quirks[0].verdict == "not refuted"


def test_sinks_translate_there_and_back() -> None:
    ring = Sink("ring", 2, "guest-bar", (0x200,), 4, 0)
    log = Log()
    log.write(2, 0x200, 0xE0001000)
    log.read(2, 0x200, 0xA0001000)
    log.write(2, 0x200, 0x5)
    found = played(log, ring)
    assert [(c.before, c.after) for c in found.changes] == [(0xA0001000, 0xE0001000)]
    assert found.quirks[0].verdict == "not refuted"


def test_what_is_not_known_is_no_change() -> None:
    """No machine, no config access: the engine has no answer, so the device's stands."""
    log = Log()
    log.read(2, 0x100, 0xA0000000)
    definition = QuirkDefinition(name="test", match=MATCH, leaks=(LEAK,))
    (found,) = replay(definition, log.frame()).devices
    assert found.changed == 0
    log = Log()
    log.write(4, 0, None)
    log.read(4, 4, 0xA0000000)
    assert played(log, WINDOW).changed == 0


def test_without_a_machine_nothing_is_proven() -> None:
    log = Log()
    log.read(2, 0x4000, 0x78F91AF5)
    log.read(2, 0x402C, 0x3000174B)
    definition = QuirkDefinition(name="test", match=MATCH, mirrors=(MIRROR,))
    report = replay(definition, log.frame())
    assert report.verdict("mirror") == "not refuted"
    assert "no host addresses are known" in report.to_text()


def test_a_report_reads_well() -> None:
    log = Log()
    log.write(4, 0, 0x4010)
    log.read(4, 4, 0xA0000000)
    log.unassigned(0xA0000000)
    definition = QuirkDefinition(name="test", match=MATCH, windows=(WINDOW,))
    report: ReplayReport = replay(definition, log.frame(), machine(CARD))
    assert report.to_text() == (
        "0000:01:00.0: test, 2 accesses replayed\n"
        "  reads that show a host address: 1 without, 0 with the quirks\n"
        "  accesses to where the host has BAR0: 1 in the trace, 1 would not have happened\n"
        "  answers that change: 1\n"
        "    line 2: bar4+0x4, 4 bytes (window): 0xa0000000 -> 0xe0000000\n"
        "  window: not refuted: 1 values are as it says, too few to prove it\n"
    )
    assert report.to_dict()["devices"][0]["quirks"][0]["verdict"] == "not refuted"
    assert report.refuted == ()
    assert report.verdict("nobody") is None


def test_hostile_device_names_do_not_reach_the_terminal() -> None:
    log = Log()
    log.add("region_read", "\x1b[31m*/", region=2, address=0x4000, size=4, value=1)
    definition = QuirkDefinition(name="test", match=MATCH, mirrors=(MIRROR,))
    assert "\x1b" not in replay(definition, log.frame()).to_text()


def test_bytes_inside_the_data_register_tell_which_operations_it_needs() -> None:
    """QEMU's own window answers every byte of the data register with the first: this card does not."""
    log = Log()
    log.write(4, 0, 0x402C)
    log.read(4, 4, 0x174B, 2)
    log.read(4, 6, 0x3000, 2)
    log.write(4, 0, 0x4000)
    log.read(4, 6, 0x78F9, 2)
    (quirk,) = played(log, WINDOW).quirks
    assert quirk.verdict == "refuted"
    assert [o.line for o in quirk.objections] == [3, 5]
    (quirk,) = played(log, replace(WINDOW, sub_offset=True)).quirks
    assert quirk.verdict == "proven"
