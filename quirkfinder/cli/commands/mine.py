"""`quirkfinder mine`: many runs into a store, joined per card."""

import argparse
from typing import TYPE_CHECKING

from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import PartialFailure

if TYPE_CHECKING:
    from quirkfinder.corpus.mining import Mined


def add(commands: Commands) -> None:
    parser = commands.add(
        "mine",
        "analyse many runs and join what they say of each card",
        "Analyses every bundle and log below the folders and joins the results per card. STORE is a folder of Parquet\n"
        "files; mining into it again reads only what is new or has changed, and an interrupted run keeps what it has\n"
        "finished. emit and report take a STORE for their FINDINGS.",
        [
            "quirkfinder mine traces/ -o store/",
            "quirkfinder mine traces/ more/ -o store/ --jobs 4",
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


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from quirkfinder.corpus.mining import mine

    with terminal.progress() as progress:
        mined = mine(
            arguments.folders,
            arguments.output,
            jobs=arguments.jobs,
            cluster=arguments.cluster,
            progress=lambda now: progress(now.stage, now.bytes, now.of_bytes or None),
        )
    for failure in mined.failures:
        terminal.say(f"used in part: {failure}")
    terminal.say(_summary(mined, arguments.output))
    if mined.problems:
        raise PartialFailure("some inputs could not be used; the others are in the store", "", mined.problems)
    return 0


def _summary(mined: "Mined", store: str) -> str:
    from quirkfinder.rendering.words import count

    dropped = f", {mined.dropped} no longer there" if mined.dropped else ""
    runs = f"{count(mined.bundles, 'run')} in {store}: {mined.read} read now, {mined.unchanged} known before{dropped}"
    return f"{runs}; {count(mined.events, 'event')} read"


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; 0 or more is needed")
    return int(text)
