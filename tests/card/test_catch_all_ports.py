"""The catch-all of the port space is nothing: no address ends there."""

import pytest

from quirkfinder import inputs, inventory
from quirkfinder.card.guests import guest_spans
from tests.conftest import corpus_trace


@pytest.mark.parametrize("run", ["radeon", "identity", "ati-doors"])
def test_no_port_belongs_to_the_catch_all_whatever_the_release_calls_it(run: str) -> None:
    sources = [source for source in inputs.resolve([corpus_trace(run)]) if source.role == "guest"]
    facts = [inventory.parse(s.read(), "guest", s.format, position) for position, s in enumerate(sources)]
    names = {span.name for span in guest_spans(facts, "ports")}
    assert "rtc" in names or any(name.startswith("rtc") for name in names)
    assert "io" not in names
