"""The field's words for what a document says in codes and numbers.

Values come from documents that may be from anywhere: only the contract's required keys are certain to be there, and
where the contract leaves a type open anything may stand.  Nothing here fails on such a value; it is shown as it is.
"""

import re
from typing import Any

from quirkfinder.findings.document import BarRecord, Finding

KIND_TITLES = {
    "window": "address/data window",
    "config-mirror": "mirror of config space",
    "bar-alias": "one range in two places",
    "paged-window": "paged window",
    "address-leak": "register that tells a host address",
    "address-sink": "register that takes a guest address",
    "host-address-access": "use of a host address",
    "identity-mapped-bar": "1:1 accident",
    "address-collision": "colliding addresses",
    "indexed-registers": "indexed registers",
    "unassigned-access": "unassigned accesses",
}
#: Ways from one place of the card to another, or from the card to a host address.
BACK_DOORS = ("window", "config-mirror", "bar-alias", "paged-window", "address-leak")
ACCIDENTS = ("identity-mapped-bar", "address-collision")
#: Kinds that say nothing against a card.
HARMLESS = ("indexed-registers", "unassigned-access")
_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_SHOWN = 120  # characters of a value of unknown shape
_WORD = re.compile(r"[a-z]+(?=[ ,.]|$)")


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 back door`, `3 back doors`; thousands are set apart with a blank: `26 579 lines`."""
    return f"{number:,}".replace(",", " ") + " " + (one if number == 1 else many or one + "s")


def size(value: int | None) -> str:
    """Bytes in the largest unit that divides them: `256 MiB`; `unknown` for None."""
    if value is None:
        return "unknown"
    for unit, name in _UNITS:
        if value and value % unit == 0:
            return f"{value // unit} {name}"
    return f"{value} B"


def address(value: int | None, unknown: str = "unknown") -> str:
    return unknown if value is None else f"{value:#x}"


def number(value: object) -> int | None:
    """A number that the document writes as an integer or as a "0x…" string; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return int(value, 16)
        except ValueError:
            return None
    return None


def plain(value: object, depth: int = 4) -> str:
    """Any JSON value as short text: strings as they are, null as `none`, objects as `key value, key value`."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, dict | list):
        if not depth:
            return "…"
        keys = [f"{key} " for key in value] if isinstance(value, dict) else [""] * len(value)
        inner = value.values() if isinstance(value, dict) else value
        text = ", ".join(key + plain(item, depth - 1) for key, item in zip(keys, inner, strict=True))
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def octets(value: object) -> str:
    """`1 byte`, `4 bytes`, whatever the document says in either notation."""
    length = number(value)
    return plain(value) + " bytes" if length is None else count(length, "byte")


def region(name: object) -> str:
    """`bar4` as `BAR4`, `config` as `config space`."""
    text = plain(name)
    names = {"rom": "the option ROM", "config": "config space", "vga": "VGA", "msix-table": "the MSI-X table"}
    if text.startswith("bar") and text[3:].isdigit():
        return f"BAR{text[3:]}"
    return names.get(text, "something unknown" if text == "unknown" else text)


def bar(index: object) -> str:
    return "the option ROM" if index == 6 else f"BAR{plain(index)}"


def bars(indices: list[object]) -> str:
    """`BAR0`, `BAR0 and BAR2`, `BAR0, BAR2 and BAR4`; each once, in order."""
    return listed(list(dict.fromkeys(bar(index) for index in sorted(indices, key=plain))))


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def place(where: object, offset: object) -> str:
    """`bar4+0x10`; in config space `config space at 0x10`; a VGA port is an absolute number: `VGA port 0x3c3`."""
    if where == "vga":
        value = number(offset)
        return f"VGA {'memory' if value is not None and value >= 0xA0000 else 'port'} {plain(offset)}"
    return f"config space at {plain(offset)}" if where == "config" else f"{plain(where)}+{plain(offset)}"


def sentence(text: str) -> str:
    """A claim as it stands at the start of a line: with a capital, unless it starts with a name (`bar0+0x10`)."""
    return text[:1].upper() + text[1:] if _WORD.match(text) else text


def likelihood(finding: Finding) -> str:
    """How sure the finding is, in a sentence."""
    lines = f"{count(finding.evidence_count, 'line')} of evidence, confidence {finding.confidence:.2f}"
    return {
        "confirmed": f"confirmed: values in the trace prove it ({lines})",
        "likely": f"likely: what was seen fits and does not prove it ({lines})",
        "benign": f"benign: it looks like a back door and is not ({lines})",
    }[finding.verdict]


def bar_note(record: BarRecord, others: tuple[BarRecord, ...]) -> str:
    """What stands out about a BAR's two addresses: `1:1`, or that the guest placed it over another's host address."""
    if record.guest is None:
        return "no guest address was seen" if record.host is not None else ""
    if record.host == record.guest:
        return "1:1 (same address on host and guest)"
    notes = [
        f"guest address lies where {bar(other.index)} is on the host"
        for other in others
        if other.index != record.index and is_io(other) == is_io(record) and overlap(record, other)
    ]
    if record.host is None:
        notes.append("host address not known")
    return "; ".join(notes)


def is_io(record: BarRecord) -> bool:
    return record.kind == "io"


def overlap(guest: BarRecord, host: BarRecord) -> bool:
    if guest.guest is None or guest.size is None or host.host is None or host.size is None:
        return False
    return guest.guest < host.host + host.size and host.host < guest.guest + guest.size


def is_back_door(finding: Finding) -> bool:
    """A way past what QEMU emulates; two ranges of one BAR that are the same memory lead nowhere else."""
    same = finding.kind == "bar-alias" and finding.parameters.get("region") == finding.parameters.get("target_region")
    return finding.kind in BACK_DOORS and not (same and not finding.needs_quirk)


def tells_host_addresses(finding: Finding) -> bool:
    """Did the guest read a BAR's host address through this back door? What it could have read does not count."""
    if finding.kind not in BACK_DOORS:
        return False
    if "leaks" in finding.parameters:
        return bool(objects(finding.parameters["leaks"]))
    return finding.kind == "address-leak"


def is_handled(finding: Finding) -> bool:
    """Did a quirk of QEMU's answer in the card's place, so that nothing is left to be mended?"""
    return (finding.known_quirk or {}).get("handled") is True and not finding.needs_quirk


def has_idle_quirk(finding: Finding) -> bool:
    """Has QEMU a quirk for all of it that did not work in this run?"""
    known = finding.known_quirk or {}
    return known.get("active") is False and known.get("covers") == "all" and known.get("qemu_from") is not None


def was_told(finding: Finding) -> bool:
    """Did a register return the address, or its page, before the guest used it?"""
    source = finding.parameters.get("provenance")
    return isinstance(source, dict) and source.get("written") is False


def accesses(finding: Finding) -> int:
    """How many accesses a finding is about."""
    return number(finding.parameters.get("count")) or finding.evidence_count


def told_bars(finding: Finding) -> list[object]:
    """The BARs whose host address the finding tells, as far as the document names them."""
    leaks = [leak.get("bar") for leak in objects(finding.parameters.get("leaks"))]
    return leaks or ([finding.parameters["bar"]] if finding.kind == "address-leak" else [])


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; nothing else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
