"""Config mirrors: a range of a BAR that reads like config space, the card's own or a neighbour's.

A burnt-in copy of the header looks the same at first sight, so a claim needs something live: a BAR field that holds
the host's address.  Ids and class codes alone prove nothing, because firmware images carry them too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from quirkfinder.card.model import Card, Neighbour
from quirkfinder.miners.accesses import Accesses, Flags
from quirkfinder.miners.agreement import written_before
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.config_evidence import ConfigEvidence, changed_before, config_evidence
from quirkfinder.miners.hardware import HardwareConfig, hardware_config
from quirkfinder.miners.mirror_banks import Bank, bank_of
from quirkfinder.miners.mirror_bodies import Body
from quirkfinder.miners.mirror_reads import EXTENDED, Reads
from quirkfinder.miners.mirror_search import PLAIN, Part, origins, part_at
from quirkfinder.miners.registers import Registers

_LEAST_FIELDS = 2  # that agree where a window tells where the mirror lies


@dataclass(frozen=True, slots=True)
class Mirror:
    """`size` bytes of config space from `config_offset` on lie at `start` of `region`, as far as the trace shows."""

    region: int
    start: int
    size: int
    config_offset: int
    evidence: ConfigEvidence
    function: str | None  # None: the card itself
    body: Body | None = None  # how it is known, where neither ids nor BARs lie in it
    bank: Bank | None = None  # a register that has to choose it; None: it lies there always

    def explains(self, registers: Registers, accesses: Accesses) -> Flags:
        """Which of `accesses` reach config space through it."""
        inside = accesses.region == self.region
        inside &= (accesses.offset >= self.start) & (accesses.offset < self.start + self.size)
        return np.asarray(inside if self.bank is None else inside & self.bank.chosen(registers, accesses.row))


def discover_mirrors(scene: Scene) -> list[Mirror]:
    """Every range of a BAR that mirrors a config space."""
    found: list[Mirror] = []
    reading = ~scene.accesses.write
    echo = written_before(scene.accesses)[reading]
    changed = changed_before(scene.accesses.place >> 2, scene.accesses.write)[reading]
    reads = Reads(scene.accesses.take(reading), echo, changed)
    spaces: list[tuple[str | None, HardwareConfig]] = [(None, scene.hardware)]
    spaces += [(n.address, hardware_config(_as_card(n))) for n in _relatives(scene)]
    for function, hardware in spaces:
        for region in np.unique(reads.accesses.region).tolist():
            if region > 5:
                continue
            free = reads.accesses.region == region
            for mirror in found:
                free &= ~mirror.explains(scene.registers, reads.accesses)
            found += _in_region(scene, reads.take(free), region, hardware, function)
    return found


def _on_a_page(
    scene: Scene, reads: Reads, seen: Reads, origin: int, hardware: HardwareConfig
) -> tuple[Part | None, Bank | None]:
    """What shows at `origin` while a bank register chooses config space, where other pages show something else.

    `seen`: every value of `reads` once at every place.
    """
    bank = bank_of(scene.registers, seen, origin, hardware)
    if bank is None:
        return None, None
    page = reads.take(bank.chosen(scene.registers, reads.accesses.row)).once()
    part = part_at(scene, page, page.offsets(origin), hardware)
    return (part, bank) if part is not None and part.evidence.live else (None, None)


def mirror_at(scene: Scene, region: int, start: int, live: tuple[int, ...]) -> Mirror | None:
    """The mirror at `start` of `region`, where a window tells that one lies there, if direct reads bear it out.

    `live`: the BARs whose host address came through the window from there.
    """
    reads = scene.accesses.take(~scene.accesses.write & (scene.accesses.region == region))
    echo = written_before(scene.accesses)[~scene.accesses.write & (scene.accesses.region == region)]
    position = reads.offset - start
    offset = np.where((position >= 0) & (position < EXTENDED), position, -1)
    evidence = config_evidence(reads, offset, scene.hardware, np.flatnonzero(~echo))
    if len(evidence.fields) < _LEAST_FIELDS or evidence.against or not live:
        return None
    size = PLAIN if evidence.fields[-1] < PLAIN else EXTENDED
    return Mirror(region, start, size, 0, replace(evidence, live=live), None)


def _in_region(
    scene: Scene, reads: Reads, region: int, hardware: HardwareConfig, function: str | None
) -> Iterator[Mirror]:
    """Mirrors of the config space of `function` among the reads of one region."""
    seen, bar = reads.once(), scene.card.bar(region)
    for origin in origins(seen, hardware):
        part, bank = part_at(scene, seen, seen.offsets(origin), hardware), None
        if part is None:
            part, bank = _on_a_page(scene, reads, seen, origin, hardware)
        if part is None:
            continue
        last = min(part.last, bar.size - origin) if bar is not None and bar.size else part.last
        size = max(4, last - part.first)
        mirror = Mirror(region, origin + part.first, size, part.first, part.evidence, function, part.body, bank)
        reads = reads.take(~mirror.explains(scene.registers, reads.accesses))
        seen = reads.once()
        yield mirror


def _relatives(scene: Scene) -> list[Neighbour]:
    """Functions of the same slot and the bridge above, whose config space a card may show as well."""
    own = scene.card.host_address
    if own is None:
        return []
    slot, bus = own.rsplit(".", 1)[0], own.split(":")[1]
    return [
        n
        for n in scene.machine.neighbours
        if n.address != own
        and n.config.size
        and (n.address.rsplit(".", 1)[0] == slot or (n.is_bridge and n.secondary_bus == int(bus, 16)))
    ]


def _as_card(neighbour: Neighbour) -> Card:
    return Card(neighbour.address, neighbour.address, bars=neighbour.bars, host_config=neighbour.config)
