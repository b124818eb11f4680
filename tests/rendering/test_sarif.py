"""SARIF: obeys the rules of the published schema that concern what we write, and keeps its fingerprints."""

import json
import re
from typing import get_args

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quirkfinder.findings.document import Findings, Kind
from quirkfinder.rendering.sarif import sarif, uri
from tests.documents import Json, documents, example, texts

#: RFC 3986: a URI or a relative reference (a first segment with a colon would be a scheme).
URI_REFERENCE = r"^(?:file:///|(?![^/]*:))(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})*$"


def closed(required: list[str], properties: Json) -> Json:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
MESSAGE = closed(["text"], {"text": TEXT})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
ARTIFACT_LOCATION = closed(["uri"], {"uri": {"pattern": URI_REFERENCE}, "index": {"type": "integer", "minimum": 0}})
REGION = closed(
    ["startLine"], {"startLine": {"type": "integer", "minimum": 1}, "snippet": closed(["text"], {"text": {}})}
)
LOCATION = closed(
    ["physicalLocation"],
    {
        "id": {"type": "integer", "minimum": 0},
        "physicalLocation": closed(
            ["artifactLocation", "region"], {"artifactLocation": ARTIFACT_LOCATION, "region": REGION}
        ),
        "message": MESSAGE,
    },
)
RULE = closed(
    ["id"],
    {
        "id": TEXT,
        "name": TEXT,
        "shortDescription": MESSAGE,
        "defaultConfiguration": closed(["level"], {"level": LEVEL}),
    },
)
RESULT = closed(
    ["message"],
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
        "level": LEVEL,
        "rank": {"type": "number", "minimum": 0, "maximum": 100},
        "message": MESSAGE,
        "locations": {"type": "array", "items": LOCATION},
        "relatedLocations": {"type": "array", "items": LOCATION, "uniqueItems": True},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
    },
)
RUN = closed(
    ["tool"],
    {
        "tool": closed(
            ["driver"],
            {"driver": closed(["name"], {"name": TEXT, "version": {}, "rules": {"items": RULE, "uniqueItems": True}})},
        ),
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "artifacts": {
            "items": closed(
                [],
                {
                    "location": ARTIFACT_LOCATION,
                    "hashes": {"additionalProperties": {"type": "string"}},
                    "description": MESSAGE,
                },
            )
        },
        "invocations": {
            "items": closed(
                ["executionSuccessful"],
                {
                    "executionSuccessful": {"type": "boolean"},
                    "toolExecutionNotifications": {"items": closed(["message"], {"level": LEVEL, "message": MESSAGE})},
                },
            )
        },
        "results": {"type": "array", "items": RESULT},
    },
)
SARIF = closed(["version", "runs"], {"$schema": {}, "version": {"const": "2.1.0"}, "runs": {"items": RUN}})


@given(documents())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_document_becomes_valid_sarif(data: Json) -> None:
    document = Findings.from_dict(data)
    text = sarif(document)
    assert all(" " <= c <= "~" or c == "\n" for c in text)
    log = json.loads(text)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    run = log["runs"][0]
    for result, finding in zip(run["results"], document.findings, strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == finding.kind
        assert (result["kind"] == "fail") == (result["level"] != "none")
        for place in result["locations"] + result["relatedLocations"]:
            location = place["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][location["index"]]["location"]["uri"] == location["uri"]


@given(texts)
def test_no_text_becomes_a_link_or_a_placeholder(text: str) -> None:
    data = example("nothing")
    data["capture"] = [{"problem": f"x{text}", "remedy": "r"}]
    (run,) = json.loads(sarif(Findings.from_dict(data)))["runs"]
    message = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert not re.search(r"(?<!\\)(?:\\\\)*\[", message)
    assert not re.search(r"(?<!\{)(?:\{\{)*\{\d", message.replace("{{", ""))


def test_every_kind_is_a_rule() -> None:
    (run,) = json.loads(sarif(Findings.from_dict(example())))["runs"]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(get_args(Kind))


def test_fingerprints_depend_on_the_finding_and_not_on_the_trace() -> None:
    moved = example()
    for finding in moved["findings"]:
        for line in finding["evidence"]:
            line["line"] += 1000
    moved["inputs"][0]["path"] = "elsewhere/other.log"

    def prints(data: Json) -> list[Json]:
        return [r["partialFingerprints"] for r in json.loads(sarif(Findings.from_dict(data)))["runs"][0]["results"]]

    assert prints(moved) == prints(example())
    assert len({json.dumps(p) for p in prints(example())}) == len(example()["findings"])


def test_severity_follows_verdict_and_need() -> None:
    results = json.loads(sarif(Findings.from_dict(example())))["runs"][0]["results"]
    assert [(r["kind"], r["level"]) for r in results] == [
        ("fail", "error"),
        ("fail", "error"),
        ("fail", "warning"),
        ("fail", "error"),
        ("fail", "warning"),
        ("fail", "warning"),
        ("informational", "none"),
    ]


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("run/qemu.log", "run/qemu.log"),
        ("/var/log/a b.log", "file:///var/log/a%20b.log"),
        ("-", "stdin"),
        ("a:b", "a%3Ab"),
        ("\udc80", "%ED%B2%80"),
        ("é#?", "%C3%A9%23%3F"),
    ],
)
def test_paths_become_uri_references(path: str, reference: str) -> None:
    assert uri(path) == reference


@given(st.text(max_size=20) | texts)
def test_any_path_becomes_a_valid_uri_reference(path: str) -> None:
    assert re.match(URI_REFERENCE, uri(path))
