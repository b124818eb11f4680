"""The emitted C, run: through a machine of ours behind the declarations, every vector gives what the engine says."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from quirkfinder.definition import QuirkDefinition
from quirkfinder.emission.change import change_of
from quirkfinder.emission.files import files_of
from quirkfinder.emission.vectors import vectors
from quirkfinder.emission.versions import VERSIONS
from tests.emission.compiling import HERE, fragment_unit
from tests.emission.examples import examples

EXAMPLES = examples()
SPACES = {"vga": 8, **{f"bar{index}": index for index in range(6)}}
HARNESS = '#define CONFIG_OFFSET(mirror) (mirror)->config_offset\n#include "harness.c"\n'


def build(definition: QuirkDefinition, version: str, folder: Path) -> list[str]:
    """Compiles the quirks with the machine; the command that runs them as their device."""
    files = files_of(change_of(definition, VERSIONS[version]))
    harness = HARNESS if VERSIONS[version].mirror_has_config_offset else '#include "harness.c"\n'
    (folder / "unit.c").write_text(
        "#define HARNESS\n" + fragment_unit(files, version) + "\n" + harness, encoding="ascii"
    )
    program = folder / "machine"
    flags = ["-std=gnu11", "-Wall", "-Werror", "-fsanitize=undefined", "-fno-sanitize-recover", "-g", "-O1"]
    command = ["cc", *flags, "-o", str(program), "-I", str(HERE / "declarations"), str(folder / "unit.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    match = definition.match
    device = 0x1234 if match.device == "any" else match.device
    kinds = {bar.index: {"io": "i", "memory64": "6", "memory32": "3"}[bar.kind] for bar in match.bars}
    ids = [match.vendor, device, match.subvendor or 0, match.subdevice or 0, match.class_code or 0]
    return [str(program), *(f"{value:x}" for value in ids), "".join(kinds.get(index, "3") for index in range(6))]


def run(command: list[str], lines: list[dict[str, Any]]) -> list[list[str]]:
    """What the machine prints for each access."""
    said = "".join(
        f"{line['access'][0]} {SPACES[line['region']]} {line['offset']} {line['size']} {line.get('value', '')}\n"
        for line in lines
    )
    done = subprocess.run(command, input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    blocks = done.stdout.split(".\n")
    assert blocks.pop() == ""
    return [block.splitlines() for block in blocks]


def expected(line: dict[str, Any]) -> list[str]:
    """The same for the line of a vector; reads that the device sees leave no trace in either."""
    if line["access"] == "read":
        return [f"= {line['expect'][2:]}"]
    space = SPACES[line["region"]]
    found = [f"h {space} {o[2:]} {s} {v[2:]}" for o, s, v in line["seen"]]
    found += [f"c {o[2:]} {s} {v[2:]}" for o, s, v in line["config"]]
    return found + [f"h -1 {o[2:]} {s} {v[2:]}" for o, s, v in line["msix"]]


@pytest.mark.parametrize("version", ["qemu-7.2", "qemu-11.1"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_c_and_engine_agree_on_every_vector(name: str, version: str, tmp_path: Path) -> None:
    lines = list(vectors(EXAMPLES[name]))[1:]
    assert len(lines) > 20
    said = run(build(EXAMPLES[name], version, tmp_path), lines)
    for number, (line, got) in enumerate(zip(lines, said, strict=True)):
        assert sorted(got) == sorted(expected(line)), (number, line, lines[max(0, number - 5) : number])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_vectors_exercise_what_the_quirk_changes(name: str) -> None:
    """Every quirk that C can be written for changes an answer or keeps a write from the device in its vectors."""
    definition = EXAMPLES[name]
    refused = {refusal.name for refusal in change_of(definition, VERSIONS["qemu-11.1"]).refusals}
    changed = {
        line["quirk"]
        for line in list(vectors(definition))[1:]
        if line.get("expect") != line.get("device") or line.get("config") or line.get("msix")
        or (line["access"] == "write" and [[line["offset"], line["size"], line["value"]]] != line["seen"])
    }  # fmt: skip
    assert changed == {m.name for m in definition.mechanisms} - refused
