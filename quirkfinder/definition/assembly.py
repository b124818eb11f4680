"""Definitions from findings: the findings of one device become the quirks of one definition.

Taken are findings of the kinds window, config-mirror, address-leak and address-sink that need a quirk and are not
benign.  What cannot be said as a quirk is left out with the reason, never bent until it fits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from quirkfinder.definition.checks import registers
from quirkfinder.definition.errors import DefinitionError
from quirkfinder.definition.model import (
    Leak,
    Match,
    MatchBar,
    Mirror,
    Provenance,
    QuirkDefinition,
    Sink,
    Trace,
    Window,
)
from quirkfinder.definition.reading import from_table
from quirkfinder.definition.translation import Untranslatable, integer, mechanism_of, plain
from quirkfinder.definition.writing import as_table
from quirkfinder.findings.document import Findings
from quirkfinder.findings.encode import encode

Document = Findings | Mapping[str, Any]
Mechanism = Window | Mirror | Leak | Sink
_FIELD: dict[type[Any], str] = {Window: "windows", Mirror: "mirrors", Leak: "leaks", Sink: "sinks"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A finding that became no quirk, and why."""

    finding: str
    reason: str


@dataclass(frozen=True, slots=True)
class Assembly:
    """The definitions a document gives, and the findings that are in none of them."""

    definitions: tuple[QuirkDefinition, ...]
    left_out: tuple[LeftOut, ...]


def from_findings(document: Document) -> list[QuirkDefinition]:
    """The quirk definitions that a findings document (the object or its JSON) gives, one for a vendor and device id."""
    return list(assemble(document).definitions)


def assemble(document: Document) -> Assembly:
    """As `from_findings`, with the findings that were left out and why."""
    table: Mapping[str, Any] = encode(document) if isinstance(document, Findings) else document
    left_out: list[LeftOut] = []
    definitions: list[QuirkDefinition] = []
    provenance = _provenance(table)
    for device in table.get("devices", ()):
        findings = [f for f in table.get("findings", ()) if f.get("device") == device.get("name")]
        definition = _definition(device, findings, provenance, left_out)
        if definition is not None:
            definitions.append(definition)
    return Assembly(tuple(merge(definitions)), tuple(left_out))


def merge(definitions: Iterable[QuirkDefinition]) -> list[QuirkDefinition]:
    """Definitions for the same devices joined: every quirk once, the one with the most evidence where two disagree."""
    joined: dict[Match, QuirkDefinition] = {}
    for definition in definitions:
        key = replace(definition.match, bars=())
        known = joined.get(key)
        joined[key] = definition if known is None else _join(known, definition)
    return list(joined.values())


def _definition(
    device: Mapping[str, Any],
    findings: Iterable[Mapping[str, Any]],
    provenance: Provenance,
    left_out: list[LeftOut],
) -> QuirkDefinition | None:
    vendor, product = integer(device.get("vendor")), integer(device.get("device"))
    wanted = [f for f in findings if f["verdict"] != "benign" and f["needs_quirk"] and f["kind"] in mechanism_of]
    if vendor is None or product is None or max(vendor, product) > 0xFFFF:
        left_out.extend(LeftOut(f["id"], "the device's vendor and device id are not known") for f in wanted)
        return None
    name = f"{vendor:04x}-{product:04x}"
    match = Match(vendor=vendor, device=product)
    definition = QuirkDefinition(name=name, match=match, provenance=provenance)
    # Leaks last: most of them are a window or a mirror seen from one register only.
    for finding in sorted(wanted, key=lambda f: (f["kind"] == "address-leak", -f["confidence"])):
        try:
            mechanisms = mechanism_of[finding["kind"]](finding, device)
            for mechanism in mechanisms:
                definition = _with(definition, mechanism)
        except (Untranslatable, DefinitionError) as error:
            left_out.append(LeftOut(finding["id"], getattr(error, "problem", None) or str(error)))
    if not definition.mechanisms:
        return None
    bars = _bars(definition, device)
    summary = (
        f"{len(definition.mechanisms)} back door{'s' * (len(definition.mechanisms) > 1)} of {vendor:04x}:{product:04x}"
    )
    return replace(definition, match=replace(match, bars=bars), summary=summary)


def _with(definition: QuirkDefinition, mechanism: Mechanism) -> QuirkDefinition:
    """The definition with one quirk more. Raises `Untranslatable` (it is covered) or `DefinitionError` (it clashes)."""
    if isinstance(mechanism, Leak) and (cover := _covered(definition, mechanism)):
        raise Untranslatable(f"covered by the quirk {cover}")
    field = _FIELD[type(mechanism)]
    grown = replace(definition, **cast(dict[str, Any], {field: (*getattr(definition, field), mechanism)}))
    # Through the reader, so that what findings say passes every rule that a file has to pass.
    return from_table(as_table(grown))


def _covered(definition: QuirkDefinition, leak: Leak) -> str | None:
    for mirror in definition.mirrors:
        if leak.bar == mirror.bar and mirror.offset <= leak.offset < mirror.offset + mirror.size:
            return mirror.name
    for window in definition.windows:
        if (leak.bar, leak.vga) == (window.bar, window.vga) and any(
            what == "data" and offset <= leak.offset < offset + size for what, offset, size in registers(window)
        ):
            return window.name
    return None


def _bars(definition: QuirkDefinition, device: Mapping[str, Any]) -> tuple[MatchBar, ...]:
    """The BARs that the quirks touch, with the kind they had and the least size that holds the registers."""
    needed: dict[int, int] = {}
    for mechanism in definition.mechanisms:
        if mechanism.bar is None:
            continue
        match mechanism:
            case Window():
                end = max(offset + size for _, offset, size in registers(mechanism))
            case Sink():
                end = max(mechanism.sites) + mechanism.size
            case Mirror() | Leak():
                end = mechanism.offset + mechanism.size
        needed[mechanism.bar] = max(needed.get(mechanism.bar, 0), end)
    kinds = {bar["index"]: bar["kind"] for bar in device.get("bars", ())}
    return tuple(
        MatchBar(index, kinds[index], 1 << (needed[index] - 1).bit_length())
        for index in sorted(needed)
        if kinds.get(index) in ("io", "memory32", "memory64")
    )


def _provenance(table: Mapping[str, Any]) -> Provenance:
    tool = table.get("tool", {})
    traces = tuple(
        Trace(record["sha256"], record["lines"], record["events"])
        for record in table.get("inputs", ())
        if record["role"] == "trace"
    )
    return Provenance(plain(f"{tool.get('name', '')} {tool.get('version', '')}".strip()), traces)


def _join(one: QuirkDefinition, two: QuirkDefinition) -> QuirkDefinition:
    joined = one
    for mechanism in two.mechanisms:
        field = _FIELD[type(mechanism)]
        same = [m for m in getattr(joined, field) if m.name == mechanism.name]
        if same and same[0].evidence.count >= mechanism.evidence.count:
            continue
        others = tuple(m for m in getattr(joined, field) if m.name != mechanism.name)
        grown = replace(joined, **cast(dict[str, Any], {field: (*others, mechanism)}))
        try:
            joined = from_table(as_table(grown))
        except DefinitionError:
            continue
    bars = {bar.index: bar for bar in (*two.match.bars, *one.match.bars)}
    traces = dict.fromkeys((*one.provenance.traces, *two.provenance.traces))
    return replace(
        joined,
        match=replace(one.match, bars=tuple(bars[index] for index in sorted(bars))),
        provenance=replace(one.provenance, traces=tuple(traces)),
    )
