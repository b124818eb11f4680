"""argparse with help pages fit to be the manual, and errors that name the nearest right thing."""

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from quirkfinder.cli.output import write_stdout
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import UsageError
from quirkfinder.rendering.safe import visible

Run = Callable[[argparse.Namespace, Terminal], int]

EXIT_STATUS = """\
exit status:
  0    done
  1    done, and --fail-on found what it names
  2    wrong usage
  3    no input that could be used
  4    done for some inputs, others failed (named on stderr, results written)
  5    a definition or findings document is not valid
  130  interrupted"""


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that keeps options whole and answers mistakes in two lines instead of a page of usage."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - what argparse takes, handed on
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self._positionals.title = "arguments"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {visible(message)}", f"{self.prog} --help shows what it takes")

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 - as argparse declares it
        # Help and version, which argparse would write without minding a reader that is gone.
        if file is sys.stderr:
            super()._print_message(message, file)
        else:
            write_stdout(message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as argparse declares it
        # The library's own message lists every choice; a mistyped command or format mostly needs one.
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            close = get_close_matches(str(value), known, n=1)
            meant = f"is {close[0]} meant?" if close else f"one of {', '.join(known)} is needed"
            raise argparse.ArgumentError(action, f"{value!r} is not known here; {meant}")


class Commands:
    """The commands of the parser, in the order of the help page."""

    def __init__(self, parser: Parser) -> None:
        self._choices = parser.add_subparsers(
            title="commands", metavar="COMMAND", dest="command", parser_class=Parser, required=False
        )

    def add(self, name: str, summary: str, description: str, examples: Sequence[str], run: Run) -> Parser:
        """A command with the options that all of them share; `run` gets the arguments and returns the exit status."""
        shown = "\n".join(["examples:", *(f"  {example}" for example in examples)])
        parser: Parser = self._choices.add_parser(
            name, help=summary, description=description, epilog=f"{shown}\n\n{EXIT_STATUS}"
        )
        parser.set_defaults(run=run)
        parser.add_argument("-q", "--quiet", action="store_true", help="nothing on stderr but errors")
        parser.add_argument(
            "-v", "--verbose", action="store_true", help="say on stderr what is read and how long it took"
        )
        return parser


def parse(parser: Parser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The parsed arguments. Raises `UsageError` for wrong ones; `SystemExit` after `--help` and `--version`."""
    return parser.parse_args(sys.argv[1:] if arguments is None else list(arguments))
