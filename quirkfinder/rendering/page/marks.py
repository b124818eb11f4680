"""The evidence on the timeline: numbered marks that lead to the findings, none of them hiding another.

Lines of one finding that are too near to tell apart share a mark, which says how many they are and between which lines.
Marks of several findings at one place stand below and beside each other; they are moved by pixels, so that the place
they point at stays right when the picture is widened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from quirkfinder.rendering import words
from quirkfinder.rendering.page import svg
from quirkfinder.rendering.view import FindingView

_MOST = 400
_NEAR = 1 / 400  # of the log: marks of one finding nearer than this are one
_CROWDED = 1 / 40  # of the log: marks of several findings nearer than this must not hide each other
_ROWS, _STEP, _FIRST = 4, 15, 10

#: A band of the timeline: device, region, and the height at which it begins.
Place = tuple[str, str, float]


@dataclass(frozen=True, slots=True)
class _Mark:
    """Lines of evidence `first` to `last`, `count` of them, of a finding in a band."""

    finding: FindingView
    top: float
    first: int
    last: int
    count: int


def marks(
    findings: Sequence[FindingView], position: int, lines: int, places: Sequence[Place], report: str
) -> list[Markup]:
    """A link to its finding for every group of evidence lines of input `position`, which has `lines` lines."""
    found = [mark for view in findings for mark in _grouped(view, position, lines, places)]
    found.sort(key=lambda mark: (mark.top, mark.first))
    crowds: list[list[_Mark]] = []
    for mark in found[:_MOST]:
        if not crowds or crowds[-1][0].top != mark.top or mark.first - crowds[-1][0].first > _CROWDED * lines:
            crowds.append([])
        crowds[-1].append(mark)
    return [_drawn(mark, place, len(crowd), lines, report) for crowd in crowds for place, mark in enumerate(crowd)]


def _grouped(view: FindingView, position: int, lines: int, places: Sequence[Place]) -> Iterator[_Mark]:
    numbers = sorted({line.line for line in view.finding.evidence if line.input == position})
    top = _top(view, places)
    group: list[int] = []
    for number in numbers:
        if group and number - group[0] > _NEAR * lines:
            yield _Mark(view, top, group[0], group[-1], len(group))
            group = []
        group.append(number)
    if group:
        yield _Mark(view, top, group[0], group[-1], len(group))


def _drawn(mark: _Mark, place: int, crowd: int, lines: int, report: str) -> Markup:
    """The mark at a place among the `crowd` marks that are near to each other, in the order of the log."""
    number = mark.finding.number
    column, row = divmod(place, _ROWS)
    share = min(mark.first, lines) / lines
    x = f"{100 * share:.3f}%"
    y = mark.top + _FIRST + _STEP * row
    # Towards the middle of the picture, where there is room; later ones stay to the right of earlier ones.
    aside = _STEP * (column - (crowd - 1) // _ROWS if share > 0.5 else column)
    at = f"line {mark.first}"
    if mark.count > 1:
        at = f"{words.count(mark.count, 'line')} of evidence from {mark.first} to {mark.last}"
    return svg.element(
        "a",
        svg.title(f"finding {number}, {at}: {mark.finding.claim}"),
        svg.element("circle", cx=x, cy=y, r=7, class_=f"mark {mark.finding.finding.verdict}"),
        svg.element("text", svg.escaped(str(number)), x=x, y=y + 3.5, class_="marked", text_anchor="middle"),
        href=f"#{report}-finding-{number}",
        **({"transform": f"translate({aside},0)"} if aside else {}),
    )


def _top(view: FindingView, places: Sequence[Place]) -> float:
    """The band of the finding's region, on its own device where it has one."""
    region = view.finding.parameters.get("region")
    if view.finding.kind in ("host-address-access", "unassigned-access"):
        region = "unassigned"
    fitting = [place for place in places if place[1] == region]
    own = [place for place in fitting if place[0] == view.finding.device]
    return (own or fitting or list(places))[0][2]
