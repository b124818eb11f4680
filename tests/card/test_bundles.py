"""Recorded runs end to end: the card from the log agrees with every listing beside it."""

import json
from pathlib import Path

import pytest

from quirkfinder.card import Machine, build_machine
from quirkfinder.inputs import resolve
from quirkfinder.inventory import Facts, parse
from quirkfinder.reading import read
from tests.conftest import CORPUS

BUNDLES = sorted(path for path in CORPUS.iterdir() if path.is_dir())


@pytest.fixture(scope="module", params=BUNDLES, ids=lambda path: path.name)
def bundle(request: pytest.FixtureRequest) -> tuple[Path, list[Facts], Machine]:
    path: Path = request.param
    sources = resolve([str(path)])
    facts = [parse(s.read(), s.role, s.format, at) for at, s in enumerate(sources) if s.role in ("host", "guest")]
    return path, facts, build_machine(read(sources).events, facts)


def test_the_listings_and_nothing_else_are_recognised(bundle: tuple[Path, list[Facts], Machine]) -> None:
    path, facts, _ = bundle
    listed = [name for name in path.iterdir() if name.name.startswith(("host-", "guest-", "command"))]
    assert len(facts) == len(listed)
    assert all(one.unrecognised == 0 for one in facts)


def test_listings_that_agree_give_no_contradictions(bundle: tuple[Path, list[Facts], Machine]) -> None:
    _, _, machine = bundle
    assert machine.contradictions == ()
    for card in machine.cards:
        assert card.contradictions == ()


def test_every_bar_has_both_addresses(bundle: tuple[Path, list[Facts], Machine]) -> None:
    _, facts, machine = bundle
    (card,) = machine.cards
    assert card.host_address is not None
    inside = [f for one in facts for f in one.guest_functions if (f.vendor, f.device) == (card.vendor, card.device)]
    for bar in card.bars:
        if bar.index == 6:
            continue
        assert bar.kind != "unknown"
        assert bar.size is not None
        assert bar.host is not None
        shown = [b.address for f in inside for b in f.bars if b.index == bar.index]
        assert bar.guest in shown
        assert bar.host % bar.size == 0
        assert all(p.address is None or p.address % bar.size == 0 for p in bar.placements)
        assert [p.row for p in bar.placements] == sorted({p.row for p in bar.placements})


def test_truth_where_the_recording_says_it(bundle: tuple[Path, list[Facts], Machine]) -> None:
    path, _, machine = bundle
    truth = path / "truth.json"
    if not truth.exists():
        return
    for finding in json.loads(truth.read_text())["findings"]:
        if finding["kind"] != "identity-mapped-bar":
            continue
        bar = machine.cards[0].bar(finding["bar"])
        assert bar is not None
        assert bar.host == bar.guest
