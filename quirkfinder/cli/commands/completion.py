"""`quirkfinder completion`: a script that completes commands, options and files in a shell."""

import argparse

from quirkfinder.cli.output import write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal


def add(commands: Commands) -> None:
    parser = commands.add(
        "completion",
        "a script for the shell that completes commands and options",
        "Writes a completion script for the shell on stdout.",
        [
            "quirkfinder completion bash > ~/.local/share/bash-completion/completions/quirkfinder",
            "quirkfinder completion zsh > ~/.zfunc/_quirkfinder",
            "quirkfinder completion fish > ~/.config/fish/completions/quirkfinder.fish",
        ],
        run,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell to write it for")


def run(arguments: argparse.Namespace, _terminal: Terminal) -> int:
    from quirkfinder.cli.completion import script
    from quirkfinder.cli.main import build_parser

    write(script(build_parser(), arguments.shell), None)
    return 0
