"""Completion scripts for shells, generated from the parser itself so that they cannot fall behind it."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from quirkfinder.cli.parser import Parser


@dataclass(frozen=True, slots=True)
class Option:
    """`--format` with its spellings, its choices (empty: anything) and whether it takes a value at all."""

    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...]
    takes_value: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it does, its options, and the choices of its positional arguments (empty: files)."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def commands(parser: Parser) -> list[Command]:
    """The commands of a parser, read from argparse."""
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                words = [str(c) for a in sub._actions if not a.option_strings for c in a.choices or ()]
                found.append(Command(name, helps.get(name, ""), tuple(_options(sub)), tuple(words)))
    return found


def script(parser: Parser, shell: str) -> str:
    """The completion script for `bash`, `zsh` or `fish`."""
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    return "\n".join(write(commands(parser))) + "\n"


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    for action in parser._actions:
        if action.option_strings:
            help_text = (action.help or "").replace("%(default)s", str(action.default))
            choices = tuple(map(str, action.choices or ()))
            yield Option(tuple(action.option_strings), help_text, choices, action.nargs != 0)


def _bash(found: list[Command]) -> list[str]:
    def complete(words: str) -> str:
        return f'COMPREPLY=($(compgen -W "{words}" -- "$current")); return ;;'

    lines = [
        "# bash completion for quirkfinder",
        "_quirkfinder() {",
        '    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
        "    COMPREPLY=()",
        '    if [ "$COMP_CWORD" -eq 1 ]; then',
        f'        COMPREPLY=($(compgen -W "{" ".join(c.name for c in found)} --help --version" -- "$current"))',
        "        return",
        "    fi",
        '    case "${COMP_WORDS[1]}:$previous" in',
    ]
    for command in found:
        for option in command.options:
            if option.choices:
                pattern = "|".join(f"{command.name}:{name}" for name in option.names)
                lines.append(f"        {pattern}) {complete(' '.join(option.choices))}")
    lines += ["    esac", '    case "${COMP_WORDS[1]}:$current" in']
    for command in found:
        names = " ".join(name for option in command.options for name in option.names)
        lines.append(f"        {command.name}:-*) {complete(names)}")
        if command.words:
            lines.append(f"        {command.name}:*) {complete(' '.join(command.words))}")
    lines += ["    esac", '    COMPREPLY=($(compgen -f -- "$current"))', "}"]
    return [*lines, "complete -o filenames -F _quirkfinder quirkfinder"]


def _zsh(found: list[Command]) -> list[str]:
    lines = ["#compdef quirkfinder", "_quirkfinder() {", "    local -a commands", "    commands=("]
    lines += [f"        '{command.name}:{_quoted(command.help)}'" for command in found]
    lines += [
        "    )",
        "    if (( CURRENT == 2 )); then",
        "        _describe command commands",
        "        return",
        "    fi",
    ]
    lines += ['    case "$words[2]" in']
    for command in found:
        specs = [_zsh_option(name, option) for option in command.options for name in option.names]
        rest = f"'*:word:({' '.join(command.words)})'" if command.words else "'*:file:_files'"
        lines.append(f"        {command.name}) shift words; (( CURRENT-- )); _arguments {' '.join([*specs, rest])} ;;")
    return [*lines, "    esac", "}", '_quirkfinder "$@"']


def _zsh_option(name: str, option: Option) -> str:
    value = f":value:({' '.join(option.choices)})" if option.choices else ":file:_files" if option.takes_value else ""
    return f"'{name}[{_quoted(option.help).replace('[', '(').replace(']', ')')}]{value}'"


def _fish(found: list[Command]) -> list[str]:
    lines = ["# fish completion for quirkfinder"]
    for command in found:
        start = "complete -c quirkfinder -n"
        lines.append(f"{start} __fish_use_subcommand -f -a {command.name} -d '{_quoted(command.help)}'")
        here = f"{start} '__fish_seen_subcommand_from {command.name}'"
        lines += [f"{here} -f -a {word}" for word in command.words]
        for option in command.options:
            spellings = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
            value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r" if option.takes_value else ""
            lines.append(f"{here} {spellings}{value} -d '{_quoted(option.help)}'")
    return lines


def _quoted(text: str) -> str:
    """Fit for single quotes in every shell, and for the colon-separated lists of zsh."""
    return text.replace("'", "").replace("\\", "").replace(":", ",")
