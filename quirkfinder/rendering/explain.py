"""One finding at length: claim, model, evidence with the log around it, doubt, what QEMU has, what to do, a probe."""

import textwrap
from collections.abc import Mapping

from quirkfinder.findings.document import Evidence, Finding, Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.probe import probe
from quirkfinder.rendering.safe import shorten, visible
from quirkfinder.rendering.view import FindingView, finding_view, quoted

WIDTH = 100
#: Lines of the log, by line number, around each piece of evidence: position of the input, then number, then text.
Context = Mapping[int, Mapping[int, str]]
AROUND = 3
_LONGEST = 400  # characters of a quoted line

_NEXT = {
    "identity-mapped-bar": (
        "Nothing is to be mended in QEMU. Record again with the card in another slot or the guest with another memory "
        "size, so that the addresses differ: what then breaks used the host's address."
    ),
    "address-collision": (
        "Mend the door that tells the address. Until then a guest with another layout avoids this collision, not the "
        "cause."
    ),
    "host-address-access": "Mend the door through which the guest learnt the address; these accesses then go away.",
    "address-sink": (
        "Reading is not the problem here: the card itself uses what is written. A quirk has to put the host's value "
        "in the place of the guest's when the guest writes it."
    ),
}


def explain(document: Findings, finding: Finding, context: Context | None = None) -> str:
    """The finding as plain text, at most 100 columns wide where it is not quoted; `context` has lines of the inputs."""
    v = finding_view(document, finding, 0)
    parts = [[f"{v.title}, {finding.verdict}{', needs a quirk' if finding.needs_quirk else ''}", finding.id, ""]]
    parts += [_wrapped(_full(v.claim))]
    sections = (
        ("The model", [f"- {sentence}" for sentence in v.model]),
        ("Why it matters", [_full(v.why)]),
        ("How sure", [_full(v.sure)]),
        ("How it could be wrong", [_full(v.refute) or "In no way that is known."]),
        ("What QEMU has", [_full(v.known) or "No quirk of QEMU's is known for it."]),
        ("What trapping would cost", [_full(v.cost)]),
        ("What to do next", _next_steps(finding)),
    )
    for title, texts in sections:
        if any(texts):
            parts.append(["", title, *(line for text in texts if text for line in _wrapped(text, "  "))])
    parts += [["", "Evidence"], *_evidence(document, v, context or {})]
    parts += _probe(document, finding)
    return "\n".join(visible(line).rstrip() for part in parts for line in part) + "\n"


def _full(text: str) -> str:
    """A sentence with a capital and a full stop; empty text stays empty."""
    return f"{words.sentence(text.rstrip('.'))}." if text else ""


def _next_steps(finding: Finding) -> list[str]:
    if finding.verdict == "benign":
        return ["Nothing: it is listed so that nobody has to look at it twice."]
    if words.is_handled(finding):
        return ["Nothing: a quirk was at work and answered in the card's place."]
    steps = [_NEXT[finding.kind]] if finding.kind in _NEXT else []
    if finding.verdict == "likely":
        steps.append("Run the probe below in the guest, or record a run in which the doubt above can show itself.")
    elif finding.needs_quirk and not steps:
        if words.has_idle_quirk(finding):
            steps.append("Find out why QEMU's own quirk was not at work, as said above, before writing another.")
        steps.append("Write the quirk: quirkfinder emit FINDINGS --target qemu-11.1 -o FOLDER.")
    return steps or ["Nothing: the guest gets no host address through it."]


def _evidence(document: Findings, v: FindingView, context: Context) -> list[list[str]]:
    """The evidence in the order that the finding has it; where the log is at hand, in the order of the log."""
    parts = []
    for number, line in enumerate(v.finding.evidence, start=1):
        if not context.get(line.input):
            shown = quoted(document, line)
            text = [f"       {shorten(shown.text, _LONGEST)}"] if shown.text else []
            parts.append([f"  {number}. {shown.place}{f': {shown.note}' if shown.note else ''}", *text])
    for position, texts in sorted(context.items()):
        notes = {line.line: line.note or "" for line in v.finding.evidence if line.input == position}
        for block in _blocks(sorted(notes)):
            first = quoted(document, Evidence(position, block[0])).place
            parts.append([f"  {first}", *_around(block, notes, texts)])
    more = v.finding.evidence_count - len(v.finding.evidence)
    return [*parts, [f"  And {words.count(more, 'more line')} of the same kind."]] if more > 0 else parts


def _blocks(numbers: list[int]) -> list[list[int]]:
    """Line numbers in groups whose surroundings touch each other."""
    blocks: list[list[int]] = []
    for number in numbers:
        if blocks and number - blocks[-1][-1] <= 2 * AROUND + 1:
            blocks[-1].append(number)
        else:
            blocks.append([number])
    return blocks


def _around(block: list[int], notes: Mapping[int, str], texts: Mapping[int, str]) -> list[str]:
    """A stretch of the log; `>` marks what is evidence, with its note below."""
    lines = []
    width = len(str(block[-1] + AROUND))
    for number in range(block[0] - AROUND, block[-1] + AROUND + 1):
        if number in texts:
            mark = ">" if number in block else " "
            lines.append(f"    {mark} {number:>{width}}  {shorten(texts[number], _LONGEST)}")
            if number in block and notes[number]:
                lines.append(f"      {'':>{width}}  ^ {shorten(notes[number], _LONGEST)}")
    return lines


def _probe(document: Findings, finding: Finding) -> list[list[str]]:
    if finding.verdict == "benign" or words.is_handled(finding):
        return []  # where a quirk answers, the guest cannot ask the card
    steps = probe(document, finding)
    if not steps:
        return []
    purpose = "would settle it" if finding.verdict == "likely" else "shows it again"
    return [
        ["", f"A probe that {purpose}"],
        _wrapped(
            "Accesses for a program in the guest (BARs through the device's resource files in sysfs), one a line: "
            "read REGION OFFSET SIZE, write REGION OFFSET SIZE VALUE.",
            "  ",
        ),
        [f"    {step}" for step in steps],
    ]


def _wrapped(text: str, indent: str = "") -> list[str]:
    hanging = indent + ("  " if text.startswith("- ") else "")
    # Wrapped after it was made visible: an escape is longer than what it stands for.
    return textwrap.wrap(
        visible(text), WIDTH, initial_indent=indent, subsequent_indent=hanging, break_on_hyphens=False
    ) or [""]
