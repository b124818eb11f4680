"""`quirkfinder report`: findings documents as one page."""

import argparse

from quirkfinder.cli.documents import load_documents
from quirkfinder.cli.output import check_target, write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal


def add(commands: Commands) -> None:
    parser = commands.add(
        "report",
        "findings as one self-contained page",
        "Writes one HTML page about one or more findings documents: verdict, address maps, timeline, every finding\n"
        "with its evidence. The page refers to nothing outside itself and can be mailed. Of a STORE it shows what the\n"
        "corpus taught, every card's runs side by side, and a report on each card.",
        [
            "quirkfinder report findings.json -o report.html",
            "quirkfinder report good.json bad.json -o both.html",
            "quirkfinder report store/ -o cards.html",
        ],
        run,
    )
    parser.add_argument(
        "findings", nargs="+", metavar="FINDINGS", help="a findings document, - for standard input, or a store"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")


def run(arguments: argparse.Namespace, _terminal: Terminal) -> int:
    check_target(arguments.output)
    loaded = load_documents(arguments.findings)
    from quirkfinder.rendering.page import html

    write(html(*loaded.documents, stores=loaded.stores), arguments.output)
    loaded.complain()
    return 0
