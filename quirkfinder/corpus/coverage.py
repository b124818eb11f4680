"""What of the corpus QEMU's own quirks cover, and the unassigned accesses that nothing explains."""

from collections.abc import Iterable, Mapping, Sequence

from quirkfinder.corpus.cards import CardRuns
from quirkfinder.corpus.partial import Run, Unassigned
from quirkfinder.corpus.results import DoorRow, Line, QuirkRow, UnassignedRow
from quirkfinder.knowledge import catalogue


def quirk_rows(cards: Sequence[CardRuns], doors: Iterable[DoorRow]) -> list[QuirkRow]:
    """Every quirk of the catalogue that the corpus has a door for or shows at work; most cards first."""
    covered: dict[str, list[DoorRow]] = {}
    for door in doors:
        if door.known_quirk and door.verdict != "benign":
            covered.setdefault(str(door.known_quirk.get("id")), []).append(door)
    idle: dict[str, set[str]] = {}
    at_work: dict[str, set[str]] = {}
    shown: dict[str, set[str]] = {}
    for card in cards:
        for observation in card.observations:
            name = observation.run.name
            for finding in observation.findings:
                if finding.known_quirk and finding.known_quirk.get("active") is False:
                    idle.setdefault(str(finding.known_quirk.get("id")), set()).add(name)
            for sighting in observation.run.partial.sightings:
                if sighting.device == observation.device.name:
                    at_work.setdefault(sighting.quirk, set()).add(name)
                    shown.setdefault(sighting.quirk, set()).add(card.card)
    rows = [
        QuirkRow(
            quirk=quirk.id,
            title=quirk.title,
            releases=quirk.releases,
            cards=tuple(
                sorted(
                    card
                    for card in {door.card for door in covered.get(quirk.id, [])} | shown.get(quirk.id, set())
                    if not card.startswith("unknown")
                )
            ),
            doors=tuple(sorted(door.id for door in covered.get(quirk.id, []))),
            at_work=tuple(sorted(at_work.get(quirk.id, set()))),
            idle=tuple(sorted(idle.get(quirk.id, set()) - at_work.get(quirk.id, set()))),
        )
        for quirk in catalogue()
        if quirk.id in covered or quirk.id in at_work
    ]
    return sorted(rows, key=lambda row: (-len(row.cards), -len(row.doors), row.quirk))


def unassigned_rows(runs: Sequence[Run], cards_of: Mapping[str, tuple[str, ...]]) -> list[UnassignedRow]:
    """Pages of no BAR of the run's cards, on the host or in the guest; those that a card's value led to come first."""
    groups: dict[tuple[str, int], list[tuple[Run, Unassigned]]] = {}
    for run in runs:
        for page in run.partial.unassigned:
            if not page.device:
                groups.setdefault((page.space, page.page), []).append((run, page))
    rows = [_page(key, group, cards_of) for key, group in sorted(groups.items())]
    return sorted(rows, key=lambda row: (-row.worth, len(row.cards), row.space, row.page))


def _page(
    key: tuple[str, int], group: list[tuple[Run, Unassigned]], cards_of: Mapping[str, tuple[str, ...]]
) -> UnassignedRow:
    cards = tuple(sorted({card for run, _ in group for card in cards_of[run.name]}))
    led = [(run, page) for run, page in group if page.source]
    worth = 2 if led else 1 if len(cards) <= 1 else 0
    return UnassignedRow(
        page=key[1],
        space=key[0],
        worth=worth,
        cards=cards,
        accesses=sum(page.accesses for _, page in group),
        writes=sum(page.writes for _, page in group),
        statement=_why(worth, led, len(cards), len(group)),
        lines=tuple(_line(run, page) for run, page in (led + [g for g in group if g not in led])[:4]),
    )


def _why(worth: int, led: list[tuple[Run, Unassigned]], cards: int, runs: int) -> str:
    if led:
        return f"a value read from {led[0][1].source} points there"
    if worth:
        whose = "of one card" if cards else "of no known card"
        return f"seen in {runs} run{'s' if runs > 1 else ''} {whose}, and no value read before points there"
    return f"seen with {cards} different cards: the machine's or the firmware's, not a card's"


def _line(run: Run, page: Unassigned) -> Line:
    note = f"a value read from {page.source} in line {page.source_line} points there" if page.source else ""
    return Line(run.name, run.partial.files[page.file].name, page.line, note, page.text)
