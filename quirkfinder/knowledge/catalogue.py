"""The quirks QEMU itself has, as values: facts that explain a finding and never make one.

`catalogue.toml` holds them, `catalogue_file` reads it.  Numbers are plain integers; a mechanism's `kind` and keys are
those of the findings document (`parameters`), so that it can be compared with what the miners found.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from quirkfinder.knowledge.versions import OLDEST, Version, VersionRange

MechanismKind = Literal["window", "config-mirror", "address-leak", "address-sink"]
NeedKind = Literal["x-vga", "vga-class", "display-class", "bar-present", "bar-kind", "bar-size", "guest-slot", "option"]
Role = Literal["probe", "shared", "line", "region"]


@dataclass(frozen=True, slots=True)
class Target:
    """Address values v with (v & ~mask & ~ignored) == match reach base + (v & mask) of `space`."""

    match: int
    mask: int
    space: str
    base: int
    ignored: int = 0
    base_any: bool = False  # the base differs between models and is not compared


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What a quirk answers, in releases `first`..`last`. Offsets and sizes in bytes, VGA offsets are absolute ports.

    window: `address` and `data` are (offset, size), `enable` (offset, value, mask), `targets`.  config-mirror:
    `offset`, `size`, `config_offset`.  address-leak: `offset`, `size`, `bar`, `shift`.  address-sink: `what`, the
    sites lie in `offset`..`offset + size`.
    """

    kind: MechanismKind
    region: str
    first: Version = OLDEST
    last: Version | None = None
    address: tuple[int, int] | None = None
    data: tuple[int, int] | None = None
    enable: tuple[tuple[int, int, int], ...] = ()
    targets: tuple[Target, ...] = ()
    offset: int = 0
    size: int = 0
    config_offset: int = 0
    bar: int = 0
    shift: int = 0
    what: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """A condition for QEMU to switch the quirk on, in releases `first`..`last`. `value`: option, slot, kind or size."""

    need: NeedKind
    bar: int | None = None
    value: str | int | None = None
    first: Version = OLDEST
    last: Version | None = None

    def __str__(self) -> str:
        fixed = {"x-vga": "x-vga=on", "vga-class": "class VGA (0300)", "display-class": "a display class (03xx)"}
        text = fixed.get(self.need) or {
            "bar-present": f"BAR {self.bar}",
            "bar-kind": f"BAR {self.bar} {_KIND_WORDS.get(str(self.value), self.value)}",
            "bar-size": f"BAR {self.bar} of at least {self.value} bytes",
            "guest-slot": f"guest address {self.value}",
            "option": f"option {self.value}",
        }.get(self.need, self.need)
        if self.first == OLDEST and self.last is None:
            return text
        return f"{text} ({VersionRange(self.first, self.last)})"


@dataclass(frozen=True, slots=True)
class Name:
    """A name the quirk goes by in logs of `first`..`last`.

    Role: `probe` line, `shared` probe line that stands for another quirk too, `line` it answers with, memory `region`.
    """

    role: Role
    name: str
    first: Version = OLDEST
    last: Version | None = None

    @property
    def is_probe(self) -> bool:
        """Does a line of this name say that the quirk was switched on?"""
        return self.role in ("probe", "shared")

    @property
    def key(self) -> frozenset[str]:
        """What is left without spelling, see `name_key`."""
        return name_key(self.name)


@dataclass(frozen=True, slots=True)
class Quirk:
    """One quirk of QEMU. `first` None: proposed and never merged; `last` None: still there."""

    id: str
    title: str
    first: Version | None
    last: Version | None
    vendor: int | None  # None: any
    devices: tuple[int, ...] = ()  # none: any of the vendor
    device_mask: int = 0xFFFF
    mechanisms: tuple[Mechanism, ...] = ()
    needs: tuple[Need, ...] = ()
    names: tuple[Name, ...] = ()
    disable: tuple[str, ...] = ()
    notes: str = ""

    def is_for(self, vendor: int | None, device: int | None) -> bool | None:
        """Does QEMU give it to a card with these ids? None where they are not known."""
        if self.vendor is None:
            return True
        if vendor is None:
            return None
        if vendor != self.vendor:
            return False
        if not self.devices:
            return True
        return None if device is None else (device & self.device_mask) in self.devices

    def in_release(self, version: VersionRange) -> bool | None:
        """Does that QEMU have it? None where the range says both."""
        if self.first is None or not version.overlaps(self.first, self.last):
            return False
        return True if version.within(self.first, self.last) else None

    @property
    def cards(self) -> str:
        """`10ec:8168`, `1002:any`; `any` where no id is looked at."""
        if self.vendor is None:
            return "any"
        if not self.devices:
            return f"{self.vendor:04x}:any"
        if self.device_mask != 0xFFFF:
            return f"{self.vendor:04x}:" + ",".join(f"{d:04x}/{self.device_mask:04x}" for d in self.devices)
        return f"{self.vendor:04x}:" + ",".join(f"{d:04x}" for d in self.devices)

    @property
    def releases(self) -> str:
        """`1.6 or newer`, `2.7 to 9.2`, `never merged`."""
        return "never merged" if self.first is None else str(VersionRange(self.first, self.last))


_KIND_WORDS = {"io": "is an I/O BAR", "memory64": "is a 64-bit memory BAR", "memory32": "is a 32-bit memory BAR"}
#: Words of log names that do not tell one quirk from another.
_NOISE = frozenset(
    {
        "vfio",
        "quirk",
        "probe",
        "enabled",
        "for",
        "device",
        "vga",
        "amd",
        "window",
        "mirror",
        "address",
        "data",
        "read",
        "write",
    }
    | {"state", "id", "pci", "bar4for"}
)


def name_key(name: str) -> frozenset[str]:
    """What is left of a log name without spelling: `vfio_quirk_ati_bar4_probe` and `vfio-ati-bar4-window-data-quirk`
    are both {ati, bar4}."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return frozenset(w.removeprefix("0x") for w in words) - _NOISE


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All quirks, in the order of the file."""

    quirks: tuple[Quirk, ...]

    def __iter__(self) -> Iterator[Quirk]:
        return iter(self.quirks)

    def __getitem__(self, quirk_id: str) -> Quirk:
        for quirk in self.quirks:
            if quirk.id == quirk_id:
                return quirk
        raise KeyError(quirk_id)

    def named(self, name: str, probe: bool | None = None) -> tuple[Quirk, ...]:
        """The quirks a log name stands for: usually one, two for NVIDIA's common BAR0 probe, none for foreign names.

        `probe` says whether it stood in a probe line; quirks that have such a name in such a line are then preferred.
        A name with more words than any known one stands for the known name with most of its words, if that is one.
        """
        table, words = _by_key(self), name_key(name)
        if words not in table:
            parts = [key for key in table if key < words]
            longest = [key for key in parts if len(key) == max(map(len, parts)) and len(key) > 1]
            if len({table[key] for key in longest}) != 1:
                return ()
            words = longest[0]
        fitting = tuple(q for q in table[words] if any(n.key == words and n.is_probe is probe for n in q.names))
        return fitting or table[words]


@cache
def _by_key(catalogue: Catalogue) -> dict[frozenset[str], tuple[Quirk, ...]]:
    table: dict[frozenset[str], list[Quirk]] = {}
    for quirk in catalogue:
        for name in quirk.names:
            known = table.setdefault(name.key, [])
            if quirk not in known:
                known.append(quirk)
    return {key: tuple(found) for key, found in table.items()}
