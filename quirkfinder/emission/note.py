"""A note in Markdown for a mailing list: what the quirk does, what it rests on, how to apply it, what is open."""

import re
from collections.abc import Iterable, Sequence

from quirkfinder.definition.assembly import LeftOut
from quirkfinder.definition.model import Evidence, Leak, Mirror, QuirkDefinition, Sink, Window
from quirkfinder.emission.change import Change, Refusal
from quirkfinder.emission.identifiers import plain
from quirkfinder.emission.texts import leak_text, mirror_text, sink_text, window_text

_MARKUP = re.compile(r"([`*_\[\]<>#|~!&$\\])")


def note(
    definition: QuirkDefinition, target: str, files: Iterable[str], change: Change | None, left_out: Sequence[LeftOut]
) -> str:
    """The note for one definition; `files` are the names of what was written beside it."""
    match = definition.match
    device = "any device" if match.device == "any" else f"{match.device:04x}"
    lines = [f"# Quirks for {match.vendor:04x}:{device} ({target})", ""]
    if definition.summary:
        lines += [_text(definition.summary), ""]
    for mechanism in definition.mechanisms:
        title, paragraphs = _told(definition, mechanism)
        lines += [f"## {_text(title)}", ""]
        for paragraph in paragraphs:
            lines += [_text(paragraph), ""]
        lines += _evidence(mechanism.evidence)
    lines += _not_written(change.refusals if change else (), left_out)
    lines += ["## Files", "", *(f"- `{name}`: {_FILES[_kind(name)]}" for name in files), ""]
    if definition.provenance.traces:
        lines += ["## Traces", ""]
        lines += [f"- sha256 `{t.sha256}`, {t.lines} lines, {t.events} events" for t in definition.provenance.traces]
        lines.append("")
    if change is not None:
        lines += [
            (
                "The C was made from the definition and checked by a compiler only. It has not been run in front of "
                "the device: please test it there before it is merged."
            ),
            "",
        ]
    return "\n".join(lines)


def _told(definition: QuirkDefinition, mechanism: Window | Mirror | Leak | Sink) -> tuple[str, list[str]]:
    match mechanism:
        case Window():
            return window_text(definition, mechanism)
        case Mirror():
            return mirror_text(mechanism)
        case Leak():
            return leak_text(mechanism)
        case Sink():
            return sink_text(mechanism)


def _evidence(evidence: Evidence) -> list[str]:
    lines = [
        (
            f"Evidence: {evidence.count} accesses, verdict {evidence.verdict or 'none'}, confidence "
            f"{evidence.confidence:.2f}, replay: {evidence.verification}."
        ),
        "",
    ]
    if evidence.lines:
        lines += ["Lines of the trace:", "", *(f"    {plain(line)}" for line in evidence.lines), ""]
    if evidence.not_seen:
        lines += ["Open:", "", *(f"- {_text(item)}" for item in evidence.not_seen), ""]
    return lines


def _not_written(refusals: Sequence[Refusal], left_out: Sequence[LeftOut]) -> list[str]:
    items = [f"- {_text(r.name)}: {_text(r.reason)}" for r in refusals]
    items += [f"- finding {_text(item.finding)}: {_text(item.reason)}" for item in left_out]
    return ["## Not written", "", *items, ""] if items else []


def _text(text: str) -> str:
    """Text of others as text: on one line, without markup."""
    return _MARKUP.sub(r"\\\1", plain(text))


def _kind(name: str) -> str:
    return name if name in _FILES else "quirk" if name.startswith("hw-vfio-quirk-") else "definition"


_FILES = {
    "definition": "the definition all of it was made from; edit it and emit again",
    "include-hw-pci-pci_ids.h": "goes into include/hw/pci/pci_ids.h",
    "hw-vfio-trace-events": "goes to the end of hw/vfio/trace-events",
    "hw-vfio-pci-quirks.c": "goes into hw/vfio/pci-quirks.c, before vfio_vga_quirk_setup()",
    "hw-vfio-pci-quirks-setup.c": "the calls for vfio_bar_quirk_setup() and vfio_vga_quirk_setup() in the same file",
    "quirk": "the same functions as a file of their own; then the three fragments below replace those for pci-quirks.c",
    "hw-vfio-pci-quirks.h": "prototypes for hw/vfio/pci-quirks.h, only with the file of its own",
    "hw-vfio-meson.build": "the line for hw/vfio/meson.build, only with the file of its own",
    "hw-vfio-pci-quirks-setup-alone.c": "the calls, only with the file of its own",
}
