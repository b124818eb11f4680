"""Aliases: a stretch of a region that is another stretch of the card's memory, at a constant distance."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Accesses, Flags, Ints, distinct, place_of
from quirkfinder.miners.agreement import Agreement, agreement, written_before
from quirkfinder.miners.claims import Scene, claim, confidence, hexadecimal
from quirkfinder.miners.joins import LEAST_VALUES, Joined

_PAGE = 0x1000
_PATTERN_PLACES = 3
#: what people write to see whether it stays: two memories hold these words without being one
_WELL_KNOWN = (
    *(0xDEADBEEF, 0xCAFEBABE, 0x12345678, 0x87654321, 0xFEEDFACE, 0xBAADF00D, 0x0BADF00D, 0xDEADC0DE, 0xFEEDBEEF),
    *(0xA5A5A5A5, 0x5A5A5A5A, 0x55AA55AA, 0xAA55AA55, 0xAAAAAAAA, 0x55555555, 0xCAFED00D, 0xDEADDEAD, 0xC001D00D),
)


@dataclass(frozen=True, slots=True)
class Alias:
    """`region`+`offset`.. reaches `target`+`target_offset`.. for `size` bytes."""

    region: int
    offset: int
    size: int
    target: int
    target_offset: int
    agreed: Agreement


def alias_between(accesses: Accesses, joined: Joined, region: int, target: int) -> Alias | None:
    """The alias of two regions, if there is one."""
    distance = accesses.offset[joined.there] - accesses.offset[joined.here]
    best = _most_values(distance, accesses.value[joined.here].view(np.int64))
    if best is None or _moves(accesses, joined, distance, best):
        return None
    at = joined.here[distance == best]
    low, high = int(accesses.offset[at].min()), int((accesses.offset[at] + accesses.size[at]).max())
    agreed = _agreed(accesses, region, (low, high), target, best)
    # a header, a table of defaults: where one way shows nothing of what the other holds they are two of a kind
    proven = agreed.holds and not agreed.copied and agreed.values >= LEAST_VALUES
    if not proven or agreed.differing > agreed.locations:
        return None
    # two ports of one make have equal tables; what is written to the one and not seen in the other tells them apart
    pages = (low // _PAGE * _PAGE, -(-high // _PAGE) * _PAGE)
    if not agreed.crossed and _agreed(accesses, region, pages, target, best).refuted:
        return None
    return Alias(region, low, high - low, target, low + best, agreed)


def alias_inside(accesses: Accesses, joined: Joined, region: int) -> Alias | None:
    """The alias inside one region, if there is one.

    Inside one BAR equal tables are common, and so are copies that the card makes on command.  Values have to go in
    one way and come out the other, and not only after one and the same register was written in between.
    """
    up = accesses.offset[joined.there] > accesses.offset[joined.here]
    alias = alias_between(accesses, Joined(joined.here[up], joined.there[up]), region, region)
    if alias is None or alias.agreed.crossed < LEAST_VALUES or alias.target_offset < alias.offset + alias.size:
        return None
    return None if _commanded(accesses, alias) else alias


def _agreed(accesses: Accesses, region: int, stretch: tuple[int, int], target: int, distance: int) -> Agreement:
    inside = (accesses.region == region) & (accesses.offset >= stretch[0]) & (accesses.offset < stretch[1])
    inside &= accesses.offset + distance >= 0
    mapped, location = accesses.take(inside), place_of(target, 0) + accesses.offset[inside] + distance
    own, there = written_before(accesses) | _patterns(accesses), accesses.region == target
    return agreement(accesses.take(there), mapped, location, own[inside], own[there])


def _patterns(accesses: Accesses) -> Flags:
    """Accesses of values that the guest wrote at several places: what memory is tested or poisoned with."""
    places = distinct(accesses.value[accesses.write].view(np.int64), accesses.place[accesses.write])
    values, counts = np.unique(accesses.value[accesses.write][places], return_counts=True)
    known = np.concatenate([values[counts >= _PATTERN_PLACES], np.array(_WELL_KNOWN, dtype=np.uint64)])
    return np.isin(accesses.value, known)


def _most_values(distance: Ints, value: Ints) -> int | None:
    """The distance that most distinct values share, if enough do."""
    if not len(value):
        return None
    distances, counts = np.unique(distance[distinct(distance, value)], return_counts=True)
    best = int(counts.argmax())
    return int(distances[best]) if counts[best] >= LEAST_VALUES else None


def _moves(accesses: Accesses, joined: Joined, distance: Ints, best: int) -> bool:
    """Do the places of either side that agree at the distance `best` show other values at another one?

    Then a bank moves them, and the distance is that of the bank that stood still the longest.
    """
    value = accesses.value[joined.here].view(np.int64)
    return any(_elsewhere(accesses.place[side], value, distance, best) for side in (joined.here, joined.there))


def _elsewhere(place: Ints, value: Ints, distance: Ints, best: int) -> bool:
    """Do many of the values at places that agree at the distance `best` lie at another one?"""
    at = distance == best
    others = ~at & np.isin(place, place[at]) & ~np.isin(value, value[at])
    if not others.any():
        return False
    _, counts = np.unique(distance[others][distinct(distance[others], value[others])], return_counts=True)
    return int(counts.max()) * 2 >= len(np.unique(value[at])) and int(counts.max()) >= LEAST_VALUES


def _commanded(accesses: Accesses, alias: Alias) -> bool:
    """Was one other register written between every write and the read that showed it on the other side?"""
    ends = [(alias.offset, alias.size), (alias.target_offset, alias.size)]
    inside = np.zeros(len(accesses), dtype=np.bool_)
    for offset, size in ends:
        inside |= (accesses.offset >= offset) & (accesses.offset < offset + size) & (accesses.region == alias.region)
    others = np.flatnonzero(accesses.write & ~inside)
    row, place = accesses.row[others], accesses.place[others]
    written = accesses.row[accesses.write]
    common: Ints | None = None
    for before, after in alias.agreed.pairs:
        if not np.isin(before, written, assume_unique=True):
            continue
        first, last = np.searchsorted(row, [before + 1, after])
        between = np.unique(place[first:last])
        common = between if common is None else np.intersect1d(common, between)
        if not len(common):
            return False
    return common is not None


def alias_finding(scene: Scene, alias: Alias) -> Finding:
    """The finding for an alias."""
    here = f"{region_name(alias.region)}+0x{alias.offset:x}"
    there = f"{region_name(alias.target)}+0x{alias.target_offset:x}"
    crossed = alias.agreed.crossed > 0
    return claim(
        scene,
        "bar-alias",
        f"{here}/{there}",
        verdict="confirmed" if crossed else "likely",
        confidence=confidence(alias.agreed.bits, alias.agreed.differing, most=0.99 if crossed else 0.85),
        needs_quirk=False,
        summary=f"{here} and {there} are the same memory, 0x{alias.size:x} bytes as far as the trace shows",
        parameters={
            "region": region_name(alias.region),
            "offset": hexadecimal(alias.offset),
            "size": hexadecimal(alias.size),
            "target_region": region_name(alias.target),
            "target_offset": hexadecimal(alias.target_offset),
        },
        evidence=scene.evidence([r for pair in alias.agreed.pairs for r in pair], "the same value both ways"),
        evidence_count=alias.agreed.values,
        reason="both ways lead through QEMU; a quirk on one of them has to cover the other as well",
        doubt=(
            "it would be false if the card copied these values itself"
            if crossed
            else "nothing was written one way and read the other: two equal tables would look the same"
        ),
    )
