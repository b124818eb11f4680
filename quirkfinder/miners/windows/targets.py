"""What does a pair of registers reach?  Targets are proposed by equal values and proven against all accesses.

The model is linear: an address value v reaches `scale * v + increment * n + delta` (modulo 2**32), where n counts the
accesses since v was written (auto-increment).  `delta` is not guessed: every informative value that was seen both
through the data register and in a target votes for the delta that would explain it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints, place_of
from quirkfinder.miners.agreement import Agreement, agreement
from quirkfinder.miners.config_evidence import ConfigEvidence, config_evidence
from quirkfinder.miners.hardware import FULL_SIZE, HardwareConfig
from quirkfinder.miners.windows.uses import Uses

CONFIG_SPACE = -1
MSIX_TABLE = -2
_MODULUS = 1 << 32
_SCALES = (1, 4, 2)
#: more votes than this for one value mean that the value is common, and cost more than they tell
_MOST_VOTES = 4_000_000
_DELTAS_TRIED = 6
_MOST_VOTERS = 20_000
_TARGET_COST = 12.0  # bits
_STREAMED = 6  # values that must agree where one address serves them all


@dataclass(frozen=True, slots=True)
class Reach:
    """The linear model: `scale * address + increment * n` bytes, n counting `moved_by`; the target has delta."""

    scale: int = 1
    increment: int = 0
    moved_by: Literal["access", "read", "write"] = "access"

    def of(self, uses: Uses) -> Ints:
        """Where each use would reach with delta 0, modulo 2**32."""
        address = uses.address.astype(np.int64) & (_MODULUS - 1)
        counts = {"access": uses.reads + uses.writes, "read": uses.reads, "write": uses.writes}
        return (address * self.scale + counts[self.moved_by] * self.increment + uses.sub) % _MODULUS


@dataclass(frozen=True, slots=True)
class Target:
    """A space reached through the window: a region, CONFIG_SPACE or MSIX_TABLE; `members` index the uses."""

    space: int
    reach: Reach
    delta: int
    members: Ints
    bits: float
    config: ConfigEvidence | None = None
    agreed: Agreement | None = None
    table: Ints | None = None  # rows of the reads that looked like an MSI-X table
    mode: tuple[int, int] | None = None  # the register (place) and the value in it for which the target is reached

    @property
    def rows(self) -> Ints:
        """Rows of the accesses to the data register that prove the target."""
        if self.table is not None:
            return self.table
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
    """What the targets prove, less what every further target costs: of two models the simpler one is believed."""
    return sum(t.bits for t in targets) - _TARGET_COST * max(0, len(targets) - 1)


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
                uses.reads[index] + uses.writes[index],
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
    if not (evidence.holds or evidence.resembles):
        return []
    targets = []
    for at, delta in enumerate(deltas):
        members = np.flatnonzero(inside[at])
        single = config_evidence(uses.data, np.where(inside[at], located[at], -1), hardware, reads)
        if single.fields:
            targets.append(Target(CONFIG_SPACE, reach, int(delta), members, single.bits, config=evidence))
    return targets


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
    echo = _echo(uses)
    for delta in deltas:
        located = (position + delta) % _MODULUS
        members = np.flatnonzero((located < space.size) & ~taken & ~np.isin(base + located, list(own)))
        if len(members) < 2:
            continue
        agreed = agreement(space.direct, uses.data.take(members), base + located[members], echo[members])
        supporting = np.isin(uses.data.row[members], agreed.mapped_rows)
        addresses = len(np.unique(uses.address[members[supporting]]))
        if agreed.holds and (addresses > 1 or agreed.values >= _STREAMED):
            taken[members[supporting]] = True
            yield Target(space.region, reach, delta, members, agreed.bits, agreed=agreed)


def _echo(uses: Uses) -> Flags:
    """Reads that return a value which the guest had written to the data register before: they may be plain storage."""
    value, write = uses.data.value, uses.data.write
    order = np.lexsort([uses.data.row, value])
    value, write = value[order], write[order]
    start = np.append(True, value[1:] != value[:-1]) if len(value) else np.zeros(0, np.bool_)
    position = np.arange(len(value))
    first = np.maximum.accumulate(np.where(start, position, 0))
    last_write = np.maximum.accumulate(np.where(write, position, -1))
    echo = np.zeros(len(value), dtype=np.bool_)
    echo[order] = ~write & (last_write >= first)
    return echo


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
    width = int(np.bincount(uses.data.size).argmax()) if len(uses) else 0
    read, written = bool((uses.reads > 0).any()), bool((uses.writes > 0).any())
    kinds: list[Literal["access", "read", "write"]] = ["access"] if read or written else []
    if read and written:
        kinds += ["read", "write"]
    models += [Reach(scale, step, kind) for kind in kinds for step in dict.fromkeys((width, 1)) for scale in _SCALES]
    return models
