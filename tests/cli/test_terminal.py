"""What the command line makes of the terminal it runs in."""

import io
import sys

import pytest

from quirkfinder.cli.terminal import Terminal


class Stream(io.TextIOWrapper):
    """A stdout that may be a terminal and has an encoding."""

    def __init__(self, *, terminal: bool, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def stdout(monkeypatch: pytest.MonkeyPatch, *, terminal: bool = True, encoding: str = "utf-8") -> Terminal:
    monkeypatch.setattr(sys, "stdout", Stream(terminal=terminal, encoding=encoding))
    for name in ("NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


def test_a_terminal_has_colours_and_a_file_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stdout(monkeypatch).color
    assert not stdout(monkeypatch, terminal=False).color


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = stdout(monkeypatch)
    monkeypatch.setenv(name, value)
    assert not terminal.color


def test_an_empty_no_color_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = stdout(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "")
    assert terminal.color


def test_the_width_is_the_terminals_or_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = stdout(monkeypatch)
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal.width == 72
    terminal = stdout(monkeypatch, terminal=False)
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal.width == 100


@pytest.mark.parametrize(("encoding", "ascii_only"), [("utf-8", False), ("latin-1", True), ("ascii", True)])
def test_only_unicode_outputs_get_more_than_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str, ascii_only: bool
) -> None:
    assert stdout(monkeypatch, encoding=encoding).ascii_only is ascii_only


def test_messages_on_a_stderr_without_unicode_are_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", target)
    Terminal().say("straße → x")
    assert target.buffer.getvalue() == b"stra\\xdfe \\u2192 x\n"  # type: ignore[attr-defined]  # a BytesIO
