"""Progress of `mine` on stderr: a display on a terminal, a line now and then where stderr is a file."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from quirkfinder.cli.progress import Progress as Display
from quirkfinder.cli.terminal import Terminal

if TYPE_CHECKING:
    from quirkfinder.corpus import Progress

_EVERY = 10.0  # seconds between two lines


class Told:
    """Called with every `corpus.Progress`: bundles, events, bytes, rate and time left."""

    def __init__(self, terminal: Terminal, display: Display, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._display = display
        self._clock = clock
        self._began = self._said = clock()

    def __call__(self, progress: "Progress") -> None:
        if sys.stderr.isatty():
            counts = f" {progress.bundles}/{progress.of_bundles}" if progress.of_bundles else ""
            self._display(f"{progress.stage}{counts}", progress.bytes, progress.of_bytes or None)
            return
        now = self._clock()
        if not progress.bundles:
            self._began = now  # looking for traces is not reading
        elif now - self._said >= _EVERY:
            self._said = now
            self._terminal.say(sentence(progress, now - self._began))


def sentence(progress: "Progress", seconds: float) -> str:
    """How far the work is after so many seconds, as a sentence."""
    from quirkfinder.rendering.words import count

    rate = progress.bytes / seconds if seconds > 0 else 0.0
    left = (progress.of_bytes - progress.bytes) / rate if rate else 0.0
    return (
        f"{progress.stage}: {progress.bundles} of {count(progress.of_bundles, 'run')}, "
        f"{count(progress.events, 'event')}, {progress.bytes / 1e6:.1f} of {progress.of_bytes / 1e6:.1f} MB, "
        f"{rate / 1e6:.1f} MB/s, {clock_time(left)} left"
    )


def clock_time(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
