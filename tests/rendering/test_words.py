"""Numbers, places and parameters in the field's words; values of unexpected types are shown, never an error."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings

from quirkfinder.findings.document import BarRecord, Finding, Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.known import known_quirk, trap_cost
from quirkfinder.rendering.model import model
from quirkfinder.rendering.verdict import advice, verdict
from quirkfinder.rendering.view import qemu_version, shared_folder
from tests.documents import Json, documents, example, example_findings


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "unknown"), (0, "0 B"), (256, "256 B"), (4096, "4 KiB"), (4097, "4097 B"), (1 << 28, "256 MiB")],
)
def test_sizes_are_exact(value: int | None, shown: str) -> None:
    assert words.size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        (None, "none"),
        (True, "yes"),
        (["0x0", 4], "0x0, 4"),
        ({"offset": "0x0", "size": 4}, "offset 0x0, size 4"),
        ([[[[[[]]]]]], "…"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_any_value_has_words(value: object, shown: str) -> None:
    assert words.plain(value) == shown


@pytest.mark.parametrize(
    ("region", "offset", "shown"),
    [
        ("bar4", "0x10", "bar4+0x10"),
        ("config", "0x10", "config space at 0x10"),
        ("vga", "0x3c3", "VGA port 0x3c3"),
        ("vga", "0xa0000", "VGA memory 0xa0000"),
        (7, None, "7+none"),
    ],
)
def test_places(region: object, offset: object, shown: str) -> None:
    assert words.place(region, offset) == shown


def bar(index: int, host: int | None, guest: int | None, kind: str = "memory32") -> BarRecord:
    return BarRecord(index, kind, 0x1000, host, guest)


@pytest.mark.parametrize(
    ("record", "others", "note"),
    [
        (bar(0, 0x1000, 0x1000), (), "1:1 (same address on host and guest)"),
        (bar(0, 0x1000, 0x2000), (), ""),
        (bar(0, None, 0x2000), (), "host address not known"),
        (bar(0, 0x1000, None), (), "no guest address was seen"),
        (bar(0, 0x1000, 0x5800), (bar(2, 0x5000, 0x9000),), "guest address lies where BAR2 is on the host"),
        (bar(0, 0x1000, 0x6000), (bar(2, 0x5000, 0x9000),), ""),
        (bar(0, 0x1000, 0x5000, "io"), (bar(2, 0x5000, 0x9000),), ""),
    ],
)
def test_what_stands_out_about_a_bar(record: BarRecord, others: tuple[BarRecord, ...], note: str) -> None:
    assert words.bar_note(record, (record, *others)) == note


def finding(kind: str, **parameters: object) -> Finding:
    base = next(f for f in example_findings().findings)
    return dataclasses.replace(base, kind=kind, parameters=parameters)  # type: ignore[arg-type]  # any kind


@pytest.mark.parametrize(
    ("kind", "parameters", "sentence"),
    [
        (
            "window",
            {"targets": [{"match": "0x1", "mask": "0xfe", "base": "0x200", "space": "bar0", "scale": 4}]},
            "address values 0x1 to 0xff (match 0x1, mask 0xfe) reach BAR0 at 0x200 to 0x5f8, 4 bytes a step",
        ),
        (
            "window",
            {"targets": [{"match": "0x30000000", "mask": "0xcfffffff", "base": "0x0", "space": "config"}]},
            "v & 0x30000000 equal to 0x30000000 (match 0x30000000, mask 0xcfffffff) reach config space at v & 0xcf",
        ),
        (
            "window",
            {"targets": [{"match": "0x20", "mask": "0x0", "base": "0xa9", "space": "bar4"}]},
            "the address value 0x20 reaches BAR4 at 0xa9",
        ),
        ("window", {"increment": 4, "increment_on": "write"}, "every write to the data register moves the address"),
        (
            "window",
            {"region": "bar0", "address": {"offset": "0x10", "size": 2}, "address_high": {"offset": "0x11", "size": 1}},
            "address register: bar0+0x10, 2 bytes, the upper half of it at bar0+0x11, 1 byte",
        ),
        (
            "window",
            {
                "handshake": [
                    {"access": "read", "register": "address", "role": "status"}
                    | {"value": "0x80", "mask": "0x80", "for": "read"}
                ]
            },
            "step 1: for a read, read the address register until it says done: 0x80 in the bits 0x80",
        ),
        (
            "address-sink",
            {"region": "bar0", "what": "msi-address", "sites": ["0x1"], "address": "0xfee00000", "data_distance": 0},
            "the guest writes its MSI message address, 0xfee00000, to BAR0 at 0x1",
        ),
        (
            "host-address-access",
            {
                "provenance": {"place": "bar0+0x34", "written": False, "value": "0xd0041c00", "shift": 0}
                | {"base": "0xd0041c00", "distance": "0x10", "address": "0xd0041c10"}
            },
            "before, bar0+0x34 had returned 0xd0041c00: the access is to 0xd0041c10, 0x10 behind it",
        ),
        ("unassigned-access", {"first_address": "0x1", "last_address": "0x1", "count": 1}, "1 access to 0x1, where"),
        ("window", {"region": "bar1", "enable": [{"offset": "0x4", "value": "0x1", "mask": "0xf"}]}, "open only while"),
        ("window", {"increment": 4}, "every access to the data register moves the address on by 4"),
        ("window", {"handshake": [{"write": "bar2"}]}, "step 1: write bar2"),
        ("window", {"way": "read"}, "this is the address of reads alone; writes have an address register of their own"),
        ("window", {"write_flag": "0x8000"}, "an address with 0x8000 set is a command to write, no other address"),
        (
            "address-leak",
            {"region": "bar2", "offset": "0x100", "size": 4, "bar": 0, "shift": 0, "mask": "0xfffff000"}
            | {"distance": "0x4000", "index": {"offset": "0x98", "value": "0x3"}},
            "an address 0x4000 behind the host address of BAR0, in the bits 0xfffff000, while bar2+0x98 is 0x3",
        ),
        ("address-leak", {"other_values": 1}, "at other times it gave 1 other value"),
        ("address-leak", {"entries": 4}, "it is the first of a table of 4 addresses"),
        (
            "config-mirror",
            {"region": "bar0", "offset": "0x88000", "size": "0x100", "config_offset": "0x0", "function": "bridge"},
            "bar0+0x88000 shows 256 bytes of config space of bridge from 0x0 on",
        ),
        (
            "bar-alias",
            {"region": "bar4", "offset": "0x0", "size": "0x100", "target_region": "bar2", "target_offset": "0x0"},
            "bar4+0x0 and bar2+0x0 are the same 256 bytes",
        ),
        (
            "paged-window",
            {"region": "bar0", "bank": {"offset": "0x4", "size": 4}, "offset": "0x8", "size": "0x8", "shift": 12}
            | {"target_region": "bar2"},
            "bar0+0x8, 8 bytes, shows BAR2 at (bank << 12)",
        ),
        (
            "address-leak",
            {"region": "bar2", "offset": "0x100", "size": 4, "bar": 0, "shift": 0},
            "a read of bar2+0x100, 4 bytes, is the host address of BAR0",
        ),
        ("address-sink", {"region": "bar0", "what": "msi-address", "sites": ["0x1", "0x2"]}, "BAR0 at 0x1, 0x2"),
        (
            "host-address-access",
            {"bar": 1, "space": "io", "reads": 1, "writes": 2, "first_address": "0x1", "last_address": "0x2"},
            "1 read and 2 writes at ports",
        ),
        ("unassigned-access", {"what": "ever"}, "what: ever"),
        (
            "config-mirror",
            {"leaks": [{"bar": 0, "host": "0xd0000000", "lands_on": "ram"}]},
            "it tells the host address of BAR0, 0xd0000000: RAM in this guest",
        ),
        ("window", {"leaks": [{"bar": 1, "host": "0xe000", "lands_on": "bar4"}]}, "0xe000: BAR4 in this guest"),
    ],
)
def test_parameters_become_sentences(kind: str, parameters: dict[str, object], sentence: str) -> None:
    assert sentence in "\n".join(model(finding(kind, **parameters)))


def test_a_key_without_a_sentence_is_shown_all_the_same() -> None:
    assert "busy_bit: 31" in model(finding("window", busy_bit=31))


OF = "accesses of this trace"
HAS = "QEMU has a quirk for it, q"


@pytest.mark.parametrize(
    ("quirk", "sentence"),
    [
        (None, ""),
        ({}, ""),
        ({"id": "q", "active": True}, f"{HAS}; it was at work in this run"),
        (
            {"id": "q", "active": False, "why_not": "no x-vga", "qemu_from": "1.6", "qemu_to": None},
            f"{HAS} (1.6 and later); it was not at work in this run: no x-vga",
        ),
        (
            {"id": "q", "active": None, "qemu_from": "2.7", "qemu_to": "9.2", "covers": "target 1"},
            f"{HAS} (2.7 to 9.2), which covers part of it: target 1; whether it was at work is not known",
        ),
        (
            {"id": "q", "active": False, "qemu_from": None, "covers": "all"},
            f"{HAS} (proposed, never part of a release); it was not at work in this run",
        ),
        ({"id": ["q"], "active": []}, f"{HAS}; whether it was at work is not known"),
    ],
)
def test_known_quirks(quirk: dict[str, object] | None, sentence: str) -> None:
    assert known_quirk(quirk) == sentence


@pytest.mark.parametrize(
    ("cost", "sentence"),
    [
        (None, ""),
        ({"accesses": 1}, "trapping it would catch 1 access of this trace"),
        (
            {"accesses": 2000, "door_accesses": 5, "page_count": 2, "accesses_per_second": 2.5, "lower_bound": True},
            f"trapping it would catch at least 2 000 {OF} on 2 pages, 5 of them at the door itself, 2.5 per second",
        ),
        (
            {"accesses": 3, "always_trapped": True},
            "nothing more, these accesses are trapped anyway: 3 accesses of this trace",
        ),
        ({"what": "ever"}, "what ever"),
    ],
)
def test_trap_costs(cost: dict[str, object] | None, sentence: str) -> None:
    assert trap_cost(cost) == sentence


@pytest.mark.parametrize(
    ("qemu", "shown"),
    [
        (None, ""),
        ("11.1", ""),
        ({"first": "1.3", "last": None}, "1.3 or newer"),
        ({"first": "7.2", "last": "7.2"}, "7.2"),
        ({"first": "10.1", "last": "11.1"}, "10.1 to 11.1"),
    ],
)
def test_the_version_that_wrote_the_log(qemu: object, shown: str) -> None:
    data = example()
    data["statistics"]["qemu"] = qemu
    assert qemu_version(Findings.from_dict(data)) == shown


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["qemu.log"], ""),
        (["run/qemu.log"], "run/"),
        (["run/a/qemu.log", "run/b/lspci"], "run/"),
        (["run1/qemu.log", "run2/lspci"], ""),
        (["/x/run/qemu.log", "/x/run/lspci"], "/x/run/"),
        ([], ""),
    ],
)
def test_files_are_named_from_the_folder_they_share(paths: list[str], folder: str) -> None:
    records = tuple(dataclasses.replace(example_findings().inputs[0], path=path) for path in paths)
    assert shared_folder(dataclasses.replace(example_findings(), inputs=records)) == folder


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a read of", "A read of"), ("bar0+0x4 selects", "bar0+0x4 selects"), ("BAR2 lies", "BAR2 lies"), ("", "")],
)
def test_a_claim_starts_like_a_sentence_unless_with_a_name(text: str, shown: str) -> None:
    assert words.sentence(text) == shown


def without(*kinds: str) -> Json:
    data = example()
    data["findings"] = [f for f in data["findings"] if f["kind"] not in kinds]
    return data


def test_the_verdict_counts_and_names() -> None:
    sentences = verdict(example_findings())
    assert sentences[0] == "3 back doors, 2 confirmed and 1 likely."
    assert "The guest then used host addresses of BAR0: 20 accesses" in sentences[2]
    assert sentences[-1] == "4 findings need a quirk."


def test_one_leaking_register_is_named_with_its_bar() -> None:
    sentences = verdict(Findings.from_dict(without("window", "config-mirror")))
    assert sentences[:2] == ["1 back door, 1 likely.", "It hands the guest host addresses of BAR4."]


def test_a_use_of_an_address_that_nothing_told_is_no_clean_bill() -> None:
    sentences = verdict(Findings.from_dict(without("window", "config-mirror", "address-leak")))
    assert "No back door was found" not in " ".join(sentences)
    assert sentences[0].endswith("the door through which it learnt them was not found.")
    assert sentences[-1] == "What told the addresses needs a quirk, once it is found."


def test_a_door_through_which_no_address_was_read_hands_out_none() -> None:
    data = example()
    data["findings"] = [f for f in data["findings"] if f["kind"] in ("window", "config-mirror")]
    for finding in data["findings"]:
        finding["parameters"].pop("leaks", None)
    assert "hand" not in " ".join(verdict(Findings.from_dict(data)))


def test_one_range_of_a_bar_in_two_places_is_no_back_door() -> None:
    data = example()
    alias = {"region": "bar0", "offset": "0x0", "size": "0x10", "target_region": "bar0", "target_offset": "0x100"}
    data["findings"] = [data["findings"][0] | {"kind": "bar-alias", "parameters": alias, "needs_quirk": False}]
    assert verdict(Findings.from_dict(data))[0].startswith("No back door was found")


def test_accesses_that_follow_a_register_are_not_settled_without_the_hosts_addresses() -> None:
    data = example("nothing")
    told = {"place": "bar0+0x34", "written": False, "value": "0x1", "base": "0x1", "address": "0x1"}
    data["inputs"], data["devices"] = example()["inputs"], example()["devices"]
    for record in data["devices"][0]["bars"]:
        record["host"] = None
    stray = {"kind": "unassigned-access", "verdict": "benign", "needs_quirk": False}
    parameters = {"first_address": "0x1", "last_address": "0x1", "count": 3, "provenance": told}
    data["findings"] = [example()["findings"][0] | stray | {"parameters": parameters}]
    assert "3 accesses followed what a register had told" in " ".join(verdict(Findings.from_dict(data)))


def test_an_empty_verdict_admits_what_the_capture_cannot_show() -> None:
    assert verdict(example_findings("nothing")) == [
        "No back door was found, but the capture has 2 blind spots: that proves little."
    ]
    assert advice(example_findings("nothing"))[0].text.startswith("Record again")


def test_a_clean_capture_without_findings_needs_nothing() -> None:
    data = example("nothing")
    data["capture"] = []
    document = Findings.from_dict(data)
    assert verdict(document) == ["No back door was found."]
    assert advice(document)[0].text == "Nothing: as far as this capture shows, the card needs no quirk."


def test_a_benign_finding_counts_for_nothing() -> None:
    data = example("nothing")
    data["findings"] = [f | {"verdict": "benign"} for f in example()["findings"]]
    data["inputs"] = example()["inputs"]
    assert verdict(Findings.from_dict(data))[0].startswith("No back door was found")


def test_a_hostile_id_does_not_reach_a_command_to_paste() -> None:
    data = example()
    data["findings"][2]["id"] = "x; rm -rf ~ #"
    commands = [step.command for step in advice(Findings.from_dict(data))]
    assert "quirkfinder explain findings.json ID" in commands


@given(documents())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_document_has_a_verdict_and_advice(data: Json) -> None:
    document = Findings.from_dict(data)
    assert verdict(document)
    assert advice(document)
