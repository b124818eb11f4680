"""Progress appears after a while, on a terminal only, and never slows the work."""

import threading
import time
from collections.abc import Iterator

import pytest

from quirkfinder.cli import progress as module
from quirkfinder.cli.progress import Progress


class Display:
    """Takes the place of rich's display."""

    def __init__(self) -> None:
        self.tasks: dict[int, str] = {}
        self.updates: list[tuple[float, float | None]] = []
        self.stopped = 0

    def add_task(self, description: str, total: float | None) -> int:
        self.tasks[len(self.tasks)] = description
        return len(self.tasks) - 1

    def remove_task(self, task: int) -> None:
        self.tasks[task] += " (gone)"

    def update(self, task: int, completed: float, total: float | None) -> None:
        self.updates.append((completed, total))

    def stop(self) -> None:
        self.stopped += 1


class Clock:
    """Takes the place of the timer: what it would do after two seconds is done when a test says so."""

    def __init__(self, seconds: float, action: object) -> None:
        self.action, self.daemon, self.started, self.cancelled = action, False, False, False
        clocks.append(self)

    def start(self) -> None:
        self.started = True

    def cancel(self) -> None:
        self.cancelled = True


clocks: list[Clock] = []


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    shown = Display()
    clocks.clear()
    monkeypatch.setattr(module, "_start", lambda: shown)
    monkeypatch.setattr(threading, "Timer", Clock)
    return shown


def two_seconds_pass() -> None:
    (clock,) = clocks
    assert clock.started
    clock.action()  # type: ignore[operator]  # the method that Progress gave it


def test_nothing_is_shown_before_the_timer_and_then_the_latest(display: Display) -> None:
    progress = Progress(enabled=True)
    progress("reading", 1, 10)
    progress("reading", 2, 10)
    assert display.updates == []
    two_seconds_pass()
    assert display.updates == [(2, 10)]


def test_updates_are_thinned_but_a_new_stage_is_shown_at_once(
    display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100)
    progress = Progress(enabled=True)
    progress("reading", 0, 1000)
    two_seconds_pass()
    for done in range(1000):
        progress("reading", done, 1000)
    progress("mining \x1b[2J", 1)
    assert display.updates == [(0, 1000), (0, 1000), (1, None)]
    assert list(display.tasks.values()) == ["reading (gone)", "mining \\x1b[2J"]


def test_without_a_terminal_there_is_not_even_a_timer(display: Display) -> None:
    progress = Progress(enabled=False)
    progress("reading", 1, 10)
    progress.close()
    assert (clocks, display.updates, display.stopped) == ([], [], 0)


def test_closing_twice_stops_once_and_nothing_appears_afterwards(display: Display) -> None:
    progress = Progress(enabled=True)
    two_seconds_pass()
    progress.close()
    progress.close()
    assert display.stopped == 1
    assert clocks[0].cancelled
    two_seconds_pass()
    progress("reading", 1, 10)
    assert display.stopped == 1
    assert len(display.updates) == 1


def test_the_real_display_starts_and_stops() -> None:
    shown = module._start()
    shown.add_task("reading", total=10)
    shown.stop()
