"""What the card's own config space holds, so that a read through a back door can be recognised by its value.

The hardware answers with its own config space: host BAR addresses, not the guest's.  `lspci -x` gives it byte for byte;
where that is missing it is put together from what the guest read (everything QEMU does not emulate), from the ids and
from the BAR addresses the host inventory tells.  PCI Local Bus 3.0, section 6.1 (header layout), 6.2.5 (BARs).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from quirkfinder.card.model import Bar, Card, ConfigSpace
from quirkfinder.miners.accesses import Ints, Words
from quirkfinder.miners.information import information
from quirkfinder.miners.run_time_fields import message_fields, run_time_fields

#: bytes that change while the card runs: their disagreement proves nothing
_CHANGING = (range(0x04, 0x08), range(0x0C, 0x10), range(0x30, 0x34), range(0x3C, 0x40))
_BAR_FIELDS = range(0x10, 0x28)
FULL_SIZE = 4096
_HEADER_TYPE = 0x0E
#: where vendor, device, subsystem vendor and subsystem are, two bytes each
_IDS = (0x00, 0x02, 0x2C, 0x2E)
#: what a bridge has instead of BARs (PCI-to-PCI Bridge 1.2, section 3.2.5): as live as BARs are
_BUS_NUMBERS, _WINDOWS_OF_BRIDGE = range(0x18, 0x1C), range(0x20, 0x30)
BUSES, WINDOWS = 8, 9


@dataclass(frozen=True, slots=True)
class OpenBar:
    """A BAR whose host address nobody told: what a value has to look like to be one. Sizes in bytes."""

    index: int
    offset: int  # in config space
    flags: int | None  # the low bits, as the guest reads them too
    flag_mask: int
    size: int
    wide: bool  # the next dword holds the upper half

    def fits(self, value: int) -> bool:
        """Could the register hold this dword: right flags, aligned to the size, an address, no sizing answer?"""
        address = value & ~self.flag_mask & 0xFFFFFFFF
        flags = value & self.flag_mask
        if self.flags is not None and flags != self.flags:
            return False
        aligned = address & (self.size - 1) == 0
        return aligned and address not in (0, -self.size & ~self.flag_mask & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class HardwareConfig:
    """4096 bytes each: the value, whether it is known, whether it should stay put, and the BAR that lives there."""

    values: NDArray[np.uint8]
    known: NDArray[np.bool_]
    steady: NDArray[np.bool_]
    bar: NDArray[np.int8]  # index of the BAR (or of BUSES, WINDOWS) whose address the byte belongs to, else -1
    open_bars: tuple[OpenBar, ...] = ()
    #: whether the byte lies behind the header and is set after reset only
    run_time: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(FULL_SIZE, dtype=np.bool_))
    messages: range = range(0)  # where address and data of the card's messages lie
    #: by width: the values that prove something, sorted, and the offsets that hold them
    sorted_fields: dict[int, tuple[Words, Ints]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sorted_fields", {size: self._sorted(size) for size in (1, 2, 4)})

    def _sorted(self, size: int) -> tuple[Words, Ints]:
        offsets = np.arange(0, FULL_SIZE, size, dtype=np.int64)
        held, known = self.read(offsets, size)
        known &= information(held, np.full(len(held), size, dtype=np.uint8)) > 0
        held, offsets = held[known], offsets[known]
        order = np.argsort(held, kind="stable")
        return held[order], offsets[order]

    def read(self, offset: Ints, size: int) -> tuple[Words, NDArray[np.bool_]]:
        """Little-endian values of `size` bytes at every `offset`, and whether all of those bytes are known."""
        inside = (offset >= 0) & (offset + size <= len(self.values))
        base = np.where(inside, offset, 0)
        value = np.zeros(len(offset), dtype=np.uint64)
        known = inside.copy()
        for byte in range(size):
            value |= self.values[base + byte].astype(np.uint64) << np.uint64(8 * byte)
            known &= self.known[base + byte]
        return value, known

    def matches(self, value: Words, size: int) -> tuple[Ints, Ints]:
        """All pairs (index into `value`, config offset) where config space holds that value of `size` bytes.

        Dwords and words are looked for at their natural alignment; values that prove nothing are passed over.
        """
        held, offsets = self.sorted_fields[size]
        first, last = np.searchsorted(held, value, "left"), np.searchsorted(held, value, "right")
        count = last - first
        index = np.repeat(np.arange(len(value)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return index.astype(np.int64), offsets[np.repeat(first, count) + within]


def hardware_config(card: Card) -> HardwareConfig:
    """The config space the card itself answers with, from all that is known of it."""
    values = np.zeros(FULL_SIZE, dtype=np.uint8)
    known = np.zeros(FULL_SIZE, dtype=np.bool_)
    _overlay(values, known, card.guest_config)
    known[list(_BAR_FIELDS)] = False  # the guest reads its own addresses there
    for changing in _CHANGING:
        known[list(changing)] &= False
    messages = _messages_of(card)
    if (values[list(messages)] != 0).any():
        known[list(messages)] = False  # and its own messages, once it has any
    _overlay(values, known, card.host_config)
    for offset, identifier in zip(_IDS, (card.vendor, card.device, card.subvendor, card.subdevice), strict=True):
        if identifier is not None and not known[offset : offset + 2].any():
            values[offset : offset + 2] = (identifier & 0xFF, identifier >> 8)
            known[offset : offset + 2] = True
    bar = np.full(FULL_SIZE, -1, dtype=np.int8)
    for entry in card.bars:
        _place_bar(values, known, bar, entry, card.guest_config)
    if known[_HEADER_TYPE] and values[_HEADER_TYPE] & 0x7F == 1:
        bar[list(_BUS_NUMBERS)] = BUSES
        bar[list(_WINDOWS_OF_BRIDGE)] = WINDOWS
    steady = np.zeros(FULL_SIZE, dtype=np.bool_)
    steady[:0x40] = True
    for changing in _CHANGING:
        steady[list(changing)] = False
    run_time = run_time_fields(values, known, messages)
    return HardwareConfig(values, known, steady, bar, tuple(_open_bars(card, known)), run_time, messages)


def _messages_of(card: Card) -> range:
    """Where address and data of the card's messages lie, from all that is known of its config space."""
    values = np.zeros(FULL_SIZE, dtype=np.uint8)
    known = np.zeros(FULL_SIZE, dtype=np.bool_)
    _overlay(values, known, card.guest_config)
    _overlay(values, known, card.host_config)
    return message_fields(values, known, card.msi.offset if card.msi is not None else None)


def without_upper(hardware: HardwareConfig, bars: Sequence[int]) -> HardwareConfig:
    """The same with the upper halves of the addresses of 64-bit `bars` unknown."""
    known, values = hardware.known.copy(), hardware.values.copy()
    for index in bars:
        upper = slice(0x14 + 4 * index, 0x18 + 4 * index)
        if (hardware.bar[upper] == index).all():
            known[upper] = False
            values[upper] = 0
    return replace(hardware, known=known, values=values)


def _open_bars(card: Card, known: NDArray[np.bool_]) -> Iterator[OpenBar]:
    for bar in card.bars:
        offset = 0x10 + 4 * bar.index
        if bar.index > 5 or not bar.size or bar.kind == "unknown" or known[offset : offset + 4].all():
            continue
        mask = 3 if bar.kind == "io" else 15
        flags = _flags(bar, card.guest_config)
        yield OpenBar(bar.index, offset, flags, mask, bar.size, bar.kind == "memory64")


def _flags(bar: Bar, guest: ConfigSpace) -> int | None:
    """The flags below the address of `bar`, None if the guest never had to do with its register.

    Firmware writes addresses without flags, which the register keeps: those of its kind are there all the same.
    """
    told = guest.read(0x10 + 4 * bar.index, 1)
    own = {"io": 1, "memory64": 4}.get(bar.kind, 0) | (8 if bar.prefetchable else 0)
    return None if told is None else told & (3 if bar.kind == "io" else 15) | own


def _overlay(values: NDArray[np.uint8], known: NDArray[np.bool_], config: ConfigSpace) -> None:
    length = min(config.size, FULL_SIZE)
    seen = np.frombuffer(config.known, dtype=np.uint8)[:length] != 0
    values[:length][seen] = np.frombuffer(config.values, dtype=np.uint8)[:length][seen]
    known[:length] |= seen


def _place_bar(
    values: NDArray[np.uint8], known: NDArray[np.bool_], owner: NDArray[np.int8], bar: Bar, guest: ConfigSpace
) -> None:
    """Write the host address of `bar` where the inventory gives one and the config dump does not already."""
    if bar.index > 5 or not bar.host:
        return
    offset = 0x10 + 4 * bar.index
    length = 8 if bar.kind == "memory64" else 4
    owner[offset : offset + length] = bar.index
    if known[offset : offset + length].all() and values[offset : offset + length].any():
        return
    flags = _flags(bar, guest)
    low = {"io": 1, "memory64": 4}.get(bar.kind, 0) | (8 if bar.prefetchable else 0) if flags is None else flags
    values[offset : offset + length] = np.frombuffer((bar.host | low).to_bytes(8, "little")[:length], dtype=np.uint8)
    known[offset : offset + length] = True
