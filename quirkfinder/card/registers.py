"""The guest's view of a header: from reads and writes of its registers to where each BAR lay when.

PCI Local Bus 3.0, section 6.2.2 (command register) and 6.2.5 (base address registers, sizing).  What QEMU maps and
when follows `pci_bar_address` in its hw/pci/pci.c (1.3 to 11.1): a BAR at address 0 or reaching past the end of its
space is not mapped.
"""

from dataclasses import dataclass, field

from quirkfinder.card.model import BarKind, Placement
from quirkfinder.card.rows import Row
from quirkfinder.events import ROM

_ALL_ONES = 0xFFFF_FFFF
_FIRST, _ROM_OFFSET, _COMMAND = 0x10, 0x30, 0x04
_IO_ENABLE, _MEMORY_ENABLE = 1, 2
#: (config offset, register; None: the command register)
_PLACES: tuple[tuple[int, int | None], ...] = (
    (_COMMAND, None),
    *((_FIRST + 4 * index, index) for index in range(ROM)),
    (_ROM_OFFSET, ROM),
)


@dataclass(slots=True)
class Register:
    """One dword of the header that holds (half of) a base address."""

    value: int | None = None  # None: the log has not said
    probing: bool = False  # all ones were written: what it holds is no address
    mask: int | None = None  # what a read gave after all ones were written
    written: bool = False  # by the guest or a reset: what it held before is over
    moved: list[tuple[Placement, Row]] = field(default_factory=list)


class HeaderReader:
    """Feed it the config accesses and resets of one device in order.

    `sizes`: bytes of every region as the kernel told QEMU (0: no such BAR), for what the registers leave open.  A log
    without them began when the device was already there: then an address that the guest only reads was there before.
    `switched`: does the log show the command register at all? A log with the beginning then sees it switched on.
    """

    def __init__(self, sizes: dict[int, int], kinds: dict[int, BarKind], *, switched: bool = False) -> None:
        self._sizes = sizes
        self.kinds: dict[int, BarKind] = {ROM: "rom", **kinds}
        self.prefetchable: dict[int, bool] = {}
        self.registers = {index: Register() for index in range(ROM + 1)}
        self._joined_late = not sizes
        # None: not known, taken to be on.
        self.command: int | None = 0 if switched and sizes else None

    def feed(self, row: Row) -> None:
        """One event: `config_read`, `config_write`, `reset`, `bar_map` or `bar_unmap`."""
        if row.event == "reset":
            self._reset()
            touched = set(self.registers)
        elif row.event in ("bar_map", "bar_unmap"):
            self._told(row)
            return
        else:
            touched = self._access(row)
        # The upper half of a 64-bit address moves the BAR of the register before it.
        for index in touched | {index - 1 for index in touched if 0 < index < ROM}:
            self._follow(index, row)

    def size(self, index: int) -> int | None:
        """Bytes by the guest's own sizing; None where it did not ask."""
        low = self.registers[index]
        if low.mask is None or not low.mask:
            return None
        kind = self.kinds.get(index, "unknown")
        if kind == "io":
            mask = low.mask & ~3 | (0xFFFF_0000 if not low.mask >> 16 else 0)
            return (~mask & _ALL_ONES) + 1
        if kind == "rom":
            return (~(low.mask & ~0x7FF) & _ALL_ONES) + 1
        if kind == "memory64" and index < ROM - 1:
            high = self.registers[index + 1].mask
            mask = (low.mask & ~0xF) | (_ALL_ONES if high is None else high) << 32
            return (~mask & 0xFFFF_FFFF_FFFF_FFFF) + 1
        return (~(low.mask & ~0xF) & _ALL_ONES) + 1 if low.mask & ~0xF else None

    def address(self, index: int) -> int | None:
        """The address the registers hold, whether it is decoded or not; None: none, or not known."""
        low = self.registers[index].value
        if low is None or self.is_upper(index) or self._is_probed(index):
            return None
        size = self._sizes.get(index) or self.size(index)
        keep = ~(size - 1) if size and size & (size - 1) == 0 else -1
        kind = self.kinds.get(index, "unknown")
        if kind == "rom":
            return low & ~0x7FF & keep or None
        if kind == "io":
            return low & ~3 & keep or None
        high = (self.registers[index + 1].value or 0) if self._wide(index) else 0
        base = (low & ~0xF | high << 32) & keep
        last = base + (size or 1) - 1
        limit = (1 << 64) - 1 if kind == "memory64" or high else _ALL_ONES
        return base if base and last < limit else None

    def is_upper(self, index: int) -> bool:
        """Is this register the upper half of the BAR before it?"""
        return 0 < index < ROM and self._wide(index - 1) and not self.is_upper(index - 1)

    def _wide(self, index: int) -> bool:
        kind = self.kinds.get(index, "unknown")
        if kind != "unknown" or index >= ROM - 1:
            return kind == "memory64"
        # No flags were seen. A 64-bit BAR is followed by a region of no size; a write there can only be its half.
        return bool(self._sizes.get(index)) and self._sizes.get(index + 1) == 0

    def _is_probed(self, index: int) -> bool:
        """Does the BAR hold all ones at the moment, so that the guest learns its size?"""
        halves = (index, index + 1) if self._wide(index) else (index,)
        return any(self.registers[half].probing for half in halves)

    def _reset(self) -> None:
        self.command = 0
        for register in self.registers.values():
            register.value, register.probing, register.written = 0, False, True

    def _told(self, row: Row) -> None:
        """QEMU says where it maps a BAR: also in logs without config accesses."""
        if row.region is None or row.region not in self.registers:
            return
        _place(self.registers[row.region], row.address if row.event == "bar_map" else None, row)

    def _access(self, row: Row) -> set[int]:
        """Merge one access; the registers whose BARs may have moved by it."""
        touched: set[int] = set()
        if row.address is None or row.size is None or row.value is None:
            return touched
        piece = (row.value & ((1 << 8 * row.size) - 1)).to_bytes(row.size, "little")
        for offset, index in _PLACES:
            first, end = max(row.address, offset), min(row.address + row.size, offset + 4)
            if first >= end:
                continue
            part = piece[first - row.address : end - row.address]
            if index is None:
                touched |= set(self.registers) if self._set_command(part, first - offset) else set()
            else:
                self._set_register(index, part, first - offset, written=row.event == "config_write")
                touched.add(index)
        return touched

    def _set_command(self, part: bytes, at: int) -> bool:
        """True where it changed."""
        before = (self.command or 0).to_bytes(4, "little")
        merged = int.from_bytes(before[:at] + part + before[at + len(part) :], "little") & 0xFFFF
        # A card that does not answer reads all ones; that is no command.
        if at >= 2 or (merged == 0xFFFF and len(part) >= 2) or merged == self.command:
            return False
        self.command = merged
        return True

    def _set_register(self, index: int, part: bytes, at: int, *, written: bool) -> None:
        register = self.registers[index]
        before = (register.value or 0).to_bytes(4, "little")
        merged = int.from_bytes(before[:at] + part + before[at + len(part) :], "little")
        if written:
            self._written(index, register, merged)
        elif register.probing and len(part) == 4 and self._is_mask(index, merged):
            register.mask = merged
            self._learn_kind(index, merged)
        elif merged != _ALL_ONES:
            # All ones would be a card that does not answer. A few bytes alone do not make an address.
            if len(part) == 4 or register.value is not None:
                register.value, register.probing = merged, False
            if at == 0:
                self._learn_kind(index, merged)

    def _written(self, index: int, register: Register, merged: int) -> None:
        register.value, register.written = merged, True
        ignored = 0x7FF if index == ROM else 0 if self.is_upper(index) else 0xF
        register.probing = merged | ignored == _ALL_ONES
        if self.kinds.get(index) == "io" and merged & 0xFFFF | 3 == 0xFFFF:
            register.probing = True
        # Sizes below a page may be asked with the low bits of the address kept: 0xfffff000 and above is no address.
        if not self.is_upper(index) and merged >= 0xFFFF_F000:
            register.probing = True

    def _is_mask(self, index: int, value: int) -> bool:
        """Could this be the answer to a sizing write: ones from some bit upwards?"""
        if index == ROM:
            value &= ~0x7FF
        elif not self.is_upper(index):
            value &= ~3 if value & 1 else ~0xF
        if value >> 16 == 0 and value:  # ports decode 16 bits only
            value |= 0xFFFF_0000
        size = (~value & _ALL_ONES) + 1
        return size & (size - 1) == 0

    def _learn_kind(self, index: int, value: int) -> None:
        if index == ROM or self.is_upper(index) or not value:
            return
        if value & 1:
            self.kinds[index] = "io"
            return
        wide = value & 6 == 4
        if wide or value & ~0xF or self.kinds.get(index, "unknown") == "unknown":
            self.kinds[index] = "memory64" if wide else "memory32"
            self.prefetchable[index] = bool(value & 8)

    def _decoded(self, index: int, address: int) -> bool:
        if index == ROM and not (self.registers[ROM].value or 0) & 1:
            return False
        if self.command is None:
            return True
        kind = self.kinds.get(index, "unknown")
        io = kind == "io" or (kind == "unknown" and address <= 0xFFFF)
        return bool(self.command & (_IO_ENABLE if io else _MEMORY_ENABLE))

    def _follow(self, index: int, row: Row) -> None:
        """Note where the BAR lies after this event."""
        register = self.registers[index]
        if register.value is None or self.is_upper(index):
            return
        current = register.moved[-1][0].address if register.moved else None
        if self._is_probed(index):
            # Decoding may be on while the guest asks for the size; nobody uses the BAR then, so it stays where it was.
            if current is not None and not self._decoded(index, current):
                _place(register, None, row)
            return
        address = self.address(index)
        if address is not None and not self._decoded(index, address):
            address = None
        seen_late = self._joined_late and row.event == "config_read" and not register.moved and not register.written
        _place(register, address, row, at=-1 if seen_late else row.row)


def _place(register: Register, address: int | None, row: Row, at: int | None = None) -> None:
    current = register.moved[-1][0].address if register.moved else None
    if address != current:
        register.moved.append((Placement(row.row if at is None else at, address, row.position), row))
