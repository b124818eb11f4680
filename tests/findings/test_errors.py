"""Every complaint about a document names the place and the nearest thing that would be right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quirkfinder.errors import InvalidDocument, NoUsableInput
from quirkfinder.findings.document import Findings
from tests.documents import Json, example

Change = Callable[[dict[str, Any]], Any]


def put(*path: str | int, value: Json) -> Change:
    def change(data: dict[str, Any]) -> None:
        node: Json = data
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


def remove(*path: str | int) -> Change:
    def change(data: dict[str, Any]) -> None:
        node: Json = data
        for key in path[:-1]:
            node = node[key]
        del node[path[-1]]

    return change


def rename(*path: str | int, to: str) -> Change:
    def change(data: dict[str, Any]) -> None:
        node: Json = data
        for key in path[:-1]:
            node = node[key]
        node[to] = node.pop(path[-1])

    return change


TARGET = ("findings", 0, "parameters", "targets", 0)
CASES: list[tuple[Change, str]] = [
    (put(*TARGET, "mask", value="0xFF"), 'findings[0].parameters.targets[0].mask: a string such as "0x1f000" is'),
    (put(*TARGET, "mask", value="0xFF"), 'write "0xff"'),
    (put(*TARGET, "mask", value=255), 'write "0xff"'),
    (put(*TARGET, "mask", value="ff"), 'write "0xff"'),
    (put(*TARGET, "mask", value="ghost"), "not 'ghost'"),
    (put(*TARGET, "space", value="bar7"), "findings[0].parameters.targets[0].space: 'bar7' does not fit; a space is"),
    (put(*TARGET, "scale", value=0), "targets[0].scale: 0 is below the smallest allowed value, 1"),
    (put(*TARGET, "select", value={"offset": "0x0"}), "targets[0].select: the key 'value' is missing"),
    (put("findings", 0, "parameters", "targets", value=[]), "parameters.targets: a window needs at least one target"),
    (put("findings", 0, "parameters", "region", value="bar9"), "a region is bar0 to bar5, rom, config or vga"),
    (put("findings", 0, "parameters", "address", "size", value="4"), "address.size: an integer is needed here"),
    (put("findings", 0, "parameters", "address", "size", value="0x4"), "write 4"),
    (put("findings", 0, "parameters", "address", "size", value=16), "16 is above the largest allowed value, 8"),
    (put("findings", 0, "kind", value="windw"), "findings[0].kind: 'windw' is not known here; the nearest is 'window'"),
    (put("findings", 0, "verdict", value="zz"), "allowed are confirmed, likely, benign"),
    (put("findings", 0, "confidence", value=1.5), "findings[0].confidence: 1.5 is not between 0 and 1"),
    (put("findings", 0, "confidence", value=True), "findings[0].confidence: a number is needed here, not True"),
    (put("findings", 0, "needs_quirk", value="yes"), "findings[0].needs_quirk: true or false is needed here"),
    (rename("findings", 0, "evidence_count", to="evidence_cnt"), "'evidence_count' is missing; is 'evidence_cnt'"),
    (put("findings", 0, "evidence", 0, "input", value=9), "findings[0].evidence[0].input: there is no input 9"),
    (put("findings", 0, "evidence", 0, "line", value=0), "findings[0].evidence[0].line: 0 is below"),
    (put("findings", 0, "evidence", value={}), "findings[0].evidence: an array is needed here, not an object"),
    (put("findings", 0, "known_quirk", value=[]), "findings[0].known_quirk: an object is needed here, not an array"),
    (put("inputs", 0, "sha256", value="AB"), "inputs[0].sha256: 'AB' does not fit; 64 lower-case"),
    (put("inputs", 0, "role", value="tracer"), "inputs[0].role: 'tracer' is not known here; the nearest is 'trace'"),
    (put("devices", 0, "bars", 0, "index", value=7), "devices[0].bars[0].index: 7 is above"),
    (put("devices", 0, "bars", 0, "kind", value="memory"), "devices[0].bars[0].kind: 'memory' is not known here"),
    (remove("devices", 0, "bars", 0, "guest"), "devices[0].bars[0]: the key 'guest' is missing"),
    (put("devices", 0, "vendor", value="0x1G"), "devices[0].vendor: a string such as"),
    (put("devices", 0, "contradictions", value="one"), "devices[0].contradictions: an array is needed here"),
    (put("schema", value="quirkfinder.findings/2"), "a newer quirkfinder may be needed"),
    (put("schema", value="sarif"), "schema: 'sarif' is not \"quirkfinder.findings/1\""),
    (put("tool", "name", value="other"), "tool.name: 'other' is not known here"),
    (remove("capture"), "document: the key 'capture' is missing"),
    (put("statistics", value=3), "statistics: an object is needed here, not a number"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_broken_document_is_refused_with_the_place(change: Change, message: str) -> None:
    data = example()
    change(data)
    with pytest.raises(InvalidDocument) as caught:
        Findings.from_dict(data)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "line 1, column 2: not JSON"),
        (b"\xff\xfe", "byte 0: not UTF-8"),
        (b'{"schema": NaN}', "NaN is not a number of JSON"),
        (b"[" * 100_000, "not a document of ours"),
        (b"9" * 5000, "not a document of ours"),
        (b"[]", "document: an object is needed here, not an array"),
        (b"", "line 1, column 1: not JSON"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "findings.json"
    path.write_bytes(text)
    with pytest.raises(InvalidDocument) as caught:
        Findings.load(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert message in caught.value.message
    assert "--format json" in caught.value.hint


def test_an_error_quotes_a_wrong_value_without_its_control_characters() -> None:
    data = example()
    data["findings"][0]["kind"] = "\x1b[31m\u202ewindow" + "x" * 500
    with pytest.raises(InvalidDocument) as caught:
        Findings.from_dict(data)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_no_usable_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoUsableInput, match=r"(No such file|directory)"):
        Findings.load(tmp_path / name)
