"""What the Linux kernel exports: sysfs `resource` files, /proc/iomem and /proc/ioports.

Flag bits of a resource: Linux include/linux/ioport.h, also printed by sysfs (Documentation/PCI/sysfs-pci.rst).
"""

import re
from functools import lru_cache

from quirkfinder.inventory.facts import ROM, BarKind, HostFunction, InventoryBar, ResourceSpan
from quirkfinder.inventory.text import BDF, full_address

RESOURCE = re.compile(
    rf"^(?:.*?({BDF})/resource:)?\s*0x([0-9a-f]{{8,16}})\s+0x([0-9a-f]{{8,16}})\s+0x([0-9a-f]{{8,16}})$"
)
_HEADING = re.compile(rf"({BDF})/resource\b")
IO_RESOURCE = re.compile(r"^\s*([0-9a-f]{4,16})-([0-9a-f]{4,16}) : (.*)$")

_IO, _MEMORY, _PREFETCH, _READ_ONLY = 0x100, 0x200, 0x2000, 0x4000
_WIDE, _DISABLED, _UNSET = 0x10_0000, 0x1000_0000, 0x2000_0000
_ROWS = (13, 7, 17, 11)  # with SR-IOV rows; plain; bridge with SR-IOV; bridge without
_Row = tuple[int, int, int, int]  # line, first, last, flags


class ResourceReader:
    """Rows of sysfs `resource` files, one file or several one after the other."""

    def __init__(self) -> None:
        self.functions: list[HostFunction] = []
        self.notes: list[str] = []
        self._rows: list[_Row] = []
        self._address: str | None = None

    def feed(self, number: int, line: str) -> bool:
        """True for a row, or a path that names the function of the rows that follow."""
        row = RESOURCE.match(line)
        if row is None:
            self.boundary()
            heading = _HEADING.search(line)
            if heading and len(line) < 200:
                self._address = full_address(heading[1])
            return heading is not None and len(line) < 200
        if row[1] and full_address(row[1]) != self._address:
            self.boundary()
            self._address = full_address(row[1])
        self._rows.append((number, int(row[2], 16), int(row[3], 16), int(row[4], 16)))
        return True

    def boundary(self) -> None:
        """The rows so far are complete."""
        rows, self._rows = self._rows, []
        address, self._address = self._address, None
        if not rows:
            return
        lengths = (len(rows),) if address else segment(tuple(_shape(row) for row in rows))
        if lengths is None:
            self.notes.append(
                f"line {rows[0][0]}: {len(rows)} rows of sysfs resource files that cannot be told apart;"
                " keep each function's resource file in a file of its own"
            )
            return
        start = 0
        for length in lengths:
            self.functions.append(_function(rows[start : start + length], address))
            start += length


def _shape(row: _Row) -> str:
    """What matters for finding the borders: an empty row, a 64-bit one, a ROM, another one."""
    _, first, last, flags = row
    if not (first or last or flags):
        return "empty"
    if flags & _MEMORY and flags & _READ_ONLY:
        return "rom"
    return "wide" if flags & _WIDE and flags & _MEMORY else "other"


def segment(shapes: tuple[str, ...]) -> tuple[int, ...] | None:
    """The lengths of the files that `shapes` are made of; None where no cut into whole files fits.

    A file that was cut short is only accepted on its own. Of several cuts the one of equal lengths, then the one of
    fewer files wins.
    """
    if len(shapes) <= 7:
        return (len(shapes),)
    for length in _ROWS:
        if len(shapes) % length == 0 and all(
            _fits(shapes[start : start + length]) for start in range(0, len(shapes), length)
        ):
            return (length,) * (len(shapes) // length)
    if len(shapes) > 17 * 256:
        return None
    best: list[tuple[int, ...] | None] = [()] + [None] * len(shapes)
    for end in range(1, len(shapes) + 1):
        for length in _ROWS:
            before = best[end - length] if end >= length else None
            if before is None or not _fits(shapes[end - length : end]):
                continue
            current = best[end]
            if current is None or len(before) + 1 < len(current):
                best[end] = (*before, length)
    return best[-1]


def _fits(shapes: tuple[str, ...]) -> bool:
    """Could these rows be one function's file?"""
    if "rom" in shapes[:ROM] or "rom" in shapes[ROM + 1 :]:
        return False
    if shapes[ROM] not in ("empty", "rom"):
        return False
    return all(shapes[i + 1] == "empty" for i in range(5) if shapes[i] == "wide") and shapes[5] != "wide"


def _function(rows: list[_Row], address: str | None) -> HostFunction:
    bars = tuple(bar for index, row in enumerate(rows[: ROM + 1]) if (bar := _bar(index, row)) is not None)
    return HostFunction("resource", address, bars=bars, line=rows[0][0])


def _bar(index: int, row: _Row) -> InventoryBar | None:
    line, first, last, flags = row
    if not flags & (_IO | _MEMORY) or last < first:
        return None
    kind: BarKind = "io" if flags & _IO else "memory64" if flags & _WIDE else "memory32"
    unassigned = bool(flags & _UNSET) or first == 0
    return InventoryBar(
        index,
        "rom" if index == ROM else kind,
        None if unassigned else first,
        last - first + 1,
        None if kind == "io" or index == ROM else bool(flags & _PREFETCH),
        disabled=bool(flags & _DISABLED),
        unassigned=unassigned,
        line=line,
    )


class SpanReader:
    """/proc/iomem and /proc/ioports. Nesting is taken from the ranges: mails lose the indentation."""

    def __init__(self) -> None:
        self.memory: list[ResourceSpan] = []
        self.ports: list[ResourceSpan] = []
        self.notes: list[str] = []
        self._open: list[ResourceSpan] = []
        self._hidden: list[int] = []

    def feed(self, number: int, line: str) -> bool:
        """True for a range line."""
        found = IO_RESOURCE.match(line)
        if found is None:
            return False
        first, last, name = int(found[1], 16), int(found[2], 16), found[3].strip()
        if first == last == 0:
            self._hidden.append(number)
            return True
        ports = max(len(found[1]), len(found[2])) == 4
        while self._open and not (self._open[-1].first <= first and last <= self._open[-1].last):
            self._open.pop()
        span = ResourceSpan(first, last, name, tuple(s.name for s in self._open), number)
        if first <= last:
            self._open.append(span)
            (self.ports if ports else self.memory).append(span)
        return True

    def boundary(self) -> None:
        """The listing read so far is complete."""
        self._open = []
        hidden, self._hidden = self._hidden, []
        if len(hidden) > 1:
            self.notes.append(
                f"lines {hidden[0]} to {hidden[-1]}: all addresses read 0, so this listing is useless;"
                " read /proc/iomem and /proc/ioports as root"
            )


@lru_cache(maxsize=4096)
def is_function_address(name: str) -> bool:
    """Is a resource named after a PCI function?"""
    return re.fullmatch(BDF, name) is not None
