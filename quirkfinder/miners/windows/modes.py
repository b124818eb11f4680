"""A register beside the pair that chooses what the pair reaches, by all of its bits or by some of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import and_, or_

import numpy as np

from quirkfinder.miners.accesses import Ints, place_of, region_of
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import Pair
from quirkfinder.miners.windows.targets import Mode, Target
from quirkfinder.miners.windows.uses import Uses

#: registers this near (bytes) may choose the target
_NEAR = 256
_MOST_LOOKED_AT = 32
_MOST_VALUES = 12  # of a register that chooses
_MOST_REGISTERS = 4
#: config fields that must agree in the mode of a register that alone reaches something known
_OPENED_FIELDS = 3


def with_modes(
    registers: Registers, pair: Pair, uses: Uses, targets_of: Callable[[Ints], list[Target]]
) -> Iterator[tuple[Target, ...]]:
    """The targets under each register that may choose between them.

    `targets_of`: what the uses at some positions reach.

    Each value of such a register is judged on its own. Where that shows that a target is reached whatever some of the
    bits hold, those do not choose, and what remains is judged again.
    """
    for place, held in _switched(registers, pair, uses):
        mask: int | None = (1 << 8 * registers.width(place)) - 1
        found: list[Target] = []
        while mask is not None:
            modes = [Mode(place, value, mask) for value in np.unique(held & mask).tolist()]
            found = [t for mode in modes for t in _in_mode(held, mode, targets_of)]
            mask = _choosing_bits(found, modes)
        if len({t.mode for t in found}) > 1 or _opened(found):
            yield tuple(found)


def _beside(registers: Registers, pair: Pair) -> list[int]:
    """Registers near the pair that are written, the nearest first."""
    first = max(place_of(region_of(pair.address), 0), pair.address - _NEAR)
    near = registers.between(first, pair.address + _NEAR)
    written = [place for place in near if place not in pair.registers and len(registers.writes(place))]
    return sorted(written, key=lambda place: abs(place - pair.address))[:_MOST_LOOKED_AT]


def _switched(registers: Registers, pair: Pair, uses: Uses) -> list[tuple[int, Ints]]:
    """Those that hold now this and now that while the pair is used, and what they hold at each use."""
    found = []
    for place in _beside(registers, pair):
        held = registers.in_force(place, uses.data.row)
        if 2 <= len(np.unique(held)) <= _MOST_VALUES:
            found.append((place, np.maximum(held, 0)))  # before it is written it most likely holds zero
    return found[:_MOST_REGISTERS]


def _in_mode(held: Ints, mode: Mode, targets_of: Callable[[Ints], list[Target]]) -> list[Target]:
    """What the uses reach while the register holds what the mode says."""
    members = np.flatnonzero(held & mode.mask == mode.value)
    return [replace(t, members=members[t.members], mode=mode) for t in targets_of(members)]


def _choosing_bits(found: Sequence[Target], modes: Sequence[Mode]) -> int | None:
    """The bits that choose, where some bits of the modes change while one target is reached; None where none do.

    With those left out more uses are in one mode, which may show that others do not choose either.
    """
    reached: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    for target in found:
        if target.mode is not None:
            reached[target.space, target.reach.scale, target.delta].add(target.mode.value)
    changing = _varying(mode.value for mode in modes)
    choosing = changing & ~reduce(or_, (_varying(under) for under in reached.values()), 0)
    return choosing if choosing not in (0, changing) else None


def _varying(values: Iterable[int]) -> int:
    """The bits in which not all values are the same."""
    several = list(values)
    return reduce(or_, several, 0) & ~reduce(and_, several, -1)


def _opened(targets: Sequence[Target]) -> bool:
    """Is it config space without doubt that a register opens in one of its modes, whatever lies behind the others?"""
    return bool(targets) and all(
        t.config is not None and t.config.live and len(t.config.fields) >= _OPENED_FIELDS and not t.config.against
        for t in targets
    )
