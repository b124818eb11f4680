"""Where a leaked address ends in the guest: said as it was at the time, and only where it is known."""

from dataclasses import replace

from quirkfinder.card.model import Placement
from quirkfinder.findings import Finding
from tests.miners.examples import FOLDER, Example, load


def example_of(name: str) -> Example:
    return load(FOLDER / f"{name}.txt")


def leak_of(findings: list[Finding]) -> Finding:
    return next(f for f in findings if f.kind == "address-leak")


def test_a_bar_that_nobody_placed_may_be_anywhere() -> None:
    leak = leak_of(example_of("leak-where-the-guest-is-not-known").found())
    assert leak.parameters["leaks"][0]["lands_on"] == "unknown"
    assert "is not known" in leak.reason


def test_a_bar_that_is_elsewhere_leaves_nothing_at_the_address() -> None:
    leak = leak_of(example_of("leak-under-an-index-unused").found())
    assert leak.parameters["leaks"][0]["lands_on"] == "nothing"


def test_accesses_before_the_bar_moved_to_the_leaked_address_hit_nothing() -> None:
    example = example_of("stray-through-a-leak")
    bar = example.function.bars[0]
    last = len(example.rows) - 1
    moved = (Placement(-1, bar.guest), Placement(last, bar.host))
    example.function.bars[0] = replace(bar, guest=bar.host, placements=moved)
    found = example.found()
    stray = next(f for f in found if f.kind == "host-address-access")
    assert stray.verdict == "confirmed"
    assert stray.parameters["writes"] == 1  # the read came when the BAR was there
    assert leak_of(found).parameters["leaks"][0]["lands_on"] == "nothing"
    assert "by accident" not in leak_of(found).reason
