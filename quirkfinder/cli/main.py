"""`quirkfinder COMMAND …`: parse, call, and turn every way of failing into a message and an exit status."""

import os
import sys
from collections.abc import Sequence

from quirkfinder import __version__
from quirkfinder.cli import commands, process
from quirkfinder.cli.parser import EXIT_STATUS, Commands, Parser, parse
from quirkfinder.cli.terminal import Terminal, ensure_streams
from quirkfinder.errors import QuirkfinderError

USAGE, INTERNAL_ERROR, INTERRUPTED = 2, 70, 130

_DESCRIPTION = """\
Finds the back doors of passed-through PCI cards in QEMU's VFIO traces: address/data windows, mirrors of config space
and registers through which a guest sees host addresses. Proves them from the values in the trace, and writes the
quirk for QEMU."""

_EPILOG = f"""\
examples:
  quirkfinder capture --qemu 10.1            how to record a trace
  quirkfinder analyze run/                   a report on a bundle: log, host and guest inventory in a folder
  quirkfinder analyze qemu.log --format json -o findings.json

environment:
  NO_COLOR              no colours, whatever stdout is
  QUIRKFINDER_TRACEBACK where an internal error happened, for a bug report

{EXIT_STATUS}"""


def build_parser() -> Parser:
    parser = Parser(prog="quirkfinder", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"quirkfinder {__version__}")
    listed = Commands(parser)
    for command in commands.available():
        command.add(listed)
    return parser


def program() -> int:
    """`main` as a process of its own."""
    process.begin()
    try:
        return main()
    finally:
        process.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit status (0 to 5, 130, or 70 for an error of ours). Never raises."""
    ensure_streams()
    terminal = Terminal()
    try:
        return _run(arguments, terminal)
    except SystemExit as done:  # --help and --version
        return done.code if isinstance(done.code, int) else 0
    except QuirkfinderError as error:
        terminal.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        terminal.fail_text("interrupted")
        return INTERRUPTED
    except BaseException as error:  # polars reports failures of its own as a BaseException
        return _internal_error(error, terminal)


def _run(arguments: Sequence[str] | None, terminal: Terminal) -> int:
    parser = build_parser()
    parsed = parse(parser, arguments)
    if parsed.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    terminal.quiet, terminal.verbose = parsed.quiet, parsed.verbose
    status: int = parsed.run(parsed, terminal)
    return status


def _internal_error(error: BaseException, terminal: Terminal) -> int:
    if os.environ.get("QUIRKFINDER_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    terminal.fail_text(
        f"this is a bug in quirkfinder {__version__}: {type(error).__name__}: {error}; "
        "please report it with the command and what QUIRKFINDER_TRACEBACK=1 makes it print"
    )
    return INTERNAL_ERROR
