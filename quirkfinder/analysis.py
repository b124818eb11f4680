"""The whole line: paths -> events and listings -> cards -> findings -> the document.

Every stage is usable alone; this module only joins them and keeps what each of them said for the document.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from quirkfinder import __version__, folding, inputs, inventory, knowledge, reading
from quirkfinder.card import Card, Machine, build_machine
from quirkfinder.counting import Counter, Counts
from quirkfinder.errors import NoUsableInput, UsageError
from quirkfinder.events import Frames
from quirkfinder.findings import BarRecord, CaptureProblem, DeviceRecord, Evidence, Finding, Findings, InputRecord
from quirkfinder.inventory import Facts
from quirkfinder.miners.run import mine
from quirkfinder.reading import Reading
from quirkfinder.replay import completion_handshake

Progress = Callable[[str, float, float | None], None]
Paths = Sequence[str | Path]

#: characters of a log line that a finding quotes
_QUOTE = 400


@dataclass(frozen=True, slots=True)
class Study:
    """The document, and what it was made from.

    `events`: the frame of `events.SCHEMA` that the findings are of; `machine`: the cards with all that is known;
    `frames`: all events of the log, where `events` is a part of a long one.
    """

    document: Findings
    events: pl.DataFrame
    machine: Machine
    frames: Frames


def analyze(
    *paths: str | Path | Paths,
    host: str | Path | Paths = (),
    guest: str | Path | Paths = (),
    device: str | None = None,
    progress: Progress | None = None,
    follow: Callable[[], bool] | None = None,
) -> Findings:
    """Find back doors and accidents in one run's logs.

    `paths`: logs and folders (bundles) of one run, one by one or as lists; `host` and `guest`: listings whose side is
    known; `device`: only this device, as the log names it; `progress(stage, done, total)` is called now and then;
    `follow`: wait for lines of a log that is still written, until this says that it is enough.
    Raises NoUsableInput where no input holds a trace, UsageError where `device` is not in it or more than one log is to
    be followed.  Inputs that failed beside others that did not are in `statistics["failures"]`.
    """
    return study(*paths, host=host, guest=guest, device=device, progress=progress, follow=follow).document


def study(
    *paths: str | Path | Paths,
    host: str | Path | Paths = (),
    guest: str | Path | Paths = (),
    device: str | None = None,
    progress: Progress | None = None,
    budget: folding.Budget | None = None,
    follow: Callable[[], bool] | None = None,
) -> Study:
    """As `analyze`, and keeps the events and the cards, for those who need more than the document.

    `budget`: how many events of a long log are kept (see `quirkfinder.folding`); `folding.WHOLE`: all, at the cost of
    memory that grows with the log.
    """
    tell = progress or _silent
    sources = inputs.resolve(_flat(paths), host=_flat((host,)), guest=_flat((guest,)), arriving=follow is not None)
    if follow is not None:
        inputs.check_single_log(sources)
    folder = folding.Folder(budget or folding.Budget())
    counter, sightings = Counter(), knowledge.ActivityReader()
    read = reading.read(sources, progress=tell, collectors=(folder, counter, sightings), follow=follow)
    if not any(record.role == "trace" for record in read.inputs):
        raise _no_trace(read.inputs, [problem for source in sources if (problem := source.problem)])
    tell("listings", 0, None)
    facts, texts = _listings(sources)
    failures = [problem for source in sources if (problem := source.problem)]
    folded = folder.finish(folding.watched_values(facts))
    events = folded.events
    machine = build_machine(events, facts)
    chosen = _chosen(machine, device)
    tell("mining", 0, None)
    mined = mine(events, replace(machine, cards=chosen), folded.gaps)
    version = knowledge.infer_version(events, read.hints, texts)
    command = next((c for text in texts if (c := knowledge.read_command_line(text)) is not None), None)
    activity, counts = sightings.finish(), counter.finish()
    found = tuple(_completed(finding, events, mined.cards) for finding in mined.findings)
    found = knowledge.explain_all(found, machine, activity, version, command)
    found = knowledge.settle(found, events, version)
    found = _priced(found, folded.frames, machine)
    tell("quoting", 0, None)
    found = _quoted(found, sources)
    told = {card.name: card for card in mined.cards}
    known = replace(machine, cards=tuple(told.get(card.name, card) for card in machine.cards))
    capture = knowledge.examine(events, known, _reading_info(read, texts), counts, activity)
    document = Findings(
        version=__version__,
        inputs=read.inputs,
        devices=tuple(_device(card) for card in mined.cards),
        findings=found,
        capture=(*_machine_problems(machine), *_folding_problems(folded), *capture),
        statistics=_statistics(read, folded, counts, knowledge.audit_statistics(activity, version), failures),
    )
    return Study(document, events, replace(machine, cards=mined.cards), folded.frames)


def _flat(given: Iterable[str | Path | Paths]) -> list[str | Path]:
    """A single path is a sequence of characters to Python, and never meant as one."""
    return [path for one in given for path in ([one] if isinstance(one, str | Path) else one)]


def _silent(stage: str, done: float, total: float | None) -> None:
    del stage, done, total


def _no_trace(records: Iterable[InputRecord], failures: list[str]) -> NoUsableInput:
    if failures:
        return NoUsableInput("; ".join(failures), "see `quirkfinder capture` for how to record a trace")
    names = ", ".join(record.path for record in records) or "nothing"
    return NoUsableInput(
        f"no line of a VFIO trace or of an unassigned-access log in {names}",
        "the trace has to be switched on with -trace 'vfio_*' or -d trace:vfio*: see `quirkfinder capture`",
    )


def _listings(sources: Sequence[inputs.Source]) -> tuple[list[Facts], list[str]]:
    """Facts from host and guest listings, also those quoted above a log, and the text of command lines and notes."""
    facts: list[Facts] = []
    texts: list[str] = []
    for position, source in enumerate(sources):
        if source.role in ("host", "guest"):
            content = source.read()
            listing = inventory.parse(content, source.role, source.format, position)
            facts.append(listing)
            if not (source.problem or listing.says_something):
                source.problem = f"{source.path}: given as the {source.role}'s inventory, but no line in it is of one"
            if source.format in ("qemu-command-line", "monitor", "mixed"):
                texts.append(content[: 1 << 16].decode("utf-8", "replace"))
        elif source.role == "trace":
            quoted = inventory.quoted(source.read(limit=1 << 16), position)
            facts += [quoted] if quoted is not None else []
        elif source.role == "other" and not source.problem:
            texts.append(source.read(limit=1 << 16).decode("utf-8", "replace"))
    return facts, texts


def _chosen(machine: Machine, device: str | None) -> tuple[Card, ...]:
    if device is None:
        return machine.cards
    chosen = tuple(card for card in machine.cards if device in (card.name, card.host_address))
    if not chosen:
        names = ", ".join(card.name for card in machine.cards) or "none"
        raise UsageError(f"the log has no device {device!r}", f"devices in it: {names}")
    return chosen


def _completed(finding: Finding, events: pl.DataFrame, cards: Sequence[Card]) -> Finding:
    """A window with the flag that its address register turns over when a command is done, where drivers wait for it."""
    parameters = finding.parameters
    if finding.kind != "window" or "handshake" in parameters or not parameters["region"].startswith("bar"):
        return finding
    card = next(card for card in cards if card.name == finding.device)
    if parameters.get("data_region", parameters["region"]) != parameters["region"]:
        return finding
    address, data = (int(parameters[name]["offset"], 16) for name in ("address", "data"))
    steps = completion_handshake(events, card, int(parameters["region"][3:]), address, data)
    return replace(finding, parameters={**parameters, "handshake": steps}) if steps else finding


def _priced(findings: tuple[Finding, ...], frames: Frames, machine: Machine) -> tuple[Finding, ...]:
    """The findings with what trapping them would cost, where they need a quirk."""
    cards = {card.name: card for card in machine.cards}
    needing = [finding for finding in findings if finding.needs_quirk]
    costs = iter(knowledge.trap_costs([(finding, cards.get(finding.device)) for finding in needing], frames))
    return tuple(replace(f, cost=next(costs)) if f.needs_quirk else f for f in findings)


def _quoted(findings: tuple[Finding, ...], sources: Sequence[inputs.Source]) -> tuple[Finding, ...]:
    """The findings with the text of their evidence lines."""
    wanted: dict[int, set[int]] = {}
    for finding in findings:
        for evidence in finding.evidence:
            wanted.setdefault(evidence.input, set()).add(evidence.line)
    texts = {source: reading.lines(sources[source], numbers) for source, numbers in wanted.items()}

    def quote(evidence: Evidence) -> Evidence:
        text = texts[evidence.input].get(evidence.line)
        return evidence if text is None else replace(evidence, text=text[:_QUOTE])

    return tuple(replace(f, evidence=tuple(quote(e) for e in f.evidence)) for f in findings)


def _device(card: Card) -> DeviceRecord:
    return DeviceRecord(
        name=card.name,
        bars=tuple(BarRecord(bar.index, bar.kind, bar.size, bar.host, bar.guest) for bar in card.bars),
        host_address=card.host_address,
        vendor=card.vendor,
        device=card.device,
        subvendor=card.subvendor,
        subdevice=card.subdevice,
        class_code=card.class_code,
        contradictions=tuple(contradiction.text for contradiction in card.contradictions),
    )


def _machine_problems(machine: Machine) -> list[CaptureProblem]:
    """What disagrees or could not be decided about the machine as a whole."""
    remedy = "check that all listings are of this machine and this boot"
    return [CaptureProblem(c.text, remedy) for c in machine.contradictions] + [
        CaptureProblem(note, remedy) for note in machine.notes
    ]


def _folding_problems(folded: folding.Folded) -> list[CaptureProblem]:
    """What could not be looked at because the log is long and says too much that is new."""
    missed = [row for row in folded.left_out if row.missed]
    if not missed:
        return []
    where = ", ".join(f"{row.name} ({row.missed})" for row in missed[:3])
    return [
        CaptureProblem(
            f"{sum(row.missed for row in missed)} of {folded.count} events bring something new and were counted only,"
            f" for the log has too many of them: {where}; a door used only there may be missed",
            "record shorter runs, each for one task of the driver, and analyse them one by one",
        )
    ]


def _reading_info(read: Reading, texts: list[str]) -> knowledge.ReadingInfo:
    traces = [record for record in read.inputs if record.role == "trace"]
    return knowledge.ReadingInfo(
        hints=read.hints,
        lines=sum(record.lines for record in traces),
        unrecognised=sum(record.unrecognised for record in traces),
        torn=read.torn,
        texts=tuple(texts),
        host=sum(record.role == "host" for record in read.inputs),
        guest=sum(record.role == "guest" for record in read.inputs),
    )


def _statistics(
    read: Reading, folded: folding.Folded, counts: Counts, audit: dict[str, Any], failures: list[str]
) -> dict[str, Any]:
    statistics: dict[str, Any] = {
        "events": counts.events,
        "unrecognised": [
            {"input": sample.input, "line": sample.line, "text": sample.text[:_QUOTE]} for sample in read.unrecognised
        ],
        **audit,
        "timeline": counts.timeline,
    }
    if folded.left_out:
        statistics["folded"] = {
            "kept": folded.events.height,
            "left_out": [asdict(row) for row in folded.left_out],
        }
    return {**statistics, "failures": failures} if failures else statistics
