"""A findings document from JSON: accepts what the contract accepts, and names the place of what it does not.

One rule goes beyond the contract's schema because the schema cannot say it: evidence must point at an input that is
in the list.  Keys that the contract does not know are ignored, so that a later version may add some.
"""

import json
import re
from pathlib import Path
from typing import NoReturn, cast, get_args

from quirkfinder.errors import InvalidDocument, NoUsableInput
from quirkfinder.findings.checking import Node
from quirkfinder.findings.document import (
    SCHEMA_NAME,
    BarRecord,
    CaptureProblem,
    DeviceRecord,
    Evidence,
    Finding,
    Findings,
    InputRecord,
    Kind,
    Role,
    Verdict,
)
from quirkfinder.findings.parameters import check_parameters

SHA256 = re.compile(r"[0-9a-f]{64}")
BAR_KINDS = ("io", "memory32", "memory64", "rom", "unknown")


def decode(data: object) -> Findings:
    """The document that `data` (from `json.loads`) holds. Raises `InvalidDocument`."""
    root = Node(data)
    _header(root)
    inputs = tuple(_input(node) for node in root.member("inputs").items())
    statistics = root.optional("statistics")
    return Findings(
        version=root.member("tool").member("version").text(),
        inputs=inputs,
        devices=tuple(_device(node) for node in root.member("devices").items()),
        findings=tuple(_finding(node, len(inputs)) for node in root.member("findings").items()),
        capture=tuple(
            CaptureProblem(node.member("problem").text(), node.member("remedy").text())
            for node in root.member("capture").items()
        ),
        statistics=statistics.object() if statistics else {},
    )


def decode_json(text: str | bytes) -> Findings:
    """The document in JSON text (UTF-8, with or without a byte order mark). Raises `InvalidDocument`."""

    def refuse(name: str) -> NoReturn:
        raise InvalidDocument(f"{name} is not a number of JSON")

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        data = json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise InvalidDocument(f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}", _HINT) from error
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"byte {error.start}: not UTF-8 text", _HINT) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets nested without end
        raise InvalidDocument(f"not a document of ours: {error}", _HINT) from error
    return decode(data)


def load(path: str | Path) -> Findings:
    """The document in a file.

    Raises `NoUsableInput` where the file cannot be read and `InvalidDocument` where it is no findings document; both
    name the file.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise NoUsableInput(f"{path}: {error.strerror or error}", "check the path and the permissions") from error
    try:
        return decode_json(content)
    except InvalidDocument as error:
        raise InvalidDocument(f"{path}: {error.message}", error.hint or _HINT) from error


_HINT = "a findings document is what `quirkfinder analyze --format json` writes"


def _header(root: Node) -> None:
    schema = root.member("schema")
    if schema.value != SCHEMA_NAME:
        name = schema.text()
        newer = "; a newer quirkfinder may be needed" if name.startswith("quirkfinder.findings/") else ""
        schema.fail(f'{ascii(name)[:60]} is not "{SCHEMA_NAME}"{newer}')
    root.member("tool").member("name").choice(("quirkfinder",))
    root.require("inputs", "devices", "findings", "capture")


def _input(node: Node) -> InputRecord:
    return InputRecord(
        path=node.member("path").text(),
        role=cast("Role", node.member("role").choice(get_args(Role))),
        format=node.member("format").text(),
        sha256=node.member("sha256").matching(SHA256, "64 lower-case hexadecimal digits are needed"),
        lines=node.member("lines").integer(0),
        events=node.member("events").integer(0),
        unrecognised=node.member("unrecognised").integer(0),
    )


def _nullable_hexadecimal(node: Node | None) -> int | None:
    return None if node is None or node.value is None else node.hexadecimal()


def _nullable_text(node: Node | None) -> str | None:
    return None if node is None or node.value is None else node.text()


def _nullable_object(node: Node | None) -> dict[str, object] | None:
    return None if node is None or node.value is None else node.object()


def _device(node: Node) -> DeviceRecord:
    contradictions = node.optional("contradictions")
    return DeviceRecord(
        name=node.member("name").text(),
        bars=tuple(_bar(bar) for bar in node.member("bars").items()),
        host_address=_nullable_text(node.optional("host_address")),
        vendor=_nullable_hexadecimal(node.optional("vendor")),
        device=_nullable_hexadecimal(node.optional("device")),
        subvendor=_nullable_hexadecimal(node.optional("subvendor")),
        subdevice=_nullable_hexadecimal(node.optional("subdevice")),
        class_code=_nullable_hexadecimal(node.optional("class")),
        contradictions=tuple(c.text() for c in contradictions.items()) if contradictions else (),
    )


def _bar(node: Node) -> BarRecord:
    return BarRecord(
        index=node.member("index").integer(0, 6),
        kind=node.member("kind").choice(BAR_KINDS),
        size=_nullable_hexadecimal(node.member("size")),
        host=_nullable_hexadecimal(node.member("host")),
        guest=_nullable_hexadecimal(node.member("guest")),
    )


def _finding(node: Node, inputs: int) -> Finding:
    kind = node.member("kind").choice(get_args(Kind))
    parameters = node.member("parameters")
    check_parameters(kind, parameters)
    return Finding(
        id=node.member("id").text(),
        device=node.member("device").text(),
        kind=cast("Kind", kind),
        verdict=cast("Verdict", node.member("verdict").choice(get_args(Verdict))),
        confidence=node.member("confidence").number(0, 1),
        needs_quirk=node.member("needs_quirk").boolean(),
        summary=node.member("summary").text(),
        parameters=parameters.object(),
        evidence=tuple(_evidence(line, inputs) for line in node.member("evidence").items()),
        evidence_count=node.member("evidence_count").integer(1),
        reason=_text_or_empty(node.optional("reason")),
        doubt=_text_or_empty(node.optional("doubt")),
        known_quirk=_nullable_object(node.optional("known_quirk")),
        cost=_nullable_object(node.optional("cost")),
    )


def _text_or_empty(node: Node | None) -> str:
    return "" if node is None else node.text()


def _evidence(node: Node, inputs: int) -> Evidence:
    position = node.member("input")
    if position.integer(0) >= inputs:
        position.fail(f"there is no input {position.value}: the document has {inputs}, counted from 0")
    note, text = node.optional("note"), node.optional("text")
    return Evidence(
        input=position.integer(),
        line=node.member("line").integer(1),
        note=note.text() if note else None,
        text=_nullable_text(text),
    )
