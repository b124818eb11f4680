"""Vectors as a consumer reads them: the file alone, played against the engine."""

import json

import pytest

from quirkfinder.emission.vectors import PatternMachine, vectors_text
from quirkfinder.replay import Engine
from tests.emission.examples import examples

SPACES = {"vga": 8, **{f"bar{index}": index for index in range(6)}}


@pytest.mark.parametrize("name", examples())
def test_a_file_of_vectors_is_what_the_engine_does(name: str) -> None:
    definition = examples()[name]
    machine = PatternMachine()
    engine = Engine((definition,), machine)
    header, *lines = (json.loads(line) for line in vectors_text(definition).splitlines())
    assert header["definition"] == definition.name
    for line in lines:
        place = SPACES[line["region"]], int(line["offset"], 0), line["size"]
        machine.seen.clear()
        if line["access"] == "read":
            value, _ = engine.read(*place)
            assert value == int(line["expect"], 0), line
        else:
            engine.write(*place, int(line["value"], 0))
            ended = {key: [[int(o, 0), s, int(v, 0)] for o, s, v in line[key]] for key in ("seen", "config", "msix")}
            assert len(machine.seen) == sum(len(writes) for writes in ended.values()), line


def test_the_pattern_of_the_header_is_the_pattern() -> None:
    definition = examples()["ati-plain"]
    header, *lines = (json.loads(line) for line in vectors_text(definition).splitlines())
    byte = eval("lambda space, offset: " + header["pattern"].split("=", 1)[1])  # the file's own rule, as it says it
    for line in lines:
        if line["access"] == "read":
            space, offset = SPACES[line["region"]], int(line["offset"], 0)
            device = int.from_bytes(bytes(byte(space, offset + at) for at in range(line["size"])), "little")
            assert device == int(line["device"], 0)
