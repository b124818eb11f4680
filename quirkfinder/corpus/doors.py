"""The findings of a card over all its runs: the same door once, with the evidence of every run that has it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from quirkfinder.corpus.cards import DOORS, CardRuns, Observation, key_of
from quirkfinder.corpus.configurations import OUTCOMES
from quirkfinder.corpus.parameters import merge, number
from quirkfinder.corpus.results import ContradictionRow, DoorRow, Line
from quirkfinder.findings import Finding
from quirkfinder.findings.document import Verdict

#: Lines of evidence that a joined finding keeps of its best run, and of each other run.
BEST_LINES, OTHER_LINES, ALL_LINES = 12, 4, 32
MOST_CONFIDENCE = 0.99
#: Confidence from which likely findings of several host maps prove each other.
_PROVEN = 0.85
_RANK = {"confirmed": 0, "likely": 1, "benign": 2}


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding in a run."""

    observation: Observation
    finding: Finding

    @property
    def run(self) -> str:
        return self.observation.run.name


@dataclass(frozen=True, slots=True)
class CardDoors:
    """The joined findings of a card, and where its runs disagree."""

    doors: tuple[DoorRow, ...]
    contradictions: tuple[ContradictionRow, ...]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a card's runs: the number of the guest driver by run, what became of a BAR by run and index."""

    drivers: dict[str, int]
    outcomes: dict[tuple[str, int], str]


def join_doors(card: CardRuns, known: Circumstances) -> CardDoors:
    """The joined findings of a card, the surest first."""
    groups: dict[tuple[str, str], list[Seen]] = {}
    for observation in card.observations:
        for finding in observation.findings:
            groups.setdefault((finding.kind, _door_key(finding)), []).append(Seen(observation, finding))
    doors: list[DoorRow] = []
    contradictions: list[ContradictionRow] = []
    for key in sorted(groups):
        door, against = _joined(card, groups[key], known)
        doors.append(door)
        contradictions += against
    doors = [replace(door, explained_by=_explanation(door, doors)) for door in doors]
    doors = [_with_source(door, doors) for door in doors]
    contradictions += _benign_elsewhere(card, doors)
    ordered = sorted(doors, key=lambda d: (_RANK[d.verdict], not d.needs_quirk, -d.confidence, d.id))
    return CardDoors(tuple(ordered), tuple(contradictions))


def _door_key(finding: Finding) -> str:
    """The key of its id; mirrors of one config space are the same wherever a run began to read them."""
    p = finding.parameters
    start, config = number(p.get("offset")), number(p.get("config_offset"))
    if finding.kind == "config-mirror" and start is not None and config is not None:
        return f"{p.get('region')}{start - config:+#x}/{p.get('function')}"
    return key_of(finding)


def _order(seen: Seen) -> tuple[object, ...]:
    """The best evidence first; the name of the run decides last, so that the order is always the same."""
    f = seen.finding
    return _RANK[f.verdict], -f.confidence, -f.evidence_count, seen.run, seen.observation.device.name, f.id


def _joined(card: CardRuns, group: list[Seen], known: Circumstances) -> tuple[DoorRow, list[ContradictionRow]]:
    group = sorted(group, key=_order)
    best = group[0].finding
    merged = merge(best.kind, [(seen.run, seen.finding.parameters) for seen in group])
    if merged.parameters.get("source"):
        merged.parameters["source"] = renamed(str(merged.parameters["source"]), card.card)
    maps = {seen.observation.host_map for seen in group}
    confidence = _confidence(group, len(merged.contradictions)) if best.kind in DOORS else best.confidence
    refined = list(merged.refined)
    verdict: Verdict = best.verdict
    if best.verdict == "likely" and best.kind in DOORS and len(maps) > 1 and confidence >= _PROVEN:
        verdict = "confirmed"
        refined.append(f"likely in each run; it holds for {len(maps)} different host address maps")
    runs = tuple(dict.fromkeys(seen.run for seen in sorted(group, key=lambda s: s.run)))
    door = DoorRow(
        card=card.card,
        id=_id(best, merged.parameters, card.card),
        kind=best.kind,
        verdict=verdict,
        confidence=confidence,
        needs_quirk=any(s.finding.needs_quirk for s in group if s.finding.verdict != "benign"),
        summary=best.summary,
        reason=best.reason,
        doubt=best.doubt,
        parameters=merged.parameters,
        known_quirk=next((s.finding.known_quirk for s in group if s.finding.known_quirk), None),
        cost=max((s.finding.cost for s in group if s.finding.cost), key=_accesses, default=None),
        evidence_count=sum(seen.finding.evidence_count for seen in group),
        runs=runs,
        machines=len(maps),
        drivers=tuple(sorted({known.drivers[run] for run in runs} - {0})),
        not_seen=tuple(_unseen(card, best, set(runs), known)),
        explained_by="",
        refined=tuple(refined),
        evidence=tuple(_evidence(group)),
    )
    subject = door.id
    return door, [ContradictionRow(card.card, subject, text, runs) for text in merged.contradictions]


def renamed(finding_id: str, card: str) -> str:
    """A finding's id with this card's ids in it: a card may have been shown under others."""
    kind, _, rest = finding_id.partition("/")
    _, found, key = rest.partition("/")
    owner = "unknown" if card.startswith("unknown") else card
    return f"{kind}/{owner}/{key}" if found else finding_id


def _id(best: Finding, parameters: dict[str, object], card: str) -> str:
    if best.kind == "config-mirror" and "offset" in parameters:
        start = number(best.parameters.get("offset"))
        if start is not None and f"+{start:#x}" in best.id and number(parameters["offset"]) != start:
            return renamed(best.id.replace(f"+{start:#x}", f"+{parameters['offset']}"), card)
    return renamed(best.id, card)


def _confidence(group: Iterable[Seen], contradictions: int) -> float:
    """Evidence adds up, but the same value in the same host address map agrees only once."""
    by_map: dict[object, float] = {}
    for seen in group:
        place = seen.observation.host_map
        by_map[place] = max(by_map.get(place, 0.0), seen.finding.confidence)
    doubt = math.prod(sorted(1.0 - value for value in by_map.values()))
    return round(min(MOST_CONFIDENCE, (1.0 - doubt) * 0.8**contradictions), 3)


def _accesses(cost: dict[str, object]) -> tuple[int, str]:
    return number(cost.get("accesses")) or 0, repr(sorted(cost.items(), key=lambda item: item[0]))


def _evidence(group: Sequence[Seen]) -> list[Line]:
    lines: list[Line] = []
    for position, seen in enumerate(group):
        files = seen.observation.run.partial.files
        kept = seen.finding.evidence[: BEST_LINES if position == 0 else OTHER_LINES]
        lines += [Line(seen.run, files[e.input].name, e.line, e.note or "", e.text or "") for e in kept]
    return lines[:ALL_LINES]


def _unseen(card: CardRuns, best: Finding, runs: set[str], known: Circumstances) -> Iterable[str]:
    """Runs of the card without the finding, with what is known of the reason."""
    with_it = {known.drivers[run] for run in runs} - {0}
    for observation in card.observations:
        name = observation.run.name
        if name not in runs:
            reason = _reason(observation, best, with_it, known)
            yield f"{name}: {reason}" if reason else name


def _reason(observation: Observation, best: Finding, with_it: set[int], known: Circumstances) -> str:
    name = observation.run.name
    if best.kind == "host-address-access":
        return OUTCOMES[known.outcomes.get((name, number(best.parameters.get("bar")) or 0), "unknown")]
    region = str(best.parameters.get("region"))
    mapped = [bar for bar in observation.device.bars if bar.mapped and f"bar{bar.index}" == region]
    if mapped and best.kind in (*DOORS, "indexed-registers"):
        return f"BAR{mapped[0].index} is mapped into the guest, its accesses are not logged"
    if not observation.device.accesses:
        return "no access to the card is logged"
    if with_it and known.drivers[name] and known.drivers[name] not in with_it:
        return "another guest driver"
    return ""


def _explanation(door: DoorRow, doors: Sequence[DoorRow]) -> str:
    """The id of the door that this finding is a part of, as another run shows; empty where there is none."""
    if door.kind not in ("address-leak", "indexed-registers"):
        return ""
    for other in doors:
        if other.verdict != "benign" and (_through_window(door, other) or _inside_mirror(door, other)):
            return other.id
    return ""


def _through_window(door: DoorRow, window: DoorRow) -> bool:
    """Is the register that leaks the data register of a window, or the pair a window's pair?"""
    if window.kind != "window":
        return False
    p, w = door.parameters, window.parameters
    data = (w.get("data_region", w.get("region")), number((w.get("data") or {}).get("offset")))
    if door.kind == "indexed-registers":
        own = (p.get("data_region", p.get("region")), number((p.get("data") or {}).get("offset")))
        same_address = number((p.get("address") or {}).get("offset")) == number((w.get("address") or {}).get("offset"))
        return own == data and same_address and p.get("region") == w.get("region")
    reaches_config = any(target.get("space") == "config" for target in w.get("targets", []))
    return reaches_config and (p.get("region"), number(p.get("offset"))) == data


def _inside_mirror(door: DoorRow, mirror: DoorRow) -> bool:
    """Is the register that leaks a copy of a base address register (PCI 3.0 section 6.2.5) in a mirror?"""
    if mirror.kind != "config-mirror" or door.kind != "address-leak":
        return False
    p, m = door.parameters, mirror.parameters
    offset, start, size = number(p.get("offset")), number(m.get("offset")), number(m.get("size"))
    if offset is None or start is None or size is None or p.get("region") != m.get("region"):
        return False
    config = offset - start + (number(m.get("config_offset")) or 0)
    return start <= offset < start + size and 0x10 <= config < 0x28


def _with_source(door: DoorRow, doors: Sequence[DoorRow]) -> DoorRow:
    """The finding with the door that its `source` has turned out to be a part of."""
    parts = {d.id: d.explained_by for d in doors if d.explained_by}
    whole = parts.get(str(door.parameters.get("source")))
    return door if whole is None else replace(door, parameters={**door.parameters, "source": whole})


def _benign_elsewhere(card: CardRuns, doors: Sequence[DoorRow]) -> list[ContradictionRow]:
    """Registers that one run shows to be harmless and another to be a door."""
    return [
        ContradictionRow(
            card.card,
            door.explained_by,
            f"its registers lead nowhere in {', '.join(door.runs)}, and to another part of the card in "
            + ", ".join(next(d for d in doors if d.id == door.explained_by).runs),
            door.runs,
        )
        for door in doors
        if door.kind == "indexed-registers" and door.explained_by
    ]
