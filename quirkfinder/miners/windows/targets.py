"""What does a pair of registers reach?  Targets are proposed by equal values and proven against all accesses.

The model is linear: an address value v reaches `scale * v + increment * n + delta` (modulo 2**32), where n counts the
accesses since v was written (auto-increment).  `delta` is not guessed: every informative value that was seen both
through the data register and in a target votes for the delta that would explain it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, place_of
from quirkfinder.miners.agreement import Agreement, agreement
from quirkfinder.miners.hardware import FULL_SIZE, HardwareConfig
from quirkfinder.miners.information import information, informative
from quirkfinder.miners.windows.uses import Uses

CONFIG_SPACE = -1
_MODULUS = 1 << 32
_SCALES = (1, 4, 2)
#: more votes than this for one value mean that the value is common, and cost more than they tell
_MOST_VOTES = 4_000_000
_DELTAS_TRIED = 6


@dataclass(frozen=True, slots=True)
class Reach:
    """The linear model: `scale * address + increment * since`, in bytes; `delta` comes from the target."""

    scale: int = 1
    increment: int = 0

    def of(self, uses: Uses) -> Ints:
        """Where each use would reach with delta 0, modulo 2**32."""
        address = uses.address.astype(np.int64) & (_MODULUS - 1)
        return (address * self.scale + uses.since * self.increment + uses.sub) % _MODULUS


@dataclass(frozen=True, slots=True)
class ConfigEvidence:
    """How config space agrees with what was read: distinct config offsets by what they prove."""

    bits: float
    fields: tuple[int, ...]  # offsets that agreed with an informative value
    live: tuple[int, ...]  # BARs whose host address was read at its place
    against: tuple[int, ...]  # steady offsets that disagreed
    rows: Ints  # rows of the agreeing reads

    @property
    def holds(self) -> bool:
        """A live field and another one, with next to nothing against them."""
        enough = len(self.live) >= 1 and len(self.fields) >= 2
        return enough and len(self.against) * 5 <= len(self.fields)


@dataclass(frozen=True, slots=True)
class Target:
    """A space reached through the window; `space` is a region or CONFIG_SPACE, `members` index the uses."""

    space: int
    reach: Reach
    delta: int
    members: Ints
    bits: float
    config: ConfigEvidence | None = None
    agreed: Agreement | None = None
    mode: tuple[int, int] | None = None  # the register (place) and the value in it for which the target is reached

    @property
    def rows(self) -> Ints:
        """Rows of the accesses to the data register that prove the target."""
        if self.config is not None:
            return self.config.rows
        return self.agreed.mapped_rows if self.agreed is not None else np.zeros(0, dtype=np.int64)


def config_targets(uses: Uses, hardware: HardwareConfig, reaches: Sequence[Reach]) -> Iterator[Target]:
    """Targets in config space, the best explained first; at most one model per window."""
    reads = np.flatnonzero(~uses.data.write)
    best: list[Target] = []
    for reach in reaches:
        targets = _config_targets_of(uses, reads, hardware, reach)
        if _total(targets) > _total(best) + (8 if best else 0):
            best = targets
    yield from best


def _total(targets: list[Target]) -> float:
    return sum(t.bits for t in targets)


def _config_targets_of(uses: Uses, reads: Ints, hardware: HardwareConfig, reach: Reach) -> list[Target]:
    position = reach.of(uses)
    votes = list(_config_votes(uses, reads, position, hardware))
    if not votes:
        return []
    delta = np.concatenate([v[0] for v in votes])
    found: list[Target] = []
    low, first = np.unique(delta % FULL_SIZE, return_inverse=True)
    weight = np.bincount(first)
    for group in np.argsort(-weight, kind="stable")[:_DELTAS_TRIED]:
        targets = _targets_of_group(uses, reads, position, hardware, reach, np.unique(delta[first == group]))
        if targets and _total(targets) > _total(found):
            found = targets
    del low
    return found


def _config_votes(uses: Uses, reads: Ints, position: Ints, hardware: HardwareConfig) -> Iterator[tuple[Ints, Ints]]:
    """(delta, index of the use) for every config offset that holds a value that was read."""
    for size in (4, 2, 1):
        index = reads[(uses.data.size[reads] == size)]
        values = uses.data.value[index]
        keys = np.stack([values.view(np.int64), position[index]])
        if not keys.shape[1]:
            continue
        _, unique = np.unique(keys, axis=1, return_index=True)
        index = index[np.sort(unique)][:20000]
        hit, offset = hardware.matches(uses.data.value[index], size)
        if len(hit):
            yield (offset - position[index[hit]]) % _MODULUS, index[hit]


def _targets_of_group(
    uses: Uses, reads: Ints, position: Ints, hardware: HardwareConfig, reach: Reach, deltas: Ints
) -> list[Target]:
    """Targets for deltas that agree in their low bits: they share the evidence, the high bits are tags."""
    if len(deltas) > 64:
        return []
    located = np.stack([(position + d) % _MODULUS for d in deltas])
    inside = located < FULL_SIZE
    offset = np.where(inside.any(axis=0), located[inside.argmax(axis=0), np.arange(located.shape[1])], -1)
    evidence = config_evidence(uses.data, offset, hardware, reads)
    if not evidence.holds:
        return []
    targets = []
    for at, delta in enumerate(deltas):
        members = np.flatnonzero(inside[at])
        single = config_evidence(uses.data, np.where(inside[at], located[at], -1), hardware, reads)
        if single.fields:
            targets.append(Target(CONFIG_SPACE, reach, int(delta), members, single.bits, config=evidence))
    return targets


def config_evidence(data: Accesses, offset: Ints, hardware: HardwareConfig, reads: Ints) -> ConfigEvidence:
    """Compare reads with what config space holds at `offset` (-1: not in config space)."""
    agreeing: dict[int, float] = {}
    against: set[int] = set()
    live: set[int] = set()
    rows: list[Ints] = []
    for size in (4, 2, 1):
        index = reads[(data.size[reads] == size) & (offset[reads] >= 0)]
        if not len(index):
            continue
        expected, known = hardware.read(offset[index], size)
        index, expected = index[known], expected[known]
        equal = data.value[index] == expected
        bits = information(expected, np.full(len(index), size, dtype=np.uint8))
        told = equal & (bits > 0)
        for where, worth in zip(offset[index[told]].tolist(), bits[told].tolist(), strict=True):
            agreeing[where] = max(worth, agreeing.get(where, 0.0))
            if (owner := int(hardware.bar[where])) >= 0 and size >= 2:
                live.add(owner)
        rows.append(data.row[index[told]])
        absent = data.value[index] == np.uint64((1 << (8 * size)) - 1)  # a door still closed reads all ones
        wrong = ~equal & ~absent & hardware.steady[offset[index]] & ((bits > 0) | (data.value[index] != 0))
        against.update(offset[index[wrong]].tolist())
    fields = tuple(sorted(agreeing))
    row = np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)
    return ConfigEvidence(sum(agreeing.values()), fields, tuple(sorted(live)), tuple(sorted(against)), row)


def bar_targets(
    uses: Uses, direct: Accesses, joinable: Flags, region: int, size: int, reaches: Sequence[Reach]
) -> Iterator[Target]:
    """Targets in a BAR of `size` bytes; `direct` holds the accesses to it, `joinable` those worth a vote."""
    best: list[Target] = []
    worth = np.flatnonzero(informative(uses.data))
    for reach in reaches:
        targets = list(_bar_targets_of(uses, worth, direct, joinable, region, size, reach))
        if _total(targets) > _total(best) + (8 if best else 0):
            best = targets
    yield from best


def _bar_targets_of(
    uses: Uses, worth: Ints, direct: Accesses, joinable: Flags, region: int, size: int, reach: Reach
) -> Iterator[Target]:
    position = reach.of(uses)
    delta, value = _bar_votes(uses, worth, position, direct, joinable)
    if not len(delta):
        return
    taken = np.zeros(len(uses), dtype=np.bool_)
    for candidate in _ranked(delta, value):
        located = (position + candidate) % _MODULUS
        members = np.flatnonzero((located < size) & ~taken)
        if len(members) < 2:
            continue
        base = place_of(region, 0)
        agreed = agreement(direct, uses.data.take(members), base + located[members])
        if agreed.holds:
            supporting = np.isin(uses.data.row[members], agreed.mapped_rows)
            taken[members[supporting]] = True
            yield Target(region, reach, int(candidate), members, agreed.bits, agreed=agreed)


def _bar_votes(uses: Uses, worth: Ints, position: Ints, direct: Accesses, joinable: Flags) -> tuple[Ints, Ints]:
    """(delta, value) for every value seen both through the window and directly, at equal size."""
    at = np.flatnonzero(joinable)
    order = np.argsort(direct.value[at], kind="stable")
    at = at[order]
    held = direct.value[at]
    first = np.searchsorted(held, uses.data.value[worth], "left")
    last = np.searchsorted(held, uses.data.value[worth], "right")
    count = np.minimum(last - first, 16)
    if count.sum() > _MOST_VOTES:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    index = np.repeat(worth, count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    partner = at[np.repeat(first, count) + within]
    same = direct.size[partner] == uses.data.size[index]
    index, partner = index[same], partner[same]
    return (direct.offset[partner] - position[index]) % _MODULUS, uses.data.value[index].view(np.int64)


def _ranked(delta: Ints, value: Ints) -> Iterator[int]:
    """Deltas by how many distinct values vote for them; a single value is no vote at all."""
    pairs = np.unique(np.stack([delta, value]), axis=1)
    deltas, counts = np.unique(pairs[0], return_counts=True)
    for at in np.argsort(-counts, kind="stable")[:_DELTAS_TRIED]:
        if counts[at] >= 2:
            yield int(deltas[at])


def reaches_for(uses: Uses) -> list[Reach]:
    """The models worth trying for these uses: scales, and auto-increment where an address serves several accesses."""
    models = [Reach(scale) for scale in _SCALES]
    if len(uses) and int(uses.since.max()) > 0:
        width = int(np.bincount(uses.data.size).argmax())
        models += [Reach(scale, step) for step in {width, 1} for scale in _SCALES]
    return models
