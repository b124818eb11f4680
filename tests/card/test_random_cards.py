"""Cards from made-up bundles: the generator knows where every BAR lies, the card has to find out."""

from pathlib import Path

import polars as pl
import pytest

from quirkfinder.card import Card, Machine, build_machine
from quirkfinder.inputs import resolve
from quirkfinder.inventory import Facts, parse
from quirkfinder.reading import read
from tests.randomcards.generate import RandomCard, make_card

SEEDS = range(700, 710)


def read_bundle(made: RandomCard, folder: Path) -> tuple[pl.DataFrame, list[Facts]]:
    sources = resolve([str(made.write(folder / "bundle"))])
    facts = [parse(s.read(), s.role, s.format, at) for at, s in enumerate(sources) if s.role in ("host", "guest")]
    assert all(one.unrecognised == 0 for one in facts)
    return read(sources).events, facts


def card_of(made: RandomCard, machine: Machine) -> Card:
    return next(card for card in machine.cards if card.name == made.dialect.device)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_bar_is_found(seed: int, tmp_path: Path) -> None:
    made = make_card(seed, capture="full")
    machine = build_machine(*read_bundle(made, tmp_path))
    card = card_of(made, machine)
    assert card.contradictions == ()
    for index, bar in made.card.bars.items():
        found = card.bar(index)
        assert found is not None
        assert (found.kind, found.size) == (bar.kind, bar.size)
        if index < 6:
            assert found.guest == bar.guest
            assert found.host == bar.host if made.inventory.tells_host_bars else found.host in (None, bar.host)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_config_accesses_nothing_wrong_is_said(seed: int, tmp_path: Path) -> None:
    """The listener alone may leave BARs open; what it gives must be right."""
    made = make_card(seed, inventory="host")
    events, facts = read_bundle(made, tmp_path)
    blind = events.filter(~pl.col("event").is_in(["config_read", "config_write"]))
    card = card_of(made, build_machine(blind, facts))
    for index, bar in made.card.bars.items():
        found = card.bar(index)
        if found is not None and index < 6:
            assert found.guest in (None, bar.guest)
