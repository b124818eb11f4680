"""The grammars keep to what every engine can read alike."""

import re
import string

import pytest

from quirkfinder.events import EVENTS
from quirkfinder.knowledge.inference import version_facts
from quirkfinder.reading.flattening import flatten, load_grammar, stored_text
from quirkfinder.reading.hints import event_name
from quirkfinder.reading.semantics import CODES
from quirkfinder.reading.shapes import (
    BODY_GRAMMARS,
    COLUMN_ROLES,
    PREFIX_GRAMMARS,
    Field,
    body_shapes,
    grammar_folder,
    prefix_shapes,
)

ALL = (*BODY_GRAMMARS, *PREFIX_GRAMMARS)


def test_every_grammar_file_is_used() -> None:
    files = {path.stem for path in grammar_folder().glob("*.lark")} - {"fields"}
    assert files == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_terminals_are_portable(name: str) -> None:
    for terminal in load_grammar(name).terminals:
        pattern = terminal.pattern.to_regexp()
        assert not re.search(r"\(\?[=!<]|\\[dDwWsSbB1-9]|[+*?}]\+|[*+?]\?", pattern), f"{terminal.name}: {pattern}"


def test_a_rule_that_refers_to_itself_is_refused(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    (tmp_path / "loop.lark").write_text('line: "a" line | "b"\n')
    monkeypatch.setattr("quirkfinder.reading.flattening.grammar_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="refers to itself"):
        flatten("loop")


def test_rules_name_events() -> None:
    for shape in body_shapes():
        assert shape.event is None or shape.event in CODES, shape.rule
    produced = {shape.event for shape in body_shapes()}
    assert set(EVENTS) <= produced


def test_a_column_is_filled_once() -> None:
    for shape in (*body_shapes(), *prefix_shapes()):
        roles = [field.role for field in shape.fields if field.captured]
        assert len(roles) == len(set(roles)), shape
        if shape.grammar not in PREFIX_GRAMMARS:
            assert set(roles) <= COLUMN_ROLES


def test_numbers_end_where_their_digits_end() -> None:
    """Native code takes all digits there are: what follows must not be one, or be empty."""
    for shape in body_shapes():
        for field, behind in zip(shape.tokens, shape.tokens[1:], strict=False):
            if isinstance(field, Field) and field.kind in {"decimal", "hex"} and field.members:
                following = behind[0] if isinstance(behind, bytes) else min(behind.members or {0})
                assert following not in field.members, shape


def test_no_two_shapes_are_the_same() -> None:
    spelled = [(shape.grammar, shape.rule, shape.tokens) for shape in body_shapes()]
    assert len(spelled) == len(set(spelled))


def test_wordings_and_events_are_those_of_the_inference() -> None:
    facts = version_facts()
    for shape in body_shapes():
        if shape.wording:
            assert f"wording:{shape.wording.replace('_', '-')}" in facts, shape.rule
    known = {name for name in facts if name.startswith("event:")}
    met = {f"event:{name}" for shape in body_shapes() if (name := event_name(shape))}
    assert known <= met


def test_rule_names_are_plain_words() -> None:
    allowed = set(string.ascii_lowercase + string.digits + "_")
    assert all(set(shape.rule) <= allowed for shape in body_shapes())


def test_stored_shapes_are_those_of_the_grammars() -> None:
    stored = grammar_folder().joinpath("shapes.json").read_text(encoding="utf-8")
    assert stored == stored_text(), "run python -m quirkfinder.reading.flattening"
    for name in ALL:
        kept = [s for s in (*body_shapes(), *prefix_shapes()) if s.grammar == name]
        assert kept == list(flatten(name))
