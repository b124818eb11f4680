"""Paged windows: an aperture that shows the page of a region which a field of a bank register chooses."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import (
    Accesses,
    Flags,
    Ints,
    distinct,
    offsets,
    place_name,
    place_of,
    region_of,
    several,
)
from quirkfinder.miners.agreement import Agreement, agreement
from quirkfinder.miners.bank_fields import BankField, bank_field, seen_under, widened
from quirkfinder.miners.claims import Scene, claim, confidence, hexadecimal, register
from quirkfinder.miners.joins import LEAST_VALUES, Joined, block_of
from quirkfinder.miners.registers import Registers

_MOST_BANKS = 64
_SMALLEST_BLOCK = 0x100  # bytes; no smaller part of a region is looked at on its own
_LARGEST_APERTURE = 24  # 2**24 bytes
_SHARE = 8  # an aperture holds at least one of so many values that two regions have in common


@dataclass(frozen=True, slots=True)
class Bank:
    """A register that may choose the page: `width` bytes from `place` on, written at once or in parts."""

    place: int
    width: int

    def covers(self, place: Ints) -> Flags:
        """Which of the places are in it?"""
        return np.asarray((place >= self.place) & (place < self.place + self.width))

    def held(self, registers: Registers, rows: Ints) -> Ints:
        """What was in it before each of `rows`; negative where that is not known."""
        return registers.in_force(self.place, rows, self.width)

    def values(self, registers: Registers) -> Ints:
        """The distinct values that it held."""
        history = registers.history(self.place, self.width)
        return np.unique(history.value[history.known]).astype(np.int64)


@dataclass(frozen=True, slots=True)
class PagedWindow:
    """`region`+`field.offset`.. reaches `target` at the page that `field` of the bank register chooses.

    `flags`: bits of the register outside the field that were written, so that the field has to be named.
    """

    region: int
    size: int
    bank: Bank
    field: BankField
    flags: int
    target: int
    agreed: Agreement

    def covers(self, accesses: Accesses) -> Flags:
        """Which accesses go to the aperture?"""
        first = place_of(self.region, self.field.offset)
        return np.asarray((accesses.place >= first) & (accesses.place < first + self.size))


@dataclass(frozen=True, slots=True)
class Search:
    """Where apertures of `region` onto `target` (bytes: `size`) are looked for, and what may choose their page."""

    registers: Registers
    region: int
    target: int
    size: int
    banks: tuple[Bank, ...]
    least: int  # distinct values that an aperture shows


def paged_windows(registers: Registers, joined: Joined, region: int, target: int, size: int) -> list[PagedWindow]:
    """The apertures of `region` onto `target`, as many as there are; `size`: bytes of the target."""
    accesses = registers.accesses
    rows = distinct(accesses.place[joined.here], accesses.place[joined.there], accesses.value[joined.here])
    joined = joined.take(rows)
    banks = _bank_registers(registers, joined, region)
    least = max(LEAST_VALUES, len(np.unique(accesses.value[joined.here])) // _SHARE)
    return list(_in_block(Search(registers, region, target, size, banks, least), joined)) if banks else []


def _in_block(search: Search, joined: Joined) -> Iterator[PagedWindow]:
    """The apertures that the pairs show: one for all of them, or some in each half of the block that they lie in."""
    accesses = search.registers.accesses
    offset, value = offsets(accesses.place[joined.here]), accesses.value[joined.here]
    if len(np.unique(value)) < search.least:
        return
    if not several(offsets(accesses.place[joined.there]) - offset):
        return  # nothing moves
    start, end = block_of(int(offset.min()), int(offset.max()) + 1)
    window = max(_apertures(search, joined, start, end), key=lambda w: w.agreed.bits, default=None)
    if window is not None:
        yield window
        first = window.field.offset
        rest = (offset < first) | (offset >= first + window.size)
        if rest.any():
            yield from _in_block(search, joined.take(rest))
    elif end - start > _SMALLEST_BLOCK:
        upper = offset >= (start + end) // 2
        yield from _in_block(search, joined.take(~upper))
        yield from _in_block(search, joined.take(upper))


def _apertures(search: Search, joined: Joined, start: int, end: int) -> Iterator[PagedWindow]:
    """A proven aperture for each bank register that explains the pairs, all of which lie in one block."""
    offset = offsets(search.registers.accesses.place[joined.here])
    for bank in search.banks:
        held = bank.held(search.registers, search.registers.accesses.row[joined.here])
        field = _field(search, joined, held, (start, end))
        if field is None:
            continue
        explained = offset[_fits(search, joined, held, field)]
        block = block_of(int(explained.min()), int(explained.max()) + 1)
        if block != (start, end):  # the pairs that it explains lie closer together, perhaps in a smaller aperture
            inside = (offset >= block[0]) & (offset < block[1])
            field = _field(search, joined.take(inside), held[inside], block) or field
        if (window := _verified(search, joined, bank, field, held)) is not None:
            yield window


def _field(search: Search, joined: Joined, held: Ints, block: tuple[int, int]) -> BankField | None:
    """The field of a register that explains the pairs; `held`: what was in it, `block`: where they lie."""
    accesses = search.registers.accesses
    distance = offsets(accesses.place[joined.there]) - offsets(accesses.place[joined.here])
    # an aperture is naturally aligned, and may be larger than what was seen of it
    sizes = range((block[1] - block[0] - 1).bit_length(), _LARGEST_APERTURE + 1)
    starts = list(dict.fromkeys(block[0] >> bits << bits for bits in sizes)) or [block[0]]
    return bank_field(seen_under(held, distance, accesses.value[joined.here].view(np.int64)), starts)


def _fits(search: Search, joined: Joined, held: Ints, field: BankField) -> Flags:
    """Which pairs does the field explain?"""
    here, there = (offsets(search.registers.accesses.place[at]) for at in (joined.here, joined.there))
    return np.asarray((held >= 0) & (field.pages(held) == there - here + field.offset))


def _bank_registers(registers: Registers, joined: Joined, region: int) -> tuple[Bank, ...]:
    """Registers that held several values while the memory was compared, and lie outside of it, the nearest first."""
    accesses = registers.accesses
    compared = np.union1d(accesses.place[joined.here], accesses.place[joined.there])
    places, counts = np.unique(accesses.place[accesses.write], return_counts=True)
    places = places[~np.isin(places, compared) & (counts >= 2)]
    nearest = places[np.argsort(np.abs(places - place_of(region, 0)), kind="stable")]
    chosen: list[Bank] = []
    for place in nearest[: 8 * _MOST_BANKS].tolist():
        if len(registers.values_written(place)) >= 2:
            chosen += [Bank(place, registers.width(place)), *_composed(registers, place)]
        if len(chosen) >= _MOST_BANKS:
            break
    return tuple(chosen)


def _composed(registers: Registers, place: int) -> Iterator[Bank]:
    """The registers that begin at `place` and are written in parts, those above it perhaps only where they change."""
    own = registers.width(place)
    for width in (2, 4):
        parts = [p for p in registers.between(place + own, place + width - 1) if len(registers.writes(p))]
        if parts and parts[-1] + registers.width(parts[-1]) > place + width // 2:
            yield Bank(place, width)


def _verified(search: Search, joined: Joined, bank: Bank, field: BankField, held: Ints) -> PagedWindow | None:
    """The window, if all accesses to the aperture agree with the direct ones to what they reach."""
    accesses = search.registers.accesses
    proven = _fits(search, joined, held, field)
    reach = int(offsets(accesses.place[joined.here[proven]]).max()) - field.offset + 4
    written = bank.values(search.registers)
    field = widened(field, held[proven], written, reach, search.size)
    size = 1 << max(field.page_bits, (reach - 1).bit_length())
    inside = (accesses.region == search.region) & ~bank.covers(accesses.place)
    inside &= (accesses.offset >= field.offset) & (accesses.offset < field.offset + size)
    mapped = accesses.take(inside)
    banks = bank.held(search.registers, mapped.row)
    mapped, banks = mapped.take(banks >= 0), banks[banks >= 0]
    direct = accesses.in_region(search.target)
    if search.target == search.region:
        direct = direct.take((direct.offset < field.offset) | (direct.offset >= field.offset + size))
    location = place_of(search.target, 0) + field.pages(banks) + mapped.offset - field.offset
    agreed = agreement(direct, mapped, location)
    if not agreed.holds or agreed.copied or agreed.values < LEAST_VALUES:
        return None
    flags = int(np.bitwise_or.reduce(written)) & ~field.mask
    return PagedWindow(search.region, size, bank, field, flags, search.target, agreed)


def paged_finding(scene: Scene, window: PagedWindow) -> Finding:
    """The finding for a paged window."""
    field = window.field
    here = f"{region_name(window.region)}+0x{field.offset:x}"
    bank = place_name(window.bank.place)
    chosen = f"({bank} & 0x{field.mask:x})" if window.flags else bank
    step = f"<< {field.shift}" if field.shift >= 0 else f">> {-field.shift}"
    crossed = window.agreed.crossed > 0
    return claim(
        scene,
        "paged-window",
        f"{here}/{bank}",
        verdict="confirmed" if crossed else "likely",
        confidence=confidence(window.agreed.bits, window.agreed.contradictions, most=0.99 if crossed else 0.85),
        needs_quirk=False,
        summary=f"{here} shows the page of BAR{window.target} that {chosen} {step} chooses",
        parameters={
            "region": region_name(window.region),
            "bank": {
                **register(window.bank.place, window.bank.width),
                "region": region_name(region_of(window.bank.place)),
            },
            "offset": hexadecimal(field.offset),
            "size": hexadecimal(window.size),
            **({"mask": hexadecimal(field.mask)} if window.flags else {}),
            "shift": field.shift,
            "target_region": region_name(window.target),
        },
        evidence=scene.evidence([r for pair in window.agreed.pairs for r in pair], "the same value both ways"),
        evidence_count=window.agreed.values,
        reason="the bank is an offset in the card's own memory, so no host address crosses",
        doubt=(
            f"it would be false if BAR{window.target} and the aperture were filled with the same data by the guest"
            if crossed
            else "nothing was written one way and read the other: a copy of the pages would look the same"
        ),
    )


__all__ = ["PagedWindow", "paged_finding", "paged_windows"]
