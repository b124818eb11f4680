"""Registers that tell an address inside a BAR of the host's, proven by the guest's use of that very address.

A number that lies in a BAR by chance is no rarity where BARs are large; one at which the guest then has its accesses
rejected is.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from quirkfinder.miners.accesses import Accesses
from quirkfinder.miners.host_accesses import Stray
from quirkfinder.miners.information import information_of
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.readings import PAGE
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.written import guest_writes

_DWORD = 0xFFFFFFFF
_LEAST_BITS = 12.0
_MOST_REGISTERS = 8  # numbers in one BAR's range at more places than this are no pointers


def told_pointers(registers: Registers, reads: Accesses, strays: Sequence[Stray]) -> Iterator[Leak]:
    """Steady registers that told an address inside a BAR before the guest used it, or what lies behind it."""
    given = guest_writes(registers.accesses)
    for stray in strays:
        bar = stray.bar
        if stray.space == "io" or stray.swept or bar.host is None or not bar.size:
            continue
        low = np.uint64(bar.host & _DWORD)
        inside = (reads.size == 4) & (reads.value > low) & (reads.value - low < np.uint64(bar.size))
        inside &= np.isin(reads.value // np.uint64(PAGE), (stray.addresses & np.uint64(_DWORD)) // np.uint64(PAGE))
        places = np.unique(reads.place[inside])
        for place in places.tolist() if len(places) <= _MOST_REGISTERS else []:
            at = registers.at(place)
            value, first = int(registers.accesses.value[at[0]]), int(registers.accesses.row[at[0]])
            if registers.accesses.write[at].any() or (registers.accesses.value[at] != np.uint64(value)).any():
                continue
            used = (stray.addresses & np.uint64(_DWORD)) - np.uint64(value) < np.uint64(PAGE)
            bits = information_of(value, 4)
            if bits < _LEAST_BITS or not (used & (stray.rows > first)).any() or (used & (stray.rows < first)).any():
                continue
            if given.known_from(value, 3) < first:
                continue
            rows = tuple(registers.accesses.row[at].tolist())
            distance = value - (bar.host & _DWORD)
            mask = -bar.size & _DWORD
            yield Leak(place, 4, bar, 0, bits, rows, 0, mask=mask, distance=distance)
