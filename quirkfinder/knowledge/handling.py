"""What QEMU's own quirks kept from the guest: which doors are handled, and what of them is not.

A door is proven by what the card answered; whether the guest got that answer is another question.  Where a quirk's line
follows a read, the guest got the quirk's value (`activity`): no host address came through, and no quirk has to be
written for it.  Only reads that no quirk answered show what is left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quirkfinder.card.model import Position
from quirkfinder.events import VGA
from quirkfinder.findings.document import Evidence, Finding
from quirkfinder.knowledge.activity import answering_names, answers_of
from quirkfinder.knowledge.catalogue import name_key
from quirkfinder.knowledge.catalogue_file import catalogue
from quirkfinder.knowledge.matching import coverage, number
from quirkfinder.knowledge.versions import Version, VersionRange

_LINES = ("quirk_probe", "quirk_read", "quirk_write", "quirk_latch", "quirk_state")
_READ = ("window", "config-mirror", "address-leak")  # kinds that are read through
_FLAGS = 0xF  # type bits of a base address register (PCI 3.0, 6.2.5.1)
_SHOWN = 4  # lines of evidence among which answers are put
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """The reads of one door: `names` in the log of the quirks that answered some, `open`: distinct (value, size) of
    those that nobody answered.  `traced`: the log has lines of quirks for the device at all."""

    names: tuple[str, ...] = ()
    open: frozenset[tuple[int, int]] = frozenset()
    traced: bool = False


def settle(
    findings: Iterable[Finding], events: pl.DataFrame, version: VersionRange | Version | str | None = None
) -> tuple[Finding, ...]:
    """The findings, where `known_quirk` is filled in already, with what a quirk at work leaves of them.

    A door that is answered for wholly needs no quirk and tells no address (`leaks` is empty); of one that is answered
    for in part `leaks` and `reason` name the rest.  `events`: the frame that the findings are of.
    """
    given = tuple(findings)
    claims = {at: f for at, f in enumerate(given) if f.verdict != "benign"}
    seen = dict(zip(claims, _seen(list(claims.values()), events), strict=True))
    releases = VersionRange.of(version)
    settled = [_settled(f, seen[at], releases) if at in claims else f for at, f in enumerate(given)]
    if any(one.names for one in seen.values()):
        answers = answers_of(events)
        settled = [_with_answers(f, answers) if f is not given[at] else f for at, f in enumerate(settled)]
    left = {f.id: {leak["bar"] for leak in f.parameters["leaks"]} for f in settled if "leaks" in f.parameters}
    return tuple(_unlearnt(finding, left) for finding in settled)


def _settled(finding: Finding, seen: Seen, version: VersionRange) -> Finding:
    known = finding.known_quirk
    if known is None or known["active"] is not True:
        if not seen.names:
            return finding
        known = {"id": seen.names[0], "active": True, "covers": "all", "foreign": True}
    names = list(dict.fromkeys(_in_log(known, name, version) for name in seen.names))
    covered = None if "foreign" in known else coverage(finding, catalogue()[known["id"]], version)
    expected = covered is not None and (covered.whole or covered.enough)
    leaks = finding.parameters.get("leaks", [])
    rest = [leak for leak in leaks if _told(leak, seen.open)] if seen.traced else [] if expected else leaks
    silent = seen.traced and finding.kind in _READ and not seen.names  # it could have answered and did not
    closed = not rest and not silent and (expected or bool(seen.names))
    known = {**known, "names": names, "handled": closed}
    if closed:
        return _handled(finding, known)
    return _partly(finding, known, rest) if len(rest) < len(leaks) else replace(finding, known_quirk=known)


def _with_answers(finding: Finding, answers: Mapping[Position, Position]) -> Finding:
    """The evidence with what the guest got instead behind the first reads that a quirk answered."""
    evidence: list[Evidence] = []
    for line in finding.evidence:
        evidence.append(line)
        answer = answers.get(Position(line.input, line.line))
        if answer is not None and len(evidence) <= _SHOWN:
            evidence.append(Evidence(answer.input, answer.line, "what the guest got instead"))
    added = len(evidence) - len(finding.evidence)
    return replace(finding, evidence=tuple(evidence), evidence_count=finding.evidence_count + added)


def _handled(finding: Finding, known: dict[str, Any]) -> Finding:
    parameters = finding.parameters
    told = "leaks" in parameters or finding.kind == "config-mirror"
    rest = "" if known["covers"] == "all" else "; it covers part of the door, and no host address came past it"
    return replace(
        finding,
        needs_quirk=False,
        parameters={**parameters, "leaks": []} if told else parameters,
        reason=f"handled: {_by(known)}{rest}",
        known_quirk=known,
    )


def _partly(finding: Finding, known: dict[str, Any], rest: Sequence[Mapping[str, Any]]) -> Finding:
    bars = " and ".join(f"BAR{leak['bar']}" for leak in rest)
    return replace(
        finding,
        parameters={**finding.parameters, "leaks": list(rest)},
        reason=f"handled in part: {_by(known)}; past it the guest still reads the host address of {bars}",
        known_quirk=known,
    )


def _by(known: Mapping[str, Any]) -> str:
    owner = "a quirk that no release of QEMU has" if "foreign" in known else f"QEMU's quirk {known['id']}"
    named = f" (in the log: {', '.join(known['names'])})" if known["names"] else ""
    return f"{owner}{named} answers in the card's place"


def _in_log(known: Mapping[str, Any], name: str, version: VersionRange) -> str:
    """What the line is called in the log, where events keep a short name of it."""
    if "foreign" in known or "-" in name:
        return name
    lines = [n for n in catalogue()[known["id"]].names if n.role == "line" and n.key == name_key(name)]
    lines.sort(key=lambda line: not version.overlaps(line.first, line.last))
    return next((line.name for line in lines if line.name.endswith("_read")), name)


def _told(leak: Mapping[str, Any], reads: frozenset[tuple[int, int]]) -> bool:
    """Does one of the answers hold the host address, or a part of it as wide as the read?"""
    host = number(leak["host"])
    for value, size in reads:
        for shift in range(0, 64, 8 * size):
            part = (host >> shift) & ((1 << 8 * size) - 1)
            flags = _FLAGS if shift == 0 else 0
            if part & ~flags and value & ~flags == part & ~flags:
                return True
    return False


def _unlearnt(finding: Finding, left: Mapping[str, set[int]]) -> Finding:
    """A use of a host address does not come from a door through which the guest did not get it."""
    source = finding.parameters.get("source")
    told = left.get(source) if finding.kind == "host-address-access" and source is not None else None
    if told is None or finding.parameters["bar"] in told:
        return finding
    return replace(finding, parameters={**finding.parameters, "source": None})


def _seen(doors: Sequence[Finding], events: pl.DataFrame) -> list[Seen]:
    """What the log says of the reads of each door."""
    lines = events["event"].is_in(_LINES).to_numpy()
    if not lines.any():
        return [Seen()] * len(doors)
    names = answering_names(events)
    device = events["device"].cast(pl.String)
    reads = events["event"].is_in(["region_read", "vga_read"]).to_numpy()
    answered = names.is_not_null().to_numpy()
    found = []
    for door in doors:
        own = (device == door.device).fill_null(True).to_numpy()  # VGA lines and some of 1.5 name no device
        here = own & _within(events, door)
        told = events.filter(here & reads & ~answered).select("value", pl.col("size").fill_null(4)).drop_nulls()
        called = names.filter(pl.Series(here & answered)).unique(maintain_order=True).to_list()
        found.append(Seen(tuple(called), frozenset(told.unique().rows()), bool((lines & own).any())))
    return found


def _within(events: pl.DataFrame, door: Finding) -> Mask:
    """The rows at the place where the answers of a door are read: data register, mirrored range, telling register."""
    p = door.parameters
    if door.kind == "window":
        region, first, size = p.get("data_region", p["region"]), number(p["data"]["offset"]), number(p["data"]["size"])
    elif door.kind in ("config-mirror", "address-leak"):
        region, first, size = p["region"], number(p["offset"]), number(p["size"])
    else:
        region, first, size = "", 0, 0
    index = VGA if region == "vga" else int(region[3:]) if region.startswith("bar") else -1
    address = pl.col("address")
    inside = (pl.col("region") == index) & (address >= first) & (address < first + size)
    return events.select(inside.fill_null(False).alias("inside"))["inside"].to_numpy()
