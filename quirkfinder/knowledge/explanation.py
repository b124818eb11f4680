"""Says which quirk of QEMU's covers a finding, whether it was at work in the trace and, if not, why.

The answer is `Finding.known_quirk`.  It never turns a finding into one or takes one away: a quirk that covers a finding
and was at work means that the guest did not see the host's value, which the caller may want to say in `reason`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from quirkfinder.card.model import Card, Machine
from quirkfinder.findings.document import DeviceRecord, Finding
from quirkfinder.knowledge.activity import Activity, quirk_activity
from quirkfinder.knowledge.catalogue import Need, Quirk
from quirkfinder.knowledge.catalogue_file import catalogue
from quirkfinder.knowledge.command_line import CommandLine
from quirkfinder.knowledge.matching import Coverage, coverage
from quirkfinder.knowledge.versions import Version, VersionRange

_SWITCHES = {"x-no-geforce-quirks": True, "x-vga": False}  # the value that turns a quirk off


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether QEMU gives a device a quirk. `bars`: index to (kind, size in bytes), None where unknown."""

    name: str
    host_address: str | None = None
    vendor: int | None = None
    device: int | None = None
    class_code: int | None = None
    bars: tuple[tuple[int, str, int | None], ...] = ()

    @classmethod
    def of(cls, card: Card | DeviceRecord) -> "Facts":
        """From a card or from a device of a findings document; BARs without size and kind are taken as absent."""
        bars = tuple((b.index, b.kind, b.size) for b in card.bars if b.size or b.kind not in ("unknown", "rom"))
        return cls(card.name, card.host_address, card.vendor, card.device, card.class_code, bars)

    @property
    def ids(self) -> str:
        """`1002:68f9`, with question marks for what is not known."""
        return ":".join("????" if i is None else f"{i:04x}" for i in (self.vendor, self.device))


@dataclass(frozen=True, slots=True)
class Standing:
    """Was a quirk at work for a device? `active` None: the log does not say. `why`: the reason where it was not."""

    active: bool | None
    why: str = ""
    evidence: tuple[dict[str, int], ...] = ()
    meant: bool | None = None  # does QEMU give it to this device in this release?


def explain_known(
    finding: Finding,
    card: Card | DeviceRecord,
    events: pl.DataFrame | Activity,
    version: VersionRange | Version | str | None = None,
    command: CommandLine | None = None,
) -> dict[str, Any] | None:
    """The quirk of QEMU's that covers `finding`, or None.

    `events` may be the result of `quirk_activity`, so that a trace is read once for many findings.  Keys: `id`,
    `title`, `qemu_from` and `qemu_to` (texts, null: never merged, still there), `needs` (texts), `active` (null: not to
    be told), `active_evidence` (`{input, line}`), `why_not` (null where active), `covers` (`all`, or what of it),
    `notes`.
    """
    releases = VersionRange.of(version)
    activity = events if isinstance(events, Activity) else quirk_activity(events)
    facts = Facts.of(card)
    candidates = [(q, c) for q in catalogue() if (c := coverage(finding, q, releases)) is not None]
    if not candidates:
        return None
    quirk, covered = max(candidates, key=lambda pair: _rank(pair, facts, releases))
    standing = quirk_standing(quirk, facts, activity, releases, command)
    return {
        "id": quirk.id,
        "title": quirk.title,
        "qemu_from": None if quirk.first is None else str(quirk.first),
        "qemu_to": None if quirk.last is None else str(quirk.last),
        "needs": [str(need) for need in quirk.needs],
        "active": standing.active,
        "active_evidence": list(standing.evidence),
        "why_not": standing.why or None,
        "covers": "all" if covered.whole else covered.part,
        "notes": quirk.notes,
    }


def explain_all(
    findings: Iterable[Finding],
    machine: Machine,
    events: pl.DataFrame | Activity,
    version: VersionRange | Version | str | None = None,
    command: CommandLine | None = None,
) -> tuple[Finding, ...]:
    """The findings with `known_quirk` filled in; those of devices that are not in `machine` are left as they are."""
    activity = events if isinstance(events, Activity) else quirk_activity(events)
    cards = {card.name: card for card in machine.cards}
    return tuple(
        replace(f, known_quirk=explain_known(f, cards[f.device], activity, version, command))
        if f.device in cards
        else f
        for f in findings
    )


def _rank(pair: tuple[Quirk, Coverage], facts: Facts, version: VersionRange) -> tuple[int, int, int, int]:
    """Of several quirks the one for this card, in this release, that covers most; the newer one on a tie."""
    quirk, covered = pair
    certainty = {True: 2, None: 1, False: 0}
    return (
        certainty[quirk.is_for(facts.vendor, facts.device)],
        certainty[quirk.in_release(version)],
        int(covered.whole),
        0 if quirk.first is None else quirk.first.major * 100 + quirk.first.minor,
    )


def quirk_standing(
    quirk: Quirk,
    facts: Facts,
    activity: Activity,
    version: VersionRange,
    command: CommandLine | None = None,
) -> Standing:
    """Whether a quirk was at work for a device: seen in the log, impossible, or silent although it should have been."""
    seen = activity.of(facts.name, quirk.id)
    needs = [n for n in quirk.needs if version.overlaps(n.first, n.last)]
    judged = [(n, holds(n, facts, activity, command)) for n in needs]
    if seen is not None and (not seen.shared or all(verdict for _, verdict in judged)):
        evidence = tuple({"input": p.input, "line": p.line} for p in seen.positions)
        return Standing(True, evidence=evidence, meant=True)
    against = _against(quirk, facts, version, command)
    against += [f"{need} is needed{_instead(need, facts)}" for need, verdict in judged if verdict is False]
    if against:
        return Standing(False, "; ".join(against), meant=False)
    open_needs = [str(need) for need, verdict in judged if verdict is None]
    meant = True if quirk.is_for(facts.vendor, facts.device) and quirk.in_release(version) and not open_needs else None
    return replace(_silent(quirk, facts, activity, version, open_needs), meant=meant)


def _against(quirk: Quirk, facts: Facts, version: VersionRange, command: CommandLine | None) -> list[str]:
    """What rules the quirk out, whatever the log shows."""
    against: list[str] = []
    if quirk.is_for(facts.vendor, facts.device) is False:
        against.append(f"QEMU has it for {quirk.cards} only, this card is {facts.ids}")
    if quirk.first is None:
        against.append("it was never merged")
    elif quirk.in_release(version) is False:
        when = f"until {quirk.last}" if quirk.last and version.first > quirk.last else f"from {quirk.first} on"
        against.append(f"QEMU has it {when}, this one is {version}")
    behind_socket = command.is_vfio_user if command is not None else facts.name.startswith("vfio-user")
    if behind_socket:
        against.append("vfio-user devices get no region quirks")
    options = command.device(facts.host_address) if command is not None else None
    for name, off in _SWITCHES.items():
        switch = f"{name}={'on' if off else 'off'}"
        if switch in quirk.disable and options is not None and options.is_on(name) is off:
            against.append(f"{switch} was given")
    return against


def _silent(
    quirk: Quirk, facts: Facts, activity: Activity, version: VersionRange, open_needs: Sequence[str]
) -> Standing:
    """Nothing rules it out and nothing shows it."""
    if facts.name not in activity.started:
        return Standing(None, "the device's start-up is not in the log, and no line shows the quirk")
    if not any(n.is_probe and version.overlaps(n.first, n.last) for n in quirk.names):
        return Standing(None, "QEMU prints no line when it switches this quirk on")
    causes = [f"{need} does not hold" for need in open_needs]
    causes += [f"{option} was given" for option in quirk.disable if option.startswith("x-no-")]
    causes.append("the trace leaves out the vfio_quirk events")
    return Standing(False, "no line says that it was switched on: " + ", or ".join(causes))


def holds(need: Need, facts: Facts, activity: Activity, command: CommandLine | None) -> bool | None:
    """Does the device meet the condition? None where neither card nor log nor command line says."""
    options = command.device(facts.host_address) if command is not None else None
    if need.need == "x-vga":
        given = options.is_on("x-vga") if options is not None else None
        return True if activity.vga or given else False if options is not None else None
    if need.need == "option":
        return None if options is None else str(need.value) in options.properties
    if need.need == "guest-slot":
        slot = options.properties.get("addr") if options is not None else None
        return None if slot is None else slot.lower().removeprefix("0x").partition(".")[0].lstrip("0") == "2"
    if need.need in ("vga-class", "display-class"):
        if facts.class_code is None:
            return None
        return facts.class_code >> 8 == 0x0300 if need.need == "vga-class" else facts.class_code >> 16 == 0x03
    return _bar_holds(need, facts)


def _bar_holds(need: Need, facts: Facts) -> bool | None:
    bar = next(((kind, size) for index, kind, size in facts.bars if index == need.bar), None)
    if bar is None:
        return False if facts.bars else None
    kind, size = bar
    if need.need == "bar-kind":
        return None if kind == "unknown" else kind == need.value
    if need.need == "bar-size":
        return None if size is None else size >= int(need.value or 0)
    return True


def _instead(need: Need, facts: Facts) -> str:
    if need.bar is None:
        return (
            ""
            if facts.class_code is None or "class" not in need.need
            else f", this card is class {facts.class_code >> 8:04x}"
        )
    bar = next((f"{kind}, {size or 0:#x} bytes" for index, kind, size in facts.bars if index == need.bar), None)
    return f", this card has no BAR {need.bar}" if bar is None else f", BAR {need.bar} is {bar}"
