"""The truth is well-formed, careful, and nothing in it depends on chance."""

import json
from pathlib import Path

import pytest

from .features import REGISTRY
from .generate import DECOYS, DOORS, make_card
from .inventories import PLANS
from .scoring import CLAIMS, same, score


def document(entries: list[dict[str, object]]) -> dict[str, object]:
    return {"findings": [{**e, "verdict": "confirmed", "confidence": 1.0} for e in entries]}


def test_there_are_enough_kinds() -> None:
    assert len(DOORS) >= 40
    assert len(DECOYS) >= 25


@pytest.mark.parametrize("seed", range(25))
def test_the_same_seed_gives_the_same_card(seed: int) -> None:
    first, second = make_card(seed), make_card(seed)
    assert first.log_lines == second.log_lines
    assert first.truth == second.truth
    assert first.inventory.files == second.inventory.files


def test_other_seeds_give_other_cards() -> None:
    assert len({tuple(make_card(seed).log_lines) for seed in range(10)}) == 10


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_every_kind_stands_alone(kind: str) -> None:
    for seed in range(3):
        card = make_card(seed, kinds=[kind], inventory="full", capture="full")
        assert [*card.doors, *card.decoys] == [kind]
        assert card.log_lines


@pytest.mark.parametrize("seed", range(40))
def test_the_truth_explains_itself(seed: int) -> None:
    """Whoever claims all that is true and no more scores full marks."""
    truth = make_card(seed).truth
    result = score(truth, document([*truth["findings"], *truth["allowed"]]))
    assert not result["missed"]
    assert not result["false_claims"]


@pytest.mark.parametrize("seed", range(40))
def test_the_required_alone_are_enough(seed: int) -> None:
    truth = make_card(seed).truth
    assert score(truth, document(truth["findings"]))["found"] == len(truth["findings"])


def test_entries_have_the_contracts_kinds_and_regions() -> None:
    for seed in range(60):
        truth = make_card(seed).truth
        for entry in [*truth["findings"], *truth["allowed"]]:
            assert entry["kind"] in CLAIMS
            assert entry.get("region", "bar0") in {*(f"bar{k}" for k in range(6)), "vga"}
            for target in entry.get("targets", []):
                assert target["space"] in {"config", "msix-table", *(f"bar{k}" for k in range(6))}


def test_nothing_is_said_twice() -> None:
    for seed in range(40):
        truth = make_card(seed).truth
        entries = [*truth["findings"], *truth["allowed"]]
        windows = [(e["region"], e["address"]["offset"], e["data"]["offset"]) for e in entries if e["kind"] == "window"]
        assert len(windows) == len(set(windows))
        sinks = [(e["region"], e["what"]) for e in entries if e["kind"] == "address-sink"]
        assert len(sinks) == len(set(sinks))


def test_without_inventories_no_address_is_asked_for() -> None:
    kinds = {"address-leak", "host-address-access", "identity-mapped-bar", "address-collision"}
    for seed in range(60):
        for plan in ("none", "guest"):
            assert not kinds & {e["kind"] for e in make_card(seed, inventory=plan).truth["findings"]}


def test_decoys_alone_ask_for_nothing() -> None:
    for seed in range(60):
        card = make_card(seed, kinds=DECOYS)
        assert not card.truth["findings"]


def test_less_evidence_asks_for_no_more() -> None:
    total = dict.fromkeys((1.0, 0.5, 0.25), 0)
    for share in total:
        total[share] = sum(len(make_card(seed, evidence=share, capture="full").truth["findings"]) for seed in range(60))
    assert total[1.0] >= total[0.5] >= total[0.25] > 0


def test_most_doors_are_required_with_full_evidence() -> None:
    """Kinds the contract cannot express, or that are likely at most, are the exceptions."""
    never = {
        "window-across-bars",
            "window-stale-read", "window-msix-table", "leak-byte-swapped", "leak-high-half", "leak-split-halves",
        "leak-stolen-memory", "leak-vga-byte",
    }  # fmt: skip
    for kind in set(DOORS) - never:
        asked = [
            len(make_card(seed, kinds=[kind], inventory="full", capture="full").truth["findings"]) for seed in range(12)
        ]
        assert sum(n > 0 for n in asked) >= 8, kind


@pytest.mark.parametrize("plan", sorted(PLANS))
def test_a_bundle_on_disk_is_complete(plan: str, tmp_path: Path) -> None:
    card = make_card(3, inventory=plan)
    folder = card.write(tmp_path / "bundle")
    assert {p.name for p in folder.iterdir()} == {"qemu.log", "truth.json", *PLANS[plan]}
    assert json.loads((folder / "truth.json").read_text()) == card.truth
    assert (folder / "qemu.log").read_text().splitlines() == card.log_lines


def test_an_alias_of_a_window_is_true_as_well() -> None:
    card = make_card(2, kinds=["window-two-bars"], inventory="full", capture="full")
    windows = [e for e in card.truth["findings"] + card.truth["allowed"] if e["kind"] == "window"]
    assert len({w["region"] for w in windows}) == 2
    assert not same(windows[0], {**windows[0], "region": "bar5", "targets": []})
