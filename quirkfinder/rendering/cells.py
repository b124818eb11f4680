"""Findings, quirks and replays as cells of a notebook show them: HTML without styles of its own, every text escaped.

Jupyter and marimo take what `_repr_html_` gives as a piece of their own page, which has light and dark faces already.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from quirkfinder.findings.document import Finding, Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.known import known_quirk, trap_cost
from quirkfinder.rendering.model import model
from quirkfinder.rendering.page.svg import element, escaped
from quirkfinder.rendering.safe import shorten, visible
from quirkfinder.rendering.verdict import verdict
from quirkfinder.rendering.view import device_view, ordered, subject

if TYPE_CHECKING:
    from quirkfinder.replay.report import ReplayReport

_MOST = 100  # rows of a table
_LINES = 10  # of evidence
_LONGEST = 400  # characters of a text


def findings_cell(document: Findings) -> str:
    """The verdict, each card's BARs, a line for each finding and what the capture cannot show."""
    parts = [_paragraph(subject(document)), element("p", element("strong", _text(" ".join(verdict(document)))))]
    for device in map(device_view, document.devices[:_MOST]):
        rows = [(bar.name, bar.kind, bar.size, bar.host, bar.guest, bar.note) for bar in device.bars]
        parts += [_paragraph(f"{device.name} ({device.identity})" if device.identity else device.name)]
        parts += [_table(("BAR", "kind", "size", "host", "guest", "note"), rows)]
    found = [
        (str(number), f.verdict, "yes" if f.needs_quirk else "no", words.sentence(f.summary), f.id)
        for number, f in enumerate(ordered(document), start=1)
    ]
    parts += [_table(("", "verdict", "needs a quirk", "finding", "id"), found)] if found else []
    parts += [_paragraph(f"{c.problem.rstrip('.')}. Remedy: {c.remedy}") for c in document.capture]
    return str(element("div", *parts))


def finding_cell(finding: Finding) -> str:
    """One finding with its model, reasons and first lines of evidence."""
    facts = [("how", sentence) for sentence in model(finding)]
    facts += [("why", finding.reason), ("how sure", words.likelihood(finding)), ("doubt", finding.doubt)]
    facts += [("known", known_quirk(finding.known_quirk)), ("cost", trap_cost(finding.cost)), ("id", finding.id)]
    for line in finding.evidence[:_LINES]:
        facts.append((f"line {line.line}", ": ".join(part for part in (line.text, line.note) if part)))
    more = max(finding.evidence_count, len(finding.evidence)) - min(len(finding.evidence), _LINES)
    head = f"{finding.verdict}, {words.KIND_TITLES[finding.kind]}: {words.sentence(finding.summary)}"
    parts = [element("p", element("strong", _text(head))), _table((), [fact for fact in facts if fact[1]])]
    return str(element("div", *parts, *([_paragraph(f"And {words.count(more, 'more line')}.")] if more > 0 else [])))


def replay_cell(report: "ReplayReport") -> str:
    """For each device the leaks before and after, and the verdict on every quirk."""
    parts = [] if report.devices else [_paragraph("No device of the trace is one that the quirks are for.")]
    for device in report.devices[:_MOST]:
        leaks = f"{words.count(device.leaks_before, 'read')} showed a host address, {device.leaks_after} would"
        told = f"{words.count(device.accesses, 'access', 'accesses')}; {leaks}; {device.changed} answers change"
        rows = [(q.quirk, q.kind, q.verdict, q.reason, str(q.agreements), str(q.changed)) for q in device.quirks]
        titles = ("quirk", "kind", "verdict", "reason", "agreements", "changed")
        parts += [element("p", element("strong", _text(f"{device.device}: {told}"))), _table(titles, rows)]
        parts += [_paragraph(note) for note in device.notes]
    return str(element("div", *parts, *map(_paragraph, report.notes)))


def text_cell(text: str) -> str:
    """Text of several lines as it is."""
    return str(element("pre", Markup("\n").join(escaped(line) for line in text.split("\n"))))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    listed = list(rows)
    head = [element("thead", element("tr", *(element("th", _text(title)) for title in titles)))] if titles else []
    body = [element("tr", *(element("td", _text(cell)) for cell in row)) for row in listed[:_MOST]]
    rest = f"{len(listed) - _MOST} more"
    body += [element("tr", element("td", _text(rest)))] if len(listed) > _MOST else []
    return element("table", *head, element("tbody", *body))


def _paragraph(text: str) -> Markup:
    return element("p", _text(text))


def _text(text: str) -> Markup:
    return escaped(shorten(visible(text), _LONGEST))
