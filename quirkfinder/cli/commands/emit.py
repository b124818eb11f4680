"""`quirkfinder emit`: quirk definitions, or C for a QEMU release."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quirkfinder.cli.documents import load_document
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import NoUsableInput, PartialFailure, QuirkfinderError, UsageError

if TYPE_CHECKING:
    from quirkfinder.definition.model import QuirkDefinition
    from quirkfinder.findings.document import Findings

#: `emission.TARGETS`, which is not imported for the sake of `--help`; a test compares the two.
TARGETS = ("definition", "qemu-7.2", "qemu-10.0", "qemu-11.1", "vectors")


def add(commands: Commands) -> None:
    parser = commands.add(
        "emit",
        "quirk definitions, or the C for a QEMU release",
        "Writes quirks below a folder: definitions in TOML that can be read, changed and given to emit again, the C\n"
        "that a QEMU release needs, or test vectors. FINDINGS is a findings document or a definition file.",
        [
            "quirkfinder emit findings.json --target definition -o quirk/",
            "quirkfinder emit quirk/card.toml --target qemu-11.1 -o quirk/",
        ],
        run,
    )
    parser.add_argument("findings", nargs="+", metavar="FINDINGS", help="a findings document or a definition file")
    parser.add_argument("--target", required=True, choices=TARGETS, help="what to write")
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="where the files go")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    documents, failures = _load(arguments.findings)
    from quirkfinder.emission import emit

    try:
        written = emit(documents, arguments.target, arguments.output)
    except OSError as error:
        raise UsageError(f"{error.filename or arguments.output}: cannot be written: {error.strerror}") from error
    _say_what_was_left_out(documents, terminal)
    for path in written:
        terminal.say(f"written: {path}")
    if not written:
        raise NoUsableInput("nothing here can be written as a quirk", "`quirkfinder explain` says what a finding needs")
    if failures:
        raise PartialFailure("some documents could not be read; the others were used", "", failures)
    return 0


def _load(paths: Sequence[str]) -> "tuple[list[QuirkDefinition | Findings], tuple[str, ...]]":
    """The documents that can be read, and what is wrong with the others; raises the first error where none can."""
    documents, errors = [], []
    for path in paths:
        try:
            documents.append(_document(path))
        except QuirkfinderError as error:
            errors.append(error)
    if not documents:
        raise errors[0]
    return documents, tuple(error.message for error in errors)


def _document(path: str) -> "QuirkDefinition | Findings":
    """A findings document begins with a brace; everything else has to be a definition."""
    if path == "-" or _starts_with_brace(Path(path)):
        return load_document(path)
    from quirkfinder.definition.reading import load

    return load(path)


def _starts_with_brace(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    except OSError:
        return False


def _say_what_was_left_out(documents: "Sequence[QuirkDefinition | Findings]", terminal: Terminal) -> None:
    from quirkfinder.definition.assembly import assemble
    from quirkfinder.findings.document import Findings

    for document in documents:
        if isinstance(document, Findings):
            for finding in assemble(document).left_out:
                terminal.say(f"left out: {finding.finding}: {finding.reason}")
