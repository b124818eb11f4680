"""Do two ways to memory reach the same memory?  The proof behind windows, aliases and paged windows.

Given the direct accesses to some locations and the accesses that a hypothesis maps to the same locations, the merged
history of every location is checked: what was written one way must be read the other way, and what nobody wrote must
read the same both ways.  Copies that the guest made itself (it reads a value one way and writes it the other) prove
nothing and are told apart by asking whether the write changed what the location held.  Copies that the card makes are
told apart by the moment: one memory never shows its former content to one way after the other way wrote to it.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints
from quirkfinder.miners.histories import Units, Verdicts, assembled, judged, units_of
from quirkfinder.miners.information import information

_MORE_THAN_COPIED = 32  # distinct values


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
    fresh: int = 0  # locations where what one way wrote was read the other way
    stale: int = 0  # locations where one way wrote and the other still read what was there before
    kept: int = 0  # those of them where the other way had written that itself
    late: int = 0  # locations where what one way wrote came to the other way, but not at once
    wavering: int = 0  # locations that agreed, but contradict as well and change by themselves
    restless: int = 0  # locations that agreed, but change by themselves
    apart: int = 0  # locations where the two ways never agreed, those that change by themselves included

    @property
    def sure(self) -> bool:
        """Did something cross, or agree in more than the handful of constants that firmware may have copied?"""
        return self.crossed > 0 or self.values >= _MORE_THAN_COPIED

    @property
    def copied(self) -> bool:
        """Did the card take over later what was written?  (A window that answers late looks like that as well.)"""
        return self.late >= 2 or self.late * 16 > self.fresh

    @property
    def refuted(self) -> bool:
        """Were these two memories after a write to one of them?

        A register that keeps no written value is stale as well, so some of many are let pass.
        """
        return (self.stale + 3 * self.kept) * 4 > self.fresh + self.locations // 4

    @property
    def fits(self) -> bool:
        """At least two independent values at two locations, and little against it."""
        # zero may be a register that was filled since
        against = self.contradictions + self.empty // 2 + self.wavering
        return self.values >= 2 and self.locations >= 2 and against * 4 <= self.locations

    @property
    def holds(self) -> bool:
        """Does it fit, is it not refuted, and is it more than a choice of what agrees?"""
        # constants that stand in many places agree somewhere, and so does what shows now this and now that
        chosen = not self.crossed and (self.apart > self.locations or self.restless * 2 > self.locations)
        return self.fits and not chosen and not self.refuted


NOTHING = Agreement(0.0, 0, 0, 0, (), np.zeros(0, dtype=np.int64))
_MOST_PAIRS = 64


def agreement(
    direct: Accesses, mapped: Accesses, location: Ints, echo: Flags | None = None, direct_echo: Flags | None = None
) -> Agreement:
    """Check `mapped`, whose elements are claimed to reach `location` (places), against `direct` accesses to them.

    `echo` marks mapped reads that prove nothing, because they return what the guest wrote there itself; `direct_echo`
    the same for the direct ones.  Accesses of different widths are compared where they overlap; one that would lie
    across an alignment only with direct ones that do as well, for flags in an address put it there.
    """
    compared = (location % mapped.size == 0) | np.isin(location, direct.place)
    if not compared.all():
        mapped, location = mapped.take(compared), location[compared]
        echo = None if echo is None else echo[compared]
    reached = np.isin(direct.place >> 2, location >> 2)
    own = np.zeros(len(direct), np.bool_) if direct_echo is None else direct_echo
    void = np.concatenate([own[reached], np.zeros(len(mapped), np.bool_) if echo is None else echo])
    direct = direct.take(reached)
    if not len(direct) or not len(mapped):
        return NOTHING
    sides = _Sides(
        np.concatenate([direct.place, location]),
        np.concatenate([direct.row, mapped.row]),
        np.concatenate([direct.size, mapped.size]),
        np.append(np.zeros(len(direct), np.bool_), np.ones(len(mapped), np.bool_)),
        void,
    )
    value, write = np.concatenate([direct.value, mapped.value]), np.concatenate([direct.write, mapped.write])
    units = units_of(sides.place, sides.row, sides.size, value, write, sides.mapped)
    return _told(sides, units, judged(units))


@dataclass(frozen=True, slots=True)
class _Sides:
    """The accesses of both ways as columns, the direct ones first; `void` ones support nothing."""

    place: Ints
    row: Ints
    size: np.ndarray
    mapped: Flags
    void: Flags

    def any(self, units: Units, flags: Flags) -> Flags:
        """Which accesses have a flagged unit."""
        found = np.zeros(len(self.row), dtype=np.bool_)
        found[units.access[flags]] = True
        return found

    def places(self, flags: Flags, *, without: Ints | None = None) -> int:
        """How many locations the flagged accesses have, those in `without` left out."""
        found = np.unique(self.place[flags])
        return len(found) if without is None else int((~np.isin(found, without)).sum())


def _told(sides: _Sides, units: Units, said: Verdicts) -> Agreement:
    count = len(sides.row)
    supporting = said.compared & said.equal & (said.changed | ~said.crossed)
    value, size = assembled(units, supporting, units.value, count)
    differs = said.compared & ~said.equal
    unequal = sides.any(units, differs)
    bits = np.where(unequal, 0.0, information(value, size)) * ~sides.void
    agreeing = np.flatnonzero(bits > 0)
    partner = np.zeros(count, dtype=np.int64)
    partner[units.access[supporting]] = units.access[said.partner[supporting]]
    agreed = np.unique(sides.place[agreeing])
    crossed = sides.any(units, supporting & said.crossed)[agreeing]
    order = agreeing[np.lexsort([sides.row[agreeing], sides.place[agreeing], value[agreeing]])]
    order = order[np.append(True, value[order][1:] != value[order][:-1])] if len(order) else order
    ranked = order[np.argsort(-bits[order], kind="stable")]
    # a byte proves little by itself: each of those that an agreeing dword consists of took part
    bytes_of = units.access[said.partner[supporting & (bits > 0)[units.access]]]
    taking = np.concatenate([agreeing, partner[agreeing], bytes_of[sides.size[bytes_of] == 1]])
    moments = _moments(sides, units, said)
    return Agreement(
        float(bits[ranked].sum()),
        len(ranked),
        len(agreed),
        pairs=tuple((int(sides.row[partner[i]]), int(sides.row[i])) for i in ranked[:_MOST_PAIRS]),
        mapped_rows=np.unique(sides.row[taking[sides.mapped[taking]]]),
        crossed=len(np.unique(value[agreeing[crossed]])),
        fresh=len(np.unique(sides.place[agreeing[crossed]])),
        **_against(sides, units, said, agreed),
        **moments,
    )


def _against(sides: _Sides, units: Units, said: Verdicts, agreed: Ints) -> dict[str, int]:
    """Locations of the several kinds of disagreement; `agreed`: those at which something informative agreed."""
    differs = said.compared & ~said.equal
    steady = sides.any(units, differs & ~said.volatile)
    restless = sides.any(units, differs & said.volatile)
    own, size = assembled(units, said.compared, units.value, len(sides.row))
    theirs, _ = assembled(units, said.compared, units.value[said.partner], len(sides.row))
    told, other = information(own, size) > 0, information(theirs, size) > 0
    mapped, direct = np.where(sides.mapped, own, theirs), np.where(sides.mapped, theirs, own)
    empty = np.where(sides.mapped, told, other) & (direct == 0) & (mapped != 0)
    unsteady = np.unique(sides.place[restless & told & other])
    return {
        "contradictions": sides.places(steady & told & other, without=agreed),
        "differing": sides.places(steady & (told | other), without=agreed),
        "empty": sides.places(steady & empty, without=agreed),
        "wavering": int(np.isin(unsteady, agreed).sum()),
        "restless": int(np.isin(agreed, sides.place[sides.any(units, said.volatile)]).sum()),
        "apart": sides.places((steady | restless) & (told | other), without=agreed),
    }


def _moments(sides: _Sides, units: Units, said: Verdicts) -> dict[str, int]:
    """Locations at which the two ways were two memories after a write that told something."""
    telling = information(units.value, units.size)[said.partner] > 0
    forgetful = _forgetful(units)
    return {
        "stale": sides.places(sides.any(units, said.stale & telling & ~forgetful)),
        "kept": sides.places(sides.any(units, said.kept & telling & ~forgetful)),
        "late": sides.places(sides.any(units, said.late & telling & ~forgetful)),
    }


def _forgetful(units: Units) -> Flags:
    """Units of places that do not keep what is written: read the same way directly afterwards they differ."""
    lost = ~units.start[1:] & units.write[:-1] & ~units.write[1:] & (units.other[1:] == units.other[:-1])
    lost &= units.value[1:] != units.value[:-1]
    group = np.cumsum(units.start) - 1
    found = np.zeros(int(group[-1]) + 1, dtype=np.bool_)
    found[group[1:][lost]] = True
    return np.asarray(found[group])


def around(location: Ints) -> Ints:
    """The places at which an access can begin that overlaps the dwords of `location`, ascending."""
    dwords = np.unique(location >> 2) << 2
    return (dwords[:, None] + np.arange(4)).ravel()


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
