"""The machines a card was in: which BAR lies where, which guest driver ran, and what became of each host address."""

from collections.abc import Iterable

from quirkfinder.corpus.cards import CardRuns, Observation
from quirkfinder.corpus.partial import Partial, RunBar, Touch
from quirkfinder.corpus.profile import likeness
from quirkfinder.corpus.results import AccidentRow, Line, PlacementRow

#: What can become of a BAR's host address in a run, the worst last.
OUTCOMES = {
    "unknown": "host or guest address not known",
    "not told": "no read shows the guest the host address",
    "told": "the guest reads the host address, and no use of it is logged",
    "unseen": "the guest reads the host address; unassigned accesses are not logged in this run",
    "answered": "the card gives the host address, and QEMU's own quirk was at work",
    "1:1": "host and guest address are the same; nothing reads it",
    "works by accident": "host and guest address are the same, so the address that the guest read works",
    "collides": "another BAR of the card lies at the host address in the guest, and takes what is meant for this one",
    "missed": "the guest used the host address and reached nothing",
}
_ALIKE = 0.5
#: Registers below which a run says nothing of its driver.
_FEWEST = 4
_MOST_LINES = 8


def guest_drivers(card: CardRuns) -> dict[str, int]:
    """The number of the guest driver of each run, from 1 in the order of names; 0 where too little was logged.

    A run belongs to the first driver whose first run has like registers: half of all touched ones are touched by both,
    BARs hidden in either left out.
    """
    first: list[Observation] = []
    number: dict[str, int] = {}
    for observation in card.observations:
        name = observation.run.name
        if sum(len(bar.sketch) for bar in observation.device.bars) < _FEWEST:
            number.setdefault(name, 0)
            continue
        alike = next((i for i, known in enumerate(first, start=1) if _alike(observation, known)), None)
        if alike is None:
            first.append(observation)
        number[name] = alike or len(first)
    return number


def _alike(one: Observation, other: Observation) -> bool:
    hidden = {bar.index for o in (one, other) for bar in o.device.bars if bar.mapped}
    first, second = (
        [value for bar in o.device.bars if bar.index not in hidden for value in bar.sketch] for o in (one, other)
    )
    return likeness(first, second) >= _ALIKE


def placements(card: CardRuns, drivers: dict[str, int]) -> list[PlacementRow]:
    """A row for every BAR in every run of the card."""
    machines: dict[tuple[object, ...], int] = {}
    rows = []
    for observation in card.observations:
        machine = machines.setdefault(observation.configuration, len(machines) + 1)
        for bar in observation.device.bars:
            if bar.index > 5:
                continue
            touches = [t for t in observation.run.partial.touches if _is_of(t, observation, bar)]
            rows.append(
                PlacementRow(
                    card=card.card,
                    run=observation.run.name,
                    device=observation.device.name,
                    bar=bar.index,
                    kind=bar.kind,
                    size=bar.size,
                    host=bar.host,
                    guest=bar.guest,
                    mapped=bar.mapped,
                    configuration=machine,
                    driver=drivers[observation.run.name],
                    outcome=_outcome(observation, bar, touches),
                    missed=sum(
                        page.accesses
                        for page in observation.run.partial.unassigned
                        if (page.device, page.bar) == (observation.device.name, bar.index)
                    ),
                    lines=tuple(_lines(observation, bar, touches)),
                )
            )
    return rows


def _is_of(touch: Touch, observation: Observation, bar: RunBar) -> bool:
    return (touch.device, touch.bar) == (observation.device.name, bar.index)


def _outcome(observation: Observation, bar: RunBar, touches: list[Touch]) -> str:
    if any(touch.missed for touch in touches):
        return "missed"
    if not bar.host or not bar.guest:
        return "unknown"
    told = bar.told_line > 0
    if bar.host == bar.guest:
        return "works by accident" if told else "1:1"
    if not told:
        return "not told"
    if any(s.device == observation.device.name and s.count for s in observation.run.partial.sightings):
        return "answered"
    if any(f.kind == "address-collision" and f.parameters.get("host_bar") == bar.index for f in observation.findings):
        return "collides"
    return "unseen" if _is_blind(observation.run.partial) else "told"


def _is_blind(partial: Partial) -> bool:
    """Does the doctor say that unassigned memory accesses would not be in this log?"""
    return any("unassigned memory access" in problem.problem for problem in partial.capture)


def _lines(observation: Observation, bar: RunBar, touches: list[Touch]) -> Iterable[Line]:
    files = observation.run.partial.files
    name = observation.run.name
    if bar.told_file is not None:
        note = f"the guest reads BAR{bar.index}'s host address"
        yield Line(name, files[bar.told_file].name, bar.told_line, note, bar.told_text)
    for touch in touches[:_MOST_LINES]:
        yield _line(observation, touch)


def _line(observation: Observation, touch: Touch) -> Line:
    place = f"BAR{touch.bar}+{touch.offset:#x}"
    note = f"host {place}: nothing is there for the guest" if touch.missed else f"the guest reaches {place}"
    return Line(observation.run.name, observation.run.partial.files[touch.file].name, touch.line, note, touch.text)


def accidents(card: CardRuns, rows: list[PlacementRow]) -> list[AccidentRow]:
    """BARs whose host address works in some run only because the guest has them there too."""
    found = []
    for bar in sorted({row.bar for row in rows}):
        own = [row for row in rows if row.bar == bar]
        works = [row for row in own if row.outcome == "works by accident"]
        fails = [row for row in own if row.outcome == "missed"]
        silent = [row for row in own if row.outcome == "collides"]
        lucky = works or ([row for row in own if row.outcome == "1:1"] if fails or silent else [])
        if not lucky:
            continue
        found.append(
            AccidentRow(
                card=card.card,
                bar=bar,
                proven=bool(works and (fails or silent)),
                works=_names(lucky),
                fails=_names(fails),
                silent=_names(silent),
                statement=_statement(bar, lucky, fails, silent),
                lines=tuple(_both_sides(card, bar, lucky, fails or silent)),
            )
        )
    return found


def _names(rows: list[PlacementRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.run for row in rows))


def _statement(bar: int, works: list[PlacementRow], fails: list[PlacementRow], silent: list[PlacementRow]) -> str:
    at = ", ".join(f"{host:#x}" for host in sorted({row.host or 0 for row in works}))
    parts = [f"BAR{bar} works in {', '.join(_names(works))} only because host and guest have it at {at}"]
    if fails:
        moved = sorted({(row.host or 0, row.guest or 0) for row in fails})
        places = ", ".join(f"{host:#x} on the host and {guest:#x} in the guest" for host, guest in moved[:3])
        parts.append(f"in {', '.join(_names(fails))} ({places}) the same use reaches nothing")
    if silent:
        parts.append(f"in {', '.join(_names(silent))} it hits another BAR, which no log shows")
    if not fails and not silent:
        parts.append("no run of the corpus shows it elsewhere")
    return "; ".join(parts)


def _both_sides(card: CardRuns, bar: int, works: list[PlacementRow], fails: list[PlacementRow]) -> Iterable[Line]:
    """Lines of a run that works and of one that fails, for the offsets that both touch where there are some."""
    if not fails:
        yield from works[0].lines[:4]
        return
    good, bad = max(
        ((_touches(card, bar, one.run), _touches(card, bar, other.run)) for one in works for other in fails),
        key=lambda pair: len(pair[0].keys() & pair[1].keys()),
    )
    common = [offset for offset in bad if offset in good][:4]
    for touches, rows in ((good, works), (bad, fails)):
        shown = [touches[offset] for offset in common or list(touches)[:2]]
        run = shown[0].run if shown else rows[0].run
        yield from next((row.lines[:1] for row in rows if row.run == run), ())
        yield from shown


def _touches(card: CardRuns, bar: int, run: str) -> dict[int, Line]:
    return {
        touch.offset: _line(observation, touch)
        for observation in card.observations
        if observation.run.name == run
        for touch in observation.run.partial.touches
        if touch.bar == bar and touch.device == observation.device.name
    }
