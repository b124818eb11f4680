"""Findings documents written by hand from what is known of a recorded card: the miners are not asked."""

import json
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "traces"
_HEX = {"offset", "match", "mask", "base", "config_offset", "target_offset", "value", "ignored"}
_PLAIN_OFFSET = {"paged-window"}
#: back doors that show or take addresses, and so ask for a quirk
NEEDS_QUIRK = {"window", "config-mirror", "address-leak", "address-sink"}


def known_findings(bundle: str) -> list[dict[str, Any]]:
    """The `findings` of truth.json: kind and parameters in one table."""
    loaded = json.loads((CORPUS / bundle / "truth.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = loaded["findings"]
    return found


def finding(kind: str, at: int = 0, **parameters: object) -> dict[str, Any]:
    """A confirmed finding of the contract."""
    return {
        "id": f"{kind}-{at}",
        "device": "0000:01:00.0",
        "kind": kind,
        "verdict": "confirmed",
        "confidence": 0.95,
        "needs_quirk": kind in NEEDS_QUIRK,
        "summary": f"a {kind}",
        "parameters": _hexadecimal(parameters),
        "evidence": [{"input": 0, "line": 5, "text": "vfio_region_read  (0000:01:00.0:region4+0x4, 4) = 0xa000000c"}],
        "evidence_count": 3,
    }


def document(
    findings: list[dict[str, Any]], bars: list[dict[str, Any]] | None = None, **device: object
) -> dict[str, Any]:
    """A findings document with these findings of one device."""
    return {
        "schema": "quirkfinder.findings/1",
        "tool": {"name": "quirkfinder", "version": "0"},
        "inputs": [
            {"path": "q.log", "role": "trace", "format": "log", "sha256": "ab" * 32, "lines": 9, "events": 7}
            | {"unrecognised": 0}
        ],
        "devices": [{"name": "0000:01:00.0", "vendor": "0x1af5", "device": "0x78f9", "bars": bars or [], **device}],
        "findings": findings,
        "capture": [],
    }  # fmt: skip


def bar(index: int, kind: str, size: int, host: int | None = None) -> dict[str, Any]:
    return {"index": index, "kind": kind, "size": hex(size), "host": None if host is None else hex(host), "guest": None}


def document_of(bundle: str, bars: list[dict[str, Any]] | None = None, **device: object) -> dict[str, Any]:
    """The document that a perfect analysis of a recorded bundle would give."""
    findings = []
    for at, known in enumerate(k for k in known_findings(bundle) if k["kind"] in NEEDS_QUIRK):
        parameters = {key: value for key, value in known.items() if key != "kind"}
        if known["kind"] == "address-leak":
            parameters.setdefault("size", 1 if known["region"] == "vga" else 4)
        findings.append(finding(known["kind"], at, **parameters))
    return document(findings, bars, **device)


def _hexadecimal(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        return {k: _hexadecimal(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_hexadecimal(item, key if key != "sites" else "offset") for item in value]
    number = isinstance(value, int) and not isinstance(value, bool)
    return hex(value) if number and (key in _HEX or (key == "size" and value > 8)) else value
