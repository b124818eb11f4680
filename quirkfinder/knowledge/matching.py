"""Does a quirk of the catalogue cover a finding? Registers, offsets and selected addresses are compared, ids are not.

A finding is often smaller than the quirk (only what the evidence shows) or larger (a window that also reaches harmless
registers).  `Coverage.whole` says whether everything the finding claims is answered by the quirk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quirkfinder.findings.document import Finding
from quirkfinder.knowledge.catalogue import Mechanism, Quirk, Target
from quirkfinder.knowledge.versions import VersionRange

_FIRST_BAR, _AFTER_BARS = 0x10, 0x34  # config offsets of the base address registers and the ROM's (PCI 3.0, 6.1)


@dataclass(frozen=True, slots=True)
class Coverage:
    """`whole`: the quirk answers all the finding claims; else `part` says what of it.

    `enough`: it answers all of it that shows config space's addresses or the interrupt table.
    """

    whole: bool
    part: str = ""
    enough: bool = False


def coverage(finding: Finding, quirk: Quirk, version: VersionRange) -> Coverage | None:
    """How far a quirk covers a finding in that QEMU; None where it is about something else.

    Where no mechanism of the quirk belongs to `version`, all of them are looked at: whether the release has the quirk
    is a question of its own.
    """
    current = [m for m in quirk.mechanisms if version.overlaps(m.first, m.last)] or list(quirk.mechanisms)
    found = [c for m in current if (c := _covers(finding, m)) is not None]
    return max(found, key=lambda c: c.whole, default=None)


def _covers(finding: Finding, mechanism: Mechanism) -> Coverage | None:
    parameters = finding.parameters
    if parameters.get("region") != mechanism.region:
        return None
    try:
        if finding.kind == mechanism.kind == "window":
            return _window(parameters, mechanism)
        if finding.kind == mechanism.kind == "config-mirror":
            return _mirror(parameters, mechanism)
        if finding.kind == "address-leak":
            return _leak(parameters, mechanism)
        if finding.kind == "address-sink":
            return _sink(parameters, mechanism)
    except (KeyError, TypeError, ValueError):
        return None  # parameters of another shape are not this mechanism
    return None


def number(value: int | str) -> int:
    """A number of the findings document: an integer or its text in hexadecimal or decimal."""
    return value if isinstance(value, int) else int(value, 0)


def _window(parameters: Mapping[str, Any], mechanism: Mechanism) -> Coverage | None:
    if mechanism.address is None or mechanism.data is None:
        return None
    registers = (mechanism.address[0], mechanism.data[0])
    if (number(parameters["address"]["offset"]), number(parameters["data"]["offset"])) != registers:
        return None
    verdicts = [_target(target, mechanism) for target in parameters["targets"]]
    if not any(verdicts):
        return None
    if all(verdict == "whole" for verdict in verdicts):
        return Coverage(True)
    ways = {"whole": "", "part": "part of ", "": "not "}
    pairs = sorted(zip(parameters["targets"], verdicts, strict=True), key=lambda pair: list(ways).index(pair[1]))
    parts = [ways[v] + _words(t) for t, v in pairs]
    needed = [v for t, v in zip(parameters["targets"], verdicts, strict=True) if t["space"] in ("config", "msix-table")]
    return Coverage(False, ", ".join(parts), bool(needed) and all(verdict == "whole" for verdict in needed))


def _target(target: Mapping[str, Any], mechanism: Mechanism) -> str:
    """`whole` where the quirk answers every address value of the target, `part` where some, empty where none."""
    match, mask = number(target["match"]), number(target["mask"])
    verdict = ""
    for known in mechanism.targets:
        if known.space == target["space"] and _selects(known, match):
            reached = number(target["base"]) == known.base + (match & known.mask)
            if known.base_any or reached:
                return "whole" if not mask & ~(known.mask | known.ignored) else "part"
        if _lies_in(known, target["space"], match, mask, number(target["base"])):
            verdict = "part"
    return verdict


def _lies_in(known: Target, space: str, match: int, mask: int, base: int) -> bool:
    """The finding's target is the wider one: the quirk takes some of its values away.

    In another space that is a place within it (a register aperture that has the config mirror in it).
    """
    wider = (known.match & ~mask) == match and not known.mask & ~mask and mask != known.mask
    return wider and (known.space != space or known.base_any or known.base == base + (known.match & mask))


def _selects(known: Target, value: int) -> bool:
    return (value & ~(known.mask | known.ignored)) == known.match


def _words(target: Mapping[str, Any]) -> str:
    """`config space (addresses 0x4000 to 0x40fc)`: what is reached, and by which address values."""
    first, last = number(target["match"]), number(target["match"]) | number(target["mask"])
    values = f"address {first:#x}" if first == last else f"addresses {first:#x} to {last:#x}"
    space = {"config": "config space", "msix-table": "the MSI-X table"}.get(target["space"], target["space"].upper())
    return f"{space} ({values})"


def _mirror(parameters: Mapping[str, Any], mechanism: Mechanism) -> Coverage | None:
    offset, size = number(parameters["offset"]), number(parameters["size"])
    if parameters.get("function") is not None:
        return None  # QEMU's mirrors answer with the device's own config space only
    if offset - number(parameters["config_offset"]) != mechanism.offset - mechanism.config_offset:
        return None
    if offset >= mechanism.offset + mechanism.size or mechanism.offset >= offset + size:
        return None
    if mechanism.offset <= offset and offset + size <= mechanism.offset + mechanism.size:
        return Coverage(True)
    last = mechanism.offset + mechanism.size - 1
    start = mechanism.offset - mechanism.config_offset
    first_shown, end_shown = max(offset, start + _FIRST_BAR), min(offset + size, start + _AFTER_BARS)
    enough = mechanism.offset <= first_shown and end_shown <= last + 1
    return Coverage(False, f"{mechanism.offset:#x} to {last:#x} of {offset:#x} to {offset + size - 1:#x}", enough)


def _leak(parameters: Mapping[str, Any], mechanism: Mechanism) -> Coverage | None:
    """A register that tells an address is covered by the leak's own quirk, or by the door behind which it lies."""
    offset = number(parameters["offset"])
    if mechanism.kind == "address-leak":
        same = (offset, parameters["bar"], parameters["shift"]) == (mechanism.offset, mechanism.bar, mechanism.shift)
        return Coverage(True) if same else None
    if mechanism.kind == "config-mirror":
        place = offset - mechanism.offset + mechanism.config_offset
        inside = mechanism.offset <= offset < mechanism.offset + mechanism.size
        return Coverage(True) if inside and _FIRST_BAR <= place < _AFTER_BARS else None
    if mechanism.kind == "window" and mechanism.data is not None:
        first, size = mechanism.data
        inside = first <= offset < first + size and any(t.space == "config" for t in mechanism.targets)
        return Coverage(True) if inside else None
    return None


def _sink(parameters: Mapping[str, Any], mechanism: Mechanism) -> Coverage | None:
    sites = [number(site) for site in parameters["sites"]]
    if mechanism.kind == "address-sink" and mechanism.what == parameters["what"]:
        first, size = mechanism.offset, mechanism.size
    elif mechanism.kind == "window" and mechanism.data is not None and str(parameters["what"]).startswith("msi-"):
        if not any(t.space == "msix-table" for t in mechanism.targets):
            return None
        first, size = mechanism.data
    else:
        return None
    outside = [site for site in sites if not first <= site < first + size]
    if len(outside) == len(sites):
        return None
    return Coverage(not outside, "not " + ", ".join(f"{site:#x}" for site in outside) if outside else "")
