"""The findings as SARIF, the format that code-scanning services and editors show next to lines of a file.

Static Analysis Results Interchange Format 2.1.0 (OASIS).  A kind of finding is a rule, a finding a result at the first
line of its evidence with the other lines as related locations, what the capture cannot show a notification.
"""

from typing import Any
from urllib.parse import quote

from quirkfinder.findings.document import Evidence, Finding, Findings, InputRecord
from quirkfinder.findings.encode import json_text
from quirkfinder.rendering import words
from quirkfinder.rendering.model import model
from quirkfinder.rendering.safe import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = tuple(words.KIND_TITLES)
_MOST_RELATED = 50


def sarif(document: Findings) -> str:
    """The document as SARIF JSON, plain ASCII, ending in a newline."""
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(document)]})


def _run(document: Findings) -> dict[str, Any]:
    driver = {"name": "quirkfinder", "version": visible(document.version), "rules": [_rule(kind) for kind in _RULES]}
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [_artifact(record) for record in document.inputs],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": _message(f"{c.problem.rstrip('.')}. Remedy: {c.remedy}")}
                    for c in document.capture
                ],
            }
        ],
        "results": [_result(document, finding) for finding in document.findings],
    }


def _rule(kind: str) -> dict[str, Any]:
    title = words.KIND_TITLES[kind]
    return {
        "id": kind,
        "name": "".join(part.capitalize() for part in kind.split("-")),
        "shortDescription": {"text": f"{words.sentence(title)}."},
        "defaultConfiguration": {"level": "note" if kind in words.HARMLESS else "warning"},
    }


def _artifact(record: InputRecord) -> dict[str, Any]:
    return {
        "location": {"uri": uri(record.path)},
        "hashes": {"sha-256": record.sha256},
        "description": _message(f"{record.role}: {record.format}"),
    }


def _result(document: Findings, finding: Finding) -> dict[str, Any]:
    parts = [words.sentence(finding.summary), *model(finding), finding.reason, finding.doubt]
    places = [_location(document, line) for line in finding.evidence[: _MOST_RELATED + 1]]
    result: dict[str, Any] = {
        "ruleId": finding.kind,
        "ruleIndex": _RULES.index(finding.kind),
        **_severity(finding),
        "rank": round(finding.confidence * 100, 1),
        "message": _message(". ".join(part.rstrip(".") for part in parts if part) + "."),
        "locations": places[:1],
        "relatedLocations": [{"id": number, **place} for number, place in enumerate(places[1:], start=1)],
        # The id is the same for the same finding in another trace of the card: what fingerprints are for.
        "partialFingerprints": {"findingId/v1": visible(finding.id)},
        "properties": {
            "device": visible(finding.device),
            "verdict": finding.verdict,
            "needsQuirk": finding.needs_quirk,
            "evidenceCount": finding.evidence_count,
        },
    }
    return result


def _severity(finding: Finding) -> dict[str, str]:
    """`level` is `none` wherever `kind` is not `fail` (section 3.27.10)."""
    if finding.verdict == "benign":
        return {"kind": "informational", "level": "none"}
    grave = finding.verdict == "confirmed" and finding.needs_quirk
    return {"kind": "fail", "level": "error" if grave else "warning"}


def _location(document: Findings, line: Evidence) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": line.line}
    if line.text is not None:
        region["snippet"] = {"text": visible(line.text)}
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(document.inputs[line.input].path), "index": line.input},
            "region": region,
        }
    }
    if line.note:
        place["message"] = _message(line.note)
    return place


def _message(text: str) -> dict[str, str]:
    """Plain text in which nothing is a link or a placeholder (sections 3.11.5 and 3.11.6)."""
    escaped = visible(text).replace("\\", "\\\\")
    for character, replacement in (("[", "\\["), ("]", "\\]"), ("{", "{{"), ("}", "}}")):
        escaped = escaped.replace(character, replacement)
    return {"text": escaped or "(empty)"}


def uri(path: str) -> str:
    """A path as URI reference: relative as it is, absolute as `file://`, standard input as `stdin`."""
    if path in ("-", ""):
        return "stdin"
    escaped = quote(path.encode("utf-8", "surrogatepass"), safe="/")
    return f"file://{escaped}" if path.startswith("/") else escaped
