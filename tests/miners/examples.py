"""Cards and accesses written down in the notation of the field, with what has to be found in them.

An example is a text file of four parts, each line of which is one of:

    rule: …                                     a negative: which rule keeps this from being a finding
    ids 1002:5b63 [1043:0350] class 030000      the card; left out, it is 1af5:0c0d without a class
    bar0 memory64 256M host 0xd0000000 guest 0xe0000000 [prefetchable]      host or guest may be `?`
    bar0 memory32 64K host 0xd0000000 guest 0xe0000000 first 0xe1000000     until the first line the guest had it there
    config                                      the host's listing has the header, put together from ids and BARs
    config 0x50 05 00 80 00                     and these bytes from that offset on
    neighbour 0000:02:00.0 [bridge to bus 3]    another function of the host; its lines follow, indented
    ram 0x0-0xbfffffff                          what else the guest has where
    hostmem 0x4c000000-0x503fffff Reserved      what the host's /proc/iomem names where

    W bar4+0x0 4 0x4010                         a write: place, width in bytes, value
    R bar4+0x4 4 = 0xd000000c                   a read; `vga+0x3c3` is the port 0x3c3
    C W 0x54 4 0xfee00000, C R 0x10 4 = 0x0     config space as the guest has it
    U R 0xfe504074 4, U W 0xfe504074 4 0x1      memory where the guest has nothing
    IO R 0xd004 4 = 0xffffffff                  a port where the guest has nothing
    MSI 0xfee00000 0x4073                       QEMU's line about an interrupt
    FAULT 0x50340000                            the host refuses the card an address
    1000 x R bar0+0x8 4 = 0x1                   the same line again and again

    finds                                       and nothing else, in the words of `words_of`
      confirmed address-leak bar0+0x10[4] is bar1
    finds nothing

The order of the accesses is that of the log.  Nothing here goes through reading, inventory or card: the frame and the
machine are made by hand, so that these examples are about the miners alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from quirkfinder.card.model import Bar, BarKind, Card, ConfigSpace, Machine, Neighbour, Placement, Span
from quirkfinder.events import CONFIG, SCHEMA, VGA
from quirkfinder.findings import Finding
from quirkfinder.miners.run import mine

FOLDER = Path(__file__).parent / "examples"
DEVICE = "0000:03:00.0"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_FLAGS = {"io": 1, "memory32": 0, "memory64": 4}
Row = dict[str, Any]


@dataclass
class Function:
    """What a file says of a card or of a neighbour, until it is put together."""

    address: str = DEVICE
    ids: tuple[int, ...] = (0x1AF5, 0x0C0D)
    class_code: int | None = None
    bars: dict[int, Bar] = field(default_factory=dict)
    config: dict[int, int] = field(default_factory=dict)
    is_bridge: bool = False
    secondary_bus: int | None = None

    def header(self) -> dict[int, int]:
        """Bytes of a type 0 header with the host's addresses (PCI 3.0, 6.1)."""
        dwords = {0x00: self.ids[0] | self.ids[1] << 16, 0x04: 0x00100407, 0x08: (self.class_code or 0) << 8 | 0xA1}
        dwords |= {0x0C: 0x00000010, 0x34: 0x50, 0x3C: 0x0100}
        dwords |= dict.fromkeys((*range(0x10, 0x2C, 4), 0x30, 0x38), 0)
        dwords[0x2C] = self.ids[2] | self.ids[3] << 16 if len(self.ids) > 2 else 0
        for bar in self.bars.values():
            dwords[0x10 + 4 * bar.index] = bar_register(bar, bar.host or 0)
            if bar.kind == "memory64":
                dwords[0x14 + 4 * bar.index] = (bar.host or 0) >> 32
        return {offset + k: dword >> 8 * k & 0xFF for offset, dword in dwords.items() for k in range(4)}


@dataclass
class Example:
    """A file's content; `expected` as blocks of lines in the words of `words_of`."""

    name: str
    rule: str
    function: Function
    neighbours: list[Function]
    spans: list[Span]
    rows: list[Row]
    expected: list[str]
    host_spans: list[Span] = field(default_factory=list)

    @property
    def events(self) -> pl.DataFrame:
        return frame_of(self.rows)

    @property
    def machine(self) -> Machine:
        guest: dict[int, int] = {}
        for row in self.rows:
            if row["event"] in ("config_read", "config_write"):
                guest |= {row["address"] + k: row["value"] >> 8 * k & 0xFF for k in range(row["size"])}
        machine = machine_of(self.function, guest, self.neighbours, self.spans)
        return replace(machine, host_spans=tuple(sorted(self.host_spans, key=lambda s: s.first)))

    def found(self) -> list[Finding]:
        """What the miners find in it."""
        return list(mine(self.events, self.machine).findings)


def bar_register(bar: Bar, address: int) -> int:
    """The low dword of a base address register (PCI 3.0, 6.2.5.1)."""
    return address & 0xFFFFFFFF | _FLAGS[bar.kind] | (8 if bar.prefetchable else 0)


def config_space(content: dict[int, int]) -> ConfigSpace:
    if not content:
        return ConfigSpace(b"", b"")
    size = next(s for s in (64, 256, 4096) if s > max(content))
    values = bytes(content.get(at, 0) for at in range(size))
    return ConfigSpace(values, bytes(at in content for at in range(size)))


def frame_of(rows: Iterable[Row]) -> pl.DataFrame:
    """The events as the reader would give them; lines count from 1."""
    full = [{**dict.fromkeys(SCHEMA), "input": 0, "line": at + 1, **row} for at, row in enumerate(rows)]
    return pl.DataFrame(full, schema=SCHEMA)


def machine_of(
    function: Function, guest: dict[int, int], neighbours: Iterable[Function] = (), spans: Iterable[Span] = ()
) -> Machine:
    """The machine with one card; `guest`: bytes of config space as the guest saw them."""
    subsystem = function.ids[2:] or (None, None)
    card = Card(
        name=DEVICE,
        host_address=function.address,
        vendor=function.ids[0],
        device=function.ids[1],
        subvendor=subsystem[0],
        subdevice=subsystem[1],
        class_code=function.class_code,
        bars=tuple(function.bars[index] for index in sorted(function.bars)),
        host_config=config_space(function.config),
        guest_config=config_space(guest),
    )
    around = tuple(
        Neighbour(
            address=n.address,
            config=config_space(n.config),
            bars=tuple(n.bars.values()),
            is_bridge=n.is_bridge,
            secondary_bus=n.secondary_bus,
        )
        for n in neighbours
    )
    return Machine(cards=(card,), neighbours=around, guest_spans=tuple(sorted(spans, key=lambda s: s.first)))


# ---- reading the files


def load(path: Path) -> Example:
    """An example from its file. Raises ValueError with file and line where a line is of no known form."""
    example = Example(path.stem, "", Function(), [], [], [], [])
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#", 1)[0].rstrip()
        if text:
            try:
                _line(example, text)
            except (ValueError, KeyError, AttributeError, IndexError) as error:
                raise ValueError(f"{path.name}:{number}: {line!r}: {error}") from error
    if not example.expected:
        raise ValueError(f"{path.name}: it does not say what has to be found")
    example.expected = [] if example.expected == ["nothing"] else blocks(example.expected[1:])
    return example


def _line(example: Example, text: str) -> None:
    word = text.split()[0]
    if example.expected:
        example.expected.append(text)
    elif word == "finds":
        example.expected.append("nothing" if text == "finds nothing" else "found")
    elif word == "rule:":
        example.rule = text.removeprefix("rule:").strip()
    elif word == "ram":
        first, last = (int(part, 16) for part in text.split()[1].split("-"))
        example.spans.append(Span(first, last, "ram"))
    elif word == "hostmem":
        _, where, name = text.split(maxsplit=2)
        first, last = (int(part, 16) for part in where.split("-"))
        example.host_spans.append(Span(first, last, name))
    elif word == "neighbour":
        found = re.fullmatch(r"neighbour (\S+)( bridge to bus (\d+))?", text)
        bus = int(found[3]) if found[3] else None  # type: ignore[index]  # caught and named by the caller
        example.neighbours.append(Function(address=text.split()[1], is_bridge=bool(bus), secondary_bus=bus))
    elif word in ("ids", "config") or re.fullmatch(r"bar\d", word):
        _describe(example.neighbours[-1] if text[0] == " " else example.function, text.split())
    else:
        example.rows += _accesses(text.split())


def _describe(function: Function, words: list[str]) -> None:
    if words[0] == "ids":
        ids = [int(part, 16) for word in words[1:] if ":" in word for part in word.split(":")]
        function.ids = tuple(ids)
        function.class_code = int(words[words.index("class") + 1], 16) if "class" in words else None
    elif words[0] == "config":
        at = int(words[1], 16) if len(words) > 1 else 0
        function.config |= {at + k: int(b, 16) for k, b in enumerate(words[2:])} if at else function.header()
    else:
        bar = _bar(words)
        function.bars[bar.index] = bar


def _bar(words: list[str]) -> Bar:
    kind: BarKind = words[1]  # type: ignore[assignment]  # the model takes what the file says
    host, guest = (None if words[at] == "?" else int(words[at], 16) for at in (4, 6))
    size = int(words[2].rstrip("KMG")) * _UNITS[words[2].lstrip("0123456789")]
    placements = () if guest is None else (Placement(-1, guest),)
    if "first" in words:
        placements = (Placement(-1, int(words[words.index("first") + 1], 16)), Placement(0, guest))
    return Bar(int(words[0][3:]), kind, size, host, guest, "prefetchable" in words, placements)


def _accesses(words: list[str]) -> list[Row]:
    if words[1] == "x":
        return _accesses(words[2:]) * int(words[0])
    numbers = [int(w, 0) for w in words if re.fullmatch(r"0x[0-9a-f]+|\d+", w)]
    value = numbers[-1]
    way = "read" if "R" in words[:2] else "write"
    if words[0] == "MSI":
        return [{"event": "msi_interrupt", "device": DEVICE, "address": numbers[0], "value": value}]
    if words[0] == "FAULT":
        return [{"event": "dma_fault", "device": DEVICE, "address": value}]
    if words[0] == "C":
        row = {"event": f"config_{way}", "device": DEVICE, "region": CONFIG, "address": numbers[0], "size": numbers[1]}
        return [{**row, "value": value}]
    if words[0] in ("U", "IO"):
        kind = {"U": f"unassigned_{way}", "IO": f"memory_{way}"}[words[0]]
        row = {"event": kind, "address": numbers[0], "size": numbers[1], "detail": "io" if words[0] == "IO" else None}
        return [{**row, "value": value if len(numbers) > 2 else None}]
    if words[0] not in ("R", "W"):
        raise ValueError("neither an access nor a statement")
    region, offset = words[1].split("+")
    return [access(VGA if region == "vga" else int(region[3:]), int(offset, 16), value, way == "write", numbers[0])]


def access(region: int, offset: int, value: int, write: bool, size: int = 4) -> Row:
    """A row for one access to a BAR, or to a VGA port."""
    family, device = ("vga", None) if region == VGA else ("region", DEVICE)
    way = "write" if write else "read"
    return {
        "event": f"{family}_{way}", "device": device, "region": region, "address": offset, "size": size, "value": value,
    }  # fmt: skip


def blocks(lines: Iterable[str]) -> list[str]:
    """Lines joined into findings: deeper indented ones belong to the line above, in any order."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("    "):
            found[-1][1].append(line.strip())
        else:
            found.append((line.strip(), []))
    return sorted("\n    ".join([head, *sorted(body)]) for head, body in found)
