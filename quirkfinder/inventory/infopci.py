"""The monitor's `info pci`: the guest's view of its functions (QEMU hw/pci/pci-hmp-cmds.c, 1.2 to 11.1).

Two spellings of a BAR without an address: up to 9.1 the address is all ones and the end wraps around to size - 2; since
9.2 the words `(not mapped)`.  The lines of older versions end in a full stop.  BAR6 is the option ROM.
"""

import re
from dataclasses import replace

from quirkfinder.inventory.facts import ROM, BarKind, GuestFunction, InventoryBar

FUNCTION = re.compile(r"^\s*Bus\s+(\d{1,5}), device\s+(\d{1,3}), function (\d):$")
_IDS = re.compile(r"^\s*(.*): PCI device ([0-9a-f]{4}):([0-9a-f]{4})$")
_SUBSYSTEM = re.compile(r"^\s*PCI subsystem ([0-9a-f]{4}):([0-9a-f]{4})$")
_BAR = re.compile(
    r"^\s*BAR(?P<index>\d): (?:(?P<io>I/O)|(?P<bits>32|64) bit (?P<prefetch>prefetchable )?memory) "
    r"(?:at (?P<first>0x[0-9a-f]{1,16}) \[(?P<last>0x[0-9a-f]{1,16})\]|\(not mapped\))\.?$"
)
_IDENTIFIER = re.compile(r'^\s*id "(.*)"$')
_SECONDARY = re.compile(r"^\s*secondary bus (\d{1,5})\.?$")
_KNOWN = re.compile(
    r"^\s*(?:BUS \d+\.?|subordinate bus \d+\.?|IRQ \d+.*|(?:IO|memory|prefetchable memory) range \[.*)$"
)
_CLASS_NUMBER = re.compile(r"^Class ([0-9]{1,5})$")
_UNMAPPED = 0xFFFF_FFFF_FFFF_FFFF


class InfoPciReader:
    """Feed it lines; `functions` has every function of the listing."""

    def __init__(self) -> None:
        self.functions: list[GuestFunction] = []
        self._function: GuestFunction | None = None

    def feed(self, number: int, line: str) -> bool:
        """True where the line belongs to the listing."""
        if found := FUNCTION.match(line):
            self.boundary()
            bus, device, function = (int(word) for word in found.groups())
            address = f"0000:{bus:02x}:{device:02x}.{function:x}"
            self._function = GuestFunction("info pci", address, line=number)
            return True
        function_so_far = self._function
        if function_so_far is None:
            return False
        changed = _detail(function_so_far, number, line)
        if changed is None:
            return _KNOWN.match(line) is not None
        self._function = changed
        return True

    def boundary(self) -> None:
        """The function read so far is complete."""
        function, self._function = self._function, None
        if function is not None:
            self.functions.append(function)


def _detail(function: GuestFunction, number: int, line: str) -> GuestFunction | None:
    if found := _IDS.match(line):
        unnamed = _CLASS_NUMBER.match(found[1])
        code = int(unnamed[1]) << 8 if unnamed else None
        return replace(function, name=found[1], vendor=int(found[2], 16), device=int(found[3], 16), class_code=code)
    if found := _SUBSYSTEM.match(line):
        return replace(function, subvendor=int(found[1], 16), subdevice=int(found[2], 16))
    if found := _BAR.match(line):
        return replace(function, bars=(*function.bars, _bar(found, number)))
    if found := _IDENTIFIER.match(line):
        return replace(function, identifier=found[1])
    if found := _SECONDARY.match(line):
        return replace(function, is_bridge=True, secondary_bus=int(found[1]))
    return None


def _bar(found: re.Match[str], number: int) -> InventoryBar:
    index = int(found["index"])
    kind: BarKind = "io" if found["io"] else "memory64" if found["bits"] == "64" else "memory32"
    first = int(found["first"], 16) if found["first"] else _UNMAPPED
    last = int(found["last"], 16) if found["last"] else None
    unmapped = first == _UNMAPPED
    size = None
    if last is not None:
        size = last + 2 if unmapped else last - first + 1
    return InventoryBar(
        index,
        "rom" if index == ROM else kind,
        None if unmapped else first,
        size if size is not None and 0 < size < 1 << 63 else None,
        None if kind == "io" or index == ROM else bool(found["prefetch"]),
        unassigned=unmapped,
        line=number,
    )
