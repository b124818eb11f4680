"""`lspci` in its verbose and hexadecimal forms (pciutils 3.x), and mails that hold pieces of them.

Read: `-v`, `-vv`, `-vvv` with or without `-nn`, `-n`, `-D`; `-x`, `-xxx`, `-xxxx`; both at once.  A record begins with
the function's address; a quoted command `lspci -s ADDRESS` names the function where the mail cut the heading off.
"""

import re
from dataclasses import dataclass, field, replace

from quirkfinder.inventory.config import decode_config
from quirkfinder.inventory.facts import ROM, BarKind, BridgeWindow, HostFunction, InventoryBar, MsiFacts, MsixFacts
from quirkfinder.inventory.text import BDF, full_address

HEADING = re.compile(rf"^({BDF}) (\S.*: \S.*)$")
REGION = re.compile(
    r"^\s*(?:Region (?P<index>[0-5]): )?(?P<early>\[virtual\] )?(?P<what>Memory|I/O ports|Expansion ROM) at "
    r"(?P<address>[0-9a-f]+|<[^>]*>)(?P<rest>.*)$"
)
HEX_ROW = re.compile(r"^\s*(?P<offset>[0-9a-f]{2,3}):(?P<bytes>(?: [0-9a-f]{2}){1,16})$")
_COMMAND = re.compile(
    r"\blspci\b.*?\s-s\s*((?:[0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{1,2}:[0-9a-fA-F]{1,2}\.[0-7]{1,2})(?:\s|$)"
)
_IDS = re.compile(r"(?:\[|^)([0-9a-f]{4}):([0-9a-f]{4})(?=\]|\s|$)")
_CLASS = re.compile(r"^(?:.*?\[|Class )?([0-9a-f]{4})\]?$")
_PROGIF = re.compile(r"\(prog-if ([0-9a-f]{2})")
_SIZE = re.compile(r"\[size=(\d+)([KMGTP]?)\]")
_SUBSYSTEM = re.compile(r"^\s*Subsystem: (.*)$")
_CAPABILITY = re.compile(r"^\s*Capabilities: (?:\[([0-9a-f]+)(?: v\d+)?\] (.*)|<.*>)$")
_MSI_ADDRESS = re.compile(r"^\s*Address: ([0-9a-f]+)\s+Data: ([0-9a-f]+)$")
_MSIX_PLACE = re.compile(r"^\s*(Vector table|PBA): BAR=(\d) offset=([0-9a-f]+)$")
_BUS = re.compile(r"^\s*Bus: primary=[0-9a-f]+, secondary=([0-9a-f]+),")
_WINDOW = re.compile(r"^\s*(I/O|Memory|Prefetchable memory) behind bridge: ([0-9a-f]+)-([0-9a-f]+)(.*)$")
_DRIVER = re.compile(r"^\s*Kernel driver in use: (\S+)")
_DETAIL = re.compile(r"^\s+\S")

_SCALE = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}
_WINDOW_KINDS = {"I/O": "io", "Memory": "memory", "Prefetchable memory": "prefetchable"}
_LARGEST_ADDRESS = (1 << 64) - 1


@dataclass(slots=True)
class _Record:
    """A function while its lines are read."""

    facts: HostFunction
    bars: list[InventoryBar] = field(default_factory=list)
    windows: list[BridgeWindow] = field(default_factory=list)
    config: bytearray = field(default_factory=bytearray)
    config_line: int = 0
    capability: str = ""
    denied: bool = False


class LspciReader:
    """Feed it lines; `functions` has a `lspci` record and, for hex dumps, a `config` record for each function."""

    def __init__(self) -> None:
        self.functions: list[HostFunction] = []
        self.notes: list[str] = []
        self._record: _Record | None = None

    def feed(self, number: int, line: str) -> bool:
        """True where the line belongs to a listing."""
        if heading := HEADING.match(line):
            self.boundary()
            self._record = _Record(_heading(heading[1], heading[2], number))
            return True
        if row := HEX_ROW.match(line):
            return self._hex_row(number, int(row["offset"], 16), bytes.fromhex(row["bytes"]))
        if self._record is None:
            return (region := REGION.match(line)) is not None and self._nameless_region(number, region)
        if command := _COMMAND.search(line):
            self._command(number, command[1])
            return True
        return self._detail(self._record, number, line)

    def feed_command(self, number: int, line: str) -> bool:
        """A line outside any record that quotes the command and with it the address."""
        command = _COMMAND.search(line)
        if command is None:
            return False
        self._command(number, command[1])
        return True

    def blank(self) -> None:
        """An empty line ends a record; below a quoted command it only separates it from what it printed."""
        if self._record is not None and (self._record.bars or self._record.config or self._record.facts.name):
            self.boundary()

    def boundary(self) -> None:
        """The record read so far is complete."""
        record, self._record = self._record, None
        if record is None:
            return
        facts = record.facts
        if record.bars or facts.name or facts.vendor is not None or record.windows or facts.driver:
            self.functions.append(replace(facts, bars=tuple(record.bars), windows=tuple(record.windows)))
        if record.config:
            self.functions.append(decode_config(bytes(record.config), facts.address, record.config_line))
        if record.denied:
            self.notes.append(
                f"line {facts.line}: lspci was not allowed to read the capabilities of {facts.address};"
                " run it as root to learn where MSI-X table and config space lie"
            )

    def _command(self, number: int, address: str) -> None:
        self.boundary()
        self._record = _Record(HostFunction("lspci", full_address(address), line=number))

    def _nameless_region(self, number: int, region: re.Match[str]) -> bool:
        if region["index"] is None:
            return False
        self._record = _Record(HostFunction("lspci", None, line=number))
        self._record.bars.append(_bar(region, number))
        return True

    def _hex_row(self, number: int, offset: int, piece: bytes) -> bool:
        record = self._record
        if record is None or (offset == 0 and record.config):
            self.boundary()
            record = self._record = _Record(HostFunction("lspci", None, line=number))
        if offset != len(record.config):
            # A row is missing: what follows would be at the wrong offset, and a gap cannot be told from zeros.
            return False
        if not record.config:
            record.config_line = number
        record.config += piece
        return True

    def _detail(self, record: _Record, number: int, line: str) -> bool:
        if region := REGION.match(line):
            # The BARs of virtual functions are listed inside the SR-IOV capability: they are other functions' BARs.
            if "Single Root I/O Virtualization" not in record.capability:
                record.bars.append(_bar(region, number))
            return True
        if window := _WINDOW.match(line):
            _add_window(record, window)
            return True
        if _heading_detail(record, line) or _capability_detail(record, line):
            return True
        return _DETAIL.match(line) is not None


def _heading(address: str, text: str, number: int) -> HostFunction:
    """Class and ids of a heading: named, `-nn` and `-n` forms."""
    kind, _, name = text.partition(": ")
    if not _CLASS.match(kind):
        # A class name holds no ": ", a device name may; without -n there is no number to look for.
        kind = kind if "[" not in kind else kind[kind.rindex("[") :]
    number_of_class = _CLASS.match(kind)
    ids = _IDS.findall(name)
    progif = _PROGIF.search(name)
    code = None
    if number_of_class:
        code = int(number_of_class[1], 16) << 8 | (int(progif[1], 16) if progif else 0)
    return HostFunction(
        "lspci",
        full_address(address),
        name=name,
        vendor=int(ids[-1][0], 16) if ids else None,
        device=int(ids[-1][1], 16) if ids else None,
        class_code=code,
        asleep="(rev ff)" in name and "(prog-if ff)" in name,
        line=number,
    )


def _bar(region: re.Match[str], number: int) -> InventoryBar:
    rest, place = region["rest"], region["address"]
    kind: BarKind = "io" if region["what"] == "I/O ports" else "memory64" if "64-bit" in rest else "memory32"
    index = int(region["index"]) if region["index"] else None
    if region["what"] == "Expansion ROM":
        kind, index = "rom", ROM
    size = _SIZE.search(rest)
    bracketed = place.startswith("<")
    address = None if bracketed else int(place, 16)
    unassigned = (bracketed and "ignored" not in place) or address == 0
    return InventoryBar(
        index,
        kind,
        None if address is None or unassigned or address > _LARGEST_ADDRESS else address,
        min(int(size[1][:12]) * _SCALE[size[2]], _LARGEST_ADDRESS) if size else None,
        None if kind in ("io", "rom") else "non-prefetchable" not in rest,
        disabled="[disabled]" in rest,
        ignored="<ignored>" in place,
        unassigned=unassigned,
        virtual=bool(region["early"]) or "[virtual]" in rest,
        line=number,
    )


def _add_window(record: _Record, window: re.Match[str]) -> None:
    first, last = int(window[2], 16), int(window[3], 16)
    if first < last <= _LARGEST_ADDRESS and "[disabled]" not in window[4]:
        kind = _WINDOW_KINDS[window[1]]
        record.windows.append(BridgeWindow(kind, first, last))  # type: ignore[arg-type]  # one of the three by the pattern


def _heading_detail(record: _Record, line: str) -> bool:
    if subsystem := _SUBSYSTEM.match(line):
        if ids := _IDS.findall(subsystem[1]):
            vendor, device = (int(word, 16) for word in ids[-1])
            record.facts = replace(record.facts, subvendor=vendor, subdevice=device)
        return True
    if bus := _BUS.match(line):
        record.facts = replace(record.facts, is_bridge=True, secondary_bus=int(bus[1][:4], 16))
        return True
    if driver := _DRIVER.match(line):
        record.facts = replace(record.facts, driver=driver[1])
        return True
    if line.strip().startswith("!!! Unknown header type"):
        record.facts = replace(record.facts, asleep=True)
        return True
    return False


def _capability_detail(record: _Record, line: str) -> bool:
    facts = record.facts
    if found := _CAPABILITY.match(line):
        record.capability = found[2] or ""
        record.denied = record.denied or found[1] is None
        offset = int(found[1][:4], 16) if found[1] else 0
        if record.capability.startswith("MSI-X:"):
            count = re.search(r"Count=(\d{1,5})", record.capability)
            record.facts = replace(facts, msix=MsixFacts(offset, int(count[1]) if count else None))
        elif record.capability.startswith("MSI:"):
            wide, on = "64bit+" in record.capability, "Enable+" in record.capability
            record.facts = replace(facts, msi=MsiFacts(offset, wide, on))
        elif record.capability.startswith("Express"):
            record.facts = replace(facts, express=offset)
        return True
    if (message := _MSI_ADDRESS.match(line)) and facts.msi and record.capability.startswith("MSI:"):
        msi = replace(facts.msi, address=int(message[1][:16], 16), data=int(message[2][:8], 16))
        record.facts = replace(facts, msi=msi)
        return True
    if (place := _MSIX_PLACE.match(line)) and facts.msix and record.capability.startswith("MSI-X:"):
        bar, start = int(place[2]), int(place[3][:8], 16)
        table = place[1] == "Vector table"
        changed = {"table_bar": bar, "table_offset": start} if table else {"pba_bar": bar, "pba_offset": start}
        record.facts = replace(facts, msix=replace(facts.msix, **changed))
        return True
    return False
