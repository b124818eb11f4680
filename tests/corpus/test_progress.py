"""What `mine` says on the way."""

import io
import sys

import pytest

from quirkfinder.cli.mining import Told, clock_time, sentence
from quirkfinder.cli.terminal import Terminal
from quirkfinder.corpus import Progress

HALF = Progress("reading", 5, 10, 50_000_000, 100_000_000, 1234567)


def test_a_sentence_has_bundles_events_bytes_rate_and_time_left() -> None:
    assert sentence(HALF, 25) == "reading: 5 of 10 runs, 1 234 567 events, 50.0 of 100.0 MB, 2.0 MB/s, 0:25 left"
    assert sentence(Progress("looking for traces"), 3) == "looking for traces"
    assert clock_time(3723) == "1:02:03"


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("kind", "shown"), [(io.StringIO, 2), (Tty, 4)])
def test_a_file_gets_a_line_now_and_then_and_a_terminal_one_line_that_is_taken_away(
    kind: type[io.StringIO], shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, clock = kind(), Clock()
    monkeypatch.setattr(sys, "stderr", stream)
    told = Told(Terminal(), clock)
    told(Progress("looking for traces"))
    for clock.now in (1.0, 2.5, 2.6, 11.0, 12.0, 22.0):
        told(HALF)
    told.clear()
    text = stream.getvalue()
    assert text.count("5 of 10 runs") == shown
    assert text.endswith("\r\x1b[2K" if kind is Tty else "\n")


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, clock = Tty(), Clock()
    monkeypatch.setattr(sys, "stderr", stream)
    told = Told(Terminal(quiet=True), clock)
    for clock.now in (5.0, 30.0):
        told(HALF)
    told.clear()
    assert stream.getvalue() == ""
