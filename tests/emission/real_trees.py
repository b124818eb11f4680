"""Compiles emitted quirks inside the real pci-quirks.c of Debian's QEMU source packages.

    python -m tests.emission.real_trees [--cache FOLDER] [DEFINITION.toml ...]

Source packages come from the archive that this system's apt is configured for, into a cache outside the checkout
(XDG_CACHE_HOME); QEMU's text stays there.  Without definitions the examples of the tests are compiled.  Exit status 0:
all compiled; 1: one did not; 77: no package could be had, nothing was checked.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quirkfinder.definition import QuirkDefinition, load
from quirkfinder.emission.change import change_of
from quirkfinder.emission.files import files_of
from quirkfinder.emission.versions import VERSIONS
from tests.emission.examples import examples
from tests.emission.qemu_source import CannotHave, Package, packages
from tests.emission.qemu_tree import Tree, prepare

#: which release line stands for a version of ours, the best first
LINES = {"qemu-7.2": ("7.2",), "qemu-10.0": ("10.0",), "qemu-11.1": ("11.1", "11.0", "10.2")}
SKIPPED = 77


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line for every unit that was compiled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--cache", type=Path, default=home / "quirkfinder" / "qemu-trees")
    parser.add_argument("definitions", nargs="*", type=Path)
    given = parser.parse_args(arguments)
    definitions = {path.stem: load(path) for path in given.definitions} or examples()
    try:
        had = packages(given.cache)
    except CannotHave as error:
        _say(f"skipped: {error}")
        return SKIPPED
    failures = checked = 0
    for version, lines in LINES.items():
        tree = _tree(had, version, lines, given.cache)
        if tree is None:
            _say(f"skipped: {version}: no source package of {' or '.join(lines)} could be made ready")
            continue
        for name, definition in definitions.items():
            checked += 1
            failures += not _compiles(tree, name, definition, version)
    _say(f"{checked - failures} of {checked} definitions compiled")
    return 1 if failures else 0 if checked else SKIPPED


def _tree(had: Sequence[Package], version: str, lines: Sequence[str], cache: Path) -> Tree | None:
    """The first tree of these release lines that can be made ready; the index may list what the pool has no more."""
    for package in (p for line in lines for p in had if p.upstream.startswith(f"{line}.")):
        try:
            return prepare(package, cache)
        except CannotHave as error:
            _say(f"{version}: not {package.version}: {error}")
    return None


def _compiles(tree: Tree, name: str, definition: QuirkDefinition, version: str) -> bool:
    files = files_of(change_of(definition, VERSIONS[version]))
    complaint = tree.compile_fragments(files)
    units = "pci-quirks.c"
    if not complaint and VERSIONS[version].separate_file:
        complaint = tree.compile_alone(files)
        units += " and a file of its own"
    _say(f"{version} as {tree.package.version}: {name}: {'refused' if complaint else 'compiled'} ({units})")
    if complaint:
        sys.stderr.write(complaint)
    return not complaint


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
