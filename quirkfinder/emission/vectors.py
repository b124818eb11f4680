"""Test vectors: guest accesses with what a quirk must make of them, as JSON lines.

The first line describes the machine; each other line is one access of the guest, in order:

- `quirk`: whose vector it is; `access`: "read" or "write"; `region`, `offset`, `size` (bytes), `value` for a write;
- `device`: what the device itself answers to that read; `expect`: what the guest must get;
- `seen`: writes the device sees, as [offset, size, value]; `config`, `msix`: writes that end there instead.

Device and config space hold a fixed pattern, so that every byte tells where it is from: `pattern(space, offset)`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from quirkfinder.definition.model import QuirkDefinition
from quirkfinder.emission.accesses import Access, accesses
from quirkfinder.events import VGA, region_name
from quirkfinder.replay.engine import Engine
from quirkfinder.replay.environment import Value

CONFIG_SIZE = 0x1000
MSIX_ENTRIES = 16
SCHEMA = "quirkfinder.vectors/1"
#: guest and host places of the six BARs of the machine: 32-bit memory at 64 KiB steps, 1 MiB long
GUEST = [0xE0000000 + index * 0x1000000 for index in range(6)]
HOST = [0xF0000000 + index * 0x1000000 for index in range(6)]
BAR_SIZE = 0x100000


def pattern(space: int, offset: int) -> int:
    """The byte that the device has at an offset of a BAR (0 to 5) or of the ports (8); 7 is config space."""
    return (offset * 5 + (offset >> 8) * 11 + space * 29 + 0x5A) & 0xFF


@dataclass(slots=True)
class PatternMachine:
    """The environment of the vectors. Every write is recorded; those to config space and MSI-X table stick."""

    config_size: int = CONFIG_SIZE
    config: bytearray = field(default_factory=lambda: bytearray(guest_config()))
    msix: bytearray = field(default_factory=lambda: bytearray(16 * MSIX_ENTRIES))
    seen: list[tuple[str, int, int, int]] = field(default_factory=list)

    def hardware_read(self, space: int, offset: int, size: int) -> Value:
        return int.from_bytes(bytes(pattern(space, offset + at) for at in range(size)), "little")

    def hardware_write(self, space: int, offset: int, size: int, value: Value) -> None:
        self.seen.append((region_name(space), offset, size, value or 0))

    def config_read(self, offset: int, size: int) -> Value:
        return int.from_bytes(self.config[offset : offset + size], "little")

    def config_write(self, offset: int, size: int, value: Value) -> None:
        self.seen.append(("config", offset, size, value or 0))
        self.config[offset : offset + size] = (value or 0).to_bytes(size, "little")

    def msix_read(self, offset: int, size: int) -> Value:
        if offset + size > len(self.msix):
            return 0
        return int.from_bytes(self.msix[offset : offset + size], "little")

    def msix_write(self, offset: int, size: int, value: Value) -> None:
        if offset + size <= len(self.msix):
            self.seen.append(("msix", offset, size, value or 0))
            self.msix[offset : offset + size] = (value or 0).to_bytes(size, "little")

    def guest_bar(self, bar: int) -> Value:
        word = int.from_bytes(self.config[0x10 + 4 * bar : 0x14 + 4 * bar], "little")
        if word & 1:
            return word & ~3
        high = int.from_bytes(self.config[0x14 + 4 * bar : 0x18 + 4 * bar], "little") if word & 4 and bar < 5 else 0
        return (high << 32 | word) & ~0xF

    def host_bar(self, bar: int) -> Value:
        return HOST[bar]

    def bar_size(self, bar: int) -> Value:
        return BAR_SIZE if bar in range(len(GUEST)) else None


def guest_config() -> bytes:
    """Config space of the machine: the pattern, with the guest's BARs in it."""
    config = bytearray(pattern(7, offset) for offset in range(CONFIG_SIZE))
    for index, address in enumerate(GUEST):
        config[0x10 + 4 * index : 0x14 + 4 * index] = address.to_bytes(4, "little")
    return bytes(config)


def vectors(definition: QuirkDefinition) -> Iterator[dict[str, Any]]:
    """The lines as dictionaries: the machine, then the accesses."""
    yield {
        "schema": SCHEMA,
        "definition": definition.name,
        "config_size": CONFIG_SIZE,
        "msix_entries": MSIX_ENTRIES,
        "guest_bars": [hex(address) for address in GUEST],
        "host_bars": [hex(address) for address in HOST],
        "bar_size": hex(BAR_SIZE),
        "pattern": "byte(space, offset) = (offset * 5 + (offset >> 8) * 11 + space * 29 + 0x5a) & 0xff",
    }
    machine = PatternMachine()
    engine = Engine((definition,), machine)
    for access in accesses(definition):
        yield line_of(access, engine, machine)


def line_of(access: Access, engine: Engine, machine: PatternMachine) -> dict[str, Any]:
    """One access through the engine, as a line."""
    line: dict[str, Any] = {
        "quirk": access.quirk,
        "access": "read" if access.value is None else "write",
        "region": region_name(access.space),
        "offset": hex(access.offset),
        "size": access.size,
    }
    machine.seen.clear()
    if access.value is None:
        device = machine.hardware_read(access.space, access.offset, access.size)
        value, _ = engine.read(access.space, access.offset, access.size)
        line |= {"device": hex(device or 0), "expect": hex(value or 0)}
    else:
        engine.write(access.space, access.offset, access.size, access.value)
        line["value"] = hex(access.value)
        for key, names in (("seen", (region_name(access.space),)), ("config", ("config",)), ("msix", ("msix",))):
            line[key] = [[hex(o), s, hex(v)] for name, o, s, v in machine.seen if name in names]
    return line


def vectors_text(definition: QuirkDefinition) -> str:
    """The vectors as they are written to a file."""
    return "".join(json.dumps(line) + "\n" for line in vectors(definition))


assert VGA == 8  # the pattern of the ports is part of the format
