"""Laws of the file format: writing and reading are inverse, the schema is the model's, no text escapes its string."""

import tomllib

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.definition import DefinitionError, QuirkDefinition, as_table, dump, from_table, loads
from quirkfinder.definition.schema import FILE, schema, text
from tests.definition.strategies import definitions

VALIDATOR = jsonschema.Draft202012Validator(schema())


@given(definitions())
@settings(max_examples=120, deadline=None)
def test_what_is_written_reads_back_as_itself(definition: QuirkDefinition) -> None:
    written = dump(definition)
    assert loads(written) == definition
    assert dump(loads(written)) == written
    assert tomllib.loads(written) == as_table(definition)


@given(definitions())
@settings(max_examples=60, deadline=None)
def test_every_definition_fits_the_shipped_schema(definition: QuirkDefinition) -> None:
    VALIDATOR.validate(as_table(definition))


@given(definitions())
@settings(max_examples=60, deadline=None)
def test_a_file_is_ascii_without_control_characters(definition: QuirkDefinition) -> None:
    assert all(c == "\n" or " " <= c <= "~" for c in dump(definition))


@given(definitions(), st.data())
@settings(max_examples=80, deadline=None)
def test_reader_and_schema_refuse_the_same_unknown_keys_and_types(
    definition: QuirkDefinition, data: st.DataObject
) -> None:
    """The reader may refuse more (rules between keys), never less than the schema."""
    table = as_table(definition)
    places: list[dict[str, object]] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            places.append(node)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(table)
    place = data.draw(st.sampled_from(places))
    key = data.draw(st.sampled_from([*place, "surprise"]))
    place[key] = data.draw(st.sampled_from([None, "text", -1, 2**64, [], {}, 1.5, True, "any"]))
    try:
        VALIDATOR.validate(table)
    except jsonschema.ValidationError:
        with pytest.raises(DefinitionError):
            from_table(table)


def test_the_shipped_schema_is_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run python -m quirkfinder.definition.schema"
