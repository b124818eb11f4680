"""From candidate pairs to windows: each data register gets the address register that explains most."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from quirkfinder.card.model import EMPTY_CONFIG, Card
from quirkfinder.events import CONFIG
from quirkfinder.miners.accesses import Accesses, distinct, merged, offset_of, region_of
from quirkfinder.miners.config_evidence import config_evidence
from quirkfinder.miners.hardware import FULL_SIZE, HardwareConfig, hardware_config
from quirkfinder.miners.information import information
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import Pair, candidate_pairs, telling_places
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
    in_parts,
    plain_uses,
    split_addresses,
    uses_of_way,
)

#: bits by which a richer model must beat the plain one
_MARGIN = 16.0
#: bits by which registers far from each other must beat neighbours
_APART = 8.0
#: bits that an address has to explain by moving on by itself
_MOVING = 8.0
#: bits that an address costs which gives now this and now that
_UNSTEADY = 12.0
#: config fields that must agree where the same registers were proven through another BAR
_TWIN_FIELDS = 3
_DWORD = 4  # bytes


@dataclass(frozen=True, slots=True)
class Window:
    """A pair of registers with what it was proven to reach; `commanded`: data is written before the address.

    `delayed`: a read of the data register gives what the read before it asked for; `way`: the address is that of reads
    or of writes alone, the other way has an address register of its own.
    """

    pair: Pair
    uses: Uses
    targets: tuple[Target, ...]
    commanded: bool = False
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
        return self.commanded + self.delayed + moving + self.pair.lasting

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


def discover_windows(registers: Registers, card: Card, hardware: HardwareConfig) -> list[Window]:
    """All windows of a device, the best proven first; no two share a data register."""
    pairs = list(candidate_pairs(registers.accesses, telling_places(registers.accesses, hardware)))
    return _windows(_spaces(registers, card, hardware), pairs)


def discover_config_windows(registers: Registers, card: Card, own: Accesses) -> list[Window]:
    """Windows whose two registers lie in config space itself; `own`: the accesses to it, not those of `registers`."""
    if not own.write.any() or own.write.all():
        return []
    whole = Registers(merged(registers.accesses, own))
    # what the guest reads in config space is no evidence for what two registers of it reach
    hardware = hardware_config(replace(card, guest_config=EMPTY_CONFIG))
    telling = telling_places(whole.accesses, hardware)
    pairs = [pair for pair in candidate_pairs(own, telling) if pair.near and pair.address != pair.data]
    return _windows(_spaces(whole, card, hardware), pairs) if pairs else []


def _spaces(registers: Registers, card: Card, hardware: HardwareConfig) -> Spaces:
    sizes = {bar.index: bar.size for bar in card.bars if bar.size and bar.index < 6}
    return Spaces(registers, hardware, direct_memory(registers, sizes))


def _windows(spaces: Spaces, pairs: Sequence[Pair]) -> list[Window]:
    """The best reading of each data register among `pairs`."""
    best: dict[int, Window] = {}
    for pair in _divided(spaces.registers, pairs):
        for window in _models(spaces, pair):
            rival = best.get(pair.data)
            if rival is None or _better(window, rival):
                best[pair.data] = window
    for pair in pairs:
        if pair.data not in best and (twin := _twin(spaces, pair, best.values())) is not None:
            best[pair.data] = twin
    by_ways = _by_ways(spaces, pairs, best)
    for data in by_ways:
        best.pop(data, None)
    return _separate([*best.values(), *(window for both in by_ways.values() for window in both)])


def _by_ways(spaces: Spaces, pairs: Sequence[Pair], best: Mapping[int, Window]) -> dict[int, tuple[Window, Window]]:
    """Data registers whose reads and writes have an address register each, where that explains clearly more."""
    beside: dict[int, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.near and pair.address != pair.data:
            beside[pair.data].append(pair)
    found = {}
    for data, several in beside.items():
        reading = _of_way(spaces, several, "read") if len(several) > 1 else None
        writing = _of_way(spaces, several, "write") if reading is not None else None
        if reading is None or writing is None or reading.pair.address == writing.pair.address:
            continue
        spoken = {t.space for t in reading.targets} & {t.space for t in writing.targets}
        if spoken and (data not in best or reading.bits + writing.bits > best[data].bits + _MARGIN):
            found[data] = (reading, writing)
    return found


def _of_way(spaces: Spaces, pairs: Iterable[Pair], way: Literal["read", "write"]) -> Window | None:
    """The best window among pairs of one data register for its reads or for its writes alone."""
    best: Window | None = None
    for pair in pairs:
        uses = plain_uses(spaces.registers, pair)
        if not uses.data.write.any() or uses.data.write.all():
            continue
        for window in _proven(spaces, pair, uses_of_way(uses, write=way == "write")):
            if best is None or window.bits > best.bits:
                best = replace(window, way=way)
    return best


def _separate(windows: Sequence[Window]) -> list[Window]:
    """The windows that are doors of their own, the best proven first."""
    parts = {(w.pair.address, w.pair.data + k) for w in windows if w.pair.width for k in range(1, w.pair.width)}
    whole = [w for w in windows if (w.pair.address, w.pair.data) not in parts]
    whole = [w for w in whole if not any(_within(w, other) for other in whole)]
    return _unexplained(sorted(whole, key=lambda w: -w.bits))


def _unexplained(windows: Sequence[Window]) -> list[Window]:
    """The windows, best first, without those proven by accesses that a better one explains already."""
    kept: list[Window] = []
    explained = np.zeros(0, dtype=np.int64)
    for window in windows:
        rows = np.unique(np.concatenate([t.rows for t in window.targets]))
        if 2 * len(np.setdiff1d(rows, explained)) > len(rows):
            kept.append(window)
            explained = np.union1d(explained, window.uses.data.row)
    return kept


def _divided(registers: Registers, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Every pair as it is, and with its address or its data register put together from parts, where it may be."""
    seen: set[Pair] = set()
    for pair in pairs:
        for whole in (*split_addresses(registers, pair), pair):
            parts = in_parts(registers, whole)
            for one in (whole,) if parts is None else (parts, whole):
                if (key := replace(one, uses=0)) not in seen:
                    seen.add(key)
                    yield one


def _within(window: Window, other: Window) -> bool:
    """Is this the same door seen at the upper bytes of the other's data register?"""
    step = window.pair.data - other.pair.data
    reached = {(t.space, t.reach.scale, t.delta) for t in other.targets}
    return (
        window.pair.address == other.pair.address
        and 0 < step < _DWORD
        and (other.pair.data % _DWORD) + step < _DWORD
        and all((t.space, t.reach.scale, (t.delta - step) % MODULUS) in reached for t in window.targets)
    )


def _twin(spaces: Spaces, pair: Pair, proven: Iterable[Window]) -> Window | None:
    """The same registers of a proven window seen through another BAR: what it reached has to fit here as well."""
    for window in proven:
        other = window.pair
        same = offset_of(pair.address) == offset_of(other.address) and offset_of(pair.data) == offset_of(other.data)
        if not same or region_of(pair.address) == region_of(other.address):
            continue
        uses = plain_uses(spaces.registers, pair)
        reads = np.flatnonzero(~uses.data.write & ~uses.echo)
        for target in window.targets:
            if target.config is None:
                continue
            located = (target.reach.of(uses) + target.delta) % MODULUS
            offset = np.where(located < FULL_SIZE, located, -1)
            evidence = config_evidence(uses.data, offset, spaces.hardware, reads)
            if (evidence.live or len(evidence.fields) >= _TWIN_FIELDS) and not evidence.against:
                members = np.flatnonzero(offset >= 0)
                return Window(pair, uses, (replace(target, members=members, bits=evidence.bits, config=evidence),))
    return None


def _better(window: Window, rival: Window) -> bool:
    """More bits win; a richer model of the same registers has to win clearly, unless its other parts were seen."""
    if window.pair.takes_in(rival.pair) and not window.pair.lasting:
        return window.bits >= rival.bits - 1.0
    if rival.pair.takes_in(window.pair) and not rival.pair.lasting:
        return window.bits > rival.bits + _MARGIN
    margin = _MARGIN if window.richness > rival.richness else 0.0
    apart = _APART * (rival.pair.near - window.pair.near)
    return (window.bits - margin - apart, window.pair.near) > (rival.bits, rival.pair.near)


def _models(spaces: Spaces, pair: Pair) -> Iterator[Window]:
    """What the pair reaches under each way in which its address could come about."""
    uses = plain_uses(spaces.registers, pair)
    if not _promising(uses):
        return
    plain = _window(spaces, pair, uses)
    if plain is not None:
        yield plain
    modes = with_modes(spaces.registers, pair, uses, lambda some: _promised(spaces, pair, some))
    best = max((Window(pair, uses, targets) for targets in modes), key=lambda w: w.bits, default=None)
    if best is not None and (plain is None or best.bits > plain.bits + _MARGIN):
        yield best
    if pair.address != pair.data:
        late = delayed_uses(uses)
        # late answers of BARs are looked for only where the plain reading reaches something, for the time it takes
        if _promising(late) and (targets := _targets(spaces, pair, late, everywhere=plain is not None)):
            yield Window(pair, late, tuple(targets), delayed=True)
    if uses.data.write.any() and pair.address != pair.data:
        commanded = commanded_uses(spaces.registers, pair)
        yield from (replace(w, commanded=True) for w in _proven(spaces, pair, commanded))


def _promised(spaces: Spaces, pair: Pair, uses: Uses) -> list[Target]:
    return _targets(spaces, pair, uses) if _promising(uses) else []


def _proven(spaces: Spaces, pair: Pair, uses: Uses) -> Iterator[Window]:
    if _promising(uses) and (window := _window(spaces, pair, uses)) is not None:
        yield window


def _promising(uses: Uses) -> bool:
    """Several addresses and at least two telling values, or there is nothing to prove anything with."""
    telling = information(uses.data.value, uses.data.size) > 0
    if (telling & (uses.data.value >> np.uint64(20) == np.uint64(0xFEE))).any():
        return True  # a single entry of an MSI-X table is telling
    varied = len(np.unique(uses.address)) >= 2 or not uses.fresh.all()
    return varied and len(np.unique(uses.data.value[telling])) >= 2


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
