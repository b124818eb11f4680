"""`quirkfinder explain`: one finding at length."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quirkfinder.cli.documents import load_document
from quirkfinder.cli.output import check_target, write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import NoUsableInput, UsageError

if TYPE_CHECKING:
    from quirkfinder.findings.document import Finding, Findings


def add(commands: Commands) -> None:
    parser = commands.add(
        "explain",
        "one finding at length",
        "Explains one finding: the claim, the model, its evidence, what would refute it, whether QEMU has a quirk for\n"
        "it, what to do next, and a list of accesses that would settle it. With the files it was found in, each piece\n"
        "of evidence is shown with the lines around it.",
        [
            "quirkfinder explain findings.json window/1002:5046/bar1+0x0/bar1+0x4",
            "quirkfinder explain findings.json 3 run/",
        ],
        run,
    )
    parser.add_argument("findings", metavar="FINDINGS", help="a findings document, or - for standard input")
    parser.add_argument("id", metavar="ID", help="id of the finding, or its number in the report")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="the logs or folders that were analysed")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    check_target(arguments.output)
    document = load_document(arguments.findings)
    finding = _finding(document, arguments.id)
    context = _context(document, finding, arguments.paths, terminal) if arguments.paths else {}
    from quirkfinder.rendering.explain import explain

    write(explain(document, finding, context), arguments.output)
    return 0


def _finding(document: "Findings", name: str) -> "Finding":
    from quirkfinder.findings.checking import nearest
    from quirkfinder.rendering.view import ordered

    findings = ordered(document)
    for number, finding in enumerate(findings, start=1):
        if name in (finding.id, str(number)):
            return finding
    ids = [finding.id for finding in findings]
    close = nearest(name, ids)
    hint = f"is {close} meant?" if close else f"there are: {', '.join(ids[:8]) or 'none'}"
    raise UsageError(f"the document has no finding {name}", hint)


def _context(
    document: "Findings", finding: "Finding", paths: Sequence[str], terminal: Terminal
) -> dict[int, dict[int, str]]:
    """The lines around the evidence, from those files that are the document's by their SHA-256."""
    from quirkfinder import inputs, reading
    from quirkfinder.rendering.explain import AROUND

    wanted: dict[int, set[int]] = {}
    for line in finding.evidence:
        around = range(max(1, line.line - AROUND), line.line + AROUND + 1)
        wanted.setdefault(line.input, set()).update(around)
    sources = {source.sha256: source for source in inputs.resolve(paths)}
    context = {}
    for position, numbers in wanted.items():
        record = document.inputs[position]
        if source := sources.get(record.sha256):
            context[position] = reading.lines(source, numbers)
        else:
            terminal.say(f"note: {record.path} is not among the files given, or has changed since")
    if not context:
        raise NoUsableInput(
            "none of the files given is one that this finding was found in", "give the same files again"
        )
    return context
