"""Config mirrors: a range of a BAR that reads like config space, the card's own or a neighbour's.

A burnt-in copy of the header looks the same at first sight, so a claim needs something live: a BAR field that holds
the host's address.  Ids and class codes alone prove nothing, because firmware images carry them too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from quirkfinder.card.model import Card, Neighbour
from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Accesses, Flags, Ints, distinct
from quirkfinder.miners.agreement import written_before
from quirkfinder.miners.claims import Scene, bar_words, claim, confidence, hexadecimal
from quirkfinder.miners.config_evidence import ConfigEvidence, changed_before, config_evidence
from quirkfinder.miners.hardware import HardwareConfig, hardware_config
from quirkfinder.miners.landing import landing_words, leaked_bars

_HEADER, _PLAIN, _EXTENDED = 64, 256, 4096
_DELTAS_TRIED = 8
_LEAST_FIELDS = 2  # that agree where a window tells where the mirror lies
_MOST_READS = 200_000


@dataclass(frozen=True, slots=True)
class Mirror:
    """`size` bytes of config space from `config_offset` on lie at `start` of `region`, as far as the trace shows."""

    region: int
    start: int
    size: int
    config_offset: int
    evidence: ConfigEvidence
    function: str | None  # None: the card itself

    def contains(self, region: int, offset: int) -> bool:
        return region == self.region and self.start <= offset < self.start + self.size


def discover_mirrors(scene: Scene) -> list[Mirror]:
    """Every range of a BAR that mirrors a config space."""
    found: list[Mirror] = []
    reading = ~scene.accesses.write
    reads, echo = scene.accesses.take(reading), written_before(scene.accesses)[reading]
    changed = changed_before(scene.accesses.place >> 2, scene.accesses.write)[reading]
    spaces: list[tuple[str | None, HardwareConfig]] = [(None, scene.hardware)]
    spaces += [(n.address, hardware_config(_as_card(n))) for n in _relatives(scene)]
    for function, hardware in spaces:
        for region in np.unique(reads.region).tolist():
            if region > 5:
                continue
            here = np.flatnonzero(reads.region == region)
            mine = reads.take(here)
            taken = np.zeros(len(mine), dtype=np.bool_)
            for mirror in found:
                if mirror.region == region:
                    taken |= (mine.offset >= mirror.start) & (mine.offset < mirror.start + mirror.size)
            history = (echo[here[~taken]], changed[here[~taken]])
            found += _in_region(scene.card, mine.take(~taken), history, region, hardware, function)
    return found


def mirror_at(scene: Scene, region: int, start: int, live: tuple[int, ...]) -> Mirror | None:
    """The mirror at `start` of `region`, where a window tells that one lies there, if direct reads bear it out.

    `live`: the BARs whose host address came through the window from there.
    """
    reads = scene.accesses.take(~scene.accesses.write & (scene.accesses.region == region))
    echo = written_before(scene.accesses)[~scene.accesses.write & (scene.accesses.region == region)]
    position = reads.offset - start
    offset = np.where((position >= 0) & (position < _EXTENDED), position, -1)
    evidence = config_evidence(reads, offset, scene.hardware, np.flatnonzero(~echo))
    if len(evidence.fields) < _LEAST_FIELDS or evidence.against or not live:
        return None
    size = _PLAIN if evidence.fields[-1] < _PLAIN else _EXTENDED
    return Mirror(region, start, size, 0, replace(evidence, live=live), None)


def mirror_finding(scene: Scene, mirror: Mirror) -> Finding:
    """The finding for a mirror."""
    where = f"{region_name(mirror.region)}+0x{mirror.start:x}"
    of = "config space" if mirror.function is None else f"config space of {mirror.function}"
    live, fields, against = mirror.evidence.live, len(mirror.evidence.fields), len(mirror.evidence.against)
    sure = bool(live) and (mirror.function is not None or scene.sure_of(live))
    leaks = leaked_bars(scene, live) if mirror.function is None else []
    among = f", {bar_words(live)} among them" if live else ""
    return claim(
        scene,
        "config-mirror",
        where,
        verdict="confirmed" if sure else "likely",
        confidence=confidence(mirror.evidence.bits, against, most=0.99 if sure else 0.85),
        needs_quirk=True,
        summary=f"{where} is a copy of the card's {of}: {fields} fields agree{among}",
        parameters={
            "region": region_name(mirror.region),
            "offset": hexadecimal(mirror.start),
            "size": hexadecimal(mirror.size),
            "config_offset": hexadecimal(mirror.config_offset),
            "function": mirror.function,
            **({"leaks": leaks} if leaks else {}),
        },
        evidence=scene.evidence(*_tell_addresses_first(scene, mirror)),
        evidence_count=len(mirror.evidence.rows),
        reason=_reason(live, mirror.function) + landing_words(leaks),
        doubt=(
            "it would be false if the card kept a copy of its header that follows the BARs only by chance"
            if sure
            else "it would be false if the firmware made this copy once; no inventory tells the host's addresses"
        ),
    )


def _reason(live: tuple[int, ...], function: str | None) -> str:
    if live and function is None:
        return f"a guest that reads it sees the host addresses of {bar_words(live)} instead of its own"
    if live:
        return f"a guest that reads it sees the host's view of another function, {bar_words(live)} included"
    return "a guest that reads or writes it goes past what QEMU emulates"


def _tell_addresses_first(scene: Scene, mirror: Mirror) -> tuple[list[int], list[str]]:
    at = np.flatnonzero(np.isin(scene.accesses.row, mirror.evidence.rows) & ~scene.accesses.write)
    at = at[scene.accesses.region[at] == mirror.region]
    offset = scene.accesses.offset[at] - mirror.start + mirror.config_offset
    offset, unique = np.unique(offset, return_index=True)
    at = at[unique]
    inside = (offset >= 0) & (offset < _EXTENDED)
    at, offset = at[inside], offset[inside]
    owner = scene.hardware.bar[offset] if mirror.function is None else np.full(len(offset), -1)
    order = np.argsort(owner < 0, kind="stable")
    notes = [
        f"config offset 0x{offset[i]:x}" + (f": the host address of BAR{owner[i]}" if owner[i] >= 0 else "")
        for i in order
    ]
    return [int(scene.accesses.row[at[i]]) for i in order], notes


def _in_region(
    card: Card, reads: Accesses, history: tuple[Flags, Flags], region: int, hardware: HardwareConfig, of: str | None
) -> Iterator[Mirror]:
    """Mirrors among the reads of one region, of the function `of`.

    `history`: which reads echo what the guest wrote, and which may do so in part, because it wrote there before.
    """
    if not len(reads):
        return
    kept = distinct(reads.place, reads.size, reads.value)[:_MOST_READS]
    reads, every, changed = reads.take(kept), np.flatnonzero(~history[0][kept]), history[1][kept]
    taken = np.zeros(len(reads), dtype=np.bool_)
    for origin in _origins(reads.take(every), hardware):
        position = reads.offset - origin
        offset = np.where((position >= 0) & (position < _EXTENDED) & ~taken, position, -1)
        span = _span(config_evidence(reads, offset, hardware, every, changed), reads, offset, hardware)
        if span is None:
            continue
        first, last = span
        inside = np.where((offset >= first) & (offset < last), offset, -1)
        evidence = config_evidence(reads, inside, hardware, every, changed)
        if not evidence.holds:
            continue
        bar = card.bar(region)
        room = bar.size - origin if bar is not None and bar.size else last
        taken |= inside >= 0
        yield Mirror(region, origin + first, max(4, min(last, room) - first), first, evidence, of)


def _origins(reads: Accesses, hardware: HardwareConfig) -> list[int]:
    """Offsets at which config offset 0 could lie, by how many distinct config fields vote for them."""
    votes: list[Ints] = []
    for size in (4, 2, 1):
        index = np.flatnonzero(reads.size == size)
        if not len(index):
            continue
        hit, offset = hardware.matches(reads.value[index], size)
        start = reads.offset[index[hit]] - offset
        votes.append(start[distinct(start, offset)])
    if not votes:
        return []
    starts, counts = np.unique(np.concatenate(votes), return_counts=True)
    usable: Flags = (starts > -_PLAIN) & (starts % 4 == 0) & (counts >= 2)
    starts, counts = starts[usable], counts[usable]
    return [int(starts[i]) for i in np.argsort(-counts, kind="stable")[:_DELTAS_TRIED]]


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
    for size in (_HEADER, _PLAIN):
        beyond = np.where((offset >= size) & (offset < max(_PLAIN, last)), offset, -1)
        if last <= size and _disagreeing(reads, beyond, hardware) >= 2:
            return 0, size
    return 0, _PLAIN if last <= _PLAIN else _EXTENDED


def _disagreeing(reads: Accesses, offset: Ints, hardware: HardwareConfig) -> int:
    """Distinct offsets at which what was read is not what config space holds."""
    wrong: set[int] = set()
    for size in (4, 2, 1):
        index = np.flatnonzero((reads.size == size) & (offset >= 0))
        if len(index):
            expected, known = hardware.read(offset[index], size)
            wrong.update(offset[index][known & (expected != reads.value[index])].tolist())
    return len(wrong)


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
