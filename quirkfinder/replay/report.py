"""What a replay found, as objects, as JSON and as text for people."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from quirkfinder.events import region_name

Verdict = Literal["proven", "not refuted", "refuted"]
#: examples that a report keeps of each kind
MOST = 20
#: and of these as many as the text shows
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Objection:
    """A line that speaks against a quirk: the model says one thing, the trace shows another."""

    quirk: str
    input: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A read whose answer would be another. Values are None where they are not known."""

    quirk: str
    input: int
    line: int
    region: str
    offset: int
    size: int
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Leaked:
    """A read that gave the guest the host address of a BAR."""

    bar: int
    input: int
    line: int
    value: int


@dataclass(frozen=True, slots=True)
class Page:
    """4096 bytes of a memory BAR that the quirks trap, and the accesses of the trace that fall on them."""

    bar: int
    offset: int
    hits: int
    mapped: bool  # the guest reached it without a trap when the trace was made: its accesses are not in the log


@dataclass(frozen=True, slots=True)
class QuirkVerdict:
    """One quirk: `agreements` are values of the trace that are as the model says."""

    quirk: str
    kind: str
    verdict: Verdict
    reason: str
    agreements: int
    changed: int
    swallowed: int
    objections: tuple[Objection, ...] = ()


@dataclass(frozen=True, slots=True)
class Unassigned:
    """Accesses to where the host has a BAR and the guest has nothing."""

    bar: int
    total: int
    avoided: int  # the guest would not have learnt the address


@dataclass(frozen=True, slots=True)
class DeviceReplay:
    """A device of the trace with the quirks of the definitions that are for it."""

    device: str
    definitions: tuple[str, ...]
    quirks: tuple[QuirkVerdict, ...]
    accesses: int
    leaks_before: int
    leaks_after: int
    leaks: tuple[Leaked, ...]  # examples of what remains
    changed: int
    changes: tuple[Change, ...]  # examples
    unassigned: tuple[Unassigned, ...]
    pages: tuple[Page, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The result of `replay`. `notes` say what could not be replayed."""

    devices: tuple[DeviceReplay, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def refuted(self) -> tuple[QuirkVerdict, ...]:
        """Every quirk that the trace speaks against."""
        return tuple(quirk for device in self.devices for quirk in device.quirks if quirk.verdict == "refuted")

    def verdict(self, quirk: str) -> Verdict | None:
        """The verdict on a quirk by its name; the worst where several devices have it; None where none has."""
        found = [q.verdict for device in self.devices for q in device.quirks if q.quirk == quirk]
        order: tuple[Verdict, ...] = ("refuted", "not refuted", "proven")
        return min(found, key=order.index) if found else None

    def _repr_html_(self) -> str:
        """As a cell of a notebook shows it."""
        from quirkfinder.rendering.cells import replay_cell

        return replay_cell(self)

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON: addresses and values are integers."""
        return {"schema": "quirkfinder.replay/1", **asdict(self)}

    def to_text(self) -> str:
        """The report for people: plain ASCII lines."""
        return "\n".join(_text(self)) + "\n"


def _text(report: ReplayReport) -> Iterator[str]:
    for device in report.devices:
        yield f"{ascii(device.device)[1:-1]}: {', '.join(device.definitions)}, {device.accesses} accesses replayed"
        yield f"  reads that show a host address: {device.leaks_before} without, {device.leaks_after} with the quirks"
        for lost in device.unassigned:
            yield (
                f"  accesses to where the host has BAR{lost.bar}: {lost.total} in the trace, "
                f"{lost.avoided} would not have happened"
            )
        yield f"  answers that change: {device.changed}"
        for change in device.changes[:_SHOWN]:
            yield f"    line {change.line}: {_place(change)} {_value(change.before)} -> {_value(change.after)}"
        for page in device.pages:
            mapped = ", which the guest reached without a trap" if page.mapped else ""
            yield f"  trapped: BAR{page.bar}+{page.offset:#x}, a page with {page.hits} accesses{mapped}"
        for quirk in device.quirks:
            yield f"  {quirk.quirk}: {quirk.verdict}: {quirk.reason}"
            for objection in quirk.objections[:_SHOWN]:
                yield f"    line {objection.line}: {objection.text}"
        yield from (f"  note: {note}" for note in device.notes)
    yield from (f"note: {note}" for note in report.notes)
    if not report.devices:
        yield "nothing was replayed"


def _place(change: Change) -> str:
    return f"{change.region}+{change.offset:#x}, {change.size} bytes ({change.quirk}):"


def _value(value: int | None) -> str:
    return "?" if value is None else f"{value:#x}"


def place_name(space: int) -> str:
    """`bar4` or `vga`."""
    return region_name(space)
