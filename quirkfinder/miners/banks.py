"""The same memory in two places: aliases at a constant distance, and apertures whose distance a bank register sets.

Both start from equal informative values at two places.  The distance between the places is constant for an alias; for
a paged window it is `(bank << shift) - offset`, where `bank` is what was last written to another register.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Accesses, Flags, Ints, distinct, place_name, place_of, region_of
from quirkfinder.miners.agreement import Agreement, agreement, written_before
from quirkfinder.miners.claims import Scene, claim, confidence, hexadecimal, register
from quirkfinder.miners.information import informative
from quirkfinder.miners.registers import Registers

_LEAST_VALUES = 3
_PATTERN_PLACES = 3
#: what people write to see whether it stays: two memories hold these words without being one
_WELL_KNOWN = (
    *(0xDEADBEEF, 0xCAFEBABE, 0x12345678, 0x87654321, 0xFEEDFACE, 0xBAADF00D, 0x0BADF00D, 0xDEADC0DE, 0xFEEDBEEF),
    *(0xA5A5A5A5, 0x5A5A5A5A, 0x55AA55AA, 0xAA55AA55, 0xAAAAAAAA, 0x55555555, 0xCAFED00D, 0xDEADDEAD, 0xC001D00D),
)
_MOST_BANKS = 64
_MOST_JOIN = 2_000_000


@dataclass(frozen=True, slots=True)
class Alias:
    """`region`+`offset`.. reaches `target`+`target_offset`.. for `size` bytes."""

    region: int
    offset: int
    size: int
    target: int
    target_offset: int
    agreed: Agreement


@dataclass(frozen=True, slots=True)
class PagedWindow:
    """`region`+`offset`.. reaches `target` at `(bank << shift)`, the bank register being the place `bank`."""

    region: int
    offset: int
    size: int
    bank: int
    bank_size: int
    shift: int
    target: int
    agreed: Agreement


@dataclass(frozen=True, slots=True)
class Joined:
    """Pairs of accesses of equal value in two regions, as indices into the accesses."""

    here: Ints
    there: Ints


def discover_banks(scene: Scene, owned: Flags) -> tuple[list[Alias], list[PagedWindow]]:
    """Aliases and paged windows; `owned` accesses belong to windows and stay out.

    Inside one BAR equal tables are common, so an alias there needs values that went in one way and came out the other.
    """
    accesses = scene.accesses
    usable = informative(accesses) & ~owned & (accesses.region < 6)
    for size in (4, 2):  # ids and addresses stand in many places for reasons of their own
        held = scene.hardware.sorted_fields[size][0]
        usable &= ~((accesses.size == size) & np.isin(accesses.value, held))
    aliases: list[Alias] = []
    paged: list[PagedWindow] = []
    regions = np.unique(accesses.region[usable]).tolist()
    for region, target in combinations(regions, 2):
        joined = _join(accesses, usable, region, target)
        if len(joined.here) < _LEAST_VALUES:
            continue
        alias = _alias(accesses, joined, region, target)
        back = Joined(joined.there, joined.here)
        pages = [_paged(scene.registers, joined, region, target), _paged(scene.registers, back, target, region)]
        window = max((p for p in pages if p is not None), key=lambda p: p.agreed.bits, default=None)
        if window is not None and (alias is None or window.agreed.bits > alias.agreed.bits):
            paged.append(window)  # with the bank held still, a page looks like an alias
        elif alias is not None:
            aliases.append(alias)
    for region in regions:
        alias = _alias(accesses, _apart(accesses, _join(accesses, usable, region, region)), region, region)
        if alias is not None and alias.agreed.crossed >= _LEAST_VALUES and not _same_range(alias):
            aliases.append(alias)
    return aliases, paged


def _apart(accesses: Accesses, joined: Joined) -> Joined:
    """Of pairs in one region those in which the second place is further up."""
    up = accesses.offset[joined.there] > accesses.offset[joined.here]
    return Joined(joined.here[up], joined.there[up])


def _same_range(alias: Alias) -> bool:
    return alias.region == alias.target and alias.target_offset < alias.offset + alias.size


def _join(accesses: Accesses, usable: Flags, region: int, target: int) -> Joined:
    """All pairs of usable accesses with equal value and size, one in `region`, one in `target`."""
    here = np.flatnonzero(usable & (accesses.region == region))
    there = np.flatnonzero(usable & (accesses.region == target))
    there = there[np.argsort(accesses.value[there], kind="stable")]
    held = accesses.value[there]
    first = np.searchsorted(held, accesses.value[here], "left")
    count = np.minimum(np.searchsorted(held, accesses.value[here], "right") - first, 8)
    if count.sum() > _MOST_JOIN:
        return Joined(np.zeros(0, np.int64), np.zeros(0, np.int64))
    index = np.repeat(here, count)
    partner = there[np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)]
    same = accesses.size[index] == accesses.size[partner]
    return Joined(index[same], partner[same])


def _alias(accesses: Accesses, joined: Joined, region: int, target: int) -> Alias | None:
    distance = accesses.offset[joined.there] - accesses.offset[joined.here]
    best = _most_values(distance, accesses.value[joined.here].view(np.int64))
    if best is None:
        return None
    at = joined.here[distance == best]
    low, high = int(accesses.offset[at].min()), int((accesses.offset[at] + accesses.size[at]).max())
    inside = (accesses.region == region) & (accesses.offset >= low) & (accesses.offset < high)
    mapped, location = accesses.take(inside), place_of(target, 0) + accesses.offset[inside] + best
    own, there = written_before(accesses) | _patterns(accesses), accesses.region == target
    agreed = agreement(accesses.take(there), mapped, location, own[inside], own[there])
    # a header, a table of defaults: where one way shows nothing of what the other holds they are two of a kind
    if not agreed.holds or agreed.values < _LEAST_VALUES or agreed.differing > agreed.locations:
        return None
    return Alias(region, low, high - low, target, low + best, agreed)


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
    return int(distances[best]) if counts[best] >= _LEAST_VALUES else None


def _paged(registers: Registers, joined: Joined, region: int, target: int) -> PagedWindow | None:
    """The bank register, shift and offset that explain why the distance varies; None where nothing does."""
    accesses = registers.accesses
    distance = accesses.offset[joined.there] - accesses.offset[joined.here]
    rows = accesses.row[joined.here]
    best: PagedWindow | None = None
    for bank in _bank_registers(registers, joined, region):
        held = registers.in_force(bank, rows)
        for shift, offset in _linear(held, distance, accesses.value[joined.here].view(np.int64)):
            window = _verify(registers, region, target, bank, shift, offset)
            if window is not None and (best is None or window.agreed.bits > best.agreed.bits):
                best = window
    return best


def _bank_registers(registers: Registers, joined: Joined, region: int) -> list[int]:
    """Registers that held several values while the memory was compared, and lie outside of it."""
    accesses = registers.accesses
    compared = np.union1d(accesses.place[joined.here], accesses.place[joined.there])
    places, counts = np.unique(accesses.place[accesses.write], return_counts=True)
    places = places[~np.isin(places, compared) & (counts >= 2)]
    nearest = places[np.argsort(np.abs(places - place_of(region, 0)), kind="stable")]
    chosen = (int(p) for p in nearest[: 8 * _MOST_BANKS] if len(registers.values_written(int(p))) >= 2)
    return list(islice(chosen, _MOST_BANKS))


def _linear(held: Ints, distance: Ints, value: Ints) -> Iterator[tuple[int, int]]:
    """(shift, offset) with `distance == (bank << shift) - offset` for at least two banks and three values."""
    known = held >= 0
    triples = np.stack([held[known], distance[known], value[known]])
    triples = triples[:, distinct(*triples)]
    banks = np.unique(triples[0])
    if len(banks) < 2:
        return
    tried: set[tuple[int, int]] = set()
    for shift in range(8, 25):
        offsets = (triples[0] << shift) - triples[1]
        candidates, counts = np.unique(offsets, return_counts=True)
        best = int(counts.argmax())
        offset = int(candidates[best])
        chosen = offsets == offset
        if offset < 0 or counts[best] < _LEAST_VALUES or len(np.unique(triples[0][chosen])) < 2:
            continue
        if (shift, offset) not in tried:
            tried.add((shift, offset))
            yield shift, offset


def _verify(registers: Registers, region: int, target: int, bank: int, shift: int, offset: int) -> PagedWindow | None:
    accesses = registers.accesses
    inside = (accesses.region == region) & (accesses.offset >= offset) & (accesses.place != bank)
    mapped = accesses.take(inside)
    held = registers.in_force(bank, mapped.row)
    known = held >= 0
    mapped, held = mapped.take(known), held[known]
    reach = int((mapped.offset - offset).max()) + 4 if len(mapped) else 0
    size = 1 << max(shift, (reach - 1).bit_length()) if reach else 0
    agreed = agreement(
        accesses.in_region(target), mapped, place_of(target, 0) + (held << shift) + mapped.offset - offset
    )
    if not agreed.holds or agreed.values < _LEAST_VALUES:
        return None
    return PagedWindow(region, offset, size, bank, registers.width(bank), shift, target, agreed)


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


def paged_finding(scene: Scene, window: PagedWindow) -> Finding:
    """The finding for a paged window."""
    here = f"{region_name(window.region)}+0x{window.offset:x}"
    return claim(
        scene,
        "paged-window",
        f"{here}/{place_name(window.bank)}",
        verdict="confirmed",
        confidence=confidence(window.agreed.bits, window.agreed.contradictions),
        needs_quirk=False,
        summary=f"{here} shows the page of BAR{window.target} that {place_name(window.bank)} << {window.shift} chooses",
        parameters={
            "region": region_name(window.region),
            "bank": {**register(window.bank, window.bank_size), "region": region_name(region_of(window.bank))},
            "offset": hexadecimal(window.offset),
            "size": hexadecimal(window.size),
            "shift": window.shift,
            "target_region": region_name(window.target),
        },
        evidence=scene.evidence([r for pair in window.agreed.pairs for r in pair], "the same value both ways"),
        evidence_count=window.agreed.values,
        reason="the bank is an offset in the card's own memory, so no host address crosses",
        doubt=f"it would be false if BAR{window.target} and the aperture were filled with the same data by the guest",
    )


__all__ = ["Alias", "PagedWindow", "alias_finding", "discover_banks", "paged_finding"]
