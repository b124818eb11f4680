"""From candidate pairs to windows: each data register gets the address register that explains most."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from quirkfinder.card.model import EMPTY_CONFIG, Card
from quirkfinder.miners.accesses import Accesses, merged, offset_of, region_of
from quirkfinder.miners.config_evidence import config_evidence
from quirkfinder.miners.hardware import FULL_SIZE, HardwareConfig, hardware_config
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import Pair, candidate_pairs, telling_places
from quirkfinder.miners.windows.readings import MARGIN, Spaces, Window, proven, readings_of, spaces_of
from quirkfinder.miners.windows.shape import MODULUS
from quirkfinder.miners.windows.uses import in_parts, plain_uses, split_addresses, uses_of_way

#: bits by which registers far from each other must beat neighbours
_APART = 8.0
#: config fields that must agree where the same registers were proven through another BAR
_TWIN_FIELDS = 3
_DWORD = 4  # bytes


def discover_windows(registers: Registers, card: Card, hardware: HardwareConfig) -> list[Window]:
    """All windows of a device, the best proven first; no two share a data register."""
    pairs = list(candidate_pairs(registers.accesses, telling_places(registers.accesses, hardware)))
    return _unrefuted(_windows(spaces_of(registers, card, hardware), pairs))


def discover_config_windows(registers: Registers, card: Card, own: Accesses) -> list[Window]:
    """Windows whose two registers lie in config space itself; `own`: the accesses to it, not those of `registers`."""
    if not own.write.any() or own.write.all():
        return []
    whole = Registers(merged(registers.accesses, own))
    # what the guest reads in config space is no evidence for what two registers of it reach
    hardware = hardware_config(replace(card, guest_config=EMPTY_CONFIG))
    telling = telling_places(whole.accesses, hardware)
    pairs = [pair for pair in candidate_pairs(own, telling) if pair.near and pair.address != pair.data]
    return _unrefuted(_windows(spaces_of(whole, card, hardware), pairs)) if pairs else []


def _unrefuted(windows: Sequence[Window]) -> list[Window]:
    """The windows without targets that are copies of what they seemed to reach."""
    kept = [
        replace(w, targets=tuple(t for t in w.targets if t.agreed is None or not t.agreed.refuted)) for w in windows
    ]
    return [w for w in kept if w.targets]


def _windows(spaces: Spaces, pairs: Sequence[Pair]) -> list[Window]:
    """The best reading of each data register among `pairs`."""
    best: dict[int, Window] = {}
    for pair in _divided(spaces.registers, pairs):
        for window in readings_of(spaces, pair):
            if _takes_in_a_neighbour(window):
                continue
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


def _takes_in_a_neighbour(window: Window) -> bool:
    """Is the first or the last part of the address a register that held one value whenever something was reached?

    A part that never chose anything is believed only where all parts are written each time, to a register that is
    aligned; else it is a key, a mode or an enable next to the address.
    """
    pair = window.pair
    if not pair.parts:
        return False
    width = 1 << (pair.span - 1).bit_length()
    if not pair.lasting and pair.address % width == 0:
        return False
    address = window.uses.address[np.isin(window.uses.data.row, np.concatenate([t.rows for t in window.targets]))]
    first, last = 8 * (pair.parts[0] - pair.address), 8 * (pair.parts[-1] - pair.address)
    ends = (address & np.uint64((1 << first) - 1), address >> np.uint64(last))
    return any(len(np.unique(end)) < 2 for end in ends)


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
        if spoken and (data not in best or reading.bits + writing.bits > best[data].bits + MARGIN):
            found[data] = (reading, writing)
    return found


def _of_way(spaces: Spaces, pairs: Iterable[Pair], way: Literal["read", "write"]) -> Window | None:
    """The best window among pairs of one data register for its reads or for its writes alone."""
    best: Window | None = None
    for pair in pairs:
        uses = plain_uses(spaces.registers, pair)
        if not uses.data.write.any() or uses.data.write.all():
            continue
        for window in proven(spaces, pair, uses_of_way(uses, write=way == "write")):
            if best is None or window.bits > best.bits:
                best = replace(window, way=way)
    return best


def _separate(windows: Sequence[Window]) -> list[Window]:
    """The windows that are doors of their own, the best proven first."""
    composed = [w for w in windows if w.pair.width]
    whole = [w for w in windows if not any(_is_part(w, other) for other in composed)]
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


def _is_part(window: Window, composed: Window) -> bool:
    """Is the data register a part of another that is put together from parts, and that explains as much?"""
    inside = 0 < window.pair.data - composed.pair.data < (composed.pair.width or 0)
    return inside and window.pair.address == composed.pair.address and window.bits <= composed.bits


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


def _twin(spaces: Spaces, pair: Pair, known: Iterable[Window]) -> Window | None:
    """The same registers of a proven window seen through another BAR: what it reached has to fit here as well."""
    for window in known:
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
        return window.bits > rival.bits + MARGIN
    margin = MARGIN if window.richness > rival.richness else 0.0
    apart = _APART * (rival.pair.near - window.pair.near)
    return (window.bits - margin - apart, window.pair.near) > (rival.bits, rival.pair.near)
