"""What the join of many runs says: one dataclass a table of the store, its fields the columns. See docs/store.md.

Everything is named by the run's name in the corpus, and ordered; nothing depends on when or in which order runs were
read.  Addresses and sizes are bytes.
"""

from dataclasses import dataclass
from typing import Any

from quirkfinder.corpus.partial import Word


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a run's file; `note` says what it shows."""

    run: str
    file: str
    line: int
    note: str
    text: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A boot that was mined. `copies`: other bundles with the same recorded events, which count for nothing more."""

    run: str
    copies: tuple[str, ...]
    digest: str
    boot: str
    cards: tuple[str, ...]
    qemu_first: str
    qemu_last: str
    size: int
    lines: int
    events: int
    unrecognised: int
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a run."""

    run: str
    name: str
    role: str
    format: str
    sha256: str
    lines: int
    events: int
    unrecognised: int


@dataclass(frozen=True, slots=True)
class BarShape:
    """A BAR as it is in every run of the card; kind and size are of the first run that knows them."""

    index: int
    kind: str
    size: Word | None


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card over all its runs. `ids`: vendor:device it went by; `joined`: why several ids are taken for one card."""

    card: str
    ids: tuple[str, ...]
    subsystems: tuple[str, ...]
    class_code: int | None
    bars: tuple[BarShape, ...]
    runs: tuple[str, ...]
    boots: int
    configurations: int
    guest_drivers: int
    doors: int
    joined: str


@dataclass(frozen=True, slots=True)
class PlacementRow:
    """A BAR in one run, and what became of its host address there: see `configurations.OUTCOMES` for `outcome`.

    `configuration` and `driver` number the card's distinct machines and guest drivers from 1; `mapped`: bytes of the
    BAR that the guest reaches unseen; `missed`: unassigned accesses in its host range.
    """

    card: str
    run: str
    device: str
    bar: int
    kind: str
    size: Word | None
    host: Word | None
    guest: Word | None
    mapped: Word
    configuration: int
    driver: int
    outcome: str
    missed: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class DoorRow:
    """A finding of a card, joined over its runs.

    `machines`: distinct host maps among the runs that have it; `drivers`: guest drivers it was seen with; `not_seen`:
    runs of the card without it, each with the reason where there is one; `explained_by`: the door of another run that
    this one is part of; `refined`: what was learnt from having several runs.
    """

    card: str
    id: str
    kind: str
    verdict: str
    confidence: float
    needs_quirk: bool
    summary: str
    reason: str
    doubt: str
    parameters: dict[str, Any]
    known_quirk: dict[str, Any] | None
    cost: dict[str, Any] | None
    evidence_count: int
    runs: tuple[str, ...]
    machines: int
    drivers: tuple[int, ...]
    not_seen: tuple[str, ...]
    explained_by: str
    refined: tuple[str, ...]
    evidence: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class AccidentRow:
    """A BAR whose leaked address is harmless in some runs only because of where it happens to lie.

    `proven`: another run shows the same use fail.  `fails`: misses, `silent`: hits another BAR and nothing is logged.
    """

    card: str
    bar: int
    proven: bool
    works: tuple[str, ...]
    fails: tuple[str, ...]
    silent: tuple[str, ...]
    statement: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A door that cards of one vendor share, and the wider match that follows.

    `match`, `mask`: a device id d is covered where d & mask == match; `seen`: devices whose runs show the door;
    `inferred`: how many more ids the match covers without anyone having looked; `without`: the vendor's other devices
    of the corpus, each with what speaks for or against it.  `devices` with one member propose nothing.
    """

    vendor: str
    door: str
    kind: str
    seen: tuple[str, ...]
    boots: int
    configurations: int
    confidence: float
    match: int
    mask: int
    inferred: int
    without: tuple[str, ...]
    elsewhere: tuple[str, ...]
    statement: str


@dataclass(frozen=True, slots=True)
class ContradictionRow:
    """Two runs that cannot both be right about a card."""

    card: str
    subject: str
    statement: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnassignedRow:
    """A page that nothing owns in the guest nor, as far as is known, on the host, and that was accessed all the same.

    `worth`: 2: a value that a card gave led there; 1: seen with one card only; 0: seen with several (the machine's).
    """

    page: Word
    space: str
    worth: int
    cards: tuple[str, ...]
    accesses: int
    writes: int
    statement: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class QuirkRow:
    """One of QEMU's own quirks in the light of the corpus.

    `cards`: those with known ids; `doors`: findings it covers at least in part; `at_work`: runs with lines of it;
    `idle`: runs with a finding it covers in which it was not at work.
    """

    quirk: str
    title: str
    releases: str
    cards: tuple[str, ...]
    doors: tuple[str, ...]
    at_work: tuple[str, ...]
    idle: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A card's findings over all its runs as a findings document (`quirkfinder.findings/1`) in JSON."""

    card: str
    document: str


@dataclass(frozen=True, slots=True)
class Joined:
    """All tables."""

    runs: tuple[RunRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    cards: tuple[CardRow, ...] = ()
    placements: tuple[PlacementRow, ...] = ()
    doors: tuple[DoorRow, ...] = ()
    accidents: tuple[AccidentRow, ...] = ()
    families: tuple[FamilyRow, ...] = ()
    contradictions: tuple[ContradictionRow, ...] = ()
    unassigned: tuple[UnassignedRow, ...] = ()
    quirks: tuple[QuirkRow, ...] = ()
    documents: tuple[DocumentRow, ...] = ()

    def _repr_markdown_(self) -> str:
        """What the corpus taught, as a cell of a notebook shows it."""
        from quirkfinder.corpus.showing import show_corpus

        return show_corpus(self, "markdown")
