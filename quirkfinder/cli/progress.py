"""Progress of long work on stderr: shown after two seconds, with rate and time left, and gone when the work is done."""

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_PATIENCE = 2.0  # seconds before anything is shown
_PAUSE = 0.1  # seconds between two updates


class Progress:
    """Called with `(stage, done, total)` as often as the work likes; `total` is None where it is not known.

    `done` and `total` are bytes read.  A timer brings up the
    display, so that a stage that says nothing for a minute is seen as well.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._lock = threading.Lock()
        self._display: RichProgress | None = None
        self._task: TaskID | None = None
        self._shown = ""  # the stage that the display has
        self._state: tuple[str, float, float | None] = ("", 0, None)
        self._updated = 0.0
        self._timer = threading.Timer(_PATIENCE, self._appear) if enabled else None
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def __call__(self, stage: str, done: float = 0, total: float | None = None) -> None:
        self._state = (stage, done, total)
        if self._display is None:
            return
        now = time.monotonic()
        if stage == self._shown and now - self._updated < _PAUSE:
            return
        self._updated = now
        with self._lock:
            self._show()

    def close(self) -> None:
        """Takes the display away for good. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._display is not None:
                self._display.stop()
                self._display = None

    def _appear(self) -> None:
        with self._lock:
            if self._timer is not None:  # not closed meanwhile
                self._display = _start()
                self._show()

    def _show(self) -> None:
        if self._display is None:
            return
        stage, done, total = self._state
        if stage != self._shown or self._task is None:
            if self._task is not None:
                self._display.remove_task(self._task)
            self._task, self._shown = self._display.add_task(_plain(stage), total=total), stage
        self._display.update(self._task, completed=done, total=total)


def _plain(stage: str) -> str:
    from quirkfinder.rendering.safe import shorten

    return shorten(stage, 40)


def _start() -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskProgressColumn, TextColumn
    from rich.text import Text

    class Time(ProgressColumn):
        """Rate and time left; where a stage does not know how much it has to do, the time it has taken."""

        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text(f"{clock_time(task.elapsed or 0)} so far")
            rate = "" if task.speed is None else f"{task.speed / 1e6:.1f} MB/s"
            left = "" if task.time_remaining is None else f"{clock_time(task.time_remaining)} left"
            return Text(", ".join(part for part in (rate, left) if part))

    display = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        Time(),
        console=Console(stderr=True),
        transient=True,
    )
    display.start()
    return display


def clock_time(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
