"""Every example: exactly what it says is found, and what is found can be traced back."""

import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from quirkfinder.findings import Finding, Findings, InputRecord
from tests.conftest import shared
from tests.miners.examples import DEVICE, FOLDER, Example, load
from tests.miners.sentences import KINDS, check, check_indexed
from tests.miners.words import words_of

EXAMPLES = sorted(FOLDER.glob("*.txt"))
each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@cache
def mined(path: Path) -> tuple[Example, list[Finding]]:
    example = load(path)
    return example, example.found()


@each_example
def test_exactly_this_is_found(path: Path) -> None:
    example, found = mined(path)
    assert sorted(words_of(finding) for finding in found) == example.expected


@each_example
def test_a_negative_says_which_rule_it_is_for_and_a_positive_finds_something(path: Path) -> None:
    example, _ = mined(path)
    if path.stem.startswith("no-"):
        assert example.rule
        assert not any("leak" in words or "window " in words for words in example.expected)
    else:
        assert example.expected
        assert not example.rule


@each_example
def test_what_is_found_can_be_traced_back(path: Path) -> None:
    example, found = mined(path)
    for finding in found:
        assert finding.device == DEVICE
        assert finding.id.startswith(f"{finding.kind}/{example.function.ids[0]:04x}:{example.function.ids[1]:04x}/")
        assert 0 < finding.confidence < 1
        assert finding.summary
        assert finding.doubt
        assert finding.evidence
        assert finding.evidence_count >= len(finding.evidence)
        assert all(1 <= e.line <= len(example.rows) and e.input == 0 for e in finding.evidence)
    assert len({finding.id for finding in found}) == len(found)


@each_example
def test_what_is_said_of_addresses_and_indices_is_true(path: Path) -> None:
    example, found = mined(path)
    for finding in found:
        if finding.kind in KINDS:
            check(example.events, example.machine, finding)
        if finding.kind == "indexed-registers":
            check_indexed(example.events, example.machine, finding)


@each_example
def test_likely_is_less_sure_than_confirmed(path: Path) -> None:
    _, found = mined(path)
    assert all(finding.confidence <= 0.9 for finding in found if finding.verdict == "likely")


@each_example
def test_the_addresses_in_evidence_select_a_target(path: Path) -> None:
    """`(v & ~mask) == match` for every write to the address register that a window's evidence quotes."""
    example, found = mined(path)
    for finding in found:
        p = finding.parameters
        if finding.kind != "window" or "address_high" in p:
            continue
        region = {"vga": 8, "config": 7}.get(p["region"]) or int(p["region"][3:])
        quoted = [example.rows[e.line - 1] for e in finding.evidence]
        addresses = [
            row["value"]
            for row in quoted
            if row["event"].endswith("write")
            and (row["region"], row["address"]) == (region, int(p["address"]["offset"], 16))
        ]
        assert addresses or p["address"] == p["data"]
        for value in addresses:
            value &= ~int(p.get("write_flag", "0x0"), 16)
            assert any(value & ~int(t["mask"], 16) == int(t["match"], 16) for t in p["targets"])


@each_example
def test_the_evidence_of_a_sink_shows_the_address(path: Path) -> None:
    """Every quoted line has the address, its data, or the piece of it that its note names."""
    example, found = mined(path)
    for finding in found:
        if finding.kind != "address-sink" or finding.parameters["what"] == "msi-data":
            continue
        address, shift = int(finding.parameters["address"], 16), finding.parameters.get("shift", 0)
        bar = finding.parameters.get("bar")
        size = next((b.size or 1 for b in example.machine.cards[0].bars if b.index == bar), 1)
        for evidence in finding.evidence:
            row = example.rows[evidence.line - 1]
            value = row["address"] if row["event"] == "msi_interrupt" else row["value"]
            value <<= shift if row["event"] == "region_write" else 0
            inside = address >> shift << shift <= value < address + size
            if "the last piece of it" in (evidence.note or ""):
                assert value in [address >> 8 * at & (1 << 8 * row["size"]) - 1 for at in range(4)]
            elif evidence.note != "the message data beside it":
                assert value & ~0xF in (address & ~0xF, address & 0xFFFFFFF0) or inside, row


def test_all_of_them_fit_the_contract() -> None:
    schema = json.loads(shared("contract", "findings.schema.json").read_text())
    record = InputRecord("qemu.log", "trace", "log", "0" * 64, 1, 1, 0)
    found = tuple(finding for path in EXAMPLES for finding in mined(path)[1])
    jsonschema.validate(Findings("0", (record,), (), found, ()).to_dict(), schema)


def test_an_example_that_cannot_be_read_names_its_line(tmp_path: Path) -> None:
    for text in ("nonsense here\n", "bar0 memory32 64Q host 0x0 guest 0x0\n", "R bar0+0x0\nfinds nothing\n"):
        (tmp_path / "bad.txt").write_text(text)
        with pytest.raises(ValueError, match=r"bad\.txt:1: "):
            load(tmp_path / "bad.txt")
    (tmp_path / "bad.txt").write_text("config\n")
    with pytest.raises(ValueError, match="does not say what has to be found"):
        load(tmp_path / "bad.txt")
