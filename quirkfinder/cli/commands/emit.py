"""`quirkfinder emit`: quirk definitions, or C for a QEMU release."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quirkfinder.cli.documents import load_quirks
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import NoUsableInput, PartialFailure, UsageError

if TYPE_CHECKING:
    from quirkfinder.definition.model import QuirkDefinition
    from quirkfinder.findings.document import Findings

#: `emission.TARGETS`, which is not imported for the sake of `--help`; a test compares the two.
TARGETS = ("definition", "qemu-7.2", "qemu-10.0", "qemu-11.1", "vectors")


_WHAT_NEXT = "`quirkfinder explain` says what a finding needs"


def add(commands: Commands) -> None:
    parser = commands.add(
        "emit",
        "quirk definitions, or the C for a QEMU release",
        "Writes quirks below a folder: definitions in TOML that can be read, changed and given to emit again, the C\n"
        "that a QEMU release needs, or test vectors. FINDINGS is a findings document, a definition file or a store.",
        [
            "quirkfinder emit findings.json --target definition -o quirk/",
            "quirkfinder emit quirk/card.toml --target qemu-11.1 -o quirk/",
        ],
        run,
    )
    parser.add_argument(
        "findings", nargs="+", metavar="FINDINGS", help="a findings document, a definition file, or a store"
    )
    parser.add_argument("--target", required=True, choices=TARGETS, help="what to write")
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="where the files go")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    documents, failures = load_quirks(arguments.findings)
    from quirkfinder.emission import emit

    try:
        written = emit(documents, arguments.target, arguments.output)
    except OSError as error:
        raise UsageError(f"{error.filename or arguments.output}: cannot be written: {error.strerror}") from error
    _say_what_was_left_out(documents, terminal)
    for path in written:
        terminal.say(f"written: {path}")
    if not written:
        raise NoUsableInput(f"nothing here can be written as a quirk: {_why_nothing(documents)}", _WHAT_NEXT)
    if failures:
        raise PartialFailure("some documents could not be read; the others were used", "", failures)
    return 0


def _why_nothing(documents: "Sequence[QuirkDefinition | Findings]") -> str:
    """Why the findings of the documents gave no quirk."""
    from quirkfinder.definition.assembly import assemble
    from quirkfinder.findings.document import Findings

    found = [document for document in documents if isinstance(document, Findings)]
    left_out = [item for document in found for item in assemble(document).left_out]
    if left_out:
        more = f", and {len(left_out) - 1} more, above" if len(left_out) > 1 else ""
        return f"{left_out[0].finding}: {left_out[0].reason}{more}"
    findings = [finding for document in found for finding in document.findings]
    if not findings:
        return "there is no finding"
    if not any(finding.needs_quirk for finding in findings):
        return f"none of the {len(findings)} findings needs one" if len(findings) > 1 else "the finding needs none"
    return "what needs a quirk is no window, mirror, leak or sink"


def _say_what_was_left_out(documents: "Sequence[QuirkDefinition | Findings]", terminal: Terminal) -> None:
    from quirkfinder.definition.assembly import assemble
    from quirkfinder.findings.document import Findings

    for document in documents:
        if isinstance(document, Findings):
            for finding in assemble(document).left_out:
                terminal.say(f"left out: {finding.finding}: {finding.reason}")
