"""The registers around a window: enables that must be set, and the steps of a handshake."""

from typing import Any

import numpy as np

from quirkfinder.miners.accesses import Accesses, offset_of, place_of, region_of
from quirkfinder.miners.claims import hexadecimal
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.discover import Window

_NEAR = 64  # bytes around the address register in which its helpers are looked for
_MOST_STEPS = 6


def helper_places(registers: Registers, window: Window) -> list[int]:
    """Registers near the address register that are written with few values and are neither of the pair."""
    pair = window.pair
    first = max(place_of(region_of(pair.address), 0), pair.address - _NEAR)
    near = registers.between(first, pair.address + _NEAR)
    return [p for p in near if p not in pair.registers and len(registers.writes(p))]


def enable_registers(registers: Registers, window: Window) -> list[dict[str, Any]]:
    """Registers that held one value whenever the window answered, and not where it answered all ones."""
    good = np.unique(np.concatenate([t.rows for t in window.targets]))
    data = window.uses.data
    closed = data.row[~data.write & (data.value == _all_ones(data))]
    closed = np.setdiff1d(closed, good)
    if not len(closed) or not len(good):
        return []
    result = []
    for place in helper_places(registers, window):
        open_values = np.unique(registers.in_force(place, good))
        if len(open_values) != 1 or open_values[0] <= 0:
            continue
        if (registers.in_force(place, closed) != open_values[0]).any():
            value = int(open_values[0])
            mask = 1 if value & 1 else value
            result.append(
                {"offset": hexadecimal(offset_of(place)), "value": hexadecimal(value), "mask": hexadecimal(mask)}
            )
    return result


def handshake_of(registers: Registers, window: Window) -> list[dict[str, Any]]:
    """The steps that every proven use has in common, for a register that takes the address and gives the data."""
    place = window.pair.data
    good = np.unique(np.concatenate([t.rows for t in window.targets]))
    accesses = registers.accesses
    at = registers.reads(place)
    at = at[np.isin(accesses.row[at], good)]
    steps: list[dict[str, Any]] = []
    for back in range(_MOST_STEPS, 0, -1):
        index = at - back
        if (index < 0).any() or len(np.unique(accesses.place[index])) != 1:
            steps = []
            continue
        where = int(accesses.place[index[0]])
        if not accesses.write[index].all():
            steps = []
            continue
        values = np.unique(accesses.value[index])
        step: dict[str, Any] = {"access": "write", "offset": hexadecimal(offset_of(where))}
        step["value"] = hexadecimal(int(values[0])) if len(values) == 1 and where != place else "address"
        steps.append(step)
    steps = _one_round(steps)
    return [*steps, {"access": "read", "offset": hexadecimal(offset_of(place)), "value": "data"}]


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
