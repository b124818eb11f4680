"""Recorded bundles as frame and machine, and definitions of the tests' own data."""

from functools import cache
from pathlib import Path

import polars as pl

from quirkfinder import inputs, inventory
from quirkfinder.card import Machine, build_machine
from quirkfinder.definition import QuirkDefinition, from_findings, load
from quirkfinder.reading import read
from tests.conftest import corpus_trace
from tests.definition.truth import bar, document_of

DATA = Path(__file__).parent / "data"


@cache
def bundle(name: str) -> tuple[pl.DataFrame, Machine]:
    """Events and machine of a bundle of the corpus."""
    sources = inputs.resolve([str(corpus_trace(name))])
    events = read([source for source in sources if source.role == "trace"]).events
    facts = [
        inventory.parse(source.read(), source.role, source.format, position)
        for position, source in enumerate(sources)
        if source.role in ("host", "guest")
    ]
    return events, build_machine(events, facts)


def known_definition(name: str) -> QuirkDefinition:
    """The definition that a perfect analysis of the bundle would give."""
    _, machine = bundle(name)
    (card,) = machine.cards
    bars = [bar(b.index, b.kind, b.size or 1) for b in card.bars if b.index < 6]
    document = document_of(name, bars, vendor=hex(card.vendor or 0), device=hex(card.device or 0))
    (definition,) = from_findings(document)
    return definition


def historical(name: str) -> QuirkDefinition:
    """A definition of `data`."""
    return load(DATA / f"{name}.toml")
