"""Markdown: golden files, and an independent parser that finds only our own markup in it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt

from quirkfinder.findings.document import Findings
from quirkfinder.rendering.markdown import markdown
from tests.documents import Json, documents, example_findings

DATA = Path(__file__).parent / "data"
OURS = {
    *("paragraph", "heading", "bullet_list", "ordered_list", "list_item", "table", "thead", "tbody", "tr", "th", "td"),
    *("inline", "fence", "text", "softbreak", "code_inline", "strong"),
}


@pytest.mark.parametrize("name", ["doors", "nothing"])
def test_the_report_is_the_golden_one(name: str) -> None:
    assert markdown(example_findings(name)) == (DATA / f"{name}.md").read_text(encoding="utf-8")


@given(documents())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_of_a_document_becomes_markup(data: Json) -> None:
    document = Findings.from_dict(data)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown(document))
    inline = [child for token in tokens for child in token.children or []]
    kinds = {t.type.removesuffix("_open").removesuffix("_close") for t in tokens + inline if t.content != "<!---->"}
    assert kinds <= OURS
    headings = [t for t in tokens if t.type == "heading_open"]
    ours = sum(len(group) for group in (document.devices, document.findings))
    assert len(headings) <= 10 + ours


def test_text_is_wrapped_for_mail_outside_code_and_tables() -> None:
    fenced = False
    for line in markdown(example_findings()).splitlines():
        fenced ^= line.startswith("```")
        assert len(line) <= 80 or fenced or line.startswith(("|", "#", "   `"))


def test_log_lines_stand_in_fences_with_file_and_line() -> None:
    report = markdown(example_findings())
    assert "\nqemu.log:1205: vfio_region_read  (0000:01:00.0:region4+0x4, 4) = 0xd000000c\n" in report
