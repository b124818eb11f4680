"""Every emitted file is C that a strict compiler accepts in the place it is for, for each QEMU version."""

from pathlib import Path

import pytest

from quirkfinder.emission.change import change_of
from quirkfinder.emission.files import files_of
from quirkfinder.emission.versions import VERSIONS
from tests.emission.compiling import alone_unit, compile_unit, fragment_unit
from tests.emission.examples import examples

EXAMPLES = examples()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_fragments_compile_where_they_belong(name: str, version: str, tmp_path: Path) -> None:
    files = files_of(change_of(EXAMPLES[name], VERSIONS[version]))
    assert compile_unit(fragment_unit(files, version), tmp_path) == ""


@pytest.mark.parametrize("version", [v for v in VERSIONS if VERSIONS[v].separate_file])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_file_of_its_own_compiles(name: str, version: str, tmp_path: Path) -> None:
    files = files_of(change_of(EXAMPLES[name], VERSIONS[version]))
    assert compile_unit(alone_unit(files, version, tmp_path), tmp_path) == ""


def test_the_compiler_would_notice(tmp_path: Path) -> None:
    """The same check refuses what 7.2 does not have, and a function that nobody calls."""
    files = files_of(change_of(EXAMPLES["policies"], VERSIONS["qemu-10.0"]))
    assert "config_offset" in compile_unit(fragment_unit(files, "qemu-7.2"), tmp_path)
    calls = files["hw-vfio-pci-quirks-setup.c"]
    files["hw-vfio-pci-quirks-setup.c"] = "\n".join(line for line in calls.splitlines() if "forward" not in line)
    assert "defined but not used" in compile_unit(fragment_unit(files, "qemu-10.0"), tmp_path)
