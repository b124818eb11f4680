"""Findings into definitions: what a card's findings become, what is left out, and that nothing can break it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.definition import QuirkDefinition, dump, from_findings, loads, merge
from quirkfinder.definition.assembly import assemble
from tests.definition.strategies import definitions
from tests.definition.truth import bar, document, document_of, finding
from tests.documents import documents, texts

RADEON_BARS = [bar(0, "memory64", 0x10000000), bar(2, "memory64", 0x20000), bar(4, "io", 0x100)]


def only(found: list[QuirkDefinition]) -> QuirkDefinition:
    assert len(found) == 1
    return found[0]


def test_the_findings_of_one_device_become_one_definition() -> None:
    made = only(from_findings(document_of("radeon", RADEON_BARS)))
    assert made.name == "1af5-78f9"
    assert (made.match.vendor, made.match.device) == (0x1AF5, 0x78F9)
    assert [(b.index, b.kind, b.size) for b in made.match.bars] == [(2, "memory64", 0x8000), (4, "io", 0x8)]
    (window,) = made.windows
    assert (window.bar, window.address_offset, window.data_offset) == (4, 0, 4)
    assert [(m.match, m.mask, m.space) for m in window.matches] == [
        (0x4000, 0xFFF, "config"),
        (0, 0x1FFFF, "bar2"),
        (0x80000000, 0xFFFFFFF, "bar0"),
    ]
    (mirror,) = made.mirrors
    assert (mirror.bar, mirror.offset, mirror.size, mirror.config_offset) == (2, 0x4000, 0x1000, 0)
    (leak,) = made.leaks
    assert (leak.vga, leak.offset, leak.target_bar, leak.shift) == (True, 0x3C3, 4, 8)
    assert made.provenance.traces[0].lines == 9
    assert window.evidence.count == 3
    assert "region4+0x4" in window.evidence.lines[0]


def test_a_leak_that_a_window_or_a_mirror_covers_is_left_out() -> None:
    window = finding(
        "window", 1, region="bar4", address={"offset": 0, "size": 4}, data={"offset": 4, "size": 4},
        targets=[{"match": 0x4000, "mask": 0xFFF, "space": "config", "base": 0}],
    )  # fmt: skip
    mirror = finding("config-mirror", 2, region="bar2", offset=0x4000, size=0x100, config_offset=0)
    through = finding("address-leak", 3, region="bar4", offset=4, size=4, bar=0, shift=0)
    inside = finding("address-leak", 4, region="bar2", offset=0x4010, size=4, bar=0, shift=0)
    own = finding("address-leak", 5, region="bar2", offset=0x100, size=4, bar=0, shift=0)
    made = assemble(document([through, inside, own, window, mirror]))
    assert [leak.offset for leak in made.definitions[0].leaks] == [0x100]
    assert {left.finding: left.reason for left in made.left_out} == {
        "address-leak-3": "covered by the quirk bar4-0-window",
        "address-leak-4": "covered by the quirk bar2-4000-mirror",
    }


def rtl8168_handshake() -> list[dict[str, Any]]:
    flag = {"mask": "0x80000000"}
    return [
        {"access": "write", "register": "address", "role": "address", "value": "0x0", **flag},
        {"access": "read", "register": "address", "role": "status", "value": "0x80000000", **flag},
        {"access": "read", "register": "data", "role": "data"},
        {"for": "write", "access": "write", "register": "data", "role": "data"},
        {"for": "write", "access": "write", "register": "address", "role": "address", "value": "0x80000000", **flag},
        {"for": "write", "access": "read", "register": "address", "role": "status", "value": "0x0", **flag},
    ]


def test_a_completion_flag_in_the_address_register_becomes_a_strobe() -> None:
    found = document_of("rtl8168", vendor="0x10ec", device="0x8168")
    found["findings"][0]["parameters"]["handshake"] = rtl8168_handshake()
    (window,) = only(from_findings(found)).windows
    assert window.strobe is not None
    assert (window.strobe.mask, window.strobe.read_command, window.strobe.write_command) == (0x80000000, 0, 0x80000000)
    assert (window.strobe.read_done, window.strobe.write_done) == (0x80000000, 0)
    (match,) = window.matches
    assert (match.match, match.mask, match.ignored, match.space) == (0, 0xFFF, 0xF000, "config")


def test_keys_in_another_register_become_steps() -> None:
    steps = [
        {"access": "write", "offset": "0x3d4", "role": "key", "value": "0x338", "size": 2},
        {"access": "write", "offset": "0x3d0", "value": "address"},
        {"access": "write", "offset": "0x3d4", "role": "key", "value": "0x538", "size": 2},
        {"access": "read", "offset": "0x3d0", "value": "data"},
    ]
    vga = finding(
        "window", region="vga", address={"offset": 0x3D0, "size": 4}, data={"offset": 0x3D0, "size": 4},
        targets=[{"match": 0x1800, "mask": 0xFF, "space": "config", "base": 0}], handshake=steps,
    )  # fmt: skip
    (window,) = only(from_findings(document([vga]))).windows
    assert window.vga
    assert window.bar is None
    assert [(s.role, s.offset, s.value) for s in window.read_steps] == [
        ("key", 0x3D4, 0x338), ("address", 0x3D0, None), ("key", 0x3D4, 0x538), ("data", 0x3D0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mask", "other", "wide"),
    [
        (0x3C, None, 0xFF),  # a few registers of the header were read
        (0xFFF, None, 0xFFF),
        (0x3C, 0x4080, 0x3F),  # the next bytes lead elsewhere
        (0x3C, 0x8000, 0xFF),
        (0x3C, 0x0, 0xFF),  # an exception to a target around it
    ],
)
def test_a_window_to_some_of_the_header_is_a_window_to_all_of_it(mask: int, other: int | None, wide: int) -> None:
    targets = [{"match": 0x4000, "mask": mask, "space": "config", "base": 0}]
    if other is not None:
        targets.append({"match": other, "mask": 0x7C if other else 0xFFFC, "space": "bar0", "base": 0})
    window = finding(
        "window", region="bar4", address={"offset": 0, "size": 4}, data={"offset": 4, "size": 4}, targets=targets
    )
    (made,) = only(from_findings(document([window]))).windows
    assert [m.mask for m in made.matches if m.space == "config"] == [wide]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vendor": None}, "vendor and device id are not known"),
        ({"findings": {"verdict": "benign"}}, None),
        ({"findings": {"needs_quirk": False}}, None),
        ({"parameters": {"region": "rom"}}, "region 'rom' is no BAR"),
        ({"parameters": {"size": "0x2000"}}, "0x1 to 0x1000"),
    ],
)
def test_what_becomes_no_quirk(change: dict[str, Any], reason: str | None) -> None:
    mirror = finding("config-mirror", region="bar2", offset=0x4000, size=0x100, config_offset=0)
    mirror.update(change.get("findings", {}))
    mirror["parameters"].update(change.get("parameters", {}))
    made = assemble(document([mirror], **({"vendor": None} if "vendor" in change else {})))
    assert made.definitions == ()
    assert [bool(reason and reason in left.reason) for left in made.left_out] == ([True] if reason else [])


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("delay", 1, "the read before it"),
        ("way", "read", "an address register each"),
        ("write_flag", "0x80000000", "a command to write"),
        ("increment_on", "read", "only some accesses"),
    ],
)
def test_a_window_that_works_otherwise_than_a_definition_says_is_refused(key: str, value: object, reason: str) -> None:
    parameters: dict[str, Any] = {"address": {"offset": "0x0", "size": 4}, "data": {"offset": "0x4", "size": 4}}
    targets = [{"match": "0x0", "mask": "0xff", "base": "0x0", "space": "config"}]
    window = finding("window", region="bar4", targets=targets, increment=4, **parameters)
    assert len(assemble(document([window])).definitions) == 1
    window["parameters"][key] = value
    (left,) = assemble(document([window])).left_out
    assert reason in left.reason


@pytest.mark.parametrize(("key", "value"), [("distance", "0x1000"), ("byte_order", "big")])
def test_an_address_that_is_told_in_a_form_of_its_own_is_refused(key: str, value: str) -> None:
    leak = finding("address-leak", region="bar2", offset="0x100", size=4, bar=0, shift=0)
    leak["parameters"][key] = value
    (left,) = assemble(document([leak])).left_out
    assert "in a form of its own" in left.reason


def test_findings_of_two_documents_are_joined_by_device() -> None:
    mirror = finding("config-mirror", region="bar2", offset=0x4000, size=0x100, config_offset=0)
    stronger = {**mirror, "evidence_count": 9, "parameters": {**mirror["parameters"], "size": "0x1000"}}
    leak = finding("address-leak", region="bar2", offset=0x100, size=4, bar=0, shift=0)
    joined = only(merge([*from_findings(document([mirror])), *from_findings(document([stronger, leak]))]))
    assert [(m.size, m.evidence.count) for m in joined.mirrors] == [(0x1000, 9)]
    assert len(joined.leaks) == 1


@given(documents())
@settings(max_examples=150, deadline=None)
def test_any_document_of_the_contract_gives_definitions_that_hold(found: dict[str, Any]) -> None:
    for made in from_findings(found):
        assert loads(dump(made)) == made


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_any_finding_of_a_known_device_becomes_a_quirk_or_a_reason(data: st.DataObject) -> None:
    found = data.draw(documents())
    for device in found["devices"]:
        device.update(vendor="0x10de", device="0x1")
    for entry in found["findings"]:
        entry["needs_quirk"] = True
        if found["devices"]:
            entry["device"] = found["devices"][0]["name"]
        if entry["parameters"].get("handshake") is not None:
            entry["parameters"]["handshake"] = [{"role": data.draw(texts), "value": "0x1"}]
    made = assemble(found)
    for definition in made.definitions:
        assert loads(dump(definition)) == definition


@given(definitions())
@settings(max_examples=30, deadline=None)
def test_joining_a_definition_with_itself_changes_nothing(definition: QuirkDefinition) -> None:
    assert merge([definition, definition]) == [definition]
