"""`quirkfinder quirks`: what QEMU already has, and whether it was at work in a run."""

import argparse

from quirkfinder.cli.documents import load_document
from quirkfinder.cli.output import write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal


def add(commands: Commands) -> None:
    parser = commands.add(
        "quirks",
        "the quirks QEMU already has, and which of them a run did without",
        "Lists the quirks that QEMU has for passed-through PCI devices. With --audit it says which of them should\n"
        "have been at work in the run that a findings document is about and were not, and why.",
        ["quirkfinder quirks", "quirkfinder quirks --audit findings.json"],
        run,
    )
    parser.add_argument("--audit", metavar="FINDINGS", help="a findings document (analyze --format json), or -")


def run(arguments: argparse.Namespace, _terminal: Terminal) -> int:
    from quirkfinder.rendering.quirks import audit_list, quirk_list

    if arguments.audit is None:
        from quirkfinder.knowledge.catalogue_file import catalogue

        write(quirk_list(catalogue()), None)
        return 0
    document = load_document(arguments.audit)
    from quirkfinder.knowledge.audit import audit

    write(audit_list(audit(document), document), None)
    return 0
