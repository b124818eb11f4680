"""Mirrors of a part of config space that holds neither ids nor BARs: capabilities, vendor words, extended space.

What tells them from a copy that firmware made is what is set after reset: where the copy shows what the card starts
with, the mirror shows what the card has now.  Many rare words at one distance, and nothing that differs, speak for a
mirror too, but a copy of constants looks the same.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.card.model import Card
from quirkfinder.miners.accesses import Flags, Ints, Words
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.information import information
from quirkfinder.miners.mirror_reads import Reads

_HEADER = 0x40
_LEAST_VALUES, _LEAST_BITS = 4, 60.0
_LEAST_CONSTANTS, _LEAST_CONSTANT_BITS = 5, 100.0
_DIFFERENCE = 30.0  # bits that a dword which is not what config space holds takes from those around it
_INTERRUPTS = range(0xFEE00000, 0xFEF00000)  # where messages go on a PC


@dataclass(frozen=True, slots=True)
class Body:
    """`first`..`last` (exclusive) of config space agree; the others are offsets of dwords in it."""

    first: int
    last: int
    bits: float
    values: int  # distinct values that prove something
    against: tuple[int, ...]  # constants that differ
    running: tuple[int, ...]  # set after reset, and the same here
    stale: tuple[int, ...]  # set after reset, and here as after reset
    messages: tuple[int, ...]  # the address that the host's interrupts go to
    memory: tuple[int, ...] = ()  # addresses of the host's memory

    @property
    def holds(self) -> bool:
        """What runs agrees, and hardly anything differs; or a great deal agrees of what stays the same anyway."""
        if len(self.against) * 5 > self.values or len(self.stale) > len(self.running):
            return False
        if self.messages or self.running:
            return self.values >= _LEAST_VALUES and self.bits >= _LEAST_BITS
        constants = self.values >= _LEAST_CONSTANTS and self.bits >= _LEAST_CONSTANT_BITS
        return constants and not self.against and not self.stale


def body_of(card: Card, seen: Reads, offset: Ints, hardware: HardwareConfig) -> Body | None:
    """The stretch behind the header that agrees best; `offset`: in config space, -1 for not in it."""
    reads = seen.accesses
    dword, bits, differs, kept = _compared(seen, offset, hardware)
    if not bits.any():
        return None
    where, group = np.unique(dword, return_inverse=True)
    worth = np.zeros(len(where))
    np.maximum.at(worth, group, bits)
    constant = differs & ~_is_run_time(hardware, offset[kept], reads.size[kept])
    worth[np.unique(group[constant])] = -_DIFFERENCE
    first, last = _best_stretch(worth)
    inside = (dword >= where[first]) & (dword <= where[last])
    dword, bits, differs, constant, kept = (a[inside] for a in (dword, bits, differs, constant, kept))
    value, at, run = reads.value[kept], offset[kept], _is_run_time(hardware, offset[kept], reads.size[kept])
    alive = run & (bits > 0)
    return Body(
        int(where[first]),
        int(where[last]) + 4,
        float(np.maximum(worth[first : last + 1], 0).sum()),
        len(np.unique(value[bits > 0])),
        _offsets(dword[constant]),
        _offsets(dword[alive]),
        _offsets(dword[differs & run & _as_after_reset(hardware, value, at, reads.size[kept])]),
        _offsets(dword[_host_messages(card, hardware, value, at, reads.size[kept], differs)]),
    )


def _offsets(dwords: Ints) -> tuple[int, ...]:
    return tuple(np.unique(dwords).tolist())


def _compared(seen: Reads, offset: Ints, hardware: HardwareConfig) -> tuple[Ints, np.ndarray, Flags, Ints]:
    """Of the reads behind the header: the dword, the bits that agree, does it differ, the position."""
    reads, index = seen.accesses, seen.every[offset[seen.every] >= _HEADER]
    columns: list[tuple[Ints, np.ndarray, Flags, Ints]] = []
    for size in (4, 2, 1):
        at = index[reads.size[index] == size]
        expected, known = hardware.read(offset[at], size)
        value = reads.value[at]
        equal = known & (value == expected)
        absent = value == np.uint64((1 << (8 * size)) - 1)  # a door still closed reads all ones
        worth = np.where(equal, information(value, np.full(len(at), size, dtype=np.uint8)), 0.0)
        differs = known & ~equal & ~absent & ~seen.changed[at]
        columns.append((offset[at] & ~3, worth, differs, at))
    dword, bits, differs, position = (np.concatenate(c) for c in zip(*columns, strict=True))
    return dword, bits, differs, position


def _best_stretch(worth: np.ndarray) -> tuple[int, int]:
    """First and last position of the stretch with the greatest sum."""
    total = np.concatenate([[0.0], np.cumsum(worth)])
    lowest = np.minimum.accumulate(total)
    last = int((total - lowest)[1:].argmax())
    first = int(np.flatnonzero(total[: last + 1] == lowest[last])[-1])
    return first, last


def _is_run_time(hardware: HardwareConfig, offset: Ints, size: np.ndarray) -> Flags:
    """Which accesses reach a byte that is set after reset."""
    found = np.zeros(len(offset), dtype=np.bool_)
    for byte in range(4):
        found |= (size > byte) & hardware.run_time[np.minimum(offset + byte, len(hardware.run_time) - 1)]
    return found


def _as_after_reset(hardware: HardwareConfig, value: Words, offset: Ints, size: np.ndarray) -> Flags:
    """Which values have zeros in all the bytes that are set after reset, where config space has something else."""
    empty, filled = np.ones(len(offset), dtype=np.bool_), np.zeros(len(offset), dtype=np.bool_)
    for byte in range(4):
        at = np.minimum(offset + byte, len(hardware.run_time) - 1)
        counts = (size > byte) & hardware.run_time[at] & hardware.known[at]
        empty &= ~counts | ((value >> np.uint64(8 * byte)) & np.uint64(0xFF) == 0)
        filled |= counts & (hardware.values[at] != 0)
    return empty & filled


def _host_messages(
    card: Card, hardware: HardwareConfig, value: Words, offset: Ints, size: np.ndarray, differs: Flags
) -> Flags:
    """Reads of the address of messages that the guest never had: QEMU gives its own to the guest, the host's stays."""
    if not hardware.messages:
        return np.zeros(len(offset), dtype=np.bool_)
    own = [address & 0xFFFFFFFF for _, address, _ in card.msi.messages] if card.msi is not None else []
    told = card.guest_config.read(hardware.messages.start, 4)
    here = (offset == hardware.messages.start) & (size == 4)
    known = hardware.known[hardware.messages.start]
    reached = (value >= _INTERRUPTS.start) & (value < _INTERRUPTS.stop)
    strange = ~np.isin(value, np.array([*own, told or 0, 0], dtype=np.uint64))
    return np.asarray(here & strange & (reached if not known else reached | ~differs))
