"""`emit`: which files are written, that they are complete, and that they are written only when they change."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quirkfinder.definition import QuirkDefinition, from_findings, load, loads
from quirkfinder.emission import TARGETS, emit
from quirkfinder.errors import UsageError
from quirkfinder.findings.document import Findings
from tests.definition.truth import bar, document_of
from tests.documents import example_findings
from tests.emission.examples import examples
from tests.emission.golden import CASES, FOLDER

BARS = [bar(0, "memory64", 0x10000000), bar(2, "memory64", 0x20000), bar(4, "io", 0x100)]


@pytest.mark.parametrize(("name", "target"), CASES)
def test_what_is_emitted_is_what_was_looked_at(name: str, target: str, tmp_path: Path) -> None:
    paths = emit(examples()[name], target, tmp_path)
    for path in paths:
        golden = FOLDER / path.relative_to(tmp_path)
        assert path.read_text(encoding="utf-8") == golden.read_text(encoding="utf-8"), "python -m tests.emission.golden"


@pytest.mark.parametrize("target", TARGETS)
def test_a_second_run_touches_nothing(target: str, tmp_path: Path) -> None:
    paths = emit(examples()["rtl8168"], target, tmp_path)
    assert paths
    for path in paths:
        os.utime(path, (1, 1))
    assert emit(examples()["rtl8168"], target, tmp_path) == paths
    assert {path.stat().st_mtime for path in paths} == {1.0}


def test_a_change_rewrites_what_depends_on_it(tmp_path: Path) -> None:
    definition = examples()["ati-plain"]
    paths = emit(definition, "qemu-10.0", tmp_path)
    for path in paths:
        os.utime(path, (1, 1))
    edited = loads((tmp_path / "ati-plain-qemu-10.0" / "ati-plain.toml").read_text().replace("0x4000", "0x5000"))
    emit(edited, "qemu-10.0", tmp_path)
    changed = {path.name for path in paths if path.stat().st_mtime != 1.0}
    assert "hw-vfio-pci-quirks.c" in changed
    assert "hw-vfio-trace-events" not in changed
    assert "match = 0x5000" in (tmp_path / "ati-plain-qemu-10.0" / "hw-vfio-pci-quirks.c").read_text()


def test_every_trace_event_is_declared_and_every_function_called(tmp_path: Path) -> None:
    for definition in examples().values():
        folder = tmp_path / f"{definition.name}-qemu-11.1"
        emit(definition, "qemu-11.1", tmp_path)
        code = (folder / "hw-vfio-pci-quirks.c").read_text()
        events = (folder / "hw-vfio-trace-events").read_text()
        setup = (folder / "hw-vfio-pci-quirks-setup.c").read_text()
        declared = set(re.findall(r"^(vfio_quirk_\w+)\(", events, re.MULTILINE))
        assert set(re.findall(r"trace_(\w+)\(", code)) <= declared
        probes = set(re.findall(r"^static void (vfio_probe_\w+)\(", code, re.MULTILINE))
        assert set(re.findall(r"(vfio_probe_\w+)\(vdev", setup)) == probes
        for text in (code, setup):
            assert text.startswith("/* SPDX-License-Identifier: GPL-2.0-or-later */\n")
        assert all(len(line) <= 100 for line in code.splitlines() if "(" not in line)


def test_the_vendor_define_comes_with_vendors_that_qemu_does_not_know(tmp_path: Path) -> None:
    emit(examples()["increment"], "qemu-7.2", tmp_path)
    emit(examples()["rtl8168"], "qemu-7.2", tmp_path)
    assert "#define PCI_VENDOR_ID_1AF5 0x1af5" in (tmp_path / "increment-qemu-7.2/include-hw-pci-pci_ids.h").read_text()
    assert not (tmp_path / "rtl8168-qemu-7.2/include-hw-pci-pci_ids.h").exists()


def test_what_cannot_be_written_is_said_in_the_note(tmp_path: Path) -> None:
    emit(examples()["policies"], "qemu-11.1", tmp_path)
    note = (tmp_path / "policies-qemu-11.1" / "policies.md").read_text()
    assert "- msi: QEMU has no way to learn the host's MSI message address" in note


@pytest.mark.parametrize("target", TARGETS)
def test_findings_as_object_or_json_give_the_same(target: str, tmp_path: Path) -> None:
    table = document_of("radeon", BARS)
    one = emit(table, target, tmp_path / "one")
    two = emit([Findings.from_dict(table)], target, tmp_path / "two")
    assert [p.relative_to(tmp_path / "one") for p in one] == [p.relative_to(tmp_path / "two") for p in two]
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_an_emitted_definition_is_the_one_that_the_findings_gave(tmp_path: Path) -> None:
    table = document_of("radeon", BARS)
    (path, note) = emit(table, "definition", tmp_path)
    assert [load(path)] == from_findings(table)
    assert note.suffix == ".md"


def test_documents_without_quirks_and_unknown_targets(tmp_path: Path) -> None:
    assert emit(document_of("innocent"), "qemu-11.1", tmp_path) == []
    assert emit([], "definition", tmp_path) == []
    assert not any(tmp_path.iterdir())
    with pytest.raises(UsageError, match="no target 'qemu-9'") as caught:
        emit([], "qemu-9", tmp_path)
    assert "qemu-11.1" in caught.value.hint


def test_two_definitions_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    one = examples()["rtl8168"]
    two = replace(one, match=replace(one.match, device=0x8169))
    with pytest.raises(UsageError, match="two definitions for different devices are named 'rtl8168'"):
        emit([one, two], "definition", tmp_path)
    assert len(emit([one, one], "definition", tmp_path)) == 2


def test_a_document_of_the_renderers_can_be_emitted(tmp_path: Path) -> None:
    """The example that the other renderers show: whatever it holds, all targets take it."""
    for target in TARGETS:
        emit(example_findings(), target, tmp_path / target)


def test_vectors_are_json_lines(tmp_path: Path) -> None:
    definition: QuirkDefinition = examples()["ati-plain"]
    (path,) = emit(definition, "vectors", tmp_path)
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["schema"] == "quirkfinder.vectors/1"
    assert {line["quirk"] for line in lines[1:]} == {m.name for m in definition.mechanisms}
