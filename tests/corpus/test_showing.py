"""Reports of a corpus: hostile text is harmless in every format, and every format says the same."""

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.corpus import Joined
from quirkfinder.corpus.columns import hints
from quirkfinder.corpus.comparison import Comparison, Difference
from quirkfinder.corpus.join import join
from quirkfinder.corpus.partial import Run
from quirkfinder.corpus.showing import show_comparison, show_corpus
from quirkfinder.corpus.teaching import teaching
from tests.corpus.strategies import corpora
from tests.documents import texts

few = settings(max_examples=20, deadline=None)


def spoilt(value: Any, text: str) -> Any:  # noqa: ANN401 - any field's value
    """The rows with hostile text in every string that a log or a path can reach."""
    if isinstance(value, tuple):
        return tuple(spoilt(item, text) for item in value)
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None:
        return value
    hostile = {"name", "statement", "text", "note", "run", "file", "summary", "joined", "subject"}
    changes = {
        name: text if name in hostile and isinstance(getattr(value, name), str) else spoilt(getattr(value, name), text)
        for name in fields
    }
    return replace(value, **changes)


def is_plain(character: str) -> bool:
    return character == "\n" or (unicodedata.category(character)[0] not in "C" and character not in "\u2028\u2029")


@few
@given(corpora(3), texts, st.sampled_from(["table", "markdown"]))
def test_nothing_hidden_reaches_the_reader(runs: list[Run], text: str, form: str) -> None:
    shown = show_corpus(spoilt(join(runs), text), form)
    assert all(map(is_plain, shown))


@few
@given(corpora(3), texts)
def test_json_is_plain_ascii_with_every_table_but_the_documents(runs: list[Run], text: str) -> None:
    shown = show_corpus(spoilt(join(runs), text), "json")
    assert shown.isascii()
    assert set(json.loads(shown)) == {"schema", "tool"} | set(hints(Joined)) - {"documents"}


@few
@given(corpora(3))
def test_every_section_is_in_every_format(runs: list[Run]) -> None:
    joined = join(runs)
    for form in ("table", "markdown"):
        shown = show_corpus(joined, form)
        for section in teaching(joined):
            assert section.title.split("(")[0] in shown.replace("\\", "")


def test_a_narrow_terminal_without_unicode(joined: Joined) -> None:
    shown = show_corpus(joined, "table", width=70, ascii_only=True)
    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= 70


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_a_comparison_in_every_format(form: str) -> None:
    difference = Difference("value", "region_read bar2+0x10", "only in the bad run: 0x1\x1b[31m", 3, 4)
    shown = show_comparison(Comparison("0000:01:00.0", "good", "bad", 7, (difference,)), form)
    assert "\x1b" not in shown
    assert "bar2+0x10" in shown
