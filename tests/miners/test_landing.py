"""Where a leaked address ends in the guest: said, where it is known."""

import pytest

from tests.miners.examples import EXAMPLES


@pytest.mark.parametrize(
    ("name", "lands_on", "words"),
    [
        ("leak-where-the-guest-is-not-known", "unknown", "is not known"),
        ("leak-under-an-index-unused", "nothing", "the guest has that BAR at"),
        ("stray-before-the-bar-moved-there", "nothing", "moved the BAR to the leaked address later"),
    ],
)
def test_where_a_leak_lands(name: str, lands_on: str, words: str) -> None:
    leak = next(f for f in EXAMPLES[name].found() if f.kind == "address-leak")
    assert leak.parameters["leaks"][0]["lands_on"] == lands_on
    assert words in leak.reason
