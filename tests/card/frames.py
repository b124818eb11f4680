"""Frames of events written by hand: a line each, in the order in which QEMU would print them."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from quirkfinder.events import CONFIG, SCHEMA

DEVICE = "0000:03:00.0"


class Log:
    """Collects events; every method returns the row of the (last) event it wrote."""

    def __init__(self, device: str | None = DEVICE) -> None:
        self.device = device
        self.rows: list[dict[str, Any]] = []

    def event(self, event: str, **columns: object) -> int:
        row = {"input": 0, "line": len(self.rows) + 1, "event": event, **columns}
        self.rows.append({name: row.get(name) for name in SCHEMA})
        return len(self.rows) - 1

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(self.rows, schema=SCHEMA)

    # ---- the device
    def setup(self, sizes: dict[int, int], config: int = 4096) -> int:
        """`vfio_region_setup` for all six BARs."""
        for index in range(6):
            self.event("region_setup", device=self.device, region=index, value=sizes.get(index, 0))
        return self.event("region_setup", device=self.device, region=CONFIG, value=config)

    def reset(self, *, machine: bool = False) -> int:
        return self.event("reset", device=None if machine else self.device)

    # ---- config space
    def write(self, offset: int, value: int, size: int = 4) -> int:
        return self.event("config_write", device=self.device, region=CONFIG, address=offset, size=size, value=value)

    def read(self, offset: int, value: int, size: int = 4) -> int:
        return self.event("config_read", device=self.device, region=CONFIG, address=offset, size=size, value=value)

    def command(self, value: int) -> int:
        return self.write(4, value, 2)

    def size_bar(self, index: int, answer: int, before: int = 0, offset: int | None = None) -> int:
        """What every firmware does: read, write all ones, read the mask, write back what was there."""
        at = 0x10 + 4 * index if offset is None else offset
        self.read(at, before)
        self.write(at, 0xFFFFFFFF)
        self.read(at, answer)
        return self.write(at, before)

    # ---- accesses and the memory map
    def access(self, region: int = 0, offset: int = 0, value: int = 0) -> int:
        return self.event("region_write", device=self.device, region=region, address=offset, size=4, value=value)

    def trapped(self, first: int, size: int) -> int:
        return self.event("listener_skip_add", address=first, value=first + size - 1)

    def untrapped(self, first: int, size: int) -> int:
        return self.event("listener_skip_del", address=first, value=first + size - 1)

    def ram(self, first: int, size: int) -> int:
        return self.event("listener_add", address=first, value=first + size - 1)

    def no_ram(self, first: int, size: int) -> int:
        return self.event("listener_del", address=first, value=first + size - 1)

    def dispatched(self, name: str, address: int, offset: int, value: int, region: int) -> int:
        """A write seen by the memory core and by VFIO."""
        self.event("memory_write", address=address, size=4, value=value, detail=name)
        return self.event("region_write", device=self.device, region=region, address=offset, size=4, value=value)


def addresses(placements: Sequence[Any]) -> list[tuple[int, int | None]]:
    """(row, address) of every placement."""
    return [(p.row, p.address) for p in placements]
