"""Hostile text does nothing in any medium, and can still be read there."""

import html as stdlib_html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from quirkfinder.rendering import safe
from tests.documents import texts

any_text = texts | st.text(max_size=40)


@given(any_text)
def test_visible_text_is_one_line_of_printable_characters(text: str) -> None:
    shown = safe.visible(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert all(
        unicodedata.bidirectional(c) not in ("RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI") for c in shown
    )
    assert safe.visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 0x4010", "plain 0x4010"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("\u2028", "\\u2028"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\udc80", "\\udc80"),
        ("\U000e0001tag", "\\U000e0001tag"),
        ("e\u0301", "e\\u0301"),
        ("\u3164", "\\u3164"),
        ("é – 日本", "é – 日本"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert safe.visible(text) == shown


@given(any_text, st.integers(1, 20))
def test_shortened_text_fits(text: str, limit: int) -> None:
    assert len(safe.shorten(text, limit)) <= limit


@given(any_text)
def test_inline_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).renderInline(safe.markdown(text))
    assert stdlib_html.unescape(rendered.replace("<!---->", "")) == safe.visible(text)


@given(any_text)
def test_a_markdown_line_is_one_paragraph_whatever_it_begins_with(text: str) -> None:
    line = safe.markdown_line_start(safe.markdown(text).strip())
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(line)
    assert {t.type for t in tokens} <= {"paragraph_open", "inline", "paragraph_close"}


@pytest.mark.parametrize(
    "line", ["- a", "+ a", "# a", "1. a", "1) a", "===", "---", "> a", "* a", "```", "| a | b |", "<b>"]
)
def test_block_markup_at_the_start_of_a_line_is_text(line: str) -> None:
    rendered = MarkdownIt("commonmark").enable("table").render(safe.markdown_line_start(safe.markdown(line)))
    assert rendered == f"<p>{stdlib_html.escape(line)}</p>\n"


@given(any_text)
def test_a_code_span_shows_exactly_the_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").parseInline(safe.markdown_code(text))[0].children or []
    assert [t.type for t in tokens] == ["code_inline"]
    assert tokens[0].content.strip() == safe.visible(text).strip()


@given(st.lists(any_text, max_size=4))
def test_a_fence_holds_exactly_its_lines(lines: list[str]) -> None:
    tokens = MarkdownIt("commonmark").parse("\n".join(safe.markdown_fence(lines)))
    assert [t.type for t in tokens] == ["fence"]
    assert tokens[0].content == "".join(f"{safe.visible(line)}\n" for line in lines)


@given(any_text)
def test_html_has_no_markup_of_the_text(text: str) -> None:
    escaped = safe.html(text)
    assert not set("<>\"'") & set(escaped)
    assert stdlib_html.unescape(escaped) == safe.visible(text)


@pytest.mark.parametrize("name", ["www.example.org", "http://example.org", "@someone", "a@someone"])
def test_links_and_mentions_of_issue_trackers_are_broken(name: str) -> None:
    escaped = safe.markdown(name)
    assert name not in escaped
