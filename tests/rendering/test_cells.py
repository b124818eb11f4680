"""What notebooks show: the document's facts, as HTML in which nothing of the document is markup."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings

from quirkfinder.definition import from_findings
from quirkfinder.findings.document import Findings
from quirkfinder.replay import DeviceReplay, QuirkVerdict, ReplayReport
from tests.documents import Json, documents, example, example_findings
from tests.rendering.page.test_html import HOSTILE, replace_texts

TAGS = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "pre"}


class Cell(HTMLParser):
    """The text of a cell; complains about elements and attributes that a cell has not."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert attrs == []
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def test_a_document_shows_verdict_bars_findings_and_blind_spots() -> None:
    document = example_findings()
    text = Cell(document._repr_html_()).text
    assert "3 back doors, 2 confirmed and 1 likely." in text
    assert "0xfe620000" in text
    for finding in document.findings:
        assert finding.id in text
    for problem in document.capture:
        assert problem.remedy in text
    assert document._repr_markdown_().startswith("## quirkfinder")


def test_a_finding_shows_its_model_and_lines() -> None:
    finding = example_findings().findings[0]
    text = Cell(finding._repr_html_()).text
    assert "address register: bar4+0x0, 4 bytes" in text
    assert f"line {finding.evidence[0].line}" in text
    assert finding.id in text


def test_a_definition_shows_its_file() -> None:
    (definition,) = from_findings(example_findings())
    assert 'schema = "quirkfinder.definition/1"' in Cell(definition._repr_html_()).text


def replayed(text: str) -> ReplayReport:
    verdict = QuirkVerdict(text, "window", "proven", text, 7, 4, 0)
    device = DeviceReplay(text, (text,), (verdict,), 30, 12, 1, (), 5, (), (), (), (text,))
    return ReplayReport((device,), (text,))


def test_a_replay_shows_leaks_before_and_after() -> None:
    text = Cell(replayed("some name")._repr_html_()).text
    assert "30 accesses; 12 reads showed a host address, 1 would; 5 answers change" in text
    assert "No device of the trace" in Cell(ReplayReport(())._repr_html_()).text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    document = Findings.from_dict(replace_texts(example(), text))
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)
    for cell in (document._repr_html_(), document.findings[0]._repr_html_(), replayed(text)._repr_html_()):
        assert re.sub(r"\s+", " ", shown) in re.sub(r"\s+", " ", Cell(cell).text)


@given(documents())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_document_makes_cells(data: Json) -> None:
    document = Findings.from_dict(data)
    Cell(document._repr_html_())
    for finding in document.findings:
        Cell(finding._repr_html_())
