"""What a store of many runs teaches, arranged for the page: the sections, and each card's runs beside each other.

The sections are those that `mine` shows in a terminal.  The table of runs has a row for each run and a column for each
BAR, in the order of the configurations, so that it shows from row to row where an accident begins and ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quirkfinder.corpus.results import Joined, PlacementRow
from quirkfinder.corpus.teaching import Section, teaching
from quirkfinder.rendering import words

#: How the page shows an outcome of `corpus.configurations.OUTCOMES`; the others are not set off.
_STRIKING = {"works by accident": "same", "1:1": "same", "missed": "nothing", "collides": "bar"}
_WORDS = {
    "unknown": "address not known",
    "not told": "not told to the guest",
    "told": "told, not used",
    "unseen": "told, use not logged",
    "answered": "mended by QEMU's quirk",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A BAR in a run: what became of its host address, the two addresses, and the class that colours the cell."""

    outcome: str
    addresses: tuple[str, ...]
    look: str


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a card: titles of the columns, and for each run its name, configuration, driver and cells."""

    card: str
    bars: tuple[str, ...]
    rows: tuple[tuple[str, str, str, tuple[Cell | None, ...]], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """A store on the page. `left_out`: rows and statements of each section that the page has no room for."""

    sections: tuple[tuple[Section, int], ...]
    runs: tuple[Runs, ...]


def corpus(joined: Joined, most: int) -> Corpus:
    """The store with at most `most` rows and statements in each table and section."""
    return Corpus(
        sections=tuple(_cut(section, most) for section in teaching(joined)),
        runs=tuple(_runs(card.card, joined, most) for card in joined.cards if len(card.runs) > 1),
    )


def _cut(section: Section, most: int) -> tuple[Section, int]:
    rows = section.grid.rows if section.grid else ()
    grid = type(section.grid)(section.grid.titles, rows[:most]) if section.grid else None
    cut = Section(section.title, section.sentences[: most + 1], grid, section.quotes[:most])
    left = sum(max(0, len(group) - most) for group in (section.sentences[1:], rows, section.quotes))
    return cut, left


def _runs(card: str, joined: Joined, most: int) -> Runs:
    placements = [row for row in joined.placements if row.card == card]
    bars = sorted({row.bar for row in placements})
    runs = sorted({(row.configuration, row.run, row.driver) for row in placements})
    found = {(row.run, row.bar): row for row in placements}
    shown = tuple(
        (run, str(configuration), str(driver or "-"), tuple(_cell(found.get((run, bar))) for bar in bars))
        for configuration, run, driver in runs[:most]
    )
    return Runs(card, tuple("ROM" if bar == 6 else words.bar(bar) for bar in bars), shown, max(0, len(runs) - most))


def _cell(row: PlacementRow | None) -> Cell | None:
    if row is None:
        return None
    missed = f": {words.count(row.missed, 'access', 'accesses')}" if row.outcome == "missed" and row.missed else ""
    host, guest = words.address(row.host), words.address(row.guest, "not placed")
    addresses = (f"{host} on both",) if row.host is not None and host == guest else (f"host {host}", f"guest {guest}")
    return Cell(_WORDS.get(row.outcome, row.outcome) + missed, addresses, _STRIKING.get(row.outcome, "plain"))


def corpora(joined: Sequence[Joined], most: int) -> list[Corpus]:
    """`corpus` of each store."""
    return [corpus(one, most) for one in joined]
