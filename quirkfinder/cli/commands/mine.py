"""`quirkfinder mine`: many runs into a store, joined per card."""

import argparse
from typing import TYPE_CHECKING

from quirkfinder.cli.mining import telling
from quirkfinder.cli.output import write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import NoUsableInput, PartialFailure

if TYPE_CHECKING:
    from quirkfinder.corpus import Mined

FORMATS = ("table", "json", "markdown")


def add(commands: Commands) -> None:
    parser = commands.add(
        "mine",
        "analyse many runs and join what they say of each card",
        "Analyses every bundle and log below the folders, joins the results per card, and says what the corpus\n"
        "taught: the doors of each family, what depends on the configuration, what contradicts, what is unexplained.\n"
        "STORE is a folder of Parquet files (docs/store.md). Mining into it again reads only what is new or has\n"
        "changed, and an interrupted run keeps what it has finished. emit, report and replay take a STORE too.",
        [
            "quirkfinder mine traces/ -o store/",
            "quirkfinder mine traces/ more/ -o store/ --jobs 4 --format markdown > taught.md",
            "quirkfinder mine traces/ -o store/ --compare traces/works traces/fails",
            "quirkfinder mine /shared/traces -o /shared/store --cluster tcp://scheduler:8786",
        ],
        run,
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a folder with bundles and logs, at any depth")
    parser.add_argument("-o", "--output", metavar="STORE", required=True, help="the store to make or to mine into")
    parser.add_argument(
        "--jobs", type=_count, metavar="N", help="processes; one a processor if not given, 0 for none but this one"
    )
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler whose workers see the same folders")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of what is said on stdout")
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("GOOD", "BAD"),
        help="instead say what two runs of a card do differently; named as in the store, such as traces/radeon",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from quirkfinder.corpus import mine

    with telling(terminal) as told:
        mined = mine(
            arguments.folders,
            arguments.output,
            jobs=arguments.jobs,
            cluster=arguments.cluster,
            progress=told,
        )
    for failure in mined.failures:
        terminal.say(f"used in part: {failure}")
    write(_said(arguments, terminal), None)
    terminal.say(_summary(mined, arguments.output))
    if mined.problems and not mined.runs:
        raise NoUsableInput("; ".join(mined.problems[:3]), "`quirkfinder capture` says how to record a trace")
    if mined.problems:
        raise PartialFailure("some inputs could not be used; the others are in the store", "", mined.problems)
    return 0


def _said(arguments: argparse.Namespace, terminal: Terminal) -> str:
    from quirkfinder.corpus import compare_mined, load_joined
    from quirkfinder.corpus.showing import show_comparison, show_corpus

    width, plain = terminal.width, terminal.ascii_only
    if arguments.compare:
        comparison = compare_mined(arguments.output, *arguments.compare)
        return show_comparison(comparison, arguments.format, width=width, ascii_only=plain)
    return show_corpus(load_joined(arguments.output), arguments.format, width=width, ascii_only=plain)


def _summary(mined: "Mined", store: str) -> str:
    from quirkfinder.rendering.words import count

    dropped = f", {mined.dropped} no longer there" if mined.dropped else ""
    runs = f"{count(mined.bundles, 'run')} in {store}: {mined.read} read now, {mined.unchanged} known before{dropped}"
    return f"{runs}; {count(mined.events, 'event')} in {count(mined.bytes, 'byte')} read"


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; 0 or more is needed")
    return int(text)
