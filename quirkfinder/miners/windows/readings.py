"""The readings of a pair: what it reaches under each way in which its address could come about."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from quirkfinder.card.model import Card
from quirkfinder.events import CONFIG
from quirkfinder.miners.accesses import Ints, distinct, region_of, several
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.information import information
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import Pair
from quirkfinder.miners.windows.interrupts import msix_target, turns_over
from quirkfinder.miners.windows.memory import Memory, Partners, direct_memory, memory_targets, partners_of
from quirkfinder.miners.windows.modes import with_modes
from quirkfinder.miners.windows.shape import MODULUS
from quirkfinder.miners.windows.targets import (
    Reach,
    Target,
    Votes,
    config_targets,
    config_votes,
    movements_for,
    total,
    unsteady,
)
from quirkfinder.miners.windows.uses import (
    Uses,
    commanded_uses,
    delayed_uses,
    plain_uses,
    without_flag,
)

#: bits by which a richer model must beat the plain one
MARGIN = 16.0
#: bits that an address has to explain by moving on by itself
_MOVING = 8.0
#: bits that an address costs which gives now this and now that
_UNSTEADY = 12.0


@dataclass(frozen=True, slots=True)
class Window:
    """A pair of registers with what it was proven to reach; `commanded`: data is written before the address.

    `flag`: the bit of the address that makes it such a command, where it is no part of the address as reads have it.
    `delayed`: a read of the data register gives what the read before it asked for; `way`: the address is that of reads
    or of writes alone, the other way has an address register of its own.
    """

    pair: Pair
    uses: Uses
    targets: tuple[Target, ...]
    commanded: bool = False
    flag: int = 0
    delayed: bool = False
    way: Literal["read", "write"] | None = None

    @property
    def bits(self) -> float:
        """What this reading of the uses explains, less what speaks against it; to be compared with other readings."""
        return total(self.targets, self.uses) - _UNSTEADY * unsteady(self.targets, self.uses)

    @property
    def richness(self) -> int:
        """How many things the reading supposes beside an address that is written and data that follows."""
        moving = any(t.reach.increment for t in self.targets)
        chosen = any(t.mode is not None for t in self.targets)
        return self.commanded + self.delayed + moving + chosen + self.pair.lasting

    @property
    def proof(self) -> float:
        """Bits that the targets prove, at most what the reading explains."""
        return min(self.bits, sum(t.bits for t in self.targets))


@dataclass(frozen=True, slots=True)
class Spaces:
    """Everything a window of the card could reach."""

    registers: Registers
    hardware: HardwareConfig
    memory: Memory


def spaces_of(registers: Registers, card: Card, hardware: HardwareConfig) -> Spaces:
    sizes = {bar.index: bar.size for bar in card.bars if bar.size and bar.index < 6}
    return Spaces(registers, hardware, direct_memory(registers, sizes))


def readings_of(spaces: Spaces, pair: Pair) -> Iterator[Window]:
    """What the pair reaches under each way in which its address could come about."""
    uses = plain_uses(spaces.registers, pair)
    if not _promising(pair, uses):
        return
    plain = _window(spaces, pair, uses)
    if plain is not None:
        yield plain
    promise = _promise(pair, uses)
    modes = with_modes(
        spaces.registers, pair, uses, lambda at: _targets(spaces, pair, uses.take(at)) if promise(at) else []
    )
    best = max((Window(pair, uses, targets) for targets in modes), key=lambda w: w.bits, default=None)
    if best is not None and (plain is None or best.bits > plain.bits + MARGIN):
        yield best
    if pair.address == pair.data:
        return
    late = delayed_uses(uses)
    # late answers of BARs are looked for only where the plain reading reaches something, for the time it takes
    delayed = _targets(spaces, pair, late, everywhere=plain is not None) if _promising(pair, late) else []
    if delayed:
        yield Window(pair, late, tuple(delayed), delayed=True)
    if uses.data.write.any():
        yield from _commanded(spaces, pair, uses)
        if delayed:
            yield from (replace(w, delayed=True) for w in _commanded(spaces, pair, late))


def _commanded(spaces: Spaces, pair: Pair, reads: Uses) -> Iterator[Window]:
    """What the pair reaches where the address, written after the data, writes it: with a bit of its own, or without."""
    uses = commanded_uses(spaces.registers, pair, reads)
    for window in proven(spaces, pair, uses):
        yield replace(window, commanded=True)
        if flag := _command_flag(window):
            plain = without_flag(uses, flag)
            yield from (replace(w, commanded=True, flag=flag) for w in proven(spaces, pair, plain))


def _command_flag(window: Window) -> int:
    """The bit that writes have and reads have not where both reach the same, 0 where there is none."""
    address, write = window.uses.address, window.uses.data.write
    if not write.any() or write.all():
        return 0
    flags = int(np.bitwise_and.reduce(address[write]) & ~np.bitwise_or.reduce(address[~write]))
    reached = {(t.space, t.reach, t.delta) for t in window.targets}
    for space, reach, delta in reached:
        for bit in (1 << n for n in range(flags.bit_length()) if flags >> n & 1):
            if (space, reach, (delta - reach.scale * bit) % MODULUS) in reached:
                return bit
    return 0


def proven(spaces: Spaces, pair: Pair, uses: Uses) -> Iterator[Window]:
    if _promising(pair, uses) and (window := _window(spaces, pair, uses)) is not None:
        yield window


def _promising(pair: Pair, uses: Uses) -> bool:
    return _promise(pair, uses)(np.arange(len(uses)))


def _promise(pair: Pair, uses: Uses) -> Callable[[Ints], bool]:
    """Whether some of the uses have several addresses and at least two telling values, or nothing to prove with.

    A single address may move on, if it is in the region of the data: in another one it may be any word written before.
    """
    value = uses.data.value
    telling = information(value, uses.data.size) > 0
    table = telling & (value >> np.uint64(20) == np.uint64(0xFEE))
    moving = region_of(pair.address) == region_of(pair.data)

    def of(at: Ints) -> bool:
        if table[at].any():
            return True  # a single entry of an MSI-X table is telling
        varied = (moving and not uses.fresh[at].all()) or several(uses.address[at])
        return varied and several(value[at][telling[at]])

    return of


def _window(spaces: Spaces, pair: Pair, uses: Uses) -> Window | None:
    targets = _targets(spaces, pair, uses)
    return Window(pair, uses, tuple(targets)) if targets else None


def _targets(spaces: Spaces, pair: Pair, uses: Uses, *, everywhere: bool = True) -> list[Target]:
    """What the pair reaches, the address moving on in the way that explains most, or not at all."""
    table = _table(spaces, pair, uses) if everywhere and region_of(pair.data) != CONFIG else None
    votes = config_votes(uses, spaces.hardware)
    partners = partners_of(uses, spaces.memory, frozenset(pair.registers)) if everywhere else None
    best: list[Target] = []
    for reaches in movements_for(uses) if votes or partners else ():
        targets = _moving(spaces, pair, uses, reaches, votes, partners, table)
        if total(targets, uses) > total(best, uses) + (_MOVING if best else 0):
            best = targets
    return best or ([table] if table is not None else [])


def _moving(
    spaces: Spaces,
    pair: Pair,
    uses: Uses,
    reaches: Sequence[Reach],
    votes: Votes | None,
    partners: Partners | None,
    table: Target | None,
) -> list[Target]:
    """The targets with the address moving on in one way (`reaches`)."""
    targets = list(config_targets(uses, spaces.hardware, reaches, votes)) if votes else []
    targets += [table] if table is not None else []
    if partners is None:
        return targets
    members = [t.members for t in targets]
    explained = uses.data.row[np.concatenate(members)] if members else np.zeros(0, dtype=np.int64)
    reached = memory_targets(uses, spaces.memory, reaches, frozenset(pair.registers), partners)
    # what config space explains needs no mirror of it in a BAR for an explanation
    targets += [t for t in reached if len(np.setdiff1d(t.rows, explained)) and not _is_copy(uses, t, spaces.hardware)]
    return targets


def _table(spaces: Spaces, pair: Pair, uses: Uses) -> Target | None:
    return msix_target(uses, pair.near and turns_over(spaces.registers, pair.address))


def _is_copy(uses: Uses, target: Target, hardware: HardwareConfig) -> bool:
    """Is all that agreed the config header, laid out as in config space?  Two copies of it agree wherever they lie."""
    proven = target.members[np.isin(uses.data.row[target.members], target.rows)]
    reached = (target.reach.of(uses)[proven] + target.delta) % MODULUS
    told = np.zeros(len(proven), dtype=np.bool_)
    origins: list[np.ndarray] = []
    for size in (4, 2):
        index = np.flatnonzero(uses.data.size[proven] == size)
        hit, offset = hardware.matches(uses.data.value[proven[index]], size)
        told[index[hit]] = True
        origin = reached[index[hit]] - offset
        origins.append(origin[distinct(origin, index[hit])])
    _, votes = np.unique(np.concatenate(origins), return_counts=True)
    return bool(told.all()) and len(votes) > 0 and int(votes.max()) >= len(proven)
