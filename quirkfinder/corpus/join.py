"""Runs to tables: a pure function of a set of runs.

It orders whatever it is given by name and content first, so that no split of the work and no order of arrival can
change what comes out; putting partials together is nothing but the union of sets.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from quirkfinder.corpus import columns
from quirkfinder.corpus.cards import CardRuns, distinct_boots, group
from quirkfinder.corpus.configurations import accidents, guest_drivers, placements
from quirkfinder.corpus.coverage import quirk_rows, unassigned_rows
from quirkfinder.corpus.documents import document
from quirkfinder.corpus.doors import CardDoors, Circumstances, join_doors
from quirkfinder.corpus.families import Member, families
from quirkfinder.corpus.partial import Run
from quirkfinder.corpus.results import (
    AccidentRow,
    BarShape,
    CardRow,
    ContradictionRow,
    DocumentRow,
    FileRow,
    Joined,
    PlacementRow,
    RunRow,
)
from quirkfinder.findings.encode import json_text


def join(runs: Iterable[Run]) -> Joined:
    """All tables of these runs. Runs may come in any order, and more than once."""
    boots = distinct_boots({(run.names, run.partial.digest): run for run in runs}.values())
    cards = group(boots)
    rows: list[CardRow] = []
    places: list[PlacementRow] = []
    found: list[CardDoors] = []
    lucky: list[AccidentRow] = []
    members: list[Member] = []
    documents: list[DocumentRow] = []
    against: list[ContradictionRow] = []
    for card in cards:
        drivers = guest_drivers(card)
        own_places = placements(card, drivers)
        doors = join_doors(card, Circumstances(drivers, {(p.run, p.bar): p.outcome for p in own_places}))
        own_against = [*doors.contradictions, *_shapes(card)]
        row = _card(card, own_places, drivers, doors)
        rows.append(row)
        places += own_places
        found.append(doors)
        lucky += accidents(card, own_places)
        members.append(Member(card, doors.doors, row.configurations))
        against += own_against
        documents.append(DocumentRow(card.card, json_text(document(card, doors.doors, own_against).to_dict())))
    all_doors = tuple(door for card in found for door in card.doors)
    cards_of: dict[str, tuple[str, ...]] = {run.name: () for run in boots}
    for card in cards:
        for name in dict.fromkeys(observation.run.name for observation in card.observations):
            cards_of[name] += (card.card,)
    return Joined(
        runs=tuple(_run(run, cards_of[run.name]) for run in boots),
        files=tuple(_files(boots)),
        cards=tuple(rows),
        placements=tuple(places),
        doors=all_doors,
        accidents=tuple(sorted(lucky, key=lambda a: (not a.proven, a.card, a.bar))),
        families=tuple(families(members)),
        contradictions=tuple(sorted(against, key=lambda c: (c.card, c.subject, c.statement))),
        unassigned=tuple(unassigned_rows(boots, cards_of)),
        quirks=tuple(quirk_rows(cards, all_doors)),
        documents=tuple(documents),
    )


def tables(joined: Joined) -> Mapping[str, pl.DataFrame]:
    """Each table as a frame, by name."""
    return {
        name: columns.frame(columns.row_type(annotation), getattr(joined, name))
        for name, annotation in columns.hints(Joined).items()
    }


def _run(run: Run, cards: tuple[str, ...]) -> RunRow:
    partial = run.partial
    return RunRow(
        run=run.name,
        copies=run.names[1:],
        digest=partial.digest,
        boot=partial.boot,
        cards=cards,
        qemu_first=partial.qemu_first,
        qemu_last=partial.qemu_last,
        size=partial.size,
        lines=partial.lines,
        events=partial.events,
        unrecognised=partial.unrecognised,
        failures=partial.failures,
    )


def _files(runs: Iterable[Run]) -> Iterable[FileRow]:
    for run in runs:
        for f in run.partial.files:
            yield FileRow(run.name, f.name, f.role, f.format, f.sha256, f.lines, f.events, f.unrecognised)


def _card(card: CardRuns, places: list[PlacementRow], drivers: dict[str, int], doors: CardDoors) -> CardRow:
    sizes: dict[int, BarShape] = {}
    for place in places:
        known = sizes.get(place.bar)
        if known is None or known.size is None:
            sizes[place.bar] = BarShape(place.bar, place.kind, place.size)
    real = [door for door in doors.doors if door.verdict != "benign" and not door.explained_by]
    classes = [o.device.class_code for o in card.observations if o.device.class_code is not None]
    return CardRow(
        card=card.card,
        ids=card.ids,
        subsystems=tuple(sorted({o.subsystem for o in card.observations} - {""})),
        class_code=classes[0] if classes else None,
        bars=tuple(sizes[index] for index in sorted(sizes)),
        runs=tuple(dict.fromkeys(o.run.name for o in card.observations)),
        boots=len({o.run.name for o in card.observations}),
        configurations=len({o.configuration for o in card.observations}),
        guest_drivers=len(set(drivers.values()) - {0}),
        doors=len(real),
        joined=card.joined,
    )


def _shapes(card: CardRuns) -> Iterable[ContradictionRow]:
    """BARs that have another kind or size in another run: then it is not one card, or an inventory is wrong."""
    seen: dict[tuple[int, str], dict[object, list[str]]] = {}
    for observation in card.observations:
        for bar in observation.device.bars:
            for what, value in (("kind", bar.kind), ("size", bar.size)):
                if value not in (None, "unknown"):
                    seen.setdefault((bar.index, what), {}).setdefault(value, []).append(observation.run.name)
    for (index, what), values in sorted(seen.items()):
        if len(values) > 1 and index < 6:
            told = "; ".join(
                f"{value:#x} in {', '.join(runs)}" if isinstance(value, int) else f"{value} in {', '.join(runs)}"
                for value, runs in sorted(values.items(), key=lambda item: str(item[0]))
            )
            runs = tuple(sorted({run for names in values.values() for run in names}))
            yield ContradictionRow(card.card, f"BAR{index}", f"the {what} of BAR{index} is {told}", runs)
