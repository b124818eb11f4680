"""How many events each block may keep, so that all of them together stay within a budget."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quirkfinder.folding.keys import CELLS, Ints

#: Events from the first on that are kept whatever they are; a log that is not longer is not folded.
HEAD = 300_000
#: A family that touches this many blocks (512 KiB of a region) is memory, or noise, before it is registers.
_SWEPT = 1 << 13
_PROMINENT = 4  # a block in memory that is used this many times as often as the mean one may be registers


@dataclass(frozen=True, slots=True)
class Budget:
    """Numbers of events. `head`: kept whole; `chunk`: looked at together; `most` and `least`: a block's first events
    that are kept; the others: kept behind the head of each kind, all devices together."""

    head: int = HEAD
    chunk: int = 1 << 17
    most: int = 4096
    least: int = 16
    region: int = 240_000
    config: int = 40_000
    memory: int = 20_000
    stray: int = 60_000
    places: int = 60_000
    rescued: int = 40_000  # pixels through which a telling value went

    def of(self, kind: str) -> int:
        """The events of a kind that may be kept behind the head."""
        return int(getattr(self, kind))


#: Keeps every event, as a replay needs them.
WHOLE = Budget(head=1 << 62)


@dataclass(frozen=True, slots=True)
class Plan:
    """By family: `quota`, the events that a block keeps; `floor`, what a block needs in all to keep any."""

    quota: Ints
    floor: Ints


def plan(totals: Sequence[Ints], kinds: Sequence[str], budget: Budget) -> Plan:
    """The plan for families of some kinds, whose blocks have so many events: no block is cut where all fit.

    First memory is told from registers, then all blocks of a family get the same quota.
    """
    quota = np.full(len(totals), budget.most, dtype=np.int64)
    floor = np.zeros(len(totals), dtype=np.int64)
    for kind in set(kinds):
        members = [i for i, own in enumerate(kinds) if own == kind]
        needs = {i: _need(totals[i], budget.most) for i in members}
        for i, share in _shares(needs, budget.of(kind)).items():
            if needs[i] > share:
                quota[i], floor[i] = _cut(totals[i], share, budget)
    return Plan(quota, floor)


def _need(counts: Ints, quota: int) -> int:
    # As many again may be kept later, for bringing something new.
    return 2 * int(np.minimum(counts, quota).sum())


def _shares(needs: dict[int, int], available: int) -> dict[int, int]:
    """The budget divided: who needs less than an equal share leaves the rest to the others."""
    shares: dict[int, int] = {}
    for left, i in enumerate(sorted(needs, key=lambda i: (needs[i], i))):
        shares[i] = min(needs[i], available // (len(needs) - left))
        available -= shares[i]
    return shares


def _cut(counts: Ints, share: int, budget: Budget) -> tuple[int, int]:
    """Quota and floor with which the blocks of a family keep at most `share` events."""
    floor = 0
    if len(counts) > _SWEPT:
        floor = int(_PROMINENT * counts.mean())
        counts = counts[counts >= floor]
    while True:
        quota = budget.most
        while quota >= budget.least:
            if _need(counts, quota) <= share:
                return quota, floor
            quota //= 2
        floor = max(2 * floor, 2)
        counts = counts[counts >= floor]


def totals_by_family(table: np.ndarray, families: int) -> list[Ints]:
    """The numbers of events of the blocks that have any, family by family."""
    rows = table.reshape(-1, CELLS)[:families]
    return [row[row > 0].astype(np.int64) for row in rows]
