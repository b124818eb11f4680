"""A module a command: `add` declares its arguments, `run` calls the library."""

from types import ModuleType

from quirkfinder.cli.commands import analyze, capture, completion, convert, emit, explain, mine, quirks, replay, report


def available() -> tuple[ModuleType, ...]:
    """The commands in the order of the help page."""
    return (analyze, explain, report, mine, emit, replay, convert, quirks, capture, completion)
