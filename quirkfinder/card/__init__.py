"""The card: what a device has on the host and what the guest was given, over time."""

from quirkfinder.card.machine import build_machine
from quirkfinder.card.model import (
    Bar,
    Card,
    ConfigSpace,
    Contradiction,
    Machine,
    MsiCapability,
    MsixCapability,
    Neighbour,
    Placement,
    Position,
    Span,
)
from quirkfinder.card.queries import (
    bars_containing_guest,
    bars_containing_host,
    guest_owner,
    host_owner,
    host_ranges,
    rows_of_card,
)

__all__ = [
    "Bar",
    "Card",
    "ConfigSpace",
    "Contradiction",
    "Machine",
    "MsiCapability",
    "MsixCapability",
    "Neighbour",
    "Placement",
    "Position",
    "Span",
    "bars_containing_guest",
    "bars_containing_host",
    "build_machine",
    "guest_owner",
    "host_owner",
    "host_ranges",
    "rows_of_card",
]
