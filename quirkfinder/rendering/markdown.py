"""The report as Markdown for a mailing list and an issue tracker: wrapped plain text that reads well unrendered.

CommonMark 0.31 with the tables of GitHub's dialect.  Log lines stand in code fences, names of things in code spans,
all other text of the document is escaped.
"""

import textwrap

from quirkfinder.findings.document import Findings
from quirkfinder.rendering import safe
from quirkfinder.rendering.view import NO_DOORS, STRAYS, DeviceView, FindingView, Quoted, View, listing, view

WIDTH = 78


def markdown(document: Findings) -> str:
    """The report as Markdown text, ending in a newline."""
    v = view(document)
    blocks = [[f"## quirkfinder {safe.markdown(document.version)}: {safe.markdown(v.subject)}"]]
    blocks += [_paragraph("**" + safe.markdown(" ".join(v.verdict)) + "**"), ["### What to do"], _advice(v)]
    for device in v.devices:
        blocks += _device(device)
    if v.claims:
        blocks += [["### Findings"], *(block for finding in v.claims for block in _finding(finding))]
    if v.accidents:
        blocks += [["### Works only by accident, and breaks elsewhere"]]
        blocks += [block for finding in v.accidents for block in _finding(finding)]
    if v.benign:
        blocks += [[f"### {NO_DOORS}"], _listing(v.benign)]
    if v.strays:
        blocks += [[f"### {STRAYS}"], _listing(v.strays)]
    blocks += _blind_spots(v)
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _listing(findings: tuple[FindingView, ...]) -> list[str]:
    shown, rest = listing(findings)
    return _items([f"{f.claim} ({f.why})" if f.why else f.claim for f in shown] + ([rest] if rest else []))


def _blind_spots(v: View) -> list[list[str]]:
    blocks: list[list[str]] = []
    if v.capture:
        blocks += [["### What this capture cannot show"]]
        blocks += [_items([f"{problem.rstrip('.')}. Remedy: {remedy}" for problem, remedy in v.capture])]
    if v.contradictions:
        blocks += [["### Contradictions between the sources"], _items(list(v.contradictions))]
    if v.unrecognised:
        blocks += [[f"### Lines that were not recognised: {v.unrecognised}"], _lines(v.unrecognised_lines)]
    return blocks


def _advice(v: View) -> list[str]:
    lines: list[str] = []
    for number, step in enumerate(v.advice, start=1):
        lines += _wrapped(safe.markdown(step.text), f"{number}. ")
        lines += [f"   {safe.markdown_code(step.command)}"] if step.command else []
    return lines


def _device(device: DeviceView) -> list[list[str]]:
    identity = f" ({safe.markdown(device.identity)})" if device.identity else ""
    heading = [f"### The card {safe.markdown_code(device.name)}{identity}"]
    if not device.bars:
        return [heading, ["No BAR is known."]]
    rows = [[bar.name, bar.kind, bar.size, bar.host, bar.guest, bar.note] for bar in device.bars]
    return [heading, _table(["BAR", "kind", "size", "host", "guest", "note"], rows)]


def _table(titles: list[str], rows: list[list[str]]) -> list[str]:
    """A table with columns as wide as their widest cell; `safe.markdown` has escaped the bars in the cells."""
    cells = [titles, *([safe.markdown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]

    def line(row: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    return [line(cells[0]), "|-" + "-|-".join("-" * width for width in widths) + "-|", *map(line, cells[1:])]


def _finding(v: FindingView) -> list[list[str]]:
    finding = v.finding
    need = ", needs a quirk" if finding.needs_quirk else ""
    facts = [
        ("Why", v.why),
        ("How sure", v.sure),
        ("Doubt", v.refute),
        ("Known", v.known),
        ("Cost", v.cost),
    ]
    items = [line for label, text in facts if text for line in _wrapped(f"{label}: {safe.markdown(text)}", "- ")]
    items += [f"- Id: {safe.markdown_code(finding.id)}"]
    more = [f"And {v.more_lines} more."] if v.more_lines else []
    heading = f"#### {v.number}. {finding.verdict}: {v.title}{need}"
    how = safe.markdown_fence(list(v.model)) if v.model else []
    return [[heading], _paragraph(safe.markdown(v.claim)), how, items, _lines(v.lines), more]


def _lines(lines: tuple[Quoted, ...]) -> list[str]:
    """Quoted log lines, each note on a line of its own below."""
    shown: list[str] = []
    for line in lines:
        shown.append(f"{line.place}: {line.text}" if line.text else line.place)
        shown += [f"    ^ {line.note}"] if line.note else []
    return safe.markdown_fence(shown) if shown else []


def _items(texts: list[str]) -> list[str]:
    return [line for text in texts for line in _wrapped(safe.markdown(text), "- ")]


def _paragraph(escaped: str) -> list[str]:
    return _wrapped(escaped, "")


def _wrapped(escaped: str, marker: str) -> list[str]:
    """Inline Markdown on lines of `WIDTH`; a line that would begin like a list or heading is kept from being one."""
    lines = textwrap.wrap(escaped, WIDTH - len(marker), break_long_words=False, break_on_hyphens=False)
    starts = [marker, *[" " * len(marker)] * (len(lines) - 1)]
    return [start + safe.markdown_line_start(line) for start, line in zip(starts, lines, strict=False)]
