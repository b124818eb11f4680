"""Recorded cards: the engine against QEMU's own quirks, access by access, and what other guests would have seen."""

from dataclasses import replace

import pytest

from quirkfinder.definition import QuirkDefinition, WindowMatch
from quirkfinder.events import VGA
from quirkfinder.replay import DeviceReplay, replay, verified
from quirkfinder.replay.accesses import accesses, device_frame
from quirkfinder.replay.engine import Engine
from quirkfinder.replay.guest import GuestConfig
from quirkfinder.replay.trace import TraceEnvironment
from tests.emission.examples import examples
from tests.replay.recorded import bundle, known_definition


def device(name: str, *definitions: QuirkDefinition) -> DeviceReplay:
    events, machine = bundle(name)
    report = replay(definitions or (known_definition(name),), events, machine)
    (found,) = report.devices
    return found


def test_the_engine_answers_as_qemus_own_quirk_did_access_by_access() -> None:
    """radeon-quirked: QEMU 10.2's ATI quirks were active. Its config reads inside a quirk are not looked at."""
    events, machine = bundle("radeon-quirked")
    (card,) = machine.cards
    env = TraceEnvironment(card, GuestConfig(card))
    engine = Engine((examples()["ati-plain"],), env)
    answered = []
    for access in accesses(device_frame(events, card, with_vga=True).collect()):
        env.access = access
        if access.kind == "config_read" and access.value is not None:
            env.config.seen_read(access.offset, access.size, access.value)
        elif access.kind == "config_write":
            env.config.written(access.offset, access.size, access.value)
        elif access.kind == "write":
            engine.write(access.space, access.offset, access.size, access.value)
        elif access.kind == "read":
            value, _ = engine.read(access.space, access.offset, access.size)
            assert value == (access.given if access.given is not None else access.value), access
            if access.given is not None:
                answered.append((access.space, access.offset, value))
    assert len(answered) == 18
    assert (VGA, 0x3C3, 0xC0) in answered
    assert {value for space, _, value in answered if space == 4} >= {0xE000000C, 0xFEBC0004, 0xC001, 0x68F91002}


def test_what_the_guest_of_the_quirkless_radeon_would_have_seen() -> None:
    found = device("radeon")
    assert (found.leaks_before, found.leaks_after) == (7, 0)
    changed = {(c.line, c.before, c.after) for c in found.changes}
    assert {(9249, 0xA000000C, 0xE000000C), (9253, 0xFE620004, 0xFEBC0004), (8444, 0xE0, 0xC0)} <= changed
    assert {(u.bar, u.total, u.avoided) for u in found.unassigned} == {(0, 20, 20), (2, 4, 4)}
    assert {quirk.quirk: quirk.verdict for quirk in found.quirks} == {
        "bar4-0-window": "proven",
        "bar2-4000-mirror": "proven",
        "vga-3c3-leak": "not refuted",  # one byte proves nothing
    }
    assert [(page.bar, page.offset, page.hits) for page in found.pages] == [(2, 0x4000, 9)]


def test_the_same_card_with_and_without_qemus_quirk_gives_the_same_answers() -> None:
    """What the model says of the quirkless run is what QEMU's quirk gave in the other one, BAR by BAR."""
    changed = {c.after for c in device("radeon").changes}
    events, _ = bundle("radeon-quirked")
    given = set(events.filter(events["event"] == "quirk_read")["value"].to_list())
    assert {0xE000000C, 0xFEBC0004, 0xC001, 0xC0} <= changed & given


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("rtl8168", 3, 0),
        ("indexed-auto-increment", 2, 0),
        ("geforce", 8, 2),  # the window in the VGA ports needs its sequence, which is not part of what is given here
        ("ati-doors", 12, 2),  # the same window once more in BAR2 is not part of it either
    ],
)
def test_how_many_reads_show_a_host_address(name: str, before: int, after: int) -> None:
    definition = known_definition(name)
    if name == "indexed-auto-increment":
        definition = replace(definition, windows=(replace(definition.windows[0], increment=4),))
    found = device(name, definition)
    assert (found.leaks_before, found.leaks_after) == (before, after)
    avoidable = {u.bar: (u.total, u.avoided) for u in found.unassigned}
    if after == 0:
        assert all(total == avoided for total, avoided in avoidable.values())
    assert len(found.leaks) == after


def test_a_window_whose_increment_was_overlooked_is_refuted() -> None:
    definition = known_definition("indexed-auto-increment")
    (quirk,) = device("indexed-auto-increment", definition).quirks
    assert quirk.verdict == "refuted"
    assert "config offset 0x0" in quirk.objections[0].text
    right = replace(definition, windows=(replace(definition.windows[0], increment=4),))
    (quirk,) = device("indexed-auto-increment", right).quirks
    assert quirk.verdict == "proven"


@pytest.mark.parametrize("shift", [4, 0x100, 0x800])
def test_a_door_that_is_off_by_a_little_is_refuted(shift: int) -> None:
    definition = known_definition("radeon")
    mirror = replace(definition.mirrors[0], offset=0x4000 + shift, size=0x100)
    quirks = {q.quirk: q.verdict for q in device("radeon", replace(definition, mirrors=(mirror,))).quirks}
    assert quirks["bar2-4000-mirror"] == ("refuted" if shift < 0x800 else "not refuted")  # nothing is read there
    match = WindowMatch(0x4000, 0xFFB, "config", base=4)
    window = replace(definition.windows[0], matches=(match,))
    quirks = {q.quirk: q.verdict for q in device("radeon", replace(definition, windows=(window,))).quirks}
    assert quirks["bar4-0-window"] == "refuted"


def test_a_device_that_is_not_there_is_noted() -> None:
    events, machine = bundle("radeon")
    report = replay(examples()["rtl8168"], events, machine)
    assert report.devices == ()
    assert report.notes == ("rtl8168: no device of the trace matches 10ec:8168",)
    assert "nothing was replayed" in report.to_text()


def test_verdicts_go_into_the_definition() -> None:
    events, machine = bundle("radeon")
    definition = known_definition("radeon")
    told = verified(definition, replay(definition, events, machine))
    assert [m.evidence.verification for m in told.mechanisms] == ["proven", "proven", "not refuted"]


@pytest.mark.parametrize("name", ["innocent", "identity", "hda-linux", "radeon-mmapped"])
def test_any_definition_can_be_played_on_any_trace(name: str) -> None:
    events, machine = bundle(name)
    (card, *_) = machine.cards
    for definition in examples().values():
        mine = replace(
            definition, match=replace(definition.match, vendor=card.vendor or 0, device="any", reason="test")
        )
        report = replay(replace(mine, match=replace(mine.match, class_code=None)), events, machine)
        assert report.to_text().isascii()
        assert report.to_dict()["schema"] == "quirkfinder.replay/1"
