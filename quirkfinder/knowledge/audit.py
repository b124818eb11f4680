"""Which of QEMU's quirks should have been at work for the devices of a run, and which were not, and why.

`quirks --audit` has a findings document and no trace.  What the trace said of quirks is therefore put into the
document's `statistics` by `audit_statistics`, next to what each finding's `known_quirk` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from quirkfinder.card.model import Position
from quirkfinder.findings.document import DeviceRecord, Findings
from quirkfinder.knowledge.activity import Activity, Sightings, quirk_activity
from quirkfinder.knowledge.catalogue import Quirk
from quirkfinder.knowledge.catalogue_file import catalogue
from quirkfinder.knowledge.command_line import CommandLine
from quirkfinder.knowledge.explanation import Facts, quirk_standing
from quirkfinder.knowledge.versions import Version, VersionRange


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One quirk for one device.

    `expected`: QEMU of that version gives it to this device (None: not to be told).  `active`: it was at work.  `why`:
    the reason where it was not.  `findings`: ids of the findings it covers, which is what it costs to be without it.
    """

    device: str
    quirk: str
    title: str
    expected: bool | None
    active: bool | None
    why: str
    findings: tuple[str, ...] = ()
    evidence: tuple[dict[str, int], ...] = ()

    @property
    def missing(self) -> bool:
        """Should have been there, or would have mended something found, and was not."""
        return self.active is False and (self.expected is not False or bool(self.findings))


def audit(
    findings: Findings,
    *,
    version: VersionRange | Version | str | None = None,
    activity: Activity | None = None,
    command: CommandLine | None = None,
) -> list[AuditEntry]:
    """Every quirk whose ids fit a device of the document or that covers one of its findings, the missing ones first.

    Version and activity are taken from the document's statistics where they are not given.
    """
    releases = VersionRange.of(version) if version is not None else _version_of(findings.statistics)
    seen = activity if activity is not None else _activity_of(findings.statistics)
    entries = [e for device in findings.devices for e in _audit_device(device, findings, seen, releases, command)]
    return sorted(entries, key=lambda e: (not e.missing, e.active is not True))


def _audit_device(
    device: DeviceRecord, findings: Findings, seen: Activity, releases: VersionRange, command: CommandLine | None
) -> list[AuditEntry]:
    facts = Facts.of(device)
    entries: list[AuditEntry] = []
    for quirk in catalogue():
        known = [
            f for f in findings.findings if f.device == device.name and (f.known_quirk or {}).get("id") == quirk.id
        ]
        if not known and not _concerns(quirk, facts, seen):
            continue
        standing = quirk_standing(quirk, facts, seen, releases, command)
        active, why, evidence = standing.active, standing.why, standing.evidence
        for finding in known:  # what was said with the trace at hand weighs more than what statistics still tell
            said = finding.known_quirk or {}
            if active is not True and said.get("active") is not None:
                active, why = said["active"], str(said.get("why_not") or "")
                evidence = tuple(said.get("active_evidence") or ())
        ids = tuple(f.id for f in known)
        entries.append(AuditEntry(device.name, quirk.id, quirk.title, standing.meant, active, why, ids, evidence))
    return entries


def _concerns(quirk: Quirk, facts: Facts, seen: Activity) -> bool:
    """Quirks for any device are of interest only where one was seen."""
    if quirk.vendor is None:
        return seen.of(facts.name, quirk.id) is not None
    return quirk.is_for(facts.vendor, facts.device) is True


def audit_statistics(events: pl.DataFrame | Activity, version: VersionRange) -> dict[str, Any]:
    """What `audit` needs of the trace, for `Findings.statistics`: keys `qemu` and `quirks`, plain JSON values."""
    activity = events if isinstance(events, Activity) else quirk_activity(events)
    return {
        "qemu": {
            "first": str(version.first),
            "last": None if version.last is None else str(version.last),
            "reasons": list(version.reasons),
            "doubts": list(version.doubts),
        },
        "quirks": {
            "sightings": [
                {
                    "device": device,
                    "quirk": quirk,
                    "count": s.count,
                    "probe": s.probe,
                    "shared": s.shared,
                    "lines": [{"input": p.input, "line": p.line} for p in s.positions],
                }
                for (device, quirk), s in activity.sightings.items()
            ],
            "foreign": list(activity.foreign),
            "started": sorted(activity.started),
            "vga": activity.vga,
        },
    }


def _version_of(statistics: Mapping[str, Any]) -> VersionRange:
    said = statistics.get("qemu") or {}
    try:
        last = said.get("last")
        return VersionRange(Version.parse(said["first"]), Version.parse(last) if last else None)
    except (AttributeError, KeyError, TypeError, ValueError):
        return VersionRange()


def _activity_of(statistics: Mapping[str, Any]) -> Activity:
    """The activity a document carries; a document of another making has none, and then nothing was seen."""
    said = statistics.get("quirks") or {}
    try:
        sightings = {
            (s["device"], s["quirk"]): Sightings(
                s["count"], tuple(Position(p["input"], p["line"]) for p in s["lines"]), s["probe"], s["shared"]
            )
            for s in said.get("sightings", ())
        }
        return Activity(
            sightings, tuple(said.get("foreign", ())), frozenset(said.get("started", ())), bool(said.get("vga"))
        )
    except (AttributeError, KeyError, TypeError):
        return Activity()
