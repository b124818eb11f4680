"""From a trace to C: what the analysis finds in recorded bundles is emitted, compiled and proven by a replay."""

from functools import cache
from pathlib import Path

import pytest

import quirkfinder
from quirkfinder.definition import QuirkDefinition, from_findings
from quirkfinder.emission.change import change_of
from quirkfinder.emission.files import files_of
from quirkfinder.emission.versions import VERSIONS
from quirkfinder.replay import DeviceReplay, replay
from tests.conftest import corpus_trace
from tests.emission.compiling import compile_unit, fragment_unit
from tests.replay.recorded import bundle

BUNDLES = ("radeon", "geforce", "ati-doors", "indexed-auto-increment")


@cache
def found(name: str) -> tuple[QuirkDefinition, DeviceReplay]:
    """The definition that the analysis gives, and its replay on the same trace."""
    (definition,) = from_findings(quirkfinder.analyze(str(corpus_trace(name))))
    events, machine = bundle(name)
    (device,) = replay(definition, events, machine).devices
    return definition, device


@pytest.mark.parametrize("name", BUNDLES)
def test_no_read_shows_a_host_address_any_more(name: str) -> None:
    _, device = found(name)
    assert device.leaks_before > 0
    assert device.leaks_after == 0
    assert all(lost.avoided == lost.total for lost in device.unassigned)


@pytest.mark.parametrize("name", BUNDLES)
def test_windows_and_mirrors_are_proven(name: str) -> None:
    _, device = found(name)
    assert {quirk.verdict for quirk in device.quirks if quirk.kind in ("window", "mirror")} == {"proven"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", BUNDLES)
def test_what_was_found_compiles(name: str, version: str, tmp_path: Path) -> None:
    definition, _ = found(name)
    files = files_of(change_of(definition, VERSIONS[version]))
    assert compile_unit(fragment_unit(files, version), tmp_path) == ""
