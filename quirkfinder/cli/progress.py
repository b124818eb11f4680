"""Progress of long work on stderr: shown after two seconds, with rate and time left, and gone when the work is done."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_PATIENCE = 2.0  # seconds before anything is shown
_PAUSE = 0.1  # seconds between two updates


class Progress:
    """Called with `(stage, done, total)` as often as the work likes; `total` is None where it is not known.

    `done` and `total` are of any unit that grows evenly with the work, such as bytes read.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._began = self._updated = time.monotonic()
        self._display: RichProgress | None = None
        self._task: TaskID | None = None
        self._stage = ""

    def __call__(self, stage: str, done: float = 0, total: float | None = None) -> None:
        now = time.monotonic()
        if not self._enabled or now - self._began < _PATIENCE:
            return
        if stage == self._stage and now - self._updated < _PAUSE:
            return
        self._updated = now
        self._show(stage, done, total)

    def close(self) -> None:
        """Takes the display away. May be called twice."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    def _show(self, stage: str, done: float, total: float | None) -> None:
        if self._display is None:
            self._display = _start()
        if stage != self._stage or self._task is None:
            if self._task is not None:
                self._display.remove_task(self._task)
            self._task, self._stage = self._display.add_task(_plain(stage), total=total), stage
        self._display.update(self._task, completed=done, total=total)


def _plain(stage: str) -> str:
    from quirkfinder.rendering.safe import shorten

    return shorten(stage, 40)


def _start() -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    display = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    display.start()
    return display
