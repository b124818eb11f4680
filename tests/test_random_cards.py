"""Cards that nobody here has seen: recall over all doors, and claims that hold."""

import sys

import pytest

from tests.randomcards.evaluate import Evaluation, describe, evaluate


def told(evaluation: Evaluation) -> Evaluation:
    """Print recall and false claims, with the seeds of what went wrong; pytest shows it for a test that fails."""
    sys.stdout.write(describe(evaluation) + "\n")
    assert evaluation.failures == []
    return evaluation


def test_three_hundred_cards() -> None:
    result = told(evaluate(range(5000, 5300)))
    assert result.recall >= 0.97
    assert result.false.total() <= 3


@pytest.mark.slow
@pytest.mark.parametrize(("evidence", "recall"), [(0.5, 0.93), (0.25, 0.80)])
def test_guests_that_hardly_use_a_door(evidence: float, recall: float) -> None:
    """Five hundred cards each with a share of the uses: less is found, and what is claimed still holds."""
    result = told(evaluate(range(9000, 9500), evidence=evidence))
    assert result.recall >= recall
    assert result.false.total() <= 5


@pytest.mark.slow
def test_what_is_claimed_with_more_confidence_holds_more_often() -> None:
    result = told(evaluate(range(9500, 9800), evidence=0.5))
    for number in result.bins:
        floor = (0.5, 0.5, 0.8, 0.85, 0.9, 0.93, 0.95)[number]
        if result.bins[number] >= 20:
            assert result.bins_true[number] / result.bins[number] >= floor
