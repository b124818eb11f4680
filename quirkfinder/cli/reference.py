"""The command reference as Markdown, made from the parser: `python -m quirkfinder.cli.reference > docs/commands.md`."""

import argparse
import sys

from quirkfinder.cli.parser import Parser

_HEAD = """\
# Commands

Made from the parser by `python -m quirkfinder.cli.reference > docs/commands.md`; a test compares the two.
`quirkfinder COMMAND --help` says the same in a terminal.
"""


def reference(parser: Parser) -> str:
    """Every command with its arguments, options and examples, then what all of them share. Ends in a newline."""
    shared = (parser.epilog or "").partition("environment:\n")[2]
    environment, _, status = shared.partition("exit status:\n")
    parts = [_HEAD, *(_command(name, summary, sub) for name, summary, sub in _commands(parser))]
    parts += [_section("## Environment", environment), _section("## Exit status", status)]
    return "\n".join(parts)


def _commands(parser: Parser) -> list[tuple[str, str, argparse.ArgumentParser]]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            found += [(name, summaries.get(name, ""), sub) for name, sub in action.choices.items()]
    return found


def _command(name: str, summary: str, parser: argparse.ArgumentParser) -> str:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    arguments = [action for action in actions if not action.option_strings]
    options = [action for action in actions if action.option_strings]
    needed = "".join(f" {_value(action)}" for action in options if action.required and action.option_strings)
    usage = f"quirkfinder {name} [OPTION…]{needed}{''.join(f' {_name(action)}' for action in arguments)}"
    examples = (parser.epilog or "").partition("examples:\n")[2].partition("\n\n")[0]
    lines = [f"## {name}", "", f"{summary[:1].upper()}{summary[1:]}.", "", "```", usage, "```", ""]
    lines += [(parser.description or "").replace("<", "\\<"), ""]
    lines += _table("argument", [(_name(action), _help(action)) for action in arguments])
    lines += _table("option", [(_spelling(action), _help(action)) for action in options])
    lines += ["```", *(line.removeprefix("  ") for line in examples.splitlines()), "```", ""]
    return "\n".join(lines)


def _name(action: argparse.Action) -> str:
    name = str(action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest))
    return {"+": f"{name}…", "*": f"[{name}…]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _value(action: argparse.Action) -> str:
    """An option as it is written: the long name and what it takes."""
    name = action.option_strings[-1]
    if action.nargs == 0:
        return name
    taken = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return f"{name} {' '.join(taken) if isinstance(taken, tuple) else taken}"


def _spelling(action: argparse.Action) -> str:
    return ", ".join([*action.option_strings[:-1], _value(action)])


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    return f"{text} (needed)" if action.option_strings and action.required else text


def _table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    cells = [(f"`{name}`".replace("|", "\\|"), text.replace("|", "\\|")) for name, text in rows]
    return [f"| {title} | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in cells), ""]


def _section(title: str, listed: str) -> str:
    """Lines `name  what it means` of a help page as a table."""
    rows = [line.split(None, 1) for line in listed.strip().splitlines()]
    return "\n".join([title, "", "| | |", "| --- | --- |", *(f"| `{name}` | {text} |" for name, text in rows), ""])


if __name__ == "__main__":
    from quirkfinder.cli.main import build_parser

    sys.stdout.write(reference(build_parser()))
