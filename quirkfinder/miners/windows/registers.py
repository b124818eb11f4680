"""The registers around a window: enables that must be set, and the steps of a handshake."""

from typing import Any

import numpy as np

from quirkfinder.miners.accesses import Accesses, Ints, distinct, offset_of, place_of, region_of
from quirkfinder.miners.claims import hexadecimal
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.readings import Window

_NEAR = 64  # bytes around the address register in which its helpers are looked for
_MOST_STEPS = 6
_MOST_USES = 0.8  # of the proven uses take a step, or it is none; the rest is what a trace may lack


def helper_places(registers: Registers, window: Window) -> list[int]:
    """Registers near the address register that are written, are neither of the pair and choose no target."""
    pair = window.pair
    first = max(place_of(region_of(pair.address), 0), pair.address - _NEAR)
    near = registers.between(first, pair.address + _NEAR)
    choosing = {t.mode.place for t in window.targets if t.mode is not None}
    return [p for p in near if p not in {*pair.registers, *choosing} and len(registers.writes(p))]


def enable_registers(registers: Registers, window: Window) -> list[dict[str, Any]]:
    """Registers that held one value whenever the window answered, and not where it answered all ones or nothing."""
    good, closed = _while_open(window), _while_closed(window)
    if not len(closed) or not len(good):
        return []
    result = []
    for place in helper_places(registers, window):
        open_values = np.unique(registers.in_force(place, good))
        if len(open_values) != 1 or open_values[0] <= 0:
            continue
        if (registers.in_force(place, closed) != open_values[0]).any():
            value = int(open_values[0])
            bits = hexadecimal(1 if value & 1 else value)
            result.append({"offset": hexadecimal(offset_of(place)), "value": bits, "mask": bits})
    return result


def _while_open(window: Window) -> Ints:
    """Rows of the reads that prove the window."""
    return np.unique(np.concatenate([t.rows for t in window.targets]))


def _while_closed(window: Window) -> Ints:
    """Rows of the reads that gave all ones, or zero from an address that proved the window at another time."""
    uses, good = window.uses, _while_open(window)
    proving = np.isin(uses.data.row, good)
    empty = (uses.data.value == 0) & np.isin(uses.address, uses.address[proving]) & uses.fresh
    closed = uses.data.row[~uses.data.write & ((uses.data.value == _all_ones(uses.data)) | empty)]
    return np.setdiff1d(closed, good)


def handshake_of(registers: Registers, window: Window) -> list[dict[str, Any]]:
    """The steps that the proven uses have in common, for a register that takes the address and gives the data.

    Steps are writes to registers nearby that nearly every proven use has between the data before it and its own.
    """
    place = window.pair.data
    reads = registers.reads(place)
    good = reads[np.isin(registers.accesses.row[reads], _while_open(window))]
    good = good[distinct(np.searchsorted(registers.writes(place), good))]  # data read again takes no steps
    first = max(place_of(region_of(place), 0), place - _NEAR)
    near = [registers.writes(p) for p in registers.between(first, place + _NEAR)]
    writes = np.sort(np.concatenate([np.zeros(0, np.int64), *(at for at in near if _precedes(at, good))]))
    steps: list[dict[str, Any]] = []
    for back in range(_MOST_STEPS, 0, -1):
        at = np.searchsorted(writes, good, "left") - back
        step = _step(registers.accesses, writes[at[at >= 0]], place) if (at >= 0).mean() >= _MOST_USES else None
        steps = [*steps, step] if step else []
    steps = _one_round(steps)
    return [*steps, {"access": "read", "offset": hexadecimal(offset_of(place)), "value": "data"}]


def _precedes(writes: Ints, uses: Ints) -> bool:
    """Does nearly every use have one of the writes between the use before it and itself?"""
    return bool((np.diff(np.append(0, np.searchsorted(writes, uses, "left"))) > 0).mean() >= _MOST_USES)


def _step(accesses: Accesses, at: Ints, data: int) -> dict[str, Any] | None:
    """The write that nearly all of those at `at` are; None where they differ."""
    places, counts = np.unique(accesses.place[at], return_counts=True)
    if counts.max() < _MOST_USES * len(at):
        return None
    where = int(places[counts.argmax()])
    values, counts = np.unique(accesses.value[at[accesses.place[at] == where]], return_counts=True)
    constant = where != data and counts.max() >= _MOST_USES * len(at)
    value = hexadecimal(int(values[counts.argmax()])) if constant else "address"
    return {"access": "write", "offset": hexadecimal(offset_of(where)), "value": value}


def _one_round(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the last round only: the key before the last address write, and what follows it."""
    addresses = [i for i, s in enumerate(steps) if s["value"] == "address"]
    if not addresses:
        return steps
    begin = addresses[-2] + 1 if len(addresses) > 1 else 0
    return steps[max(begin, addresses[-1] - 1) :]


def _all_ones(data: Accesses) -> np.ndarray:
    full = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF}
    return np.array([full.get(int(s), 0xFFFFFFFF) for s in data.size], dtype=np.uint64)
