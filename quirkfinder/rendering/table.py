"""The report for a terminal: the verdict first, then what to do, then what it rests on.

rich lays it out; every string of the document enters as `Text` after `safe.visible`, never as markup.
"""

import io
import re

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from quirkfinder.findings.document import Findings
from quirkfinder.rendering import safe
from quirkfinder.rendering.view import NO_DOORS, STRAYS, DeviceView, FindingView, Quoted, View, listing, view

_VERDICT_STYLES = {"confirmed": "bold red", "likely": "yellow", "benign": "green"}
_NARROWEST = 40


def table(document: Findings, *, width: int = 100, color: bool = False, ascii_only: bool = False) -> str:
    """The report as text of at most `width` columns (40 where it is less).

    `color` puts in ANSI styles; `ascii_only` is for outputs that cannot show more than ASCII.
    """
    target = io.StringIO()
    console = Console(
        file=target,
        width=max(width, _NARROWEST),
        color_system="standard" if color else None,
        force_terminal=color,
        force_jupyter=False,
        legacy_windows=False,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        safe_box=ascii_only,
        _environ={},  # the caller decides about colour and width, not COLUMNS and FORCE_COLOR
    )
    for part in _report(view(document), document.version, ascii_only):
        console.print(part)
    lines = "\n".join(line.rstrip() for line in target.getvalue().split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
    return text.encode("ascii", "backslashreplace").decode() if ascii_only else text


def _report(v: View, version: str, ascii_only: bool) -> list[RenderableType]:
    parts: list[RenderableType] = [_text(f"quirkfinder {version}: {v.subject}", "dim"), Text()]
    parts += [_text(" ".join(v.verdict), "bold")]
    parts += _section("What to do")
    for i, step in enumerate(v.advice, start=1):
        parts.append(_item(f"{i}.", step.text))
        parts += [_item("", step.command, "cyan", 6)] if step.command else []
    for device in v.devices:
        parts += _section(f"The card {device.name}" + (f" ({device.identity})" if device.identity else ""))
        parts += [_address_maps(device, ascii_only) if device.bars else _item("", "no BAR is known")]
    if v.claims:
        parts += _section("Findings")
        parts += [part for finding in v.claims for part in _finding(finding)]
    if v.accidents:
        parts += _section("Works only by accident, and breaks elsewhere")
        parts += [part for finding in v.accidents for part in _finding(finding)]
    if v.benign:
        parts += _section(NO_DOORS)
        parts += _listing(v.benign)
    if v.strays:
        parts += _section(STRAYS)
        parts += _listing(v.strays)
    parts += _blind_spots(v)
    return parts


def _blind_spots(v: View) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if v.capture:
        parts += _section("What this capture cannot show")
        for problem, remedy in v.capture:
            parts += [_item("-", problem), _labelled("remedy", remedy)]
    if v.contradictions:
        parts += _section("Contradictions between the sources")
        parts += [_item("-", text) for text in v.contradictions]
    if v.unrecognised:
        parts += _section(f"Lines that were not recognised: {v.unrecognised}")
        parts += [_quoted(line) for line in v.unrecognised_lines]
    return parts


def _listing(findings: tuple[FindingView, ...]) -> list[RenderableType]:
    shown, rest = listing(findings)
    parts = [_item(f"[{f.number}]", f"{f.claim} ({f.why})" if f.why else f.claim) for f in shown]
    return [*parts, _item("", rest)] if rest else parts


def _section(title: str) -> list[RenderableType]:
    return [Text(), _text(title, "bold underline")]


def _text(text: str, style: str = "") -> Text:
    return Text(safe.visible(text), style=style, overflow="fold")


def _item(marker: str, text: str, style: str = "", indent: int = 2) -> RenderableType:
    """Wrapped text with a hanging marker."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(marker), _text(text, style))
    return Padding(grid, (0, 0, 0, indent))


def _labelled(label: str, text: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True, width=12, style="dim")
    grid.add_column(overflow="fold")
    grid.add_row(Text(label), _text(text))
    return Padding(grid, (0, 0, 0, 6))


def _address_maps(device: DeviceView, ascii_only: bool) -> RenderableType:
    maps = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in ("BAR", "kind", "size", "host", "guest", "note"):
        maps.add_column(title, justify="right" if title in ("size", "host", "guest") else "left", overflow="fold")
    for bar in device.bars:
        row = (bar.name, bar.kind, bar.size, bar.host, bar.guest, bar.note)
        maps.add_row(*(_text(cell, "yellow" if bar.note.startswith("1:1") else "") for cell in row))
    return Padding(maps, (0, 0, 0, 2))


def _finding(v: FindingView) -> list[RenderableType]:
    finding = v.finding
    head = Text(f"  [{v.number}] ", overflow="fold")
    head.append(finding.verdict, _VERDICT_STYLES[finding.verdict])
    head.append(f"  {v.title}")
    head.append("  needs a quirk" if finding.needs_quirk else "", "bold")
    parts: list[RenderableType] = [head, _item("   ", v.claim, "bold")]
    parts += [_labelled("how" if i == 0 else "", sentence) for i, sentence in enumerate(v.model)]
    facts = (("why", v.why), ("how sure", v.sure), ("doubt", v.refute), ("known", v.known), ("cost", v.cost))
    parts += [_labelled(label, text) for label, text in facts if text]
    parts += [_labelled("id", finding.id)]
    parts += [_quoted(line) for line in v.lines]
    if v.more_lines:
        parts.append(_item("", f"and {v.more_lines} more", "dim", 6))
    return [Group(*parts), Text()]


def _quoted(line: Quoted) -> RenderableType:
    quoted = Text(overflow="fold")
    quoted.append(safe.visible(line.place), "cyan")
    quoted.append(f"  {safe.shorten(line.text, 300)}" if line.text else "")
    rows: list[RenderableType] = [Padding(quoted, (0, 0, 0, 6))]
    if line.note:
        rows.append(_item("^", line.note, "dim", 8))
    return Group(*rows)
