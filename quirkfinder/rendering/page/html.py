"""Fills the page's template: what it shows, and how much of it so that the page stays small enough to mail."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from quirkfinder.findings.document import Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.page.maps import maps
from quirkfinder.rendering.page.timeline import Drawn, timelines
from quirkfinder.rendering.page.window import window_diagram
from quirkfinder.rendering.safe import shorten
from quirkfinder.rendering.view import NO_DOORS, STRAYS, DeviceView, FindingView, View, view

if TYPE_CHECKING:
    from quirkfinder.corpus import Joined
    from quirkfinder.rendering.page.corpus import Corpus

MOST_BYTES = 3_000_000
#: (findings in full, evidence lines of each), tried in this order until the page is small enough.
_AMOUNTS = ((200, 40), (200, 8), (60, 8), (40, 2), (10, 1), (0, 0))
_LONGEST = 600  # characters of one text


@dataclass(frozen=True, slots=True)
class Card:
    device: DeviceView
    maps: list[tuple[str, Markup]]


@dataclass(frozen=True, slots=True)
class Report:
    """One document on the page. `left_out`: findings that the page has no room for."""

    name: str
    view: View
    cards: list[Card]
    timelines: list[Drawn]
    sections: list[tuple[str, list[FindingView]]]
    costs: list[FindingView]
    left_out: int


def html(*documents: Findings, stores: "Sequence[Joined]" = ()) -> str:
    """The documents as one page in UTF-8, below `MOST_BYTES`; what had no room is counted on the page.

    `stores`: what the join of many runs says (`corpus.load_joined`); it comes before the documents, which are those of
    the cards in the stores then.
    """
    page = ""
    for findings, lines in _AMOUNTS:
        reports = [_report(document, findings, lines, f"r{i}") for i, document in enumerate(documents)]
        page = _page(reports, _corpora(stores, findings))
        if len(page.encode()) < MOST_BYTES:
            break
    return page


def _corpora(stores: "Sequence[Joined]", most: int) -> "list[Corpus]":
    if not stores:
        return []
    # Stores need all that mining needs, which a page about a document does not.
    from quirkfinder.rendering.page.corpus import corpora

    return corpora(stores, most)


def _report(document: Findings, most: int, lines: int, name: str) -> Report:
    arranged = view(document, lines)
    sections, room = [], most
    for title, group in (
        ("Findings", arranged.claims),
        ("Works only by accident, and breaks elsewhere", arranged.accidents),
        (NO_DOORS, arranged.benign),
        (STRAYS, arranged.strays),
    ):
        if group or title == "Findings":
            sections.append((title, list(group[:room])))
        room = max(0, room - len(group))
    kept = [v for _, group in sections for v in group]
    return Report(
        name=name,
        view=arranged,
        cards=[
            Card(shown, maps(document, device))
            for shown, device in zip(arranged.devices[:most], document.devices[:most], strict=True)
        ],
        timelines=timelines(document, tuple(kept), name) if most else [],
        sections=sections,
        costs=[v for v in kept if v.cost],
        left_out=len(document.findings) - len(kept),
    )


def _page(reports: list[Report], corpora: "list[Corpus]") -> str:
    folder = files("quirkfinder.rendering.page") / "assets"
    style, script, source = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "page.html.jinja")
    )
    environment = Environment(
        loader=DictLoader({"page": source}),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    environment.filters["diagram"] = lambda v: window_diagram(v.finding)
    environment.filters["count"] = words.count
    environment.filters["sentence"] = words.sentence
    return environment.get_template("page").render(
        reports=reports,
        corpora=corpora,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _harmless(value: object) -> object:
    """What an expression of the template puts on the page, before autoescape; markup is ours alone."""
    return value if isinstance(value, Markup) else shorten(str(value), _LONGEST)


def _hash(content: str) -> str:
    """The source expression of Content Security Policy level 3 that allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
