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
from quirkfinder.miners.information import information
from quirkfinder.miners.windows.uses import Uses

CONFIG_SPACE = -1
_MODULUS = 1 << 32
_SCALES = (1, 4, 2)
#: more votes than this for one value mean that the value is common, and cost more than they tell
_MOST_VOTES = 4_000_000
_DELTAS_TRIED = 6
_MOST_VOTERS = 20_000


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
    index, field = _config_votes(uses, reads, hardware)
    if len(np.unique(field)) < 2:
        return
    best: list[Target] = []
    for reach in reaches:
        position = reach.of(uses)
        deltas = (field - position[index]) % _MODULUS
        targets = _config_targets_of(uses, reads, position, deltas, hardware, reach)
        if _total(targets) > _total(best) + (8 if best else 0):
            best = targets
    yield from best


def _total(targets: list[Target]) -> float:
    return sum(t.bits for t in targets)


def _config_targets_of(
    uses: Uses, reads: Ints, position: Ints, deltas: Ints, hardware: HardwareConfig, reach: Reach
) -> list[Target]:
    found: list[Target] = []
    _, first, weight = np.unique(deltas % FULL_SIZE, return_inverse=True, return_counts=True)
    for group in np.argsort(-weight, kind="stable")[:_DELTAS_TRIED]:
        if weight[group] < 2:
            break
        targets = _targets_of_group(uses, reads, position, hardware, reach, np.unique(deltas[first == group]))
        if targets and _total(targets) > _total(found):
            found = targets
    return found


def _config_votes(uses: Uses, reads: Ints, hardware: HardwareConfig) -> tuple[Ints, Ints]:
    """(use, config offset) for every read value that config space holds; the same use of the same address once."""
    found: list[tuple[Ints, Ints]] = []
    for size in (4, 2, 1):
        index = reads[(uses.data.size[reads] == size)]
        value = uses.data.value[index]
        held, _ = hardware.sorted_fields[size]
        index = index[np.isin(value, held)]
        keys = np.stack(
            [
                uses.data.value[index].view(np.int64),
                uses.address[index].view(np.int64),
                uses.since[index],
                uses.sub[index],
            ]
        )
        _, unique = np.unique(keys, axis=1, return_index=True)
        index = index[np.sort(unique)][:_MOST_VOTERS]
        hit, offset = hardware.matches(uses.data.value[index], size)
        found.append((index[hit], offset))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


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


@dataclass(frozen=True, slots=True)
class DirectSpace:
    """Direct accesses to one BAR of `size` bytes, and those worth a vote, sorted by value."""

    region: int
    size: int
    direct: Accesses
    voters: Ints  # positions in `direct`, sorted by value


def direct_space(region: int, size: int, direct: Accesses, worth: Flags) -> DirectSpace:
    """`worth`: which of the accesses carry a value worth comparing."""
    at = np.flatnonzero(worth)
    return DirectSpace(region, size, direct, at[np.argsort(direct.value[at], kind="stable")])


def bar_targets(
    uses: Uses, worth: Ints, space: DirectSpace, reaches: Sequence[Reach], own: frozenset[int]
) -> Iterator[Target]:
    """Targets in a BAR; `worth`: the uses worth a vote, `own`: the window's registers, which it does not reach."""
    index, partner = _equal_values(uses, worth, space, own)
    values = uses.data.value[index].view(np.int64)
    if len(np.unique(values)) < 2:
        return
    best: list[Target] = []
    for reach in reaches:
        position = reach.of(uses)
        delta = (space.direct.offset[partner] - position[index]) % _MODULUS
        targets = list(_bar_targets_of(uses, position, _ranked(delta, values), space, reach, own))
        if _total(targets) > _total(best) + (8 if best else 0):
            best = targets
    yield from best


def _bar_targets_of(
    uses: Uses, position: Ints, deltas: Iterator[int], space: DirectSpace, reach: Reach, own: frozenset[int]
) -> Iterator[Target]:
    taken = np.zeros(len(uses), dtype=np.bool_)
    base = place_of(space.region, 0)
    for delta in deltas:
        located = (position + delta) % _MODULUS
        members = np.flatnonzero((located < space.size) & ~taken & ~np.isin(base + located, list(own)))
        if len(members) < 2:
            continue
        agreed = agreement(space.direct, uses.data.take(members), base + located[members])
        if agreed.holds:
            supporting = np.isin(uses.data.row[members], agreed.mapped_rows)
            taken[members[supporting]] = True
            yield Target(space.region, reach, delta, members, agreed.bits, agreed=agreed)


def _equal_values(uses: Uses, worth: Ints, space: DirectSpace, own: frozenset[int]) -> tuple[Ints, Ints]:
    """(use, direct access) for every value seen both through the window and directly, at equal size."""
    at = space.voters
    held = space.direct.value[at]
    first = np.searchsorted(held, uses.data.value[worth], "left")
    last = np.searchsorted(held, uses.data.value[worth], "right")
    count = np.minimum(last - first, 16)
    if count.sum() > _MOST_VOTES:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    index = np.repeat(worth, count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    partner = at[np.repeat(first, count) + within]
    fits = (space.direct.size[partner] == uses.data.size[index]) & ~np.isin(space.direct.place[partner], list(own))
    return index[fits], partner[fits]


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
