"""Questions that miners ask of a card and its machine."""

from bisect import bisect_right

import polars as pl

from quirkfinder.card.model import Bar, Card, Machine, Span
from quirkfinder.card.rows import UNNAMED

_HIGHEST_PORT = 0xFFFF


def bars_containing_host(card: Card, address: int) -> tuple[Bar, ...]:
    """The BARs (and the ROM) in whose host range an address lies. Ports and memory are different spaces: both count."""
    return tuple(bar for bar in card.bars if bar.host_contains(address))


def bars_containing_guest(card: Card, address: int, row: int, *, ports: bool = False) -> tuple[Bar, ...]:
    """The BARs in which a guest-physical address (or port) lies at event `row`."""
    return tuple(
        bar
        for bar in card.bars
        if (bar.kind == "io") == ports
        and bar.size is not None
        and (base := bar.guest_at(row)) is not None
        and base <= address < base + bar.size
    )


def host_ranges(card: Card) -> tuple[Span, ...]:
    """The host ranges of the card's BARs of known address and size, named `bar0`..`bar5` and `rom`, by address."""
    ranges = [
        Span(bar.host, bar.host + bar.size - 1, "rom" if bar.index == 6 else f"bar{bar.index}")
        for bar in card.bars
        if bar.host is not None and bar.size
    ]
    return tuple(sorted(ranges, key=lambda span: (span.first, span.last)))


def guest_owner(machine: Machine, card: Card, address: int, row: int, *, ports: bool = False) -> str | None:
    """What lies at a guest-physical address (or port) at event `row`; None: nothing that is known of.

    `bar2`: a BAR of this card; `0000:02:00.0 bar0`: of another traced card; `ram`: the guest's RAM; else the name of
    the region.  RAM and devices are known as they were at the end of the log.
    """
    own = bars_containing_guest(card, address, row, ports=ports)
    if own:
        return _bar_name(own[0])
    for other in machine.cards:
        found = bars_containing_guest(other, address, row, ports=ports) if other.name != card.name else ()
        if found:
            return f"{other.name} {_bar_name(found[0])}"
    spans = machine.guest_ports if ports else machine.guest_spans
    # A range of the map at the end in which a traced card's BAR lies is no other device: at this row the BAR was not
    # there, or it would have been found above.
    span = span_at(spans, address)
    return None if span is None or _is_traced_bar(machine, span, ports) else span.name


def host_owner(machine: Machine, address: int, *, ports: bool = False) -> str | None:
    """What the host has at an address: the innermost name of /proc/iomem (or ioports); None: nothing known."""
    span = span_at(machine.host_ports if ports else machine.host_spans, address)
    return None if span is None else span.name


def span_at(spans: tuple[Span, ...], address: int) -> Span | None:
    """The span that holds an address, of spans sorted by their first address that do not overlap."""
    at = bisect_right(spans, address, key=lambda span: span.first)
    return spans[at - 1] if at and address in spans[at - 1] else None


def rows_of_card(machine: Machine, card: Card) -> pl.Expr:
    """Selects the events of a card: those that name it, and the nameless ones where they can only be its own.

    Accesses to VGA name no device in any version and are not selected.
    """
    if card.name == UNNAMED:
        return pl.col("device").is_null()
    named = pl.col("device") == card.name
    return named | pl.col("device").is_null() if card.name in machine.owns_nameless else named


def _bar_name(bar: Bar) -> str:
    return "rom" if bar.index == 6 else f"bar{bar.index}"


def _is_traced_bar(machine: Machine, span: Span, ports: bool) -> bool:
    for card in machine.cards:
        for bar in card.bars:
            if (bar.kind == "io") != ports or bar.guest is None or not bar.size:
                continue
            if bar.guest <= span.first and span.last < bar.guest + bar.size:
                return True
    return False
