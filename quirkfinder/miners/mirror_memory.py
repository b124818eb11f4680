"""Base and limit of memory that the host set aside for a card, shown in config space and again in a register block.

Two words side by side are few, so both have to be addresses that mean nothing in the guest, and it has to be known from
elsewhere what they are: from the host's map of memory, or from the guest's own reads of config space.
"""

import numpy as np

from quirkfinder.card import guest_owner, host_owner
from quirkfinder.card.model import Card, Neighbour
from quirkfinder.miners.accesses import Ints
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.information import information_of
from quirkfinder.miners.mirror_bodies import Body
from quirkfinder.miners.mirror_reads import Reads

_HEADER = 0x40
_PAGE = 0x1000
_MOST_FLAGS = 2  # bits set below the page
_LOWEST, _CHIPSET = 1 << 24, 0xFEC00000  # from there to 4 GiB lie interrupt controllers, timers and firmware
_LEAST_BITS = 24.0  # of both words together
_OTHER_MEMORY = ("System RAM", "PCI Bus", "Kernel")  # of /proc/iomem: what is not set aside for a card


def memory_of(scene: Scene, seen: Reads, offset: Ints, hardware: HardwareConfig) -> Body | None:
    """Two neighbouring dwords that agree and tell memory of the host; `offset`: in config space, -1 for not in it."""
    reads = seen.accesses
    at = seen.every[(offset[seen.every] >= _HEADER) & (reads.size[seen.every] == 4)]
    expected, known = hardware.read(offset[at], 4)
    value = reads.value[at]
    likely = known & (value == expected) & (value >= np.uint64(_LOWEST)) & (value < np.uint64(_CHIPSET))
    told = {int(offset[i]): (int(reads.value[i]), int(reads.row[i])) for i in at[likely]}
    told = {where: one for where, one in told.items() if (one[0] % _PAGE).bit_count() <= _MOST_FLAGS}
    for first in sorted(told):
        if first + 4 not in told or first % 4:
            continue
        pair = [told[first], told[first + 4]]
        bits = sum(information_of(word, 4) for word, _ in pair)
        strange = all(_means_nothing_to_the_guest(scene, word & -_PAGE, row) for word, row in pair)
        if strange and bits >= _LEAST_BITS and pair[0][0] != pair[1][0] and _is_borne_out(scene, first, pair):
            return Body(first, first + 8, bits, 2, (), (), (), (), (first, first + 4))
    return None


def _means_nothing_to_the_guest(scene: Scene, address: int, row: int) -> bool:
    """Neither the guest nor a BAR on the host has the address: those are other doors."""
    owners: tuple[Card | Neighbour, ...] = (scene.card, *scene.machine.cards, *scene.machine.neighbours)
    if any(bar.host_contains(address) for owner in owners for bar in owner.bars if bar.kind != "io"):
        return False
    return guest_owner(scene.machine, scene.card, address, row) is None


def _is_borne_out(scene: Scene, first: int, pair: list[tuple[int, int]]) -> bool:
    """Is memory at the first address set aside on the host, or did the guest read both words in config space itself?"""
    owner = host_owner(scene.machine, pair[0][0] & -_PAGE)
    if owner is not None:
        return not owner.startswith(_OTHER_MEMORY)
    guest = scene.card.guest_config
    return all(guest.read(first + 4 * at, 4) == word for at, (word, _) in enumerate(pair))
