"""Ordinary pairs of index and data register that reach nothing outside: named, so that nobody mistakes them.

Nobody does where no telling value came through a pair, or only numbers like those written to its index: the head of a
ring that follows its tail, a counter beside a doorbell.
"""

from collections.abc import Iterator

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Words
from quirkfinder.miners.claims import Scene, claim, first_rows, place_name, register
from quirkfinder.miners.information import information
from quirkfinder.miners.windows.candidates import Pair, candidate_pairs
from quirkfinder.miners.windows.uses import Uses, plain_uses

_LEAST_INDICES = 4
_MOST_FINDINGS = 4


def indexed_findings(scene: Scene, known: frozenset[int]) -> Iterator[Finding]:
    """Benign pairs; `known` are the places of windows' registers."""
    told: set[int] = set(known)
    pairs = list(candidate_pairs(scene.accesses))
    followers: dict[int, set[int]] = {}
    for pair in pairs:
        if pair.near:
            followers.setdefault(pair.address, set()).add(pair.data)
    for pair in pairs:
        # registers written one after the other are a table, not an index and its data
        table = followers.get(pair.data, set()) - {pair.address, pair.data}
        if table or {pair.address, pair.data} & told or not pair.near or pair.address == pair.data:
            continue
        uses = _without_polls(plain_uses(scene.registers, pair))
        indices = np.unique(uses.address)
        chosen = int(uses.fresh.sum())  # how often an index was chosen and something done with it
        enough = len(indices) >= _LEAST_INDICES and chosen >= 2 * _LEAST_INDICES and (~uses.data.write).sum() >= 2
        if not enough or uses.fresh.mean() < 0.5 or not _tells_others(uses):
            continue
        told.update((pair.address, pair.data))
        yield _finding(scene, pair, uses, len(indices))
        if len(told) - len(known) >= 2 * _MOST_FINDINGS:
            return


def _without_polls(uses: Uses) -> Uses:
    """A read that gives what the read before it gave under the same index is a poll, and counts once."""
    data = uses.data
    again = np.zeros(len(uses), dtype=np.bool_)
    again[1:] = ~uses.fresh[1:] & ~data.write[1:] & ~data.write[:-1] & (data.value[1:] == data.value[:-1])
    return uses.take(~again)


def _tells_others(uses: Uses) -> bool:
    """Do most telling values that were read differ from the numbers, and from those between, that the index held?"""
    values = _telling(uses)
    between = (values >= uses.address.min()) & (values <= uses.address.max())
    return bool(len(values)) and bool(between.mean() < 0.5)


def _telling(uses: Uses) -> Words:
    """The distinct telling values that were read."""
    data = uses.data
    return np.unique(data.value[~data.write & (information(data.value, data.size) > 0)])


def _seen_elsewhere(scene: Scene, pair: Pair, uses: Uses) -> tuple[int, int, int]:
    """How many telling values came through the pair, how many config space holds, how many other registers showed."""
    values = _telling(uses)
    held = np.concatenate([scene.hardware.sorted_fields[size][0] for size in (1, 2, 4)])
    elsewhere = ~np.isin(scene.accesses.place, pair.registers)
    others = int(np.isin(values, scene.accesses.value[elsewhere]).sum())
    return len(values), int(np.isin(values, held).sum()), others


def _reason(values: int, in_config: int, elsewhere: int) -> str:
    if not in_config and not elsewhere:
        return f"none of the {values} telling values that came through it is in config space or was seen in a register"
    found = [f"{in_config} in config space"] if in_config else []
    found += [f"{elsewhere} in other registers"] if elsewhere else []
    return f"of the {values} telling values that came through it {' and '.join(found)} agree, too few or in no order"


def _finding(scene: Scene, pair: Pair, uses: Uses, indices: int) -> Finding:
    rows = first_rows(uses.data.row, 3)
    address, data = place_name(pair.address), place_name(pair.data)
    size = scene.registers.width
    return claim(
        scene,
        "indexed-registers",
        f"{address}/{data}",
        verdict="benign",
        confidence=0.8,
        needs_quirk=False,
        summary=f"{address} indexes {data}: {indices} indices used, none was seen to reach config space or a BAR",
        parameters={
            "region": region_name(pair.address >> 52),
            "address": register(pair.address, size(pair.address)),
            "data": register(pair.data, size(pair.data) or size(pair.address)),
        },
        evidence=scene.evidence(rows, f"{data} with an index in {address}"),
        evidence_count=len(uses),
        reason=_reason(*_seen_elsewhere(scene, pair, uses)),
        doubt="an index that this trace never used could still reach something",
    )
