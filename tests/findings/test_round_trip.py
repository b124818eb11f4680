"""Laws: what is written is read back the same, and what is written obeys the contract's schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quirkfinder.errors import InvalidDocument
from quirkfinder.findings.document import Findings
from quirkfinder.findings.encode import json_text
from tests.conftest import shared
from tests.documents import Json, documents, example, texts

FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(shared("contract", "findings.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema)


@given(documents())
@FEW
def test_a_document_survives_the_way_to_json_and_back(data: dict[str, Any]) -> None:
    document = Findings.from_dict(data)
    assert Findings.from_dict(document.to_dict()) == document
    assert Findings.from_json(document.to_json()) == document
    assert Findings.from_json(document.to_json().encode()) == document


@given(documents())
@FEW
def test_nothing_the_contract_knows_is_lost(data: dict[str, Any]) -> None:
    def contained(part: Json, whole: Json) -> bool:
        if isinstance(part, dict):
            return all(contained(value, whole[key]) for key, value in part.items())
        if isinstance(part, list):
            return len(part) == len(whole) and all(map(contained, part, whole))
        return bool(part == whole)

    assert contained(data, Findings.from_dict(data).to_dict())


@given(documents())
@FEW
def test_what_we_write_obeys_the_schema(data: dict[str, Any]) -> None:
    validator().validate(json.loads(Findings.from_dict(data).to_json()))


@given(documents())
@FEW
def test_json_text_has_no_character_that_a_terminal_obeys(data: dict[str, Any]) -> None:
    text = Findings.from_dict(data).to_json()
    assert all(c == "\n" or " " <= c <= "~" for c in text)


@given(st.recursive(st.integers(-9, 9) | st.booleans() | texts, lambda inner: st.lists(inner, max_size=3)))
@FEW
def test_arrays_of_integers_stand_on_one_line_and_mean_the_same(data: Json) -> None:
    assert json.loads(json_text(data)) == data
    assert json_text({"rows": [[1, 2], [], [-3]]}).splitlines()[2] == "    [1, 2],"


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A valid document in which one value, anywhere, was replaced or one key removed."""
    data = json.loads(json.dumps(draw(documents() | st.just(example()))))
    places: list[tuple[Any, Any]] = []

    def collect(node: Json, path: tuple[Any, ...]) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if path[:1] != ("statistics",) and key not in ("contradictions", "text", "doubt", "statistics"):
                places.append((node, key))
                if isinstance(value, dict | list):
                    collect(value, (*path, key))

    collect(data, ())
    node, key = draw(st.sampled_from(places))
    if isinstance(node, dict) and draw(st.booleans()):
        del node[key]
    else:
        node[key] = draw(
            st.sampled_from(
                [None, True, 0, -1, 1, 1.0, 0.5, 9, 2**70, "", "0x1f", "0X1F", "1f", "bar3", "window", [], {}, [1]]
            )
        )
    return data


def refers_beyond_inputs(data: dict[str, Any]) -> bool:
    return any(line["input"] >= len(data["inputs"]) for finding in data["findings"] for line in finding["evidence"])


@given(damaged())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_the_reader_accepts_exactly_what_the_schema_accepts(data: dict[str, Any]) -> None:
    valid = validator().is_valid(data) and not refers_beyond_inputs(data)
    complaint = ""
    try:
        Findings.from_dict(data)
    except InvalidDocument as error:
        complaint = error.message
    assert (complaint == "") == valid, (complaint, list(validator().iter_errors(data)))


@pytest.mark.parametrize("name", ["doors", "nothing"])
def test_our_examples_obey_the_schema(name: str) -> None:
    validator().validate(example(name))


def test_a_document_is_loaded_from_a_file(tmp_path: Path) -> None:
    document = Findings.from_dict(example())
    path = tmp_path / "findings.json"
    path.write_text(document.to_json())
    assert Findings.load(path) == document


def test_a_byte_order_mark_does_no_harm() -> None:
    text = json.dumps(example()).encode("utf-8-sig")
    assert Findings.from_json(text) == Findings.from_dict(example())


def test_keys_of_a_later_version_are_ignored() -> None:
    data = example()
    data["findings"][0]["tomorrow"] = data["tomorrow"] = data["devices"][0]["bars"][0]["tomorrow"] = {"a": 1}
    assert Findings.from_dict(data) == Findings.from_dict(example())
