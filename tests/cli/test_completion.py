"""Completion scripts are made from the parser and know what it knows."""

import shutil
import subprocess

import pytest

from quirkfinder.cli.completion import commands, script
from quirkfinder.cli.main import build_parser


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_format_and_option_is_in_the_script(shell: str) -> None:
    text = script(build_parser(), shell)
    for command in commands(build_parser()):
        assert command.name in text
        for option in command.options:
            assert any(name.lstrip("-") in text for name in option.names)
            assert all(choice in text for choice in option.choices)


def complete(words: list[str]) -> list[str]:
    """What bash offers after these words."""
    setup = script(build_parser(), "bash")
    line = f"COMP_WORDS=({' '.join(words)} ''); COMP_CWORD={len(words)}; _quirkfinder; echo \"${{COMPREPLY[@]}}\""
    bash = shutil.which("bash")
    assert bash, "this project is for Linux hosts, which have bash"
    done = subprocess.run([bash, "-c", f"{setup}\n{line}"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_offers_commands_choices_and_words() -> None:
    assert set(complete(["quirkfinder"])) >= {"analyze", "completion", "--help", "--version"}
    assert complete(["quirkfinder", "analyze", "--fail-on"]) == ["confirmed", "likely"]
    assert complete(["quirkfinder", "completion"]) == ["bash", "zsh", "fish"]


def test_texts_cannot_leave_their_quotes() -> None:
    for shell in ("zsh", "fish"):
        assert all(line.count("'") % 2 == 0 for line in script(build_parser(), shell).splitlines())
