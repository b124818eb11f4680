"""Our scorer's rules, by hand and against the shared one where it is at hand."""

import importlib.util
import json
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from ..conftest import shared
from .evaluate import Evaluation, culprit, describe, evaluate
from .generate import RandomCard, make_card
from .scoring import explained, same, score

WINDOW = {
    "kind": "window", "region": "bar4", "address": {"offset": 0, "size": 4}, "data": {"offset": 4, "size": 4},
    "targets": [{"match": 0x4000, "mask": 0xFFF, "base": 0, "space": "config", "required": True}],
}  # fmt: skip


def window(**target: Any) -> dict[str, Any]:  # noqa: ANN401  # fields of a target
    return {**WINDOW, "targets": [{"match": "0x4000", "mask": "0xff", "base": "0x0", "space": "config", **target}]}


@pytest.mark.parametrize(
    ("claimed", "verdict"),
    [
        (window(), True),
        (window(match="0x4010", base="0x10", mask="0xf"), True),
        (window(mask="0x1fff"), False),
        (window(space="bar2"), False),
        (window(scale=4), False),
        (window(base="0x100"), False),
        ({**window(), "region": "bar0"}, False),
        ({**window(), "data": {"offset": "0x8", "size": 4}}, False),
    ],
)
def test_windows(claimed: dict[str, Any], verdict: bool) -> None:
    assert same(WINDOW, claimed) is verdict
    assert explained(claimed, [WINDOW]) is verdict


def test_an_unknown_target_beside_a_true_one_is_no_lie() -> None:
    both = {**WINDOW, "targets": [*window()["targets"], {"match": 0, "mask": 0xF, "base": 0, "space": "unknown"}]}
    assert explained(both, [WINDOW])


def test_a_mirror_may_be_found_in_part() -> None:
    true = {"kind": "config-mirror", "region": "bar2", "offset": 0x4000, "size": 0x1000, "config_offset": 0}
    assert same(true, {**true, "offset": "0x4010", "size": "0x40", "config_offset": "0x10"})
    assert not same(true, {**true, "offset": "0x4010", "size": "0x40"})
    assert not same(true, {**true, "size": "0x2000"})


def test_a_sink_may_name_fewer_sites_but_is_found_with_all() -> None:
    true = {"kind": "address-sink", "region": "bar0", "what": "msi-address", "sites": [8, 16, 24]}
    fewer = {**true, "sites": ["0x8"]}
    assert not same(true, fewer)
    assert explained(fewer, [true])
    assert not explained({**true, "sites": [8, 12]}, [true])


def shared_scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_score", shared("tools", "score.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spoil(rng: Random, entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with something changed, or not."""
    entry = json.loads(json.dumps({k: v for k, v in entry.items() if k not in ("door", "level")}))
    if rng.random() < 0.5:
        return entry
    key = rng.choice([k for k in entry if k != "kind"])
    if key == "targets":
        target = rng.choice(entry["targets"])
        target[rng.choice(("match", "mask", "base"))] ^= 1 << rng.randrange(8)
    elif key == "sites":
        entry["sites"] = entry["sites"][: rng.randint(0, 2)] or [4]
    elif isinstance(entry[key], dict):
        entry[key]["offset"] ^= 4
    elif isinstance(entry[key], int):
        entry[key] ^= 1 << rng.randrange(5)
    elif entry[key] is not None and rng.random() < 0.5:
        entry[key] = "bar0"
    return entry


@pytest.mark.parametrize("seed", range(40))
def test_ours_equals_the_shared_scorer(seed: int) -> None:
    theirs, rng = shared_scorer(), Random(seed)
    truth = make_card(seed).truth
    pool = [*truth["findings"], *truth["allowed"][:60]]
    chosen = [spoil(rng, e) for e in pool if rng.random() < 0.7]
    verdicts = ("confirmed", "likely", "benign")
    document = {"findings": [{"kind": e["kind"], "verdict": rng.choice(verdicts), "parameters": e} for e in chosen]}
    ours, other = score(truth, document), theirs.score(truth, document)
    for name in ("required", "found", "claims", "false"):
        assert ours[name] == other[name], name


def perfect(bundle: Path) -> dict[str, Any]:
    """An analyser that knows the truth."""
    truth = json.loads((bundle / "truth.json").read_text())
    entries = [*truth["findings"], *(e for e in truth["allowed"] if e["level"] == "wanted")]
    return {"findings": [{**e, "verdict": "confirmed", "confidence": 0.97} for e in entries]}


def test_a_perfect_analyser_gets_full_marks() -> None:
    result = evaluate(range(20), analyser=perfect)
    assert (result.recall, result.precision, result.false_per_thousand()) == (1.0, 1.0, 0.0)
    assert result.wanted_found == result.wanted
    assert "recall 1.000" in describe(result)


def test_a_silent_analyser_finds_nothing_and_claims_nothing() -> None:
    result = evaluate(range(10), analyser=lambda _: {"findings": []})
    assert result.recall == 0.0
    assert result.precision == 1.0
    assert result.missed_examples


def test_a_liar_is_caught_at_the_decoy_it_fell_for() -> None:
    card = make_card(4, kinds=["pll"], inventory="full")
    region, first, _ = card.features[0].places[0]
    lie = {**window(), "region": f"bar{region}", "data": {"offset": first + 4, "size": 4}, "verdict": "likely"}
    evaluation = Evaluation()
    evaluation.add(card, {"findings": [{**lie, "confidence": 0.6}]})
    assert evaluation.false_at["pll"] == 1
    assert evaluation.bins[1] == 1
    assert not evaluation.bins_true[1]
    assert culprit(card, {"kind": "identity-mapped-bar", "bar": 0}) == "layout"


def test_a_crash_is_reported_with_its_seed() -> None:
    def broken(_: Path) -> dict[str, Any]:
        raise RuntimeError("no")

    result = evaluate([11], analyser=broken)
    assert result.failures == [(11, "RuntimeError: no")]
    assert "failed: seed 11" in describe(result)


def test_cards_are_cheap_and_of_a_usual_length() -> None:
    cards: list[RandomCard] = [make_card(seed) for seed in range(60)]
    lengths = sorted(len(card.log_lines) for card in cards)
    assert lengths[0] > 150
    assert lengths[-1] < 6000
