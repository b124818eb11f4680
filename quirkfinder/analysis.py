"""The whole line: paths -> events and listings -> cards -> findings -> the document.

Every stage is usable alone; this module only joins them and keeps what each of them said for the document.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from quirkfinder import __version__, inputs, inventory, knowledge, reading
from quirkfinder.card import Card, Machine, build_machine
from quirkfinder.errors import NoUsableInput, UsageError
from quirkfinder.findings import BarRecord, CaptureProblem, DeviceRecord, Evidence, Finding, Findings, InputRecord
from quirkfinder.inventory import Facts
from quirkfinder.miners.run import mine
from quirkfinder.reading import Reading
from quirkfinder.replay import completion_handshake
from quirkfinder.timeline import timeline

Progress = Callable[[str, float, float | None], None]
Paths = Sequence[str | Path]

#: characters of a log line that a finding quotes
_QUOTE = 400


@dataclass(frozen=True, slots=True)
class Study:
    """The document, and what it was made from: the frame of `events.SCHEMA` and the cards with all that is known."""

    document: Findings
    events: pl.DataFrame
    machine: Machine


def analyze(
    *paths: str | Path | Paths,
    host: str | Path | Paths = (),
    guest: str | Path | Paths = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Find back doors and accidents in one run's logs.

    `paths`: logs and folders (bundles) of one run, one by one or as lists; `host` and `guest`: listings whose side is
    known; `device`: only this device, as the log names it; `progress(stage, done, total)` is called now and then.
    Raises NoUsableInput where no input holds a trace, UsageError where `device` is not in it.  Inputs that failed
    beside others that did not are in `statistics["failures"]`.
    """
    return study(*paths, host=host, guest=guest, device=device, progress=progress).document


def study(
    *paths: str | Path | Paths,
    host: str | Path | Paths = (),
    guest: str | Path | Paths = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Study:
    """As `analyze`, and keeps the events and the cards, for those who need more than the document."""
    tell = progress or _silent
    sources = inputs.resolve(_flat(paths), host=_flat((host,)), guest=_flat((guest,)))
    read = reading.read(sources, progress=tell)
    if not any(record.role == "trace" for record in read.inputs):
        raise _no_trace(read.inputs, [problem for source in sources if (problem := source.problem)])
    tell("listings", 0, None)
    facts, texts = _listings(sources)
    failures = [problem for source in sources if (problem := source.problem)]
    machine = build_machine(read.events, facts)
    chosen = _chosen(machine, device)
    tell("mining", 0, None)
    mined = mine(read.events, replace(machine, cards=chosen))
    version = knowledge.infer_version(read.events, read.hints, texts)
    command = next((c for text in texts if (c := knowledge.read_command_line(text)) is not None), None)
    found = tuple(_completed(finding, read, mined.cards) for finding in mined.findings)
    found = knowledge.explain_all(found, machine, read.events, version, command)
    found = tuple(_priced(finding, read, machine) for finding in found)
    tell("quoting", 0, None)
    found = _quoted(found, sources)
    capture = knowledge.examine(read.events, machine, _reading_info(read, texts))
    document = Findings(
        version=__version__,
        inputs=read.inputs,
        devices=tuple(_device(card) for card in mined.cards),
        findings=found,
        capture=(*_machine_problems(machine), *capture),
        statistics=_statistics(read, knowledge.audit_statistics(read.events, version), failures),
    )
    return Study(document, read.events, replace(machine, cards=mined.cards))


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


def _completed(finding: Finding, read: Reading, cards: Sequence[Card]) -> Finding:
    """A window with the flag that its address register turns over when a command is done, where drivers wait for it."""
    parameters = finding.parameters
    if finding.kind != "window" or "handshake" in parameters or not parameters["region"].startswith("bar"):
        return finding
    card = next(card for card in cards if card.name == finding.device)
    if parameters.get("data_region", parameters["region"]) != parameters["region"]:
        return finding
    address, data = (int(parameters[name]["offset"], 16) for name in ("address", "data"))
    steps = completion_handshake(read.events, card, int(parameters["region"][3:]), address, data)
    return replace(finding, parameters={**parameters, "handshake": steps}) if steps else finding


def _priced(finding: Finding, read: Reading, machine: Machine) -> Finding:
    """The finding with what trapping it would cost, where it needs a quirk."""
    if not finding.needs_quirk:
        return finding
    card = next((card for card in machine.cards if card.name == finding.device), None)
    return replace(finding, cost=knowledge.trap_cost(finding, read.events, card))


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


def _reading_info(read: Reading, texts: list[str]) -> knowledge.ReadingInfo:
    traces = [record for record in read.inputs if record.role == "trace"]
    return knowledge.ReadingInfo(
        hints=read.hints,
        lines=sum(record.lines for record in traces),
        unrecognised=sum(record.unrecognised for record in traces),
        torn=read.torn,
        texts=tuple(texts),
    )


def _statistics(read: Reading, audit: dict[str, Any], failures: list[str]) -> dict[str, Any]:
    counts = read.events["event"].value_counts(sort=True)
    statistics: dict[str, Any] = {
        "events": dict(zip(counts["event"].cast(str).to_list(), counts["count"].to_list(), strict=True)),
        "unrecognised": [
            {"input": sample.input, "line": sample.line, "text": sample.text[:_QUOTE]} for sample in read.unrecognised
        ],
        **audit,
        "timeline": timeline(read.events),
    }
    return {**statistics, "failures": failures} if failures else statistics
