"""`explain`: every part of a finding, the log around its evidence, and a probe made of harmless accesses."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings

from quirkfinder.findings.document import Evidence, Finding, Findings
from quirkfinder.rendering.explain import WIDTH, explain
from quirkfinder.rendering.probe import Step, probe
from tests.documents import DATA, Json, documents, example_findings

DOORS = example_findings()
WINDOW, MIRROR, LEAK, ACCESS, IDENTITY, COLLISION, BENIGN = DOORS.findings


def test_the_explanation_of_a_window_is_the_golden_one() -> None:
    assert explain(DOORS, WINDOW) == (DATA / "window.explained.txt").read_text(encoding="utf-8")


@given(documents())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_finding_of_any_document_is_explained_in_harmless_lines(data: Json) -> None:
    document = Findings.from_dict(data)
    for finding in document.findings:
        lines = explain(document, finding, {0: {1: "\x1b[2J\u202e"}}).splitlines()
        assert all(line.isprintable() for line in lines)


def test_text_is_wrapped_outside_the_log() -> None:
    text = explain(DOORS, WINDOW).split("\nEvidence\n")[0]
    assert max(map(len, text.splitlines())) <= WIDTH


def test_evidence_stands_in_its_surroundings_and_near_lines_share_them() -> None:
    log = {n: f"line {n}" for n in (1202, 1203, 1204, 1205, 1206, 1207, 1208, 1209, 1210, 1211, 1212)}
    text = explain(DOORS, WINDOW, {0: log})
    assert text.count("line 1206") == 1
    assert "    > 1205  line 1205\n            ^ what lspci shows at 0x10" in text
    assert "      1206  line 1206\n" in text
    assert "line 1213" not in text


def test_far_apart_evidence_has_surroundings_of_its_own() -> None:
    finding = dataclasses.replace(WINDOW, evidence=(Evidence(0, 10), Evidence(0, 17), Evidence(0, 25)))
    text = explain(DOORS, finding, {0: {n: f"line {n}" for n in range(1, 40)}})
    assert "  qemu.log:10\n" in text
    assert "  qemu.log:17\n" not in text
    assert "  qemu.log:25\n" in text


def test_an_input_that_is_not_at_hand_is_quoted_from_the_document() -> None:
    finding = dataclasses.replace(WINDOW, evidence=(Evidence(0, 5, text="here"), Evidence(1, 7, text="there")))
    text = explain(DOORS, finding, {0: {5: "here in the log"}})
    assert "> 5  here in the log" in text
    assert "host-lspci.txt:7\n       there" in text


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (WINDOW, "Write the quirk: quirkfinder emit"),
        (LEAK, "Run the probe below"),
        (IDENTITY, "Record again with the card in another slot"),
        (ACCESS, "Mend the door through which the guest learnt the address"),
        (BENIGN, "Nothing: it is listed so that nobody has to look at it twice."),
    ],
)
def test_what_to_do_next(finding: Finding, said: str) -> None:
    assert said in explain(DOORS, finding)


def test_a_likely_finding_has_a_probe_that_settles_it_and_a_benign_one_none() -> None:
    assert "A probe that would settle it" in explain(DOORS, LEAK)
    assert "A probe that shows it again" in explain(DOORS, MIRROR)
    assert "A probe" not in explain(DOORS, BENIGN)
    assert "A probe" not in explain(DOORS, IDENTITY)


def steps(finding: Finding) -> list[str]:
    return [str(step).split("#")[0].rstrip() for step in probe(DOORS, finding)]


def test_a_window_is_probed_by_selecting_and_by_reading_the_same_place_directly() -> None:
    assert steps(WINDOW) == [
        "write bar4 0x0 4 0x4000",
        "read  bar4 0x4 4",
        "write bar4 0x0 4 0x4010",
        "read  bar4 0x4 4",
        "write bar4 0x0 4 0x0",
        "read  bar4 0x4 4",
        "read  bar2 0x0 4",
        "write bar4 0x0 4 0x1fc",
        "read  bar4 0x4 4",
        "read  bar2 0x1fc 4",
        "write bar4 0x8 4 0x1",
        "write bar4 0x0 4 0x80000000",
        "read  bar4 0x4 4",
        "read  bar0 0x0 4",
        "write bar4 0x0 4 0x8000fffc",
        "read  bar4 0x4 4",
        "read  bar0 0xfffc 4",
    ]


def test_expected_values_are_those_of_the_card() -> None:
    notes = [step.note for step in probe(DOORS, WINDOW)]
    assert notes[1] == "must be 0x67791002, device and vendor id"
    assert notes[3] == "must be the host's BAR0, 0xd0000000 and its flag bits"
    assert probe(DOORS, LEAK)[0].note == "0xe0 in this run; must change with BAR4 elsewhere on the host"


def other(kind: str, **parameters: object) -> Finding:
    return dataclasses.replace(WINDOW, kind=kind, parameters=parameters)  # type: ignore[arg-type]  # any kind


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (MIRROR, ["read  bar2 0x4000 4", "read  bar2 0x4010 4", "read  bar2 0x402c 4"]),
        (
            other("config-mirror", region="bar0", offset="0x1800", size="0x20", config_offset="0x10"),
            ["read  bar0 0x1800 4", "read  bar0 0x181c 4"],
        ),
        (
            other("bar-alias", region="bar4", offset="0x0", size="0x100", target_region="bar2", target_offset="0x800"),
            [
                "read  bar4 0x0 4",
                "read  bar2 0x800 4",
                "read  bar4 0x80 4",
                "read  bar2 0x880 4",
                "read  bar4 0xfc 4",
                "read  bar2 0x8fc 4",
            ],
        ),
        (
            other(
                "paged-window",
                region="bar0",
                bank={"offset": "0x4", "size": 2},
                offset="0x1000",
                size="0x1000",
                shift=12,
                target_region="bar2",
            ),
            [
                "write bar0 0x4 2 0x0",
                "read  bar0 0x1000 4",
                "read  bar2 0x0 4",
                "write bar0 0x4 2 0x1",
                "read  bar0 0x1000 4",
                "read  bar2 0x1000 4",
            ],
        ),
        (other("identity-mapped-bar", bar=0), []),
        (
            other(
                "window",
                region="bar0",
                address={"offset": "0x0", "size": 4},
                data={"offset": "0x0", "size": 4},
                targets=[{"match": "0x0", "mask": "0xff", "base": "0x0", "space": "config"}],
            ),
            [],
        ),
    ],
)
def test_probes(finding: Finding, expected: list[str]) -> None:
    assert steps(finding) == expected


@given(documents())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_probe_writes_nothing_but_registers_that_select(data: Json) -> None:
    document = Findings.from_dict(data)
    for finding in document.findings:
        for step in probe(document, finding):
            assert isinstance(step, Step)
            assert step.size in (1, 2, 4, 8)
            assert (step.action == "write") == (step.value is not None)
            assert step.action == "read" or finding.kind in ("window", "paged-window")
