"""Frames written by hand: a line an event, as short as it can be said."""

from dataclasses import dataclass, field

import polars as pl

from quirkfinder.card.model import Bar, Card, ConfigSpace, Machine
from quirkfinder.events import CONFIG, SCHEMA, VGA

NAME = "0000:01:00.0"


@dataclass(slots=True)
class Log:
    """Collects events; line numbers count from 1."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, event: str, device: str | None = NAME, **columns: object) -> int:
        """One event; its line number."""
        row = dict.fromkeys(SCHEMA, None) | {"input": 0, "line": len(self.rows) + 1, "event": event, "device": device}
        self.rows.append(row | columns)
        return len(self.rows)

    def read(self, region: int, address: int, value: int | None, size: int = 4) -> int:
        """The guest reads a BAR or a port."""
        if region == VGA:
            return self.add("vga_read", None, region=VGA, address=address, size=size, value=value)
        return self.add("region_read", region=region, address=address, size=size, value=value)

    def write(self, region: int, address: int, value: int | None, size: int = 4) -> int:
        """The guest writes a BAR or a port."""
        if region == VGA:
            return self.add("vga_write", None, region=VGA, address=address, size=size, value=value)
        return self.add("region_write", region=region, address=address, size=size, value=value)

    def config_read(self, address: int, value: int, size: int = 4) -> int:
        return self.add("config_read", region=CONFIG, address=address, size=size, value=value)

    def config_write(self, address: int, value: int, size: int = 4) -> int:
        return self.add("config_write", region=CONFIG, address=address, size=size, value=value)

    def unassigned(self, address: int, *, write: bool = False) -> int:
        return self.add("unassigned_write" if write else "unassigned_read", None, address=address, size=4)

    def frame(self) -> pl.DataFrame:
        """The events as the stages hand them on."""
        return pl.DataFrame(self.rows, schema=SCHEMA)


def config_space(words: dict[int, int], size: int = 0x1000) -> ConfigSpace:
    """A host's config space: dwords by offset, zeros elsewhere."""
    values = bytearray(size)
    for offset, word in words.items():
        values[offset : offset + 4] = word.to_bytes(4, "little")
    return ConfigSpace(bytes(values), bytes([1]) * size)


def card(
    bars: tuple[Bar, ...] = (), words: dict[int, int] | None = None, *, vendor: int = 0x1AF5, device: int = 0x78F9
) -> Card:
    """A card whose host config space holds its ids, its BARs and `words`."""
    dump = {0x00: device << 16 | vendor, 0x08: 0x03000001}
    for entry in bars:
        flags = {"io": 1, "memory32": 0, "memory64": 4}.get(entry.kind, 0)
        dump[0x10 + 4 * entry.index] = (entry.host or 0) & 0xFFFFFFFF | flags
    return Card(
        NAME, vendor=vendor, device=device, class_code=0x030000, bars=bars, config_size=0x1000,
        host_config=config_space(dump | (words or {})),
    )  # fmt: skip


def machine(one: Card) -> Machine:
    return Machine(cards=(one,))
