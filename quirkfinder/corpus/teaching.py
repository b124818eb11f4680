"""What the corpus taught, arranged for reading: the same sections for every medium that shows them.

Everything is plain text as the store has it; `showing` makes it harmless for its medium.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quirkfinder.corpus.results import CardRow, DoorRow, Joined, Line
from quirkfinder.rendering.words import ACCIDENTS, count, size

MOST_PAGES = 12
MOST_LINES = 10


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: titles, and as many cells in each row."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A statement with the lines it rests on, `place: text` and what each shows."""

    statement: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, a table and statements, in this order; any may be missing."""

    title: str
    sentences: tuple[str, ...] = ()
    grid: Grid | None = None
    quotes: tuple[Quote, ...] = ()


def teaching(joined: Joined) -> list[Section]:
    """The sections, those without anything to say left out."""
    sections = [
        _sample(joined),
        _families(joined),
        *(_card(card, joined) for card in joined.cards if card.doors),
        _accidents(joined),
        _drivers(joined),
        _contradictions(joined),
        _unexplained(joined),
        _quirks(joined),
        _unused(joined),
    ]
    return [section for section in sections if section.sentences or section.grid or section.quotes]


def is_known(card: str) -> bool:
    """Are the card's ids known? Others are cards of their own, one for each device and run."""
    return not card.startswith("unknown")


def _sample(joined: Joined) -> Section:
    known = [card for card in joined.cards if is_known(card.card)]
    boots, cards = len(joined.runs), len(known)
    copies = sum(len(run.copies) for run in joined.runs)
    configurations = sum(card.configurations for card in known)
    sums = (
        count(sum(run.lines for run in joined.runs), "line"),
        count(sum(run.events for run in joined.runs), "event"),
        count(sum(run.unrecognised for run in joined.runs), "line") + " not recognised",
    )
    machines = count(configurations, "configuration")
    sentences = [f"{count(boots, 'boot')} of {count(cards, 'card')} in {machines}; {', '.join(sums)}."]
    if cards < len(joined.cards):
        sentences.append(f"{count(len(joined.cards) - cards, 'device')} whose ids no file of the run tells.")
    if copies:
        sentences.append(f"{count(copies, 'bundle')} with a boot that another bundle has too count for nothing more.")
    rows = [
        (
            card.card,
            ", ".join(card.subsystems) or "-",
            str(card.boots),
            str(card.configurations),
            str(card.guest_drivers or "-"),
            str(card.doors),
            " ".join(f"BAR{bar.index} {size(bar.size)}" for bar in card.bars) or "-",
        )
        for card in known
    ]
    titles = ("card", "subsystem", "boots", "configurations", "guest drivers", "findings", "BARs")
    joined_ids = [f"{card.card}: {card.joined}." for card in joined.cards if card.joined]
    return Section("The sample", (*sentences, *joined_ids), Grid(titles, tuple(rows)) if rows else None)


def _families(joined: Joined) -> Section:
    doors = {door.id: door for door in joined.doors}
    rows = []
    sentences = []
    for family in joined.families:
        kind, _, key = family.door.partition("/")
        own = [doors[f"{kind}/{card}/{key}"] for card in family.seen if f"{kind}/{card}/{key}" in doors]
        sure = max((door.confidence for door in own), default=0.0)
        rows.append(
            (
                family.vendor,
                family.door,
                str(len(family.seen)),
                str(family.configurations),
                str(family.boots),
                f"{sure:.2f}",
                f"{family.confidence:.2f}" if len(family.seen) > 1 else "-",
            )
        )
        if len(family.seen) > 1:
            sentences.append(f"{family.door}: {family.statement}.")
        alike = [other for other in family.elsewhere if other > own[0].id] if own else []
        if alike:
            sentences.append(f"{own[0].id} works like {', '.join(alike)}, at another place.")
    titles = ("vendor", "door", "cards", "configurations", "boots", "confidence", "another device")
    if rows and not any(len(family.seen) > 1 for family in joined.families):
        sentences.insert(0, "No door was seen in two devices of a vendor: the corpus proposes no wider match.")
    return Section("Doors per family", tuple(sentences), Grid(titles, tuple(rows)) if rows else None)


def _card(card: CardRow, joined: Joined) -> Section:
    own = [door for door in joined.doors if door.card == card.card and not door.explained_by]
    parts = [door for door in joined.doors if door.card == card.card and door.explained_by]
    rows = [
        (
            door.id.replace(f"/{card.card}/", " "),
            door.verdict,
            f"{door.confidence:.2f}",
            f"{len(door.runs)} of {card.boots}",
            str(door.machines),
            "yes" if door.needs_quirk else "no",
        )
        for door in own
    ]
    sentences = [f"{door.id}: {text}." for door in own for text in door.refined]
    sentences += [f"{door.id} is part of {door.explained_by}, which other runs show." for door in parts]
    titles = ("finding", "verdict", "confidence", "seen in boots", "host maps", "needs a quirk")
    quotes = tuple(_vanishing(own))
    return Section(f"Card {card.card}", tuple(sentences), Grid(titles, tuple(rows)) if rows else None, quotes)


def _vanishing(doors: Iterable[DoorRow]) -> Iterable[Quote]:
    """Findings that some runs of the card do not have, with the runs and reasons."""
    for door in doors:
        if door.not_seen and door.verdict != "benign" and door.kind not in ACCIDENTS:
            shown = "; ".join(door.not_seen[:MOST_LINES])
            more = f"; and {len(door.not_seen) - MOST_LINES} more" if len(door.not_seen) > MOST_LINES else ""
            yield Quote(f"{door.id} is not seen in {shown}{more}", ())


def _accidents(joined: Joined) -> Section:
    quotes = []
    for row in joined.accidents:
        word = "configuration-dependent" if row.proven else "an accident, not seen to fail yet"
        quotes.append(Quote(f"{row.card} BAR{row.bar} ({word}): {row.statement}.", _quoted(row.lines)))
    return Section("Works by accident: findings that depend on the configuration", quotes=tuple(quotes))


def _drivers(joined: Joined) -> Section:
    several = {card.card: card.guest_drivers for card in joined.cards if card.guest_drivers > 1}
    sentences = [
        f"{door.id}: with guest driver {door.drivers[0]} of {several[door.card]} only "
        f"({', '.join(door.runs[:3])}{' and others' if len(door.runs) > 3 else ''})."
        for door in joined.doors
        if door.card in several and len(door.drivers) == 1 and door.verdict != "benign" and not door.explained_by
        if door.kind not in ACCIDENTS
    ]
    return Section("Seen with one guest driver only", tuple(sentences))


def _contradictions(joined: Joined) -> Section:
    quotes = tuple(Quote(f"{row.card}, {row.subject}: {row.statement}.", ()) for row in joined.contradictions)
    return Section("Contradictions between traces", quotes=quotes)


def _unexplained(joined: Joined) -> Section:
    """Pages worth a look; those of several cards are only counted."""
    worth = [row for row in joined.unassigned if row.worth]
    quotes = [
        Quote(
            f"{row.space} {row.page:#x} ({', '.join(row.cards) or 'card not known'}): "
            f"{count(row.accesses, 'access', 'accesses')}, {row.writes} of them writes; {row.statement}.",
            _quoted(row.lines[:2]),
        )
        for row in worth[:MOST_PAGES]
    ]
    sentences = []
    if len(worth) > MOST_PAGES:
        sentences.append(f"{len(worth) - MOST_PAGES} more pages are in the table unassigned.")
    if len(worth) < len(joined.unassigned):
        sentences.append(f"{count(len(joined.unassigned) - len(worth), 'page')} of several cards left out.")
    return Section("Unassigned accesses that no BAR explains", tuple(sentences), quotes=tuple(quotes))


def _quirks(joined: Joined) -> Section:
    rows = [
        (row.quirk, str(len(row.cards)), str(len(row.doors)), str(len(row.at_work)), str(len(row.idle)), row.releases)
        for row in joined.quirks
    ]
    covered = {door for row in joined.quirks for door in row.doors}
    bare = [
        door.id
        for door in joined.doors
        if door.needs_quirk and not door.explained_by and door.id not in covered and door.kind != "host-address-access"
    ]
    sentences = []
    most = max((len(row.cards) for row in joined.quirks), default=0)
    best = [row for row in joined.quirks if len(row.cards) == most]
    if most > 1:
        cards = ", ".join(dict.fromkeys(card for row in best for card in row.cards))
        sentences.append(f"{', '.join(row.quirk for row in best)} cover the most cards, {most} each: {cards}.")
    elif rows:
        sentences.append("No quirk covers more than one card of the corpus.")
    if bare:
        sentences.append(f"QEMU has nothing for {', '.join(bare)}.")
    titles = ("quirk", "cards", "doors", "runs at work", "runs without it", "QEMU")
    return Section("QEMU's own quirks", tuple(sentences), Grid(titles, tuple(rows)) if rows else None)


def _unused(joined: Joined) -> Section:
    without = [run.run for run in joined.runs if not run.cards]
    partly = [f"{run.run}: {failure}" for run in joined.runs for failure in run.failures]
    sentences = [f"No card could be told from {', '.join(without)}."] if without else []
    return Section("Runs that taught little", (*sentences, *partly))


def _quoted(lines: Sequence[Line]) -> tuple[tuple[str, str], ...]:
    shown = lines[:MOST_LINES]
    return tuple((f"{place(line)}: {line.text}" if line.text else place(line), line.note) for line in shown)


def place(line: Line) -> str:
    """`traces/radeon/qemu.log:9128`; a loose log is its own run."""
    return f"{line.run}:{line.line}" if line.run.endswith(f"/{line.file}") else f"{line.run}/{line.file}:{line.line}"
