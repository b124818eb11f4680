"""Do two ways to memory reach the same memory?  The proof behind windows, aliases and paged windows.

Given the direct accesses to some locations and the accesses that a hypothesis maps to the same locations, the merged
history of every location is checked: what was written one way must be read the other way, and what nobody wrote must
read the same both ways.  Copies that the guest made itself (it reads a value one way and writes it the other) prove
nothing and are told apart by asking whether the write changed what the location held.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints
from quirkfinder.miners.information import information


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the merged histories say; rows are rows of the events frame, both sides of each agreeing pair."""

    bits: float  # information of all distinct values that agreed
    values: int  # distinct informative values that agreed
    locations: int  # distinct locations they agreed at
    contradictions: int  # locations where the two ways told different, informative values
    pairs: tuple[tuple[int, int], ...]  # (earlier row, reading row), the most informative first
    mapped_rows: Ints  # the mapped accesses that took part in an agreement
    crossed: int = 0  # distinct values that were written one way and read the other
    differing: int = 0  # locations where one way told something informative and the other anything else, zero included
    empty: int = 0  # locations where the mapped way told something and the direct way zero

    @property
    def holds(self) -> bool:
        """At least two independent values at two locations, and little against it."""
        against = self.contradictions + self.empty // 2  # zero may be a register that was filled since
        return self.values >= 2 and self.locations >= 2 and against * 4 <= self.locations


NOTHING = Agreement(0.0, 0, 0, 0, (), np.zeros(0, dtype=np.int64))
_MOST_PAIRS = 64


def agreement(
    direct: Accesses, mapped: Accesses, location: Ints, echo: Flags | None = None, direct_echo: Flags | None = None
) -> Agreement:
    """Check `mapped`, whose elements are claimed to reach `location` (places), against `direct` accesses to them.

    `echo` marks mapped reads that prove nothing, because they return what the guest wrote there itself; `direct_echo`
    the same for the direct ones.  Only accesses of equal size at equal location are compared: a byte read of a dword
    says little and costs clarity.
    """
    reached = np.isin(direct.place, location)
    direct = direct.take(reached)
    own = np.zeros(len(direct), np.bool_) if direct_echo is None else direct_echo[reached]
    if not len(direct) or not len(mapped):
        return NOTHING
    place = np.concatenate([direct.place, location])
    row = np.concatenate([direct.row, mapped.row])
    size = np.concatenate([direct.size, mapped.size])
    value = np.concatenate([direct.value, mapped.value])
    write = np.concatenate([direct.write, mapped.write])
    other = np.concatenate([np.zeros(len(direct), np.bool_), np.ones(len(mapped), np.bool_)])
    void = np.concatenate([own, np.zeros(len(mapped), np.bool_) if echo is None else echo])
    order = np.lexsort([row, size, place])
    place, row, size, value, write, other = (a[order] for a in (place, row, size, value, write, other))
    start = np.append(True, (place[1:] != place[:-1]) | (size[1:] != size[:-1]))
    supports, against, partner = _judge(start, value, write, other)
    bits = information(value, size)
    supports &= (bits > 0) & ~void[order]
    volatile = _volatile(start, value, write, other)
    against &= ~volatile
    empty = against & _telling_where_empty(value, bits, other, partner)
    differing = against & ((bits > 0) | (bits[partner] > 0))
    against &= (bits > 0) & (bits[partner] > 0)
    agreeing = np.flatnonzero(supports)
    _, unique = np.unique(value[agreeing], return_index=True)
    ranked = agreeing[unique][np.argsort(-bits[agreeing[unique]], kind="stable")]
    pairs = tuple((int(row[partner[i]]), int(row[i])) for i in ranked[:_MOST_PAIRS])
    taking = np.concatenate([agreeing, partner[agreeing]])
    return Agreement(
        float(bits[ranked].sum()),
        len(ranked),
        len(np.unique(place[agreeing])),
        len(np.setdiff1d(place[against], place[agreeing])),
        pairs,
        np.unique(row[taking[other[taking]]]),
        len(np.unique(value[agreeing[write[partner[agreeing]]]])),
        len(np.setdiff1d(place[differing], place[agreeing])),
        len(np.setdiff1d(place[empty], place[agreeing])),
    )


def _telling_where_empty(value: np.ndarray, bits: np.ndarray, other: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Elements that tell something by the mapped way where the direct way gave zero, or the other way round in time."""
    mapped, direct = np.where(other, value, value[partner]), np.where(other, value[partner], value)
    return np.asarray((np.where(other, bits, bits[partner]) > 0) & (direct == 0) & (mapped != 0))


def _judge(start: np.ndarray, value: np.ndarray, write: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, ...]:
    """For every element: does it support, does it contradict, and the earlier element it is compared with."""
    position = np.arange(len(start))
    group_start = np.maximum.accumulate(np.where(start, position, 0))
    last_write = np.maximum.accumulate(np.where(write, position, -1))
    written = (last_write >= group_start) & (last_write >= 0)  # inclusive, but only reads are judged
    source = np.where(written, last_write, 0)
    before = np.maximum(source - 1, 0)
    changed = (source == group_start) | (value[before] != value[source])
    through_write = ~write & written & (other[source] != other)
    last_other = np.where(other, _last(~other, position), _last(other, position))
    seen = (last_other >= group_start) & (last_other >= 0)
    peer = np.where(seen, last_other, 0)
    untouched = ~write & ~written & seen
    partner = np.where(through_write, source, peer)
    equal = value[partner] == value
    supports = (through_write & equal & changed) | (untouched & equal)
    against = (through_write | untouched) & ~equal
    return supports, against, partner


def _last(flag: np.ndarray, position: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum.accumulate(np.where(flag, position, -1)))


def _volatile(start: np.ndarray, value: np.ndarray, write: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Elements of groups in which one way alone reads two values without a write between: counters, status, FIFOs."""
    group = np.cumsum(start) - 1
    same = ~start[1:] & ~write[1:] & ~write[:-1] & (other[1:] == other[:-1]) & (value[1:] != value[:-1])
    moved = np.zeros(group[-1] + 1 if len(group) else 0, dtype=np.bool_)
    moved[group[1:][same]] = True
    return np.asarray(moved[group])


def written_before(accesses: Accesses) -> Flags:
    """Reads that return a value which the guest had written to the same place before: they may be plain storage."""
    order = np.lexsort([accesses.row, accesses.value, accesses.place])
    place, value, write = accesses.place[order], accesses.value[order], accesses.write[order]
    if not len(order):
        return np.zeros(0, dtype=np.bool_)
    start = np.append(True, (value[1:] != value[:-1]) | (place[1:] != place[:-1]))
    position = np.arange(len(order))
    first = np.maximum.accumulate(np.where(start, position, 0))
    last_write = np.maximum.accumulate(np.where(write, position, -1))
    echo = np.zeros(len(order), dtype=np.bool_)
    echo[order] = ~write & (last_write >= first)
    return echo
