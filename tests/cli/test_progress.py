"""Progress appears after two seconds, on a terminal only, and never slows the work."""

import time

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


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Display:
    shown = Display()
    monkeypatch.setattr(module, "_start", lambda: shown)
    return shown


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: seconds)


def test_nothing_is_shown_for_two_seconds(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 100)
    progress = Progress(enabled=True)
    at(monkeypatch, 101.9)
    progress("reading", 1, 10)
    assert display.updates == []
    at(monkeypatch, 102.1)
    progress("reading", 2, 10)
    assert display.updates == [(2, 10)]


def test_updates_are_thinned_but_a_new_stage_is_shown_at_once(
    display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 100)
    progress = Progress(enabled=True)
    at(monkeypatch, 103)
    for done in range(1000):
        progress("reading", done, 1000)
    progress("mining \x1b[2J", 1)
    assert display.updates == [(0, 1000), (1, None)]
    assert list(display.tasks.values()) == ["reading (gone)", "mining \\x1b[2J"]


def test_without_a_terminal_nothing_is_shown(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 100)
    progress = Progress(enabled=False)
    at(monkeypatch, 200)
    progress("reading", 1, 10)
    progress.close()
    assert (display.updates, display.stopped) == ([], 0)


def test_closing_twice_stops_once(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 100)
    progress = Progress(enabled=True)
    at(monkeypatch, 200)
    progress("reading", 1, 10)
    progress.close()
    progress.close()
    assert display.stopped == 1


def test_the_real_display_starts_and_stops() -> None:
    shown = module._start()
    shown.add_task("reading", total=10)
    shown.stop()
