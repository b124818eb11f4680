"""`quirkfinder analyze`: one run's logs in, findings out."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from quirkfinder.cli.following import FOLLOWING, add_follow, until_interrupted
from quirkfinder.cli.output import check_target, room_for_temporary_files, write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.show import FORMATS, show
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import PartialFailure

if TYPE_CHECKING:
    from quirkfinder.findings.document import Findings

_DESCRIPTION = """\
Finds back doors and accidents in the logs of one run.

A PATH is a log, a compressed log (gzip, zstd or xz, recognised by content), - for standard input, or a folder: a
bundle with traces, host inventory and guest inventory, recognised by content. Several traces of one run are one
input."""


def add(commands: Commands) -> None:
    parser = commands.add(
        "analyze",
        "find back doors and accidents in one run's logs",
        _DESCRIPTION,
        [
            "quirkfinder analyze run/",
            "quirkfinder analyze qemu.log --host lspci.txt --guest info-pci.txt",
            "quirkfinder analyze run/ --format json -o findings.json",
            "zstdcat qemu.log.zst | quirkfinder analyze - --fail-on confirmed",
            "quirkfinder analyze qemu.log --follow --host lspci.txt",
        ],
        run,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a log, a folder, or - for standard input")
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="FILE",
        help="host inventory: lspci -vvv -xxxx, /proc/iomem, sysfs",
    )
    parser.add_argument(
        "--guest", action="append", default=[], metavar="FILE", help="guest inventory: info pci, info mtree -f, lspci"
    )
    parser.add_argument("--device", metavar="NAME", help="only this device, as the log names it")
    parser.add_argument("--format", choices=FORMATS, default="table", help="what to write; %(default)s is for people")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")
    add_follow(parser)
    parser.add_argument(
        "--fail-on",
        choices=("confirmed", "likely"),
        help="exit status 1 where a finding is confirmed, or at least likely",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    check_target(arguments.output)
    if arguments.output and arguments.output.endswith(".json") and arguments.format == "table":
        terminal.say(f"note: {arguments.output} will hold the report for people; --format json writes the document")
    with until_interrupted(wanted=arguments.follow) as follow:
        document = _document(arguments, terminal, follow)
    for record in document.inputs:
        terminal.detail(f"{record.path}: {record.role}, {record.format}, {record.lines} lines, {record.events} events")
    write(show(document, arguments.format, terminal, to_file=arguments.output is not None), arguments.output)
    found = _found(document, arguments.fail_on)
    failures = document.statistics.get("failures", [])
    if failures and not found:
        raise PartialFailure("some inputs could not be read; the findings are those of the others", "", tuple(failures))
    for failure in failures:
        terminal.say(f"failed: {failure}")
    return int(found)


def _document(arguments: argparse.Namespace, terminal: Terminal, follow: Callable[[], bool] | None) -> "Findings":
    from quirkfinder.analysis import analyze

    if arguments.follow:
        terminal.say(FOLLOWING)
    with terminal.progress() as progress, room_for_temporary_files():
        return analyze(
            arguments.paths,
            host=arguments.host,
            guest=arguments.guest,
            device=arguments.device,
            progress=progress,
            follow=follow,
        )


def _found(document: "Findings", fail_on: str | None) -> bool:
    failing = {None: (), "confirmed": ("confirmed",), "likely": ("confirmed", "likely")}[fail_on]
    return any(finding.verdict in failing for finding in document.findings)
