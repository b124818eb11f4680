"""Events and listings to cards: `build_machine`."""

from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from quirkfinder.card import rows as extraction
from quirkfinder.card.bars import Sources, card_bars
from quirkfinder.card.capabilities import card_msi, card_msix
from quirkfinder.card.configspace import host_config
from quirkfinder.card.dispatch import dispatched_bases, named_regions, nameless_bases
from quirkfinder.card.draft import Draft, learn_kinds, read_drafts
from quirkfinder.card.guests import GuestBar, function_bars, guest_functions, guest_spans, match_guest, mtree_bars
from quirkfinder.card.hosts import Function, overlaps
from quirkfinder.card.listening import final_map, stays
from quirkfinder.card.model import (
    EMPTY_CONFIG,
    Bar,
    Card,
    Contradiction,
    Machine,
    Neighbour,
)
from quirkfinder.card.rows import Row
from quirkfinder.card.sides import Sides, sort_out
from quirkfinder.card.spans import host_leaves, listened_spans
from quirkfinder.events import CONFIG
from quirkfinder.inventory.facts import Facts, InventoryBar


def build_machine(events: pl.DataFrame, facts: Sequence[Facts]) -> Machine:
    """The cards of a log with their host and guest addresses, and the machine around them.

    `events`: the frame of `quirkfinder.events.SCHEMA`; rows in placements and messages are positions in it.  `facts`:
    the listings beside the log (`quirkfinder.inventory.parse`), possibly none.  Never fails for want of information:
    what is not known is None, what cannot be decided is a note, what disagrees is a contradiction.
    """
    drafts, map_rows = read_drafts(events)
    sides = sort_out(drafts, facts)
    drafts = [_with_kinds(events, draft, sides.matched.get(draft.name)) for draft in drafts]
    notes = [*(note for one in sides.facts for note in one.notes), *sides.notes]
    named = named_regions(events)
    paired = nameless_bases(events, {(d.name, index): size for d in drafts for index, size in d.sizes.items()})
    sizes = {size for draft in drafts for index, size in draft.sizes.items() if index < CONFIG}
    start = min((row.row for row in map_rows if row.event == "region_setup"), default=0)
    possible = stays(map_rows, sizes, start)
    sent = extraction.message_rows(events)
    cards = []
    for draft in drafts:
        told, note = _told(draft, sides, alone=len(drafts) == 1)
        notes += [note] if note else []
        host = sides.matched.get(draft.name)
        sources = Sources(
            events,
            draft,
            host,
            sides.bars(draft),
            told,
            sides.facts,
            map_rows,
            possible,
            {bar: placements for (name, bar), placements in paired.items() if name == draft.name}
            | {
                bar: dispatched_bases(events, draft.name, bar, region)
                for (name, bar), region in named.items()
                if name == draft.name and not draft.placements.get(bar)
            },
        )
        cards.append(_card(events, sources, sides, sent))
        notes += sources.notes
    return _machine(cards, sides, map_rows, notes, _nameless(events, drafts))


def _with_kinds(events: pl.DataFrame, draft: Draft, host: Function | None) -> Draft:
    return draft if host is None else learn_kinds(events, draft, {i: b.kind for i, b in host.bars().items() if i < 6})


def _told(draft: Draft, sides: Sides, *, alone: bool) -> tuple[list[GuestBar], str | None]:
    found, note = match_guest(draft.traits(), guest_functions(sides.facts), sides.facts, alone=alone)
    bars = [bar for source, function in found for bar in function_bars(source, function)]
    return [*bars, *mtree_bars(draft.name, sides.facts)], note


def _nameless(events: pl.DataFrame, drafts: list[Draft]) -> tuple[str, ...]:
    if len(drafts) != 1 or drafts[0].key is None:
        return ()
    return (drafts[0].name,) if extraction.device_names(events)[1] else ()


def _card(events: pl.DataFrame, sources: Sources, sides: Sides, sent: list[Row]) -> Card:
    draft, host = sources.draft, sources.host
    bars = card_bars(sources)
    identity = [
        guest if guest is not None else listed
        for guest, listed in zip(draft.identity, (None,) * 4 if host is None else host.identity, strict=True)
    ]
    class_code = draft.config.read(0x09, 3)
    found = [*sources.contradictions, *sides.contradictions(draft), *_overlapping(draft, bars)]
    dump = EMPTY_CONFIG if host is None else host_config(host.config)
    return Card(
        draft.name,
        None if host is None else host.address,
        identity[0],
        identity[1],
        identity[2],
        identity[3],
        class_code if class_code is not None or host is None else host.first("class_code"),
        bars,
        dump,
        draft.config,
        _config_size(draft, dump.size),
        card_msi(events, draft, host, sent),
        card_msix(draft, host),
        tuple(dict.fromkeys(found)),
    )


def _config_size(draft: Draft, dumped: int) -> int | None:
    """VFIO's size of the config region, else what was seen of it; PCI Express has 4096 bytes, PCI 256."""
    seen = max(draft.config.size, dumped)
    return draft.config_size or (seen if seen > 64 else None)


def _overlapping(draft: Draft, bars: tuple[Bar, ...]) -> list[Contradiction]:
    """BARs that the guest had at overlapping addresses at the end."""
    found = []
    for ports in (False, True):
        placed = []
        for bar in bars:
            last = bar.placements[-1] if bar.placements else None
            if last is not None and last.address is not None and bar.size and (bar.kind == "io") == ports:
                placed.append((last.address, last.address + bar.size - 1, bar.index, last.position))
        placed.sort(key=lambda entry: entry[:3])
        for (_, last_address, index, position), (first, _, other, second) in pairwise(placed):
            if first <= last_address:
                text = f"{draft.name}: the guest has BAR{index} and BAR{other} overlap at 0x{first:x}"
                found.append(Contradiction(text, tuple(p for p in (position, second) if p is not None)))
    return found


def _machine(
    cards: list[Card], sides: Sides, map_rows: list[Row], notes: list[str], nameless: tuple[str, ...]
) -> Machine:
    memory = [span for one in sides.facts for span in one.memory]
    ports = [span for one in sides.facts for span in one.ports]
    rendered = guest_spans(sides.facts, "memory")
    listened = listened_spans(final_map(map_rows), (bar for card in cards for bar in card.bars))
    return Machine(
        tuple(cards),
        tuple(_neighbour(function) for function in sides.neighbours()),
        host_leaves(memory),
        host_leaves(ports),
        rendered or listened,
        guest_spans(sides.facts, "ports"),
        (*sides.machine_contradictions, *overlaps(sides.functions)),
        tuple(dict.fromkeys(notes)),
        nameless,
    )


def _neighbour(function: Function) -> Neighbour:
    return Neighbour(
        function.address or "",
        function.name,
        host_config(function.config),
        tuple(_listed_bar(bar) for _, bar in sorted(function.bars().items())),
        function.is_bridge,
        function.first("secondary_bus"),
    )


def _listed_bar(bar: InventoryBar) -> Bar:
    return Bar(bar.index or 0, bar.kind, bar.size, bar.address, None, bar.prefetchable)
