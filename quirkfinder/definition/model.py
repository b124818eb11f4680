"""A quirk as data: which devices it is for, what it does, and what it rests on.

Names are those of QEMU's structures where QEMU has them (`VFIOConfigWindowQuirk`, `VFIOConfigMirrorQuirk`,
`hw/vfio/pci-quirks.h`, QEMU 10.0): `bar`, `match`, `mask`, `address_offset`, `data_offset`, `offset`, `config_offset`.
Offsets, sizes and increments are bytes; masks, values and shifts are bits.  Offsets in a BAR count from its start;
with `vga = true` they are absolute ports (0x3b0..0x3df).
"""

from dataclasses import dataclass, field
from typing import Literal

from quirkfinder.definition.fields import spec

SCHEMA_NAME = "quirkfinder.definition/1"
NAME = "^[a-z0-9][a-z0-9-]{0,47}$"
SPACE = "^(bar[0-5]|config|msix-table)$"
WritePolicy = Literal["emulate", "forward", "both", "drop"]
Verification = Literal["proven", "not refuted", "refuted", "not replayed"]
POLICIES = ("emulate", "forward", "both", "drop")
VERDICTS = ("confirmed", "likely", "")
VERIFICATIONS = ("proven", "not refuted", "refuted", "not replayed")
DWORD = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class MatchBar:
    """A BAR that the device must have for the quirk to be safe."""

    index: int = field(metadata=spec("number of the BAR", "count", maximum=5))
    kind: str = field(metadata=spec("what it decodes", "choice", choices=("io", "memory32", "memory64")))
    size: int = field(default=1, metadata=spec("its least size in bytes", minimum=1))


@dataclass(frozen=True, slots=True)
class Match:
    """Which devices the quirk is for. `device` may be "any": then `reason` says why that is right."""

    vendor: int = field(metadata=spec("PCI vendor id", maximum=0xFFFF))
    device: int | Literal["any"] = field(metadata=spec('PCI device id, or "any"', maximum=0xFFFF, word="any"))
    reason: str = field(default="", metadata=spec("why any device of the vendor has this door", "text"))
    subvendor: int | None = field(default=None, metadata=spec("subsystem vendor id", maximum=0xFFFF))
    subdevice: int | None = field(default=None, metadata=spec("subsystem device id", maximum=0xFFFF))
    class_code: int | None = field(
        default=None, metadata=spec("class, sub-class, programming interface", maximum=0xFFFFFF, key="class")
    )
    class_mask: int = field(
        default=0xFFFF00, metadata=spec("the bits of the class that are compared", minimum=1, maximum=0xFFFFFF)
    )
    bars: tuple[MatchBar, ...] = field(default=(), metadata=spec("BARs the quirk relies on", "tables", item=MatchBar))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a mechanism rests on."""

    finding: str = field(default="", metadata=spec("id of the finding", "text"))
    verdict: str = field(default="", metadata=spec("the finding's verdict", "choice", choices=VERDICTS))
    confidence: float = field(default=0.0, metadata=spec("0 to 1", "fraction"))
    count: int = field(default=0, metadata=spec("accesses that speak for it", "count"))
    verification: Verification = field(
        default="not replayed", metadata=spec("the verdict of a replay", "choice", choices=VERIFICATIONS)
    )
    lines: tuple[str, ...] = field(default=(), metadata=spec("example lines of the trace", "texts"))
    not_seen: tuple[str, ...] = field(default=(), metadata=spec("what the trace did not show", "texts"))


@dataclass(frozen=True, slots=True)
class Condition:
    """A register that must hold a value: (register & mask) == value."""

    offset: int = field(metadata=spec("offset of the register"))
    value: int = field(metadata=spec("the value it must hold", maximum=DWORD))
    mask: int = field(default=DWORD, metadata=spec("the bits that are compared", minimum=1, maximum=DWORD))
    size: int = field(default=4, metadata=spec("its width in bytes", "count", minimum=1, maximum=4))


@dataclass(frozen=True, slots=True)
class WindowMatch:
    """An address value v selects this target where (v & ~(mask | ignored)) == match.

    It then reaches base + scale * (v & mask) of the space.  Bits in `ignored` take no part: byte enables, say.
    """

    match: int = field(metadata=spec("what the other bits of the address value hold", maximum=DWORD))
    mask: int = field(metadata=spec("the bits that are the offset", maximum=DWORD))
    space: str = field(metadata=spec("what it reaches: config, msix-table, bar0 to bar5", "text", pattern=SPACE))
    base: int = field(default=0, metadata=spec("offset in the space of the first byte"))
    scale: int = field(
        default=1, metadata=spec("bytes for one step of the address value", "count", minimum=1, maximum=4096)
    )
    ignored: int = field(default=0, metadata=spec("bits of the address value that take no part", maximum=DWORD))
    select: Condition | None = field(
        default=None, metadata=spec("a mode register that must hold a value", "table", item=Condition)
    )


@dataclass(frozen=True, slots=True)
class Strobe:
    """Command and completion flag inside the address register.

    The guest writes an address with `read_command` or `write_command` in the bits of `mask` and then reads the
    register until those bits hold `read_done` or `write_done`.
    """

    mask: int = field(metadata=spec("the bits of the flag", minimum=1, maximum=DWORD))
    read_command: int = field(metadata=spec("their value in a read command", maximum=DWORD))
    write_command: int | None = field(
        default=None, metadata=spec("their value in a write command; left out where none was seen", maximum=DWORD)
    )
    read_done: int | None = field(default=None, metadata=spec("their value when a read is done", maximum=DWORD))
    write_done: int | None = field(default=None, metadata=spec("their value when a write is done", maximum=DWORD))


@dataclass(frozen=True, slots=True)
class Step:
    """One access of a fixed sequence. A `key` must hold `value`; `address` and `data` carry what they say."""

    access: str = field(metadata=spec("read or write", "choice", choices=("read", "write")))
    offset: int = field(metadata=spec("the register"))
    role: str = field(metadata=spec("what the access carries", "choice", choices=("key", "address", "data")))
    size: int = field(default=4, metadata=spec("its width in bytes", "count", minimum=1, maximum=4))
    value: int | None = field(default=None, metadata=spec("the value of a key", maximum=DWORD))
    mask: int = field(default=DWORD, metadata=spec("the bits of the key that count", minimum=1, maximum=DWORD))


@dataclass(frozen=True, slots=True)
class Window:
    """An address register and a data register through which the guest reaches another space of the device."""

    name: str = field(metadata=spec("name of the quirk", "text", pattern=NAME))
    address_offset: int = field(metadata=spec("offset of the address register"))
    data_offset: int = field(metadata=spec("offset of the data register"))
    matches: tuple[WindowMatch, ...] = field(metadata=spec("what address values reach", "tables", item=WindowMatch))
    bar: int | None = field(default=None, metadata=spec("the BAR the registers are in", "count", maximum=5))
    vga: bool = field(default=False, metadata=spec("the registers are VGA ports", "flag"))
    address_size: int = field(default=4, metadata=spec("width of the address register", "count", minimum=1, maximum=4))
    data_size: int = field(default=4, metadata=spec("width of the data register", "count", minimum=1, maximum=8))
    read_offset: int | None = field(default=None, metadata=spec("register where a read comes back, if not data_offset"))
    write_offset: int | None = field(
        default=None, metadata=spec("register that takes written data, if not data_offset")
    )
    sub_offset: bool = field(
        default=False, metadata=spec("the n-th byte of the data register is the n-th byte at the target", "flag")
    )
    increment: int = field(
        default=0, metadata=spec("bytes the target moves on after each data access", "count", maximum=4096)
    )
    write: WritePolicy = field(default="emulate", metadata=spec("what becomes of writes", "choice", choices=POLICIES))
    enable: tuple[Condition, ...] = field(
        default=(), metadata=spec("registers that switch the window on", "tables", item=Condition)
    )
    strobe: Strobe | None = field(default=None, metadata=spec("flag in the address register", "table", item=Strobe))
    read_steps: tuple[Step, ...] = field(default=(), metadata=spec("the accesses of a read", "tables", item=Step))
    write_steps: tuple[Step, ...] = field(default=(), metadata=spec("the accesses of a write", "tables", item=Step))
    evidence: Evidence = field(default=Evidence(), metadata=spec("what it rests on", "table", item=Evidence))


@dataclass(frozen=True, slots=True)
class WriteException:
    """A range of config space for which writes through the mirror have another policy."""

    config_offset: int = field(metadata=spec("first byte of config space", maximum=0xFFF))
    size: int = field(metadata=spec("bytes", minimum=1, maximum=0x1000))
    write: WritePolicy = field(metadata=spec("what becomes of writes there", "choice", choices=POLICIES))


@dataclass(frozen=True, slots=True)
class Mirror:
    """A range of a BAR that shows config space."""

    name: str = field(metadata=spec("name of the quirk", "text", pattern=NAME))
    bar: int = field(metadata=spec("the BAR it is in", "count", maximum=5))
    offset: int = field(metadata=spec("its first byte in the BAR"))
    size: int = field(metadata=spec("bytes", minimum=1, maximum=0x1000))
    config_offset: int = field(default=0, metadata=spec("the byte of config space it starts with", maximum=0xFFF))
    function: str | None = field(
        default=None, metadata=spec("the other function whose config space it is, as bus:slot.function", "text")
    )
    write: WritePolicy = field(default="emulate", metadata=spec("what becomes of writes", "choice", choices=POLICIES))
    exceptions: tuple[WriteException, ...] = field(
        default=(), metadata=spec("ranges with another write policy", "tables", item=WriteException)
    )
    evidence: Evidence = field(default=Evidence(), metadata=spec("what it rests on", "table", item=Evidence))


@dataclass(frozen=True, slots=True)
class Leak:
    """A register whose bits in `mask` hold (address of a BAR >> shift), as the host placed it."""

    name: str = field(metadata=spec("name of the quirk", "text", pattern=NAME))
    offset: int = field(metadata=spec("the register"))
    size: int = field(metadata=spec("its width in bytes", "count", minimum=1, maximum=8))
    target_bar: int = field(metadata=spec("the BAR whose address it tells", "count", maximum=5))
    bar: int | None = field(default=None, metadata=spec("the BAR the register is in", "count", maximum=5))
    vga: bool = field(default=False, metadata=spec("the register is a VGA port", "flag"))
    shift: int = field(default=0, metadata=spec("right shift of the address", "count", maximum=63))
    mask: int | None = field(default=None, metadata=spec("the bits that hold it; all where left out", minimum=1))
    write: WritePolicy = field(default="forward", metadata=spec("what becomes of writes", "choice", choices=POLICIES))
    evidence: Evidence = field(default=Evidence(), metadata=spec("what it rests on", "table", item=Evidence))


@dataclass(frozen=True, slots=True)
class Sink:
    """Registers into which the guest writes an address that only its own view gives meaning to."""

    name: str = field(metadata=spec("name of the quirk", "text", pattern=NAME))
    bar: int = field(metadata=spec("the BAR the registers are in", "count", maximum=5))
    what: str = field(
        metadata=spec("what is written", "choice", choices=("msi-address", "msi-data", "guest-bar", "rebase"))
    )
    sites: tuple[int, ...] = field(metadata=spec("the registers", "hexes"))
    size: int = field(default=4, metadata=spec("their width in bytes", "count", minimum=4, maximum=8))
    target_bar: int | None = field(
        default=None, metadata=spec("guest-bar: the BAR whose address is written", "count", maximum=5)
    )
    window: str | None = field(
        default=None, metadata=spec("the window whose data register the sites are", "text", pattern=NAME)
    )
    guest_base: int | None = field(default=None, metadata=spec("rebase: first address in the guest's view"))
    host_base: int | None = field(default=None, metadata=spec("rebase: first address in the host's view"))
    length: int | None = field(default=None, metadata=spec("rebase: bytes", minimum=1))
    evidence: Evidence = field(default=Evidence(), metadata=spec("what it rests on", "table", item=Evidence))


@dataclass(frozen=True, slots=True)
class Trace:
    """A log the definition was made from."""

    sha256: str = field(metadata=spec("digest of the file", "text", pattern="^[0-9a-f]{64}$"))
    lines: int = field(default=0, metadata=spec("lines in it", "count"))
    events: int = field(default=0, metadata=spec("events in it", "count"))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the definition comes from."""

    tool: str = field(default="", metadata=spec("program and version", "text"))
    traces: tuple[Trace, ...] = field(default=(), metadata=spec("the logs", "tables", item=Trace))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuirkDefinition:
    """All quirks of one device."""

    schema: str = field(default=SCHEMA_NAME, metadata=spec("format and version", "choice", choices=(SCHEMA_NAME,)))
    name: str = field(metadata=spec("name of the definition", "text", pattern=NAME))
    match: Match = field(metadata=spec("the devices it is for", "table", item=Match))
    summary: str = field(default="", metadata=spec("one line for people", "text"))
    windows: tuple[Window, ...] = field(default=(), metadata=spec("windows", "tables", item=Window, key="window"))
    mirrors: tuple[Mirror, ...] = field(default=(), metadata=spec("mirrors", "tables", item=Mirror, key="mirror"))
    leaks: tuple[Leak, ...] = field(default=(), metadata=spec("leak registers", "tables", item=Leak, key="leak"))
    sinks: tuple[Sink, ...] = field(default=(), metadata=spec("sinks", "tables", item=Sink, key="sink"))
    provenance: Provenance = field(default=Provenance(), metadata=spec("where it comes from", "table", item=Provenance))

    @property
    def mechanisms(self) -> tuple[Window | Mirror | Leak | Sink, ...]:
        """Every quirk of the device in the order of the file."""
        return (*self.windows, *self.mirrors, *self.leaks, *self.sinks)

    def _repr_html_(self) -> str:
        """As a cell of a notebook shows it: its file."""
        from quirkfinder.definition.writing import dump
        from quirkfinder.rendering.cells import text_cell

        return text_cell(dump(self))
