"""The whole tool on random cards: a floor under recall and a lid on false claims, seeds fixed."""

from .evaluate import evaluate


def test_most_doors_are_found_and_hardly_anything_is_made_up() -> None:
    result = evaluate(range(20))
    assert not result.failures
    assert result.recall >= 0.9, result.missed_examples
    assert result.false.total() <= 2, result.false_examples


def test_a_quarter_of_the_evidence_makes_fewer_claims_not_wilder_ones() -> None:
    result = evaluate(range(20), evidence=0.25)
    assert not result.failures
    assert result.precision >= 0.9, result.false_examples
