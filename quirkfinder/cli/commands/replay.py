"""`quirkfinder replay`: a recorded trace with quirks in front of it."""

import argparse
from typing import TYPE_CHECKING

from quirkfinder.cli.documents import load_quirks
from quirkfinder.cli.output import check_target, write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import InvalidDocument, NoUsableInput

if TYPE_CHECKING:
    from quirkfinder.definition.model import QuirkDefinition


def add(commands: Commands) -> None:
    parser = commands.add(
        "replay",
        "what the guest would have seen with a quirk",
        "Puts the quirks of a definition in front of a recorded trace and says what the guest would have seen\n"
        "instead: host addresses it reads, answers that change, and what the trace says against the quirk.",
        ["quirkfinder replay quirk/1002-5046.toml run/", "quirkfinder replay findings.json run/ --format json"],
        run,
    )
    parser.add_argument("definition", metavar="DEFINITION", help="a definition file, or the findings to make it from")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="the logs and folders of one run")
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="what to write, %(default)s if not given"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    check_target(arguments.output)
    definitions = _definitions(arguments.definition)
    from quirkfinder.findings.encode import json_text
    from quirkfinder.replaying import replay_trace

    with terminal.progress() as progress:
        report = replay_trace(definitions, arguments.paths, progress=progress)
    if not report.devices:
        raise NoUsableInput("no device of the trace is one that the quirks are for", _wanted(definitions))
    write(json_text(report.to_dict()) if arguments.format == "json" else report.to_text(), arguments.output)
    return 0


def _definitions(path: str) -> "list[QuirkDefinition]":
    from quirkfinder.definition.assembly import from_findings
    from quirkfinder.findings.document import Findings

    documents, _ = load_quirks([path])
    made = [from_findings(one) if isinstance(one, Findings) else [one] for one in documents]
    definitions = [definition for some in made for definition in some]
    if not definitions:
        raise InvalidDocument(f"{path}: no finding of it can be a quirk", "`quirkfinder explain` says what is missing")
    return definitions


def _wanted(definitions: "list[QuirkDefinition]") -> str:
    return f"they are for {', '.join(definition.name for definition in definitions)}"
