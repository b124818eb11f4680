"""`replay`: definitions in front of a recorded trace."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import polars as pl

from quirkfinder.card.model import Card, Machine
from quirkfinder.definition.model import Leak, Match, Mirror, QuirkDefinition, Sink, Window
from quirkfinder.replay.player import Player
from quirkfinder.replay.report import DeviceReplay, ReplayReport

#: the release whose splitting of accesses is followed where nothing else is said
NEWEST = (11, 1)
_CLASS_VGA = 0x0300
Mechanism = TypeVar("Mechanism", Window, Mirror, Leak, Sink)


def replay(
    definitions: Iterable[QuirkDefinition] | QuirkDefinition,
    events: pl.DataFrame,
    machine: Machine | None = None,
    *,
    qemu: tuple[int, int] = NEWEST,
) -> ReplayReport:
    """Put the quirks of `definitions` in front of a recorded trace and say what the guest would have seen.

    `events` is a frame of `quirkfinder.events.SCHEMA` (`quirkfinder.reading.read`), `machine` what
    `quirkfinder.card.build_machine` made of it and of the inventories; without it there are no host addresses, so that
    little can be proven.  `qemu` is the release (major, minor) whose splitting of accesses is followed.

    Every access of the trace that touches a quirk goes through a model of QEMU's memory regions; the device's raw
    answers are the trace's.  A definition is played for each card it matches, and for every card where the trace does
    not tell the ids.  A read whose answer would be the same bytes is not a change.  The verdict on each quirk is
    "proven", "not refuted" or "refuted"; see `quirkfinder.replay.judge` for what speaks for and against one.
    """
    wanted = (definitions,) if isinstance(definitions, QuirkDefinition) else tuple(definitions)
    cards = machine.cards if machine is not None else _nameless_cards(events)
    devices: list[DeviceReplay] = []
    played: set[str] = set()
    for card in cards:
        mine = tuple(definition for definition in wanted if matches(definition.match, card))
        if mine:
            played |= {definition.name for definition in mine}
            devices.append(Player(mine, events, card, with_vga=_has_vga(card, cards), qemu=qemu).play())
    notes = [
        f"{definition.name}: no device of the trace matches {_wanted(definition.match)}"
        for definition in wanted
        if definition.name not in played
    ]
    return ReplayReport(tuple(devices), tuple(notes))


def verified(definition: QuirkDefinition, report: ReplayReport) -> QuirkDefinition:
    """The definition with the verdicts of a replay in the evidence of its quirks; what was not played stays."""

    def judged(mechanism: Mechanism) -> Mechanism:
        verdict = report.verdict(mechanism.name)
        return (
            mechanism
            if verdict is None
            else replace(mechanism, evidence=replace(mechanism.evidence, verification=verdict))
        )

    return replace(
        definition,
        windows=tuple(judged(window) for window in definition.windows),
        mirrors=tuple(judged(mirror) for mirror in definition.mirrors),
        leaks=tuple(judged(leak) for leak in definition.leaks),
        sinks=tuple(judged(sink) for sink in definition.sinks),
    )


def matches(match: Match, card: Card) -> bool:
    """Is the card one of the devices? What is not known of a card does not speak against it."""
    pairs = (
        (match.vendor, card.vendor),
        (None if match.device == "any" else match.device, card.device),
        (match.subvendor, card.subvendor),
        (match.subdevice, card.subdevice),
    )
    if any(wanted is not None and known is not None and wanted != known for wanted, known in pairs):
        return False
    code = match.class_code
    return code is None or card.class_code is None or card.class_code & match.class_mask == code


def _nameless_cards(events: pl.DataFrame) -> tuple[Card, ...]:
    names = events.select(pl.col("device").cast(pl.String).drop_nulls().unique().sort()).to_series()
    return tuple(Card(name) for name in names)


def _has_vga(card: Card, cards: tuple[Card, ...]) -> bool:
    """Are the VGA accesses of the trace this card's? The log does not say; one card can be x-vga at a time."""
    adapters = [c for c in cards if c.class_code is not None and c.class_code >> 8 == _CLASS_VGA]
    return card in adapters[:1] if adapters else len(cards) == 1


def _wanted(match: Match) -> str:
    device = "any device" if match.device == "any" else f"{match.device:04x}"
    return f"{match.vendor:04x}:{device}"
