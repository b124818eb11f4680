"""The questions miners ask."""

import pytest

from quirkfinder.card import (
    Bar,
    Card,
    Machine,
    Placement,
    Span,
    bars_containing_guest,
    bars_containing_host,
    build_machine,
    guest_owner,
    host_owner,
    host_ranges,
    rows_of_card,
)
from quirkfinder.card.queries import span_at
from tests.card.frames import DEVICE, Log

CARD = Card(
    DEVICE,
    bars=(
        Bar(0, "memory32", 0x1000, 0xF0000000, 0xE0000000, None, (Placement(5, 0xE0000000), Placement(9, None))),
        Bar(1, "io", 0x100, 0xD000, 0xC000, None, (Placement(5, 0xC000),)),
        Bar(2, "memory64", None, 0xF0001000),
        Bar(6, "rom", 0x800, 0xF0000800),
    ),
)
OTHER = Card("other", bars=(Bar(3, "memory32", 0x1000, None, 0xE1000000, None, (Placement(0, 0xE1000000),)),))
MACHINE = Machine(
    (CARD, OTHER),
    host_spans=(Span(0, 0xFFFF, "System RAM"), Span(0xF0000000, 0xF0000FFF, "0000:03:00.0")),
    host_ports=(Span(0xD000, 0xD0FF, "0000:03:00.0"),),
    guest_spans=(
        Span(0, 0x1FFFFFFF, "ram"),
        Span(0xE0000000, 0xE0000FFF, f"{DEVICE} BAR 0"),
        Span(0xFEC00000, 0xFEC00FFF, "ioapic"),
    ),
    guest_ports=(Span(0xCF8, 0xCFB, "pci-conf-idx"),),
)


def test_host_addresses() -> None:
    assert [bar.index for bar in bars_containing_host(CARD, 0xF0000800)] == [0, 6]
    assert bars_containing_host(CARD, 0xF0001000) == ()
    assert host_ranges(CARD) == (
        Span(0xD000, 0xD0FF, "bar1"),
        Span(0xF0000000, 0xF0000FFF, "bar0"),
        Span(0xF0000800, 0xF0000FFF, "rom"),
    )
    assert host_owner(MACHINE, 0x10) == "System RAM"
    assert host_owner(MACHINE, 0xD010, ports=True) == "0000:03:00.0"
    assert host_owner(MACHINE, 0xD010) == "System RAM"
    assert host_owner(MACHINE, 0x10000) is None


@pytest.mark.parametrize(
    ("address", "row", "ports", "expected"),
    [
        (0xE0000FFF, 5, False, "bar0"),
        (0xE0000FFF, 8, False, "bar0"),
        (0xE0000FFF, 4, False, None),
        (0xE0000FFF, 9, False, None),
        (0xE0001000, 5, False, None),
        (0xE1000010, 5, False, "other bar3"),
        (0x1000, 5, False, "ram"),
        (0xC010, 5, False, "ram"),
        (0xC010, 5, True, "bar1"),
        (0xCF8, 5, True, "pci-conf-idx"),
        (0xFEC00010, 0, False, "ioapic"),
        (0xFED00000, 0, False, None),
    ],
)
def test_guest_owner(address: int, row: int, ports: bool, expected: str | None) -> None:
    assert guest_owner(MACHINE, CARD, address, row, ports=ports) == expected


def test_bars_of_the_guest() -> None:
    assert [b.index for b in bars_containing_guest(CARD, 0xE0000000, 6)] == [0]
    assert bars_containing_guest(CARD, 0xC000, 6) == ()
    assert [b.index for b in bars_containing_guest(CARD, 0xC000, 6, ports=True)] == [1]


def test_span_at() -> None:
    spans = (Span(0, 9, "a"), Span(20, 29, "b"))
    assert [span.name if (span := span_at(spans, at)) else None for at in (0, 9, 10, 19, 20, 30)] == [
        "a",
        "a",
        None,
        None,
        "b",
        None,
    ]


def test_the_rows_of_a_card() -> None:
    log = Log(None)
    nameless = log.access()
    log.device = DEVICE
    named = log.read(0, 0x47111C5A)
    frame = log.frame()
    machine = build_machine(frame, [])
    mine = frame.with_row_index("row").filter(rows_of_card(machine, machine.cards[0]))["row"].to_list()
    assert mine == [nameless, named]
    log.device = "0000:04:00.0"
    log.access()
    frame = log.frame()
    machine = build_machine(frame, [])
    by_name = {
        card.name: frame.with_row_index("row").filter(rows_of_card(machine, card))["row"].to_list()
        for card in machine.cards
    }
    assert by_name == {DEVICE: [named], "0000:04:00.0": [named + 1], "unnamed": [nameless]}
