"""`quirkfinder convert`: the events of logs as Parquet."""

import argparse
from collections.abc import Callable

from quirkfinder.cli.following import FOLLOWING, add_follow, until_interrupted
from quirkfinder.cli.output import check_target, room_for_temporary_files
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import NoUsableInput, PartialFailure, UsageError


def add(commands: Commands) -> None:
    parser = commands.add(
        "convert",
        "the events of logs as Parquet, one row an event",
        "Reads logs and writes their events as a Parquet file with the columns input, line, time, thread, event,\n"
        "device, region, address, size and value.",
        [
            "quirkfinder convert run/ -o events.parquet",
            "quirkfinder convert thread-*.log -o events.parquet",
            "quirkfinder convert qemu.log --follow -o events.parquet",
        ],
        run,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a log, a folder, or - for standard input")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the Parquet file to write")
    add_follow(parser)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    check_target(arguments.output)
    with until_interrupted(wanted=arguments.follow) as follow:
        return _convert(arguments, terminal, follow)


def _convert(arguments: argparse.Namespace, terminal: Terminal, follow: Callable[[], bool] | None) -> int:
    from quirkfinder import inputs, reading

    with room_for_temporary_files():
        sources = inputs.resolve(arguments.paths, arriving=arguments.follow)
    if arguments.follow:
        inputs.check_single_log(sources)
        terminal.say(FOLLOWING)
    problems = [source.problem for source in sources if source.problem]
    if not any(source.role == "trace" for source in sources):
        named = "; ".join(problems) or f"no trace among {', '.join(source.path for source in sources) or 'no files'}"
        raise NoUsableInput(named, "`quirkfinder capture` says how to record one")
    with terminal.progress() as progress:
        try:
            converted = reading.convert(sources, arguments.output, progress=progress, follow=follow)
        except OSError as error:
            raise UsageError(f"{arguments.output}: cannot be written: {error.strerror or error}") from error
    terminal.say(f"{converted.rows} events in {arguments.output}")
    problems += [problem for problem in converted.problems if problem not in problems]
    if problems:
        raise PartialFailure("some inputs could not be read; the others were written", "", tuple(problems))
    return 0
