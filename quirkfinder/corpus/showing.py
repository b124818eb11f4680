"""What the corpus taught as a table for people, as Markdown and as JSON; text of logs made harmless in each."""

import io
import re
import textwrap
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quirkfinder import __version__
from quirkfinder.corpus import columns
from quirkfinder.corpus.comparison import Comparison
from quirkfinder.corpus.results import Joined
from quirkfinder.corpus.teaching import Grid, Quote, Section, teaching
from quirkfinder.findings.encode import json_text
from quirkfinder.rendering import safe

SCHEMA_NAME = "quirkfinder.corpus/1"
WIDTH = 100
_MARKDOWN_WIDTH = 100


def show_corpus(joined: Joined, form: str, *, width: int = WIDTH, ascii_only: bool = False) -> str:
    """The join as text of a format: `table`, `markdown` or `json`."""
    if form == "json":
        return json_text(corpus_json(joined))
    heading = f"quirkfinder {__version__}: what the corpus taught"
    if form == "markdown":
        return _markdown(heading, teaching(joined))
    return _table(heading, teaching(joined), width, ascii_only)


def show_comparison(comparison: Comparison, form: str, *, width: int = WIDTH, ascii_only: bool = False) -> str:
    """The comparison of two runs as text of a format."""
    if form == "json":
        return json_text({"schema": SCHEMA_NAME, "comparison": columns.plain(comparison)})
    heading = f"quirkfinder {__version__}: {comparison.good} (good) and {comparison.bad} (bad)"
    sections = compared(comparison)
    return _markdown(heading, sections) if form == "markdown" else _table(heading, sections, width, ascii_only)


def corpus_json(joined: Joined) -> dict[str, Any]:
    """All tables but the documents, each a list of objects with the columns of docs/store.md."""
    tables = {
        name: [_object(row) for row in getattr(joined, name)] for name in columns.hints(Joined) if name != "documents"
    }
    return {"schema": SCHEMA_NAME, "tool": {"name": "quirkfinder", "version": __version__}, **tables}


def _object(value: Any) -> Any:  # noqa: ANN401 - any field's value
    """As `columns.plain`, with free-form objects as they are."""
    if isinstance(value, tuple | list):
        return [_object(item) for item in value]
    if isinstance(value, dict):
        return value
    known = getattr(value, "__dataclass_fields__", None)
    return value if known is None else {name: _object(getattr(value, name)) for name in known}


def compared(comparison: Comparison) -> list[Section]:
    """A comparison as sections."""
    words = {
        "finding": "Findings that differ",
        "outcome": "What became of host addresses",
        "value": "Other values",
        "only-good": "Only in the good run",
        "only-bad": "Only in the bad run",
    }
    same = f"{comparison.same} registers and events of {comparison.device} were used alike"
    sections = [Section("The same", (f"{same}; time, poll counts and moved addresses are left out.",))]
    for kind in ("outcome", "finding", "only-good", "only-bad", "value"):
        rows = tuple(
            (d.subject, d.statement, str(d.good_line or "-"), str(d.bad_line or "-"))
            for d in comparison.differences
            if d.kind == kind
        )
        if rows:
            sections.append(Section(words[kind], grid=Grid(("what", "difference", "good line", "bad line"), rows)))
    return sections


def _table(heading: str, sections: list[Section], width: int, ascii_only: bool) -> str:
    target = io.StringIO()
    console = Console(
        file=target,
        width=max(width, 60),
        color_system=None,
        force_terminal=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        safe_box=ascii_only,
        _environ={},  # the caller decides about the width
    )
    console.print(_text(heading))
    for section in sections:
        console.print()
        console.print(_text(section.title))
        console.print(Text(("-" if ascii_only else "─") * len(section.title)))
        for sentence in section.sentences:
            console.print(Padding(_text(sentence), (0, 0, 0, 2)))
        if section.grid:
            console.print(_rich_grid(section.grid, ascii_only))
        for quote in section.quotes:
            console.print(Padding(_text(f"- {quote.statement}"), (0, 0, 0, 2)))
            for line, note in quote.lines:
                console.print(Padding(_text(line), (0, 0, 0, 6)))
                if note:
                    console.print(Padding(_text(f"^ {note}"), (0, 0, 0, 8)))
    lines = "\n".join(line.rstrip() for line in target.getvalue().split("\n")).rstrip("\n") + "\n"
    return lines.encode("ascii", "backslashreplace").decode() if ascii_only else lines


def _text(text: str) -> Text:
    return Text(safe.visible(text), overflow="fold")


def _rich_grid(grid: Grid, ascii_only: bool) -> Padding:
    shown = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for number, title in enumerate(grid.titles):
        numeric = bool(grid.rows) and all(re.fullmatch(r"[\d.\-]+", row[number]) for row in grid.rows)
        shown.add_column(title, justify="right" if numeric else "left", overflow="fold")
    for row in grid.rows:
        shown.add_row(*(_text(cell) for cell in row))
    return Padding(shown, (0, 0, 0, 2))


def _markdown(heading: str, sections: list[Section]) -> str:
    blocks = [[f"## {safe.markdown(heading)}"]]
    for section in sections:
        blocks.append([f"### {safe.markdown(section.title)}"])
        blocks += [_wrapped(safe.markdown(sentence), "") for sentence in section.sentences]
        blocks += [_markdown_grid(section.grid)] if section.grid else []
        for quote in section.quotes:
            blocks += [_wrapped(safe.markdown(quote.statement), "- "), _fence(quote)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _fence(quote: Quote) -> list[str]:
    shown = [text for line, note in quote.lines for text in (line, f"    ^ {note}" if note else "") if text]
    return [f"  {line}" for line in safe.markdown_fence(shown)] if shown else []


def _markdown_grid(grid: Grid) -> list[str]:
    cells = [grid.titles, *(tuple(safe.markdown(cell) for cell in row) for row in grid.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(grid.titles))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return [lines[0], "|-" + "-|-".join("-" * width for width in widths) + "-|", *lines[1:]]


def _wrapped(escaped: str, marker: str) -> list[str]:
    lines = textwrap.wrap(escaped, _MARKDOWN_WIDTH - len(marker), break_long_words=False, break_on_hyphens=False)
    starts = [marker, *[" " * len(marker)] * (len(lines) - 1)]
    return [start + safe.markdown_line_start(line) for start, line in zip(starts, lines, strict=False)]
