"""A card's joined findings as one findings document, which renderers, emitter and replay take like any other."""

from collections.abc import Sequence

from quirkfinder import __version__
from quirkfinder.corpus.cards import CardRuns
from quirkfinder.corpus.partial import RunBar
from quirkfinder.corpus.results import ContradictionRow, DoorRow
from quirkfinder.findings import (
    BarRecord,
    CaptureProblem,
    DeviceRecord,
    Evidence,
    Finding,
    Findings,
    InputRecord,
)
from quirkfinder.findings.document import Kind, Role, Verdict


def document(card: CardRuns, doors: Sequence[DoorRow], against: Sequence[ContradictionRow]) -> Findings:
    """`inputs`: the files of all runs; a BAR's addresses where all runs agree; findings that are not part of others.

    `statistics["corpus"]` has the numbers of the sample.
    """
    inputs: list[InputRecord] = []
    position: dict[tuple[str, str], int] = {}
    for run in {o.run.name: o.run for o in card.observations}.values():
        for file in run.partial.files:
            position[run.name, file.name] = len(inputs)
            role: Role = file.role  # type: ignore[assignment]  # it was a Role when it was written
            path = run.name if len(run.partial.files) == 1 else f"{run.name}/{file.name}"
            inputs.append(InputRecord(path, role, file.format, file.sha256, file.lines, file.events, file.unrecognised))
    name = card.observations[0].device.name if card.card.startswith("unknown") else card.card
    return Findings(
        version=__version__,
        inputs=tuple(inputs),
        devices=(_device(card, name, against),),
        findings=tuple(_finding(door, name, position) for door in doors if not door.explained_by),
        capture=tuple(_capture(card)),
        statistics={
            "corpus": {
                "card": card.card,
                "ids": list(card.ids),
                "boots": len({o.run.name for o in card.observations}),
                "configurations": len({o.configuration for o in card.observations}),
            }
        },
    )


def _device(card: CardRuns, name: str, against: Sequence[ContradictionRow]) -> DeviceRecord:
    first = card.observations[0].device
    bars: dict[int, list[RunBar]] = {}
    for observation in card.observations:
        for bar in observation.device.bars:
            bars.setdefault(bar.index, []).append(bar)
    addresses = {o.device.host_address for o in card.observations}
    texts = [text for o in card.observations for text in o.device.contradictions]
    return DeviceRecord(
        name=name,
        bars=tuple(_bar(index, bars[index]) for index in sorted(bars)),
        host_address=addresses.pop() if len(addresses) == 1 else None,
        vendor=first.vendor if card.card.startswith("unknown") else int(card.card[:4], 16),
        device=first.device if card.card.startswith("unknown") else int(card.card[5:9], 16),
        subvendor=_agreed([o.device.subvendor for o in card.observations]),
        subdevice=_agreed([o.device.subdevice for o in card.observations]),
        class_code=_agreed([o.device.class_code for o in card.observations]),
        contradictions=tuple(dict.fromkeys([*texts, *(row.statement for row in against)])),
    )


def _bar(index: int, seen: Sequence[RunBar]) -> BarRecord:
    kinds = [bar.kind for bar in seen if bar.kind != "unknown"]
    sizes = [bar.size for bar in seen if bar.size is not None]
    host, guest = _agreed([bar.host for bar in seen]), _agreed([bar.guest for bar in seen])
    return BarRecord(index, kinds[0] if kinds else "unknown", sizes[0] if sizes else None, host, guest)


def _agreed(values: Sequence[int | None]) -> int | None:
    """The one value that all who know it give; None where they differ."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None


def _finding(door: DoorRow, name: str, position: dict[tuple[str, str], int]) -> Finding:
    kind: Kind = door.kind  # type: ignore[assignment]  # they were these when the finding was made
    verdict: Verdict = door.verdict  # type: ignore[assignment]  # likewise
    return Finding(
        id=door.id,
        device=name,
        kind=kind,
        verdict=verdict,
        confidence=door.confidence,
        needs_quirk=door.needs_quirk,
        summary=door.summary,
        parameters=door.parameters,
        evidence=tuple(
            Evidence(position[line.run, line.file], line.line, line.note or None, line.text or None)
            for line in door.evidence
        ),
        evidence_count=door.evidence_count,
        reason="; ".join(text for text in (door.reason, *door.refined) if text),
        doubt=door.doubt,
        known_quirk=door.known_quirk,
        cost=door.cost,
    )


def _capture(card: CardRuns) -> list[CaptureProblem]:
    """What no run of the card could show: problems that all of them have."""
    runs = list({o.run.name: o.run.partial for o in card.observations}.values())
    shared = set(runs[0].capture).intersection(*(partial.capture for partial in runs[1:]))
    return [problem for problem in runs[0].capture if problem in shared]
