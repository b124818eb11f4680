"""What does a pair of registers reach?  Targets are proposed by equal values and proven against all accesses.

The model is linear: an address value v reaches `scale * v + increment * n + delta` (modulo MODULUS), where n counts the
accesses since v was written (auto-increment).  `delta` is not guessed: every informative value that was seen both
through the data register and in a target votes for the delta that would explain it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quirkfinder.miners.accesses import Ints, among, distinct, several
from quirkfinder.miners.agreement import Agreement
from quirkfinder.miners.config_evidence import ConfigEvidence, config_evidence
from quirkfinder.miners.hardware import FULL_SIZE, HardwareConfig
from quirkfinder.miners.information import information
from quirkfinder.miners.windows.shape import MODULUS, shape_of
from quirkfinder.miners.windows.uses import Uses

CONFIG_SPACE = -1
MSIX_TABLE = -2
_SCALES = (1, 4, 2)
DELTAS_TRIED = 6
_MOST_VOTERS = 20_000
_TARGET_COST = 12.0  # bits
_AGAINST = 16.0  # bits that a contradicting place takes away
_ROUND = 14  # zero bits at the end of a distance that nobody wonders about


@dataclass(frozen=True, slots=True)
class Reach:
    """The linear model: `scale * address + increment * n` bytes, n counting `moved_by`; the target has delta."""

    scale: int = 1
    increment: int = 0
    moved_by: Literal["access", "read", "write"] = "access"

    def of(self, uses: Uses) -> Ints:
        """Where each use would reach with delta 0."""
        address = uses.address.astype(np.int64) & 0xFFFFFFFF
        counts = {"access": uses.reads + uses.writes, "read": uses.reads, "write": uses.writes}
        return (address * self.scale + counts[self.moved_by] * self.increment + uses.sub) % MODULUS


@dataclass(frozen=True, slots=True)
class Mode:
    """The register at `place` has to hold `value` in the bits of `mask` for a target to be reached."""

    place: int
    value: int
    mask: int


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
    own: Ints | None = None  # rows of what `config` says that belong to this target, where several share it
    mode: Mode | None = None

    @property
    def rows(self) -> Ints:
        """Rows of the accesses to the data register that prove the target."""
        if self.table is not None:
            return self.table
        if self.config is not None:
            return self.config.rows if self.own is None else self.own
        return self.agreed.mapped_rows if self.agreed is not None else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Votes:
    """Uses (`index`) with a config offset (`field`) that holds what was read; `reads`: the uses worth a comparison."""

    reads: Ints
    index: Ints
    field: Ints


def config_votes(uses: Uses, hardware: HardwareConfig) -> Votes | None:
    """What was read that config space holds, the same use of the same address once; None where it is no two fields."""
    reads = np.flatnonzero(~uses.data.write & ~uses.echo)
    index, field = _config_votes(uses, reads, hardware)
    return Votes(reads, index, field) if several(field) else None


def config_targets(uses: Uses, hardware: HardwareConfig, reaches: Sequence[Reach], votes: Votes) -> list[Target]:
    """Targets in config space, the best explained first; at most one model per window."""
    best: list[Target] = []
    for reach in reaches:
        position = reach.of(uses)
        deltas = (votes.field - position[votes.index]) % MODULUS
        targets = _config_targets_of(uses, votes.reads, position, deltas, hardware, reach)
        if total(targets, uses) > total(best, uses) + (8 if best else 0):
            best = targets
    return best


def total(targets: Sequence[Target], uses: Uses) -> float:
    """Bits that the targets prove, less what every further target costs: of two models the simpler one is believed.

    A value counts once: that two targets explain the same makes neither likelier.  Places that contradict count, too.
    """
    bits = sum(t.bits for t in targets if t.table is not None)
    shared = [t.rows for t in targets if t.table is None]
    if shared:
        told = np.flatnonzero(among(uses.data.row, np.sort(np.concatenate(shared))))
        told = told[distinct(uses.data.value[told], uses.data.size[told])]
        bits += float(information(uses.data.value[told], uses.data.size[told]).sum())
    against = sum(t.agreed.contradictions for t in targets if t.agreed is not None)
    return bits - _TARGET_COST * max(0, len(targets) - 1) - _AGAINST * against - sum(odd(t.delta) for t in targets)


def scale_told(target: Target, uses: Uses) -> bool:
    """Do two addresses that were given, not moved on to, lie as far apart as what they reached says with this scale?"""
    proven = np.isin(uses.data.row[target.members], target.rows)
    # where the address stays, a poll is as good as the first access
    given = target.members[proven & (uses.fresh[target.members] | (target.reach.increment == 0))]
    return target.reach.scale == 1 or several(uses.address[given])


def odd(delta: int) -> float:
    """Bits that a distance costs which is neither none nor round: it was chosen so that it fits."""
    return float(max(0, _ROUND - ((delta & -delta).bit_length() - 1))) if delta else 0.0


def unsteady(targets: Sequence[Target], uses: Uses) -> int:
    """Addresses that reach two things, as far as they prove anything.

    They prove one target by one read and another target by another read, or config space by one read while others of
    them, with no write to it, give something else. What another register chooses is no second meaning.
    """
    telling = ~uses.data.write & (information(uses.data.value, uses.data.size) > 0)
    found = 0
    claimed: dict[Mode | None, Ints] = {}
    once = np.zeros(len(uses), dtype=np.bool_)
    for target in targets:
        if target.reach.increment or target.table is not None:
            continue
        members = target.members[telling[target.members]]
        proving = np.isin(uses.data.row[members], target.rows)
        located = Reach().of(uses)
        proven = located[members[proving]]
        before = claimed.get(target.mode, np.zeros(0, dtype=np.int64))
        found += len(np.intersect1d(proven[~once[members[proving]]], before))
        if target.config is not None:
            written = located[target.members[uses.data.write[target.members]]]
            found += len(np.setdiff1d(np.intersect1d(proven, located[members[~proving]]), written))
        once[members[proving]] = True
        claimed[target.mode] = np.union1d(before, proven)
    return found


def _config_targets_of(
    uses: Uses, reads: Ints, position: Ints, deltas: Ints, hardware: HardwareConfig, reach: Reach
) -> list[Target]:
    found: list[Target] = []
    _, first, weight = np.unique(deltas % FULL_SIZE, return_inverse=True, return_counts=True)
    for group in np.argsort(-weight, kind="stable")[:DELTAS_TRIED]:
        if weight[group] < 2:
            break
        targets = _targets_of_group(uses, reads, position, hardware, reach, np.unique(deltas[first == group]))
        if targets and any(scale_told(t, uses) for t in targets) and total(targets, uses) > total(found, uses):
            found = targets
    return found


def _config_votes(uses: Uses, reads: Ints, hardware: HardwareConfig) -> tuple[Ints, Ints]:
    """(use, config offset) for every read value that config space holds; the same use of the same address once."""
    found: list[tuple[Ints, Ints]] = []
    for size in (4, 2, 1):
        index = reads[(uses.data.size[reads] == size)]
        value = uses.data.value[index]
        held, _ = hardware.sorted_fields[size]
        index = index[among(value, held)]
        moved = uses.reads[index] + uses.writes[index]
        index = index[distinct(uses.data.value[index], uses.address[index], moved, uses.sub[index])][:_MOST_VOTERS]
        hit, offset = hardware.matches(uses.data.value[index], size)
        found.append((index[hit], offset))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _targets_of_group(
    uses: Uses, reads: Ints, position: Ints, hardware: HardwareConfig, reach: Reach, deltas: Ints
) -> list[Target]:
    """Targets for deltas that agree in their low bits: they share the evidence, the high bits are tags.

    A tag whose own reads speak against it is no target: behind it lies something else, which agrees by chance.
    """
    if len(deltas) > 64:
        return []
    single = {int(d): config_evidence(uses.data, _inside(uses, position, d), hardware, reads) for d in deltas}
    sound = {d: one for d, one in single.items() if one.fields and len(one.against) * 5 <= len(one.fields)}
    if not sound:
        return []
    offset = np.max([_inside(uses, position, d) for d in sound], axis=0)
    evidence = config_evidence(uses.data, offset, hardware, reads)
    if not (evidence.holds or evidence.resembles):
        return []
    targets = []
    for delta, one in sound.items():
        proven = np.isin(uses.data.row, one.rows)
        if odd(delta) and len(np.unique(uses.address[proven])) == 1:
            continue  # one address chooses nothing: it may be any word that was written before
        width = int(uses.data.size[proven].max()) if proven.any() else 0
        if shape_of(uses.address[proven], reach.scale, delta, width, FULL_SIZE).base < FULL_SIZE:
            members = np.flatnonzero(_inside(uses, position, delta) >= 0)
            targets.append(Target(CONFIG_SPACE, reach, delta, members, one.bits, evidence, own=one.rows))
    return targets


def _inside(uses: Uses, position: Ints, delta: int) -> Ints:
    """The config offsets that are reached, -1 where it is none.

    One that lies across an alignment is none: the low bits of its address chose something else.
    """
    located = (position + delta) % MODULUS
    return np.where((located < FULL_SIZE) & (located % uses.data.size == 0), located, -1)


def movements_for(uses: Uses) -> list[list[Reach]]:
    """The models worth trying for these uses, those together in which the address moves on in the same way.

    First those in which it does not, then auto-increment where one serves several accesses; each with all scales.
    """
    models = [[Reach(scale) for scale in _SCALES]]
    width = int(np.bincount(uses.data.size).argmax()) if len(uses) else 0
    read, written = bool((uses.reads > 0).any()), bool((uses.writes > 0).any())
    kinds: list[Literal["access", "read", "write"]] = ["access"] if read or written else []
    if read and written:
        kinds += ["read", "write"]
    steps = dict.fromkeys((width, 1))
    return models + [[Reach(scale, step, kind) for scale in _SCALES] for kind in kinds for step in steps]
