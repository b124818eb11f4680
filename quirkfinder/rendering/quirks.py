"""QEMU's own quirks, and the audit of a run by them, as text for a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from quirkfinder.rendering.safe import visible

if TYPE_CHECKING:
    from quirkfinder.findings.document import Findings
    from quirkfinder.knowledge.audit import AuditEntry
    from quirkfinder.knowledge.catalogue import Quirk


def quirk_list(quirks: "Iterable[Quirk]") -> str:
    """A block of lines a quirk: id and title, then releases, cards, and what QEMU needs to switch it on."""
    blocks = []
    for quirk in quirks:
        needs = ", ".join(str(need) for need in quirk.needs)
        rows = [("QEMU", quirk.releases), ("cards", quirk.cards), ("needs", needs), ("note", quirk.notes)]
        blocks.append([f"{quirk.id}: {quirk.title}", *(f"  {label:<6} {text}" for label, text in rows if text)])
    return _text(blocks)


def audit_list(entries: "Iterable[AuditEntry]", document: "Findings") -> str:
    """A block of lines a quirk and device of the audited document: at work or not, expected or not, what it covers."""
    blocks = [_audited(entry, document) for entry in entries]
    return (
        _text(blocks) if blocks else "None of QEMU's quirks is for a device of this run, and none covers a finding.\n"
    )


def _audited(entry: "AuditEntry", document: "Findings") -> list[str]:
    state = {True: "at work", False: "NOT AT WORK" if entry.missing else "not at work", None: "not to be told"}
    expected = {True: "yes", False: "no", None: "not to be told"}[entry.expected]
    lines = ", ".join(
        f"{document.inputs[e['input']].path}:{e['line']}"
        for e in entry.evidence
        if 0 <= e.get("input", -1) < len(document.inputs) and "line" in e
    )
    rows = [
        ("expected", expected),
        ("why not", "" if entry.active else entry.why),
        ("covers", ", ".join(entry.findings)),
        ("seen at", lines),
    ]
    head = f"{entry.device}  {entry.quirk}: {state[entry.active]} ({entry.title})"
    return [head, *(f"  {label:<8} {text}" for label, text in rows if text)]


def _text(blocks: list[list[str]]) -> str:
    return "\n\n".join("\n".join(visible(line) for line in block) for block in blocks) + "\n"
