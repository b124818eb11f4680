"""Which bytes of the capabilities are set after reset, by software, by interrupts being enabled, or by the link.

A copy of config space that firmware made holds what the card starts with: in these fields it differs from the card that
runs.  PCI Local Bus 3.0, section 6.7 and 6.8; PCI Express Base 5.0, section 7.5.3 and 7.8; the numbers are those of
`linux/pci_regs.h`.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quirkfinder.miners.accesses import Flags

_POINTER, _FIRST, _PLAIN, _FULL = 0x34, 0x40, 0x100, 0x1000
_MSI = 0x05
_WIDE_MESSAGE = 0x80  # of the first byte of the control register
_LONGEST_CHAIN = 48
#: by capability: offsets in it, one range after the other
_PLAIN_FIELDS = {
    0x01: (range(4, 6),),  # power state
    0x03: (range(2, 8),),  # vital product data, an index and its data
    0x10: (range(8, 12), range(16, 20), range(24, 28), range(40, 44), range(48, 52)),  # device, link and slot
    0x11: (range(2, 4),),
    0x13: (range(4, 6),),
}
_EXTENDED_FIELDS = {
    0x01: (range(4, 12), range(16, 24), range(28, 44)),  # errors and their masks
    0x0E: (range(6, 8),),
    0x0F: (range(6, 8),),
    0x10: (range(8, 12), range(16, 20), range(36, 60)),  # virtual functions
    0x15: (range(8, 12),),
    0x18: (range(4, 8),),  # latencies, as the firmware of the host sets them
    0x1E: (range(8, 16),),
}


def capabilities(values: NDArray[np.uint8], known: Flags) -> Iterator[tuple[int, int]]:
    """(offset, id) of the plain capabilities, as far as the chain is known. 4096 bytes each."""
    at = int(values[_POINTER]) & 0xFC if known[_POINTER] else 0
    for _ in range(_LONGEST_CHAIN):
        if at < _FIRST or not known[at : at + 2].all():
            return
        yield at, int(values[at])
        at = int(values[at + 1]) & 0xFC


def extended_capabilities(values: NDArray[np.uint8], known: Flags) -> Iterator[tuple[int, int]]:
    """The same from 0x100 on."""
    at = _PLAIN
    for _ in range(_LONGEST_CHAIN):
        if at < _PLAIN or not known[at : at + 4].all():
            return
        header = int.from_bytes(values[at : at + 4].tobytes(), "little")
        yield at, header & 0xFFFF
        at = header >> 20 & 0xFFC


def message_fields(values: NDArray[np.uint8], known: Flags, msi: int | None) -> range:
    """Where the address and the data of the card's messages lie; `msi`: the capability, None where nobody told it."""
    at = next((offset for offset, which in capabilities(values, known) if which == _MSI), msi)
    if at is None or at < _FIRST or at >= _PLAIN - 16:
        return range(0)
    wide = not known[at + 2] or bool(values[at + 2] & _WIDE_MESSAGE)
    return range(at + 4, at + (14 if wide else 10))


def run_time_fields(values: NDArray[np.uint8], known: Flags, messages: range) -> Flags:
    """Flags over 4096 bytes; `messages` as `message_fields` has them."""
    flags = np.zeros(_FULL, dtype=np.bool_)
    flags[list(messages)] = True
    if messages:
        flags[messages.start - 2 : messages.start] = True
    chains = ((capabilities, _PLAIN_FIELDS), (extended_capabilities, _EXTENDED_FIELDS))
    for chain, fields in chains:
        for at, which in chain(values, known):
            for part in fields.get(which, ()):
                flags[at + part.start : at + part.stop] = True
    return flags
