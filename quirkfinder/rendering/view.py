"""A document arranged for reading: sections, order and sentences, the same for every medium that shows them.

Everything is plain text as the document has it.  Each renderer escapes it for its own medium with `safe`.
"""

from dataclasses import dataclass
from itertools import takewhile

from quirkfinder.findings.document import BarRecord, DeviceRecord, Evidence, Finding, Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.known import known_quirk, trap_cost
from quirkfinder.rendering.model import model
from quirkfinder.rendering.verdict import Advice, advice, verdict

#: Headings of what is listed without being a claim.
NO_DOORS = "Looks like a back door and is not"
STRAYS = "Went to nothing, and is no claim"
_VERDICTS = ("confirmed", "likely", "benign")


@dataclass(frozen=True, slots=True)
class Quoted:
    """A line of a log: where it stands (`file:line`), what it says where the document quotes it, what it shows."""

    place: str
    text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class BarView:
    name: str
    kind: str
    size: str
    host: str
    guest: str
    note: str


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A card with its two address maps; `identity` is its ids, empty where none is known."""

    name: str
    identity: str
    bars: tuple[BarView, ...]


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as its parts are read; empty strings where the document says nothing. `number` counts from 1."""

    number: int
    finding: Finding
    title: str
    claim: str
    model: tuple[str, ...]
    why: str
    sure: str
    refute: str
    known: str
    cost: str
    lines: tuple[Quoted, ...]
    more_lines: int


@dataclass(frozen=True, slots=True)
class View:
    """A whole report."""

    subject: str
    verdict: tuple[str, ...]
    advice: tuple[Advice, ...]
    devices: tuple[DeviceView, ...]
    claims: tuple[FindingView, ...]
    accidents: tuple[FindingView, ...]
    benign: tuple[FindingView, ...]
    strays: tuple[FindingView, ...]
    capture: tuple[tuple[str, str], ...]
    contradictions: tuple[str, ...]
    unrecognised: int
    unrecognised_lines: tuple[Quoted, ...]


def view(document: Findings, lines: int = 4) -> View:
    """Arranges a document; of each finding's evidence the first `lines` are kept, the rest is counted."""
    views = [
        finding_view(document, finding, number, lines) for number, finding in enumerate(ordered(document), start=1)
    ]
    real = [v for v in views if v.finding.verdict != "benign"]
    return View(
        subject=subject(document),
        verdict=tuple(verdict(document)),
        advice=tuple(advice(document)),
        devices=tuple(device_view(device) for device in document.devices),
        claims=tuple(v for v in real if v.finding.kind not in words.ACCIDENTS),
        accidents=tuple(v for v in real if v.finding.kind in words.ACCIDENTS),
        benign=tuple(v for v in views if v.finding.verdict == "benign" and not _is_stray(v.finding)),
        strays=tuple(v for v in views if v.finding.verdict == "benign" and _is_stray(v.finding)),
        capture=tuple((c.problem, c.remedy) for c in document.capture),
        contradictions=tuple(f"{d.name}: {text}" for d in document.devices for text in d.contradictions),
        unrecognised=sum(record.unrecognised for record in document.inputs),
        unrecognised_lines=_unrecognised(document),
    )


def _is_stray(finding: Finding) -> bool:
    return finding.kind == "unassigned-access"


def listing(views: tuple[FindingView, ...], most: int = 4) -> tuple[list[FindingView], str]:
    """The first of each kind, and a sentence for the rest of them; empty where there is no rest."""
    shown = [v for n, v in enumerate(views) if sum(o.finding.kind == v.finding.kind for o in views[:n]) < most]
    rest = len(views) - len(shown)
    return shown, f"And {rest} more of the same kind." if rest else ""


def ordered(document: Findings) -> list[Finding]:
    """The findings in reading order: what needs a quirk first, then the surer; accidents and the benign last."""
    return sorted(
        document.findings,
        key=lambda f: (
            f.verdict == "benign",
            -1 if not _is_stray(f) else not words.was_told(f),
            -words.accesses(f) if _is_stray(f) else 0,
            f.kind in words.ACCIDENTS,
            not f.needs_quirk,
            _VERDICTS.index(f.verdict),
        ),
    )


def finding_view(document: Findings, finding: Finding, number: int, lines: int | None = None) -> FindingView:
    """One finding; all its evidence where `lines` is None."""
    kept = finding.evidence[:lines]
    return FindingView(
        number=number,
        finding=finding,
        title=words.KIND_TITLES[finding.kind],
        claim=words.sentence(finding.summary),
        model=tuple(model(finding)),
        why=finding.reason,
        sure=words.likelihood(finding),
        refute=finding.doubt,
        known=known_quirk(finding.known_quirk),
        cost=trap_cost(finding.cost),
        lines=tuple(quoted(document, line) for line in kept),
        more_lines=max(finding.evidence_count, len(finding.evidence)) - len(kept),
    )


def quoted(document: Findings, line: Evidence) -> Quoted:
    """A line of evidence; files are named from the folder that all inputs share, which `subject` names."""
    path = document.inputs[line.input].path.removeprefix(shared_folder(document))
    return Quoted(f"{path}:{line.line}", line.text or "", line.note or "")


def shared_folder(document: Findings) -> str:
    """The folder below which all inputs lie, ending in a slash; empty where there is none."""
    folders = [record.path.split("/")[:-1] for record in document.inputs]
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*folders, strict=False))]
    return "/".join([*shared, ""])


def subject(document: Findings) -> str:
    """What was read: `run/: 1 trace of 26 579 lines (QEMU 11.1), 1 host inventory, 1 guest inventory`."""
    traces = [r for r in document.inputs if r.role == "trace"]
    lines = words.count(sum(r.lines for r in traces), "line")
    version = qemu_version(document)
    by = f" (QEMU {version})" if version else ""
    parts = [f"{words.count(len(traces), 'trace')} of {lines}{by}"]
    for role in ("host", "guest"):
        files = sum(r.role == role for r in document.inputs)
        parts.append(
            words.count(files, f"{role} inventory", f"{role} inventories") if files else f"no {role} inventory"
        )
    folder = shared_folder(document)
    return (f"{folder}: " if folder else "") + ", ".join(parts)


def qemu_version(document: Findings) -> str:
    """`11.1`, `10.1 to 11.1`, `10.1 or newer` by `statistics.qemu`; empty where it does not say."""
    said = document.statistics.get("qemu")
    if not isinstance(said, dict) or not said.get("first"):
        return ""
    first, last = words.plain(said["first"]), said.get("last")
    if last is None:
        return f"{first} or newer"
    return first if last == said["first"] else f"{first} to {words.plain(last)}"


def device_view(device: DeviceRecord) -> DeviceView:
    bars = tuple(_bar_view(bar, device.bars) for bar in device.bars)
    return DeviceView(device.name, _identity(device), bars)


def _identity(device: DeviceRecord) -> str:
    def pair(first: int | None, second: int | None) -> str:
        return f"{'????' if first is None else f'{first:04x}'}:{'????' if second is None else f'{second:04x}'}"

    parts = []
    if device.vendor is not None or device.device is not None:
        parts.append(pair(device.vendor, device.device))
    if device.subvendor is not None or device.subdevice is not None:
        parts.append(f"subsystem {pair(device.subvendor, device.subdevice)}")
    if device.class_code is not None:
        parts.append(f"class {device.class_code:06x}")
    if device.host_address is not None and device.host_address != device.name:
        parts.append(f"on the host {device.host_address}")
    return ", ".join(parts)


def _bar_view(bar: BarRecord, others: tuple[BarRecord, ...]) -> BarView:
    kinds = {"io": "I/O", "memory32": "memory, 32 bits", "memory64": "memory, 64 bits", "rom": "ROM"}
    return BarView(
        name="ROM" if bar.index == 6 else str(bar.index),
        kind=kinds.get(bar.kind, "unknown"),
        size=words.size(bar.size),
        host=words.address(bar.host),
        guest=words.address(bar.guest, "not seen"),
        note=words.bar_note(bar, others),
    )


def _unrecognised(document: Findings) -> tuple[Quoted, ...]:
    """The samples that analysis kept in `statistics.unrecognised`: objects with `input`, `line` and `text`."""
    samples = []
    for sample in words.objects(document.statistics.get("unrecognised")):
        position, line = sample.get("input"), sample.get("line")
        if isinstance(position, int) and 0 <= position < len(document.inputs):
            path = document.inputs[position].path.removeprefix(shared_folder(document))
            samples.append(Quoted(f"{path}:{line}", words.plain(sample.get("text"))))
    return tuple(samples)
