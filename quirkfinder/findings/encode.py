"""A findings document as JSON: numbers that the contract writes in hexadecimal become lower-case "0x…" strings."""

import json
import re
from typing import Any

from quirkfinder.findings.document import SCHEMA_NAME, BarRecord, DeviceRecord, Evidence, Finding, Findings

#: An array of nothing but integers, spread over lines. Strings have no line breaks of their own in JSON.
_NUMBERS = re.compile(r"\[\n\s+(-?\d+(?:,\n\s+-?\d+)*)\n\s+\]")
_BREAK = re.compile(r"\n\s+")


def encode(document: Findings) -> dict[str, Any]:
    """The document as dictionaries, lists, strings and numbers, in the contract's order of keys."""
    encoded: dict[str, Any] = {
        "schema": SCHEMA_NAME,
        "tool": {"name": "quirkfinder", "version": document.version},
        "inputs": [
            {
                "path": record.path,
                "role": record.role,
                "format": record.format,
                "sha256": record.sha256,
                "lines": record.lines,
                "events": record.events,
                "unrecognised": record.unrecognised,
            }
            for record in document.inputs
        ],
        "devices": [_device(device) for device in document.devices],
        "findings": [_finding(finding) for finding in document.findings],
        "capture": [{"problem": c.problem, "remedy": c.remedy} for c in document.capture],
    }
    if document.statistics:
        encoded["statistics"] = document.statistics
    return encoded


def encode_json(document: Findings) -> str:
    """The document as JSON text, see `json_text`."""
    return json_text(encode(document))


def json_text(data: object) -> str:
    """Indented JSON in plain ASCII without control characters, ending in a newline; arrays of integers take one line.

    Raises ValueError for NaN.

    Plain ASCII, because strings from logs must not reach a terminal as they are: `json` escapes everything but DEL.
    """
    text = json.dumps(data, indent=2, ensure_ascii=True, allow_nan=False).replace("\x7f", "\\u007f")
    return _NUMBERS.sub(lambda found: f"[{_BREAK.sub(' ', found[1])}]", text) + "\n"


def hexadecimal(value: int | None) -> str | None:
    """255 as "0xff"; None stays None (null in JSON)."""
    return None if value is None else f"{value:#x}"


def _device(device: DeviceRecord) -> dict[str, Any]:
    return {
        "name": device.name,
        "host_address": device.host_address,
        "vendor": hexadecimal(device.vendor),
        "device": hexadecimal(device.device),
        "subvendor": hexadecimal(device.subvendor),
        "subdevice": hexadecimal(device.subdevice),
        "class": hexadecimal(device.class_code),
        "bars": [_bar(bar) for bar in device.bars],
        "contradictions": list(device.contradictions),
    }


def _bar(bar: BarRecord) -> dict[str, Any]:
    return {
        "index": bar.index,
        "kind": bar.kind,
        "size": hexadecimal(bar.size),
        "host": hexadecimal(bar.host),
        "guest": hexadecimal(bar.guest),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "device": finding.device,
        "kind": finding.kind,
        "verdict": finding.verdict,
        "confidence": finding.confidence,
        "needs_quirk": finding.needs_quirk,
        "reason": finding.reason,
        "summary": finding.summary,
        "doubt": finding.doubt,
        "known_quirk": finding.known_quirk,
        "parameters": finding.parameters,
        "evidence": [_evidence(line) for line in finding.evidence],
        "evidence_count": finding.evidence_count,
        "cost": finding.cost,
    }


def _evidence(line: Evidence) -> dict[str, Any]:
    encoded: dict[str, Any] = {"input": line.input, "line": line.line}
    if line.note is not None:
        encoded["note"] = line.note
    if line.text is not None:
        encoded["text"] = line.text
    return encoded
