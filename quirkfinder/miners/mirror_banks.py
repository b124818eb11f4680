"""Config space as one page among others: which register has to hold what for a mirror to be there."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Flags, Ints, place_of
from quirkfinder.miners.config_evidence import config_evidence
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.mirror_reads import Reads
from quirkfinder.miners.mirror_search import PLAIN, disagreeing
from quirkfinder.miners.registers import Registers

_MOST_REGISTERS = 64
_LEAST_DIFFERENCES = 2  # dwords that some other page shows


@dataclass(frozen=True, slots=True)
class Bank:
    """The register at `place`, `size` bytes wide, holds `value` in the bits of `mask`."""

    place: int
    size: int
    value: int
    mask: int

    def chosen(self, registers: Registers, rows: Ints) -> Flags:
        """Whether the register held the value at each of `rows` of the events."""
        held = registers.in_force(self.place, rows)
        return np.asarray((held >= 0) & (held & self.mask == self.value))


def bank_of(registers: Registers, seen: Reads, origin: int, hardware: HardwareConfig) -> Bank | None:
    """The register that tells apart the reads that agree with config space at `origin` and those that do not.

    Of several it is the one written last before config space showed first.
    """
    offset = seen.offsets(origin)
    evidence = config_evidence(seen.accesses, offset, hardware, seen.every, seen.changed)
    if not evidence.live or len(evidence.fields) < 2:
        return None
    agreeing = np.unique(evidence.rows)
    apart = disagreeing(seen.accesses, np.where(offset < PLAIN, offset, -1), hardware)
    other = seen.accesses.row[apart[~seen.changed[apart]]]
    other = np.setdiff1d(other, agreeing)
    if len(other) < _LEAST_DIFFERENCES:
        return None
    region = int(seen.accesses.region[0])
    found: tuple[int, Bank] | None = None
    for place in _candidates(registers, region, origin):
        bank = _telling_apart(registers, place, agreeing, other)
        if bank is not None:
            written = registers.accesses.row[registers.writes(place)]
            latest = int(written[np.searchsorted(written, agreeing[0]) - 1])
            if found is None or latest > found[0]:
                found = latest, bank
    return None if found is None else found[1]


def _candidates(registers: Registers, region: int, origin: int) -> list[int]:
    """The registers nearest to the region that held several values and lie outside of what they would choose."""
    accesses = registers.accesses
    places, counts = np.unique(accesses.place[accesses.write], return_counts=True)
    start = place_of(region, max(origin, 0))
    places = places[(counts >= 2) & ((places < start) | (places >= start + PLAIN))]
    nearest = places[np.argsort(np.abs(places - place_of(region, 0)), kind="stable")][:_MOST_REGISTERS]
    return [place for place in nearest.tolist() if len(registers.values_written(place)) >= 2]


def _telling_apart(registers: Registers, place: int, agreeing: Ints, other: Ints) -> Bank | None:
    """The bits of the register that were the same for all rows `agreeing`, if they never were for one of `other`."""
    held, away = registers.in_force(place, agreeing), registers.in_force(place, other)
    if (held < 0).any():
        return None
    size = registers.width(place)
    mask = ((1 << 8 * size) - 1) & ~int(np.bitwise_or.reduce(held ^ held[0]))
    value = int(held[0]) & mask
    if not mask or ((away >= 0) & (away & mask == value)).any():
        return None
    return Bank(place, size, value, mask)
