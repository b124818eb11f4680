"""The accesses of a run over the lines of its log, by region and offset, with the findings' evidence laid over them.

Read from `statistics.timeline`: a list of

    {"input": position, "lines_per_bucket": n, "series": [
        {"device": name, "region": "bar0" | … | "unassigned", "first": "0x…", "bytes_per_bucket": "0x…",
         "rows": [[line bucket, offset bucket, reads, writes], …]}, …]}

with sparse rows.  Positions across are given in per cent, so that a script can zoom by widening the picture alone.
"""

from dataclasses import dataclass
from math import ceil, log2

from markupsafe import Markup

from quirkfinder.findings.document import Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.page import svg
from quirkfinder.rendering.page.marks import marks
from quirkfinder.rendering.view import FindingView

_BAND, _GAP, _TOP = 64, 14, 8
_MOST_CELLS = 6000
_MOST_SERIES = 16

Row = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Series:
    """The accesses to a region of a device. Rows: (line bucket, offset bucket, reads, writes).

    `buckets`: offset buckets from the first to the last that was used.
    """

    device: str
    region: str
    first: int
    bytes_per_bucket: int
    rows: tuple[Row, ...]
    buckets: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A timeline ready for the page: `labels` for the bands, from the top, and what a cell stands for in words."""

    caption: str
    labels: Markup
    picture: Markup


def timelines(document: Findings, findings: tuple[FindingView, ...], report: str) -> list[Drawn]:
    """A drawing for each input that the statistics have a timeline of; `report` begins the ids that marks link to."""
    drawn = []
    for entry in words.objects(document.statistics.get("timeline")):
        position, step = entry.get("input"), entry.get("lines_per_bucket")
        series = [s for s in map(_series, words.objects(entry.get("series"))) if s is not None and s.rows]
        # What belongs to no device (stray accesses, VGA of the machine) comes after the cards.
        series = sorted(series, key=lambda one: not one.device)[:_MOST_SERIES]
        if not isinstance(position, int) or not 0 <= position < len(document.inputs):
            continue
        if isinstance(step, int) and step > 0 and series:
            lines = _lines(document, position, step, series)
            tops = [_TOP + number * (_BAND + _GAP) for number in range(len(series))]
            places = [(one.device, one.region, top) for one, top in zip(series, tops, strict=True)]
            links = marks(findings, position, lines, places, report)
            drawn.append(_draw(document, links, position, step, series))
    return drawn


def _series(entry: dict[str, object]) -> Series | None:
    first, length = words.number(entry.get("first")), words.number(entry.get("bytes_per_bucket"))
    rows = entry.get("rows")
    if first is None or not length or not isinstance(rows, list):
        return None
    kept = [
        (row[0], row[1], row[2], row[3])
        for row in rows
        if isinstance(row, list) and len(row) >= 4 and all(isinstance(n, int) and n >= 0 for n in row)
    ]
    device, region = words.plain(entry.get("device")), words.plain(entry.get("region"))
    return Series(device, region, first, length, tuple(kept), max((row[1] for row in kept), default=0) + 1)


def _lines(document: Findings, position: int, step: int, series: list[Series]) -> int:
    return max([document.inputs[position].lines, 1, *(step * (row[0] + 1) for s in series for row in s.rows)])


def _draw(document: Findings, links: list[Markup], position: int, step: int, series: list[Series]) -> Drawn:
    cells = sum(len(s.rows) for s in series)
    thinned = max(1, ceil(cells / _MOST_CELLS))
    lines = _lines(document, position, step, series)
    height = _TOP + len(series) * (_BAND + _GAP)
    parts, labels = [], []
    for number, one in enumerate(series):
        top = _TOP + number * (_BAND + _GAP)
        merged = _merged(one.rows, thinned)
        parts.append(svg.element("rect", x=0, y=top, width="100%", height=_BAND, class_="band"))
        parts += [_cell(row, one, top, lines, step, thinned) for row in merged]
        end = one.first + one.buckets * one.bytes_per_bucket - 1
        labels += [
            svg.text(words.region(one.region), 2, top + 16, "label heading"),
            svg.text(one.device[:22], 2, top + 32, "label small"),
            svg.text(f"{one.first:#x} to", 2, top + 47, "label small number"),
            svg.text(f"{end:#x}"[:22], 2, top + 60, "label small number"),
        ]
    parts += links
    path = document.inputs[position].path
    label = f"Accesses over the {words.count(lines, 'line')} of {path}, {words.count(len(series), 'region')}"
    return Drawn(
        caption=f"{path}: a cell is {words.count(step * thinned, 'line')} of the log",
        labels=svg.drawing(150, height, f"The regions of the timeline of {path}", *labels),
        picture=svg.drawing("100%", height, label, *parts, role="group"),
    )


def _merged(rows: tuple[Row, ...], thinned: int) -> list[Row]:
    """Neighbouring line buckets joined, `thinned` at a time; counts are added, none is lost."""
    joined: dict[tuple[int, int], tuple[int, int]] = {}
    for line, offset, reads, writes in rows:
        key = (line // thinned, offset)
        before = joined.get(key, (0, 0))
        joined[key] = (before[0] + reads, before[1] + writes)
    merged = [(line, offset, reads, writes) for (line, offset), (reads, writes) in sorted(joined.items())]
    return merged[:: max(1, ceil(len(merged) / _MOST_CELLS))]


def _cell(row: Row, series: Series, top: float, lines: int, step: int, thinned: int) -> Markup:
    line, offset, reads, writes = row
    height = max(_BAND / series.buckets, 2.5)
    y = top + min(offset * _BAND / series.buckets, _BAND - height)
    first = line * step * thinned
    strength = min(1.0, 0.35 + log2(1 + reads + writes) / 14)
    address = series.first + offset * series.bytes_per_bucket
    return svg.element(
        "rect",
        svg.title(f"lines {first + 1} to {first + step * thinned}, from {address:#x}: {reads} reads, {writes} writes"),
        x=f"{100 * first / lines:.3f}%",
        width=f"{max(100 * step * thinned / lines, 0.08):.3f}%",
        y=round(y, 1),
        height=round(height, 1),
        opacity=round(strength, 2),
        class_="write" if writes > reads else "read",
    )
