"""Ordinary pairs of index and data register that reach nothing outside: named, so that nobody mistakes them."""

from collections.abc import Iterator

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.claims import Scene, claim, first_rows, place_name, register
from quirkfinder.miners.windows.candidates import Pair, candidate_pairs
from quirkfinder.miners.windows.uses import plain_uses

_LEAST_INDICES = 4
_MOST_FINDINGS = 16


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
        uses = plain_uses(scene.registers, pair)
        indices = np.unique(uses.address)
        steady = uses.fresh.mean() if len(uses) else 0.0
        enough = len(indices) >= _LEAST_INDICES and pair.uses >= 2 * _LEAST_INDICES and (~uses.data.write).sum() >= 2
        if not enough or steady < 0.5:
            continue
        told.update((pair.address, pair.data))
        yield _finding(scene, pair, len(indices), first_rows(uses.data.row, 3))
        if len(told) - len(known) >= 2 * _MOST_FINDINGS:
            return


def _finding(scene: Scene, pair: Pair, indices: int, rows: list[int]) -> Finding:
    address, data = place_name(pair.address), place_name(pair.data)
    size = scene.registers.width
    return claim(
        scene,
        "indexed-registers",
        f"{address}/{data}",
        verdict="benign",
        confidence=0.8,
        needs_quirk=False,
        summary=f"{address} indexes {data}: {indices} indices used, none reaches config space or a BAR",
        parameters={
            "region": region_name(pair.address >> 52),
            "address": register(pair.address, size(pair.address)),
            "data": register(pair.data, size(pair.data) or size(pair.address)),
        },
        evidence=scene.evidence(rows, f"{data} with an index in {address}"),
        evidence_count=pair.uses,
        reason="no value that came through it is found in config space or in a BAR",
        doubt="an index that this trace never used could still reach something",
    )
