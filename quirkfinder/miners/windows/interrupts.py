"""Windows to the MSI-X table: recognised by what a table looks like, because QEMU never shows the table itself.

An entry is four dwords: message address (0xfeexxxxx on x86), its upper half, data, and a control word of which only
bit 0 is used (PCI 3.0, section 6.8.2.6 to 6.8.2.9; Intel SDM volume 3, section 11.11).
"""

import numpy as np

from quirkfinder.miners.accesses import Flags, Ints
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.shape import MODULUS
from quirkfinder.miners.windows.targets import MSIX_TABLE, Reach, Target
from quirkfinder.miners.windows.uses import Uses

_PAGE = 0xFEE
_ENTRY = 16
_TABLE_SPAN = 0x1000  # bytes looked at from one tag on; a table has at most 2048 entries
_BITS_AN_ENTRY = 11.0


def msix_target(uses: Uses, driven: bool) -> Target | None:
    """The MSI-X table behind a window, if what was read through it looks like one and like nothing else.

    `driven`: the registers lie side by side and a flag of the address register says when a command is done, so that a
    single entry is believed.
    """
    address = Reach().of(uses)
    reads = ~uses.data.write & (uses.data.size == 4)
    value = uses.data.value.astype(np.int64)
    messages = reads & (value >> 20 == _PAGE) & (address % _ENTRY == 0)
    best: Target | None = None
    for tag in np.unique(address[messages] - address[messages] % _TABLE_SPAN).tolist():
        inside = (address >= tag) & (address < tag + _TABLE_SPAN)
        members = np.flatnonzero(inside)
        entries = len(np.unique(address[messages & inside]))
        filled = bool((uses.data.write & inside & (value >> 20 == _PAGE)).any())  # the guest fills it
        if _against(address, value, reads & inside) or not (entries > 1 or (driven and filled)):
            continue
        bits = _BITS_AN_ENTRY * (entries + filled)
        target = Target(MSIX_TABLE, Reach(), -tag % MODULUS, members, bits, table=_rows(uses, inside))
        if best is None or target.bits > best.bits:
            best = target
    return best


def turns_over(registers: Registers, place: int) -> bool:
    """Did the register once read back what was written to it with just one bit turned over, as a completion flag is?"""
    at = registers.reads(place)
    rows = registers.accesses.row[at]
    held = registers.in_force(place, rows)
    flipped = held ^ registers.accesses.value[at].astype(np.int64)
    return bool(((held >= 0) & (flipped != 0) & (flipped & (flipped - 1) == 0)).any())


def _against(address: Ints, value: Ints, reads: Flags) -> bool:
    """Is there a read that no table would have given?"""
    word = address % _ENTRY
    wrong = (word == 0) & (value != 0) & (value >> 20 != _PAGE)
    wrong |= (word == 4) & (value != 0)
    wrong |= (word == 8) & (value >> 16 != 0)
    wrong |= (word == 12) & (value & ~1 != 0)
    return bool((wrong & reads).any())


def _rows(uses: Uses, inside: Flags) -> Ints:
    return np.unique(uses.data.row[inside & ~uses.data.write])
