"""The card: what a device has on the host and what the guest was given, over time."""

from quirkfinder.card.model import (
    Bar,
    Card,
    ConfigSpace,
    Contradiction,
    Machine,
    MsiCapability,
    MsixCapability,
    Placement,
    Position,
    Span,
)

__all__ = [
    "Bar",
    "Card",
    "ConfigSpace",
    "Contradiction",
    "Machine",
    "MsiCapability",
    "MsixCapability",
    "Placement",
    "Position",
    "Span",
]
