"""Where in a region could config space lie, and does it lie there?  The search behind mirrors."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, distinct
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.config_evidence import ConfigEvidence, config_evidence
from quirkfinder.miners.hardware import BUSES, HardwareConfig
from quirkfinder.miners.information import information
from quirkfinder.miners.mirror_bodies import Body, body_of
from quirkfinder.miners.mirror_memory import memory_of
from quirkfinder.miners.mirror_reads import EXTENDED, Reads

HEADER, PLAIN = 64, 256
_DELTAS_TRIED = 8
_COMMAND = 0x04
_LEAST_THIN_BITS, _LEAST_FIELDS = 50.0, 3  # with ids and little more
_BAR_FLAGS, _LEAST_FLAGGED = 0xF, 2
_LEAST_OF_ITS_OWN, _LEAST_OF_A_BRIDGE = 3, 4  # words that another function has and the card itself has not


@dataclass(frozen=True, slots=True)
class Part:
    """Config space from `first` to `last` (exclusive) shows; `body`: it is known by what lies behind the header."""

    first: int
    last: int
    evidence: ConfigEvidence
    body: Body | None = None


def origins(seen: Reads, hardware: HardwareConfig) -> list[int]:
    """Offsets at which config offset 0 could lie, by the bits of the distinct config fields that vote for them."""
    reads = seen.accesses.take(seen.every)
    votes: list[Ints] = []
    weights: list[np.ndarray] = []
    for size in (4, 2, 1):
        index = np.flatnonzero(reads.size == size)
        hit, offset = hardware.matches(reads.value[index], size)
        start, value = reads.offset[index[hit]] - offset, reads.value[index[hit]]
        once = distinct(start, offset)
        votes.append(start[once])
        weights.append(information(value[once], np.full(len(once), size, dtype=np.uint8)))
    starts, group, counts = np.unique(np.concatenate(votes), return_inverse=True, return_counts=True)
    bits = np.bincount(group, weights=np.concatenate(weights), minlength=len(starts))
    usable: Flags = (starts > -EXTENDED) & (starts % 4 == 0) & (counts >= 2)
    starts, bits = starts[usable], bits[usable]
    return [int(starts[i]) for i in np.argsort(-bits, kind="stable")[:_DELTAS_TRIED]]


def part_at(scene: Scene, seen: Reads, offset: Ints, hardware: HardwareConfig) -> Part | None:
    """The part of config space that shows at `offset` (in config space, -1 for not in it), None where none does."""
    whole = config_evidence(seen.accesses, offset, hardware, seen.every, seen.changed)
    span = _span(whole, seen.accesses, offset, hardware)
    if span is not None:
        evidence = _inside(seen, offset, hardware, *span)
        holds = evidence.holds and _has_more_than_bars(evidence, hardware)
        if holds or _is_thin(scene, seen, offset, hardware, evidence):
            return Part(*span, evidence)
    if _is_image(whole):
        return None
    body = _body(scene, seen, offset, hardware)
    if body is None:
        return None
    return Part(body.first, body.last, _inside(seen, offset, hardware, body.first, body.last), body)


def _has_more_than_bars(evidence: ConfigEvidence, hardware: HardwareConfig) -> bool:
    """Do dwords agree that are no addresses of BARs, or the flags of several BARs?

    Registers that tell plain addresses lie side by side just as BARs do.
    """
    bars = {bar.offset + 4 * upper for bar in hardware.open_bars for upper in range(1 + bar.wide)}
    bars |= set((np.flatnonzero((hardware.bar >= 0) & (hardware.bar < BUSES)) & ~3).tolist())
    flagged = [where for where in bars.intersection(evidence.fields) if hardware.values[where] & _BAR_FLAGS]
    return not bars.issuperset(evidence.fields) or len(flagged) >= _LEAST_FLAGGED


def _body(scene: Scene, seen: Reads, offset: Ints, hardware: HardwareConfig) -> Body | None:
    body = body_of(scene.card, seen, offset, hardware)
    held = body is not None and body.holds
    if hardware is scene.hardware:
        return body if held else memory_of(scene, seen, offset, hardware)
    agreeing = () if body is None else _inside(seen, offset, hardware, body.first, body.last).fields
    return body if held and _of_its_own(scene, hardware, agreeing) >= _LEAST_OF_ITS_OWN else None


def _is_thin(scene: Scene, seen: Reads, offset: Ints, hardware: HardwareConfig, evidence: ConfigEvidence) -> bool:
    """Little of config space, which is enough where firmware cannot know it.

    That is ids with the command register once something is enabled in it, or, of another function, with what is set
    after reset in a capability.  Of the bridge above the card's firmware has no word: ids and one more, or several.
    """
    if evidence.against or evidence.bits < _LEAST_THIN_BITS:
        return False
    body = body_of(scene.card, seen, offset, hardware)
    if body is not None and (body.against or len(body.stale) > len(body.running)):
        return False
    different = _of_its_own(scene, hardware, evidence.fields)
    bridge = bool((hardware.bar == BUSES).any())
    if evidence.fields[:1] != (0,):
        return bridge and different >= _LEAST_OF_A_BRIDGE
    enabled = _COMMAND in evidence.fields and bool(hardware.values[_COMMAND : _COMMAND + 2].any())
    if hardware is scene.hardware or enabled:
        return enabled and len(evidence.fields) >= _LEAST_FIELDS
    return different > 0 and body is not None and (bridge or bool(body.running))


def _of_its_own(scene: Scene, hardware: HardwareConfig, dwords: tuple[int, ...]) -> int:
    """How many of the dwords hold something else in the config space of the card: its functions have much in common."""
    at = np.array(dwords, dtype=np.int64)
    held, _ = hardware.read(at, 4)
    own, known = scene.hardware.read(at, 4)
    return int((known & (own != held)).sum())


def _inside(seen: Reads, offset: Ints, hardware: HardwareConfig, first: int, last: int) -> ConfigEvidence:
    inside = np.where((offset >= first) & (offset < last), offset, -1)
    return config_evidence(seen.accesses, inside, hardware, seen.every, seen.changed)


def _is_image(evidence: ConfigEvidence) -> bool:
    """A header that holds the card's own words and other BARs: an image of what the card starts with."""
    return bool(evidence.against) and any(where < HEADER for where in evidence.fields)


def _span(evidence: ConfigEvidence, reads: Accesses, offset: Ints, hardware: HardwareConfig) -> tuple[int, int] | None:
    """The part of config space (first, last + 1) that is mirrored, no more than the evidence shows.

    From the ids on it is 256 bytes, 4096 where something beyond them agreed, and less where what lies behind the last
    agreeing field is not config space.  Where the ids are not there it is what was seen to agree and no more.
    """
    if len(evidence.fields) < 2:
        return None
    last = evidence.fields[-1] + 4
    if evidence.fields[0] != 0:
        return evidence.fields[0], last
    for size in (HEADER, PLAIN):
        beyond = np.where((offset >= size) & (offset < max(PLAIN, last)), offset, -1)
        if last <= size and len(disagreeing(reads, beyond, hardware)) >= 2:
            return 0, size
    return 0, PLAIN if last <= PLAIN else EXTENDED


def disagreeing(reads: Accesses, offset: Ints, hardware: HardwareConfig) -> Ints:
    """The first position at each distinct offset at which what was read is not what config space holds."""
    wrong: list[Ints] = []
    for size in (4, 2, 1):
        index = np.flatnonzero((reads.size == size) & (offset >= 0))
        expected, known = hardware.read(offset[index], size)
        wrong.append(index[known & (expected != reads.value[index])])
    at = np.concatenate(wrong)
    return at[np.unique(offset[at], return_index=True)[1]]
