"""The guest's side of the listings: which function is the device, where the monitor says its BARs lie."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quirkfinder.card.hosts import Function
from quirkfinder.card.matching import Traits, fit, fits
from quirkfinder.card.model import Position, Span
from quirkfinder.inventory.facts import Facts, GuestFunction, InventoryBar, MtreeSpan

_BAR_NAME = re.compile(r"^(?P<device>.+?) (?:base )?BAR (?P<bar>[0-5])(?P<mapped> mmaps\[\d+\])?$")
_HOST_OPTIONS = ("host", "sysfsdev", "socket.path", "socket")


@dataclass(frozen=True, slots=True)
class GuestBar:
    """Where a listing of the guest shows a BAR; `address` None: not mapped."""

    index: int
    bar: InventoryBar
    position: Position
    source: str


def guest_functions(facts: Sequence[Facts]) -> list[tuple[int, GuestFunction]]:
    """(input, function) of every listing of the guest."""
    return [(one.input, function) for one in facts for function in one.guest_functions]


def match_guest(
    traits: Traits, functions: Sequence[tuple[int, GuestFunction]], facts: Sequence[Facts], *, alone: bool
) -> tuple[list[tuple[int, GuestFunction]], str | None]:
    """The guest's functions that are this device, one of each listing, and a note where it is not clear which.

    Tried in turn: the id of the command line's `-device`, the ids the guest read, the addresses of the BARs; where only
    one device is passed through (`alone`), libvirt's name for it.
    """
    named = identifiers(traits, facts)
    chosen: list[tuple[int, GuestFunction]] = []
    note = None
    for source in sorted({source for source, _ in functions}):
        candidates = [f for s, f in functions if s == source and not f.is_bridge]
        by_name = [f for f in candidates if f.identifier and f.identifier in named]
        found = by_name if len(by_name) == 1 else _by_content(traits, candidates)
        if not found and alone:
            found = [f for f in candidates if f.identifier and re.fullmatch(r"hostdev\d+", f.identifier)]
        if len(found) == 1:
            chosen.append((source, found[0]))
        elif found:
            note = f"several functions of the guest's listing fit {traits.name}; its addresses were not used"
    return chosen, note


def identifiers(traits: Traits, facts: Sequence[Facts]) -> set[str]:
    """The ids that QEMU's command line gives the device."""
    found = set()
    for one in facts:
        for device in one.devices:
            values = [device.option(option) for option in _HOST_OPTIONS]
            identifier = device.option("id")
            if identifier and any(value and _same_device(value, traits) for value in values):
                found.add(identifier)
    return found


def _same_device(value: str, traits: Traits) -> bool:
    return traits.name == value or traits.name.endswith((f":{value}", f"/{value}")) or value.endswith(f"/{traits.name}")


def _by_content(traits: Traits, candidates: list[GuestFunction]) -> list[GuestFunction]:
    scored = []
    for function in candidates:
        bars = {bar.index: bar for bar in function.bars if bar.index is not None}
        identity = (function.vendor, function.device, function.subvendor, function.subdevice)
        same = sum(1 for index, address in traits.guest.items() if index in bars and bars[index].address == address)
        good, bad = fit(traits, identity, bars)
        same_ids = None not in traits.identity[:2] and identity[:2] == traits.identity[:2]
        if same_ids or (None in traits.identity[:2] and not bad and (same or good >= 2)):
            scored.append(((same_ids, same, -bad), function))
    if not scored:
        return []
    best = max(score for score, _ in scored)
    return [function for score, function in scored if score == best]


def function_bars(source: int, function: GuestFunction) -> list[GuestBar]:
    """The BARs of a matched function as statements."""
    return [
        GuestBar(bar.index, bar, Position(source, max(bar.line, 1)), function.source)
        for bar in function.bars
        if bar.index is not None
    ]


def mtree_bars(name: str, facts: Sequence[Facts]) -> list[GuestBar]:
    """Where `info mtree` shows the BARs of the device of this name: the lowest piece tells where each begins."""
    lowest: dict[tuple[int, int], tuple[int, MtreeSpan, str]] = {}
    for one in facts:
        for span in one.mtree:
            words = _BAR_NAME.match(span.name)
            if words is None or words["device"] != name or span.space == "other" or span.disabled:
                continue
            if span.first < span.offset or span.alias_of is not None:
                continue
            key, base = (one.input, int(words["bar"])), span.first - span.offset
            if key not in lowest or base < lowest[key][0]:
                lowest[key] = (base, span, words["mapped"] or "")
    return [
        GuestBar(
            index,
            InventoryBar(index, "io" if span.space == "ports" else "unknown", base, line=span.line),
            Position(source, max(span.line, 1)),
            "info mtree",
        )
        for (source, index), (base, span, _) in lowest.items()
    ]


def mtree_mapped(name: str, index: int, base: int, size: int, facts: Iterable[Facts]) -> list[tuple[int, int]]:
    """Offsets of a BAR that `info mtree -f` shows as mapped (`mmaps[n]`), inclusive."""
    return [
        (span.first - base, span.last - base)
        for one in facts
        for span in one.mtree
        if span.flat
        and (words := _BAR_NAME.match(span.name)) is not None
        and words["device"] == name
        and int(words["bar"]) == index
        and words["mapped"]
        and base <= span.first
        and span.last < base + size
    ]


def is_guest_listing(function: Function, traits: Sequence[Traits], rivals: Sequence[Function]) -> Traits | None:
    """The device whose *guest* addresses a function of a host listing shows, if another function is the host's.

    Only then is it sure that the listing was made in the guest: a card that the guest happens to have at its host
    addresses looks the same.
    """
    bars = {i: b for i, b in function.bars().items() if i < 6 and b.address is not None}
    for device in traits:
        if function.address == device.address or len(bars) < 2 or not (device.guest or device.begun):
            continue
        if not _shows_guest(device, bars):
            continue
        if fit(device, function.identity, function.bars())[1]:
            continue
        if any(f is not function and (f.address == device.address or fits(device, f)) for f in rivals):
            return device
    return None


def _shows_guest(device: Traits, bars: dict[int, InventoryBar]) -> bool:
    """Are these the addresses that the guest gave the BARs, or, where that is not known, those that began there?"""
    if device.guest:
        return all(device.guest.get(index) == bar.address for index, bar in bars.items())
    sized = all(device.sizes.get(index) == bar.size for index, bar in bars.items())
    return sized and all(bar.address in device.begun for bar in bars.values() if bar.kind != "io")


def guest_spans(facts: Sequence[Facts], space: str) -> tuple[Span, ...]:
    """The rendered flat view of `memory` or `ports`: RAM as `ram`, everything else by its region's name."""
    for one in facts:
        spans = [s for s in one.mtree if s.flat and s.space == space and not s.disabled and not _is_catch_all(s)]
        if spans:
            return _without_overlaps(spans)
    return ()


def _is_catch_all(span: MtreeSpan) -> bool:
    """A range that nothing answers: a container, which for ports is called `io` and is an i/o range before 11.1."""
    return span.kind == "container" or (span.space == "ports" and span.name == "io")


def _without_overlaps(spans: Sequence[MtreeSpan]) -> tuple[Span, ...]:
    """Several views of the same space say the same; where they do not, the first one counts."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: s.first):
        if not kept or kept[-1].last < span.first:
            kept.append(Span(span.first, span.last, "ram" if is_ram(span) else span.name))
    return tuple(kept)


def is_ram(span: MtreeSpan) -> bool:
    """RAM of the guest: not a mapped part of a BAR, which is RAM to QEMU as well."""
    return span.kind in ("ram", "nv-ram") and _BAR_NAME.match(span.name) is None
