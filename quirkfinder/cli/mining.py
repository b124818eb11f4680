"""Progress of `mine` on stderr: one line that is kept up to date on a terminal, a line now and then in a file."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quirkfinder.cli.terminal import Terminal

if TYPE_CHECKING:
    from quirkfinder.corpus import Progress

_EVERY = 10.0  # seconds between two lines in a file
_PATIENCE, _PAUSE = 2.0, 0.2  # seconds before a terminal shows anything, and between two updates
_CLEAR = "\r\x1b[2K"


class Told:
    """Called with every `corpus.Progress`: bundles, events, bytes, rate and time left."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._clock = clock
        self._live = sys.stderr.isatty()
        self._began = self._said = clock()
        self._shown = False
        if self._live:
            self._said += _PATIENCE - _PAUSE

    def __call__(self, progress: "Progress") -> None:
        now = self._clock()
        if not progress.bundles:
            self._began = now  # looking for traces is not reading
        if self._terminal.quiet or now - self._said < (_PAUSE if self._live else _EVERY):
            return
        self._said = now
        text = sentence(progress, now - self._began)
        if self._live:
            columns = shutil.get_terminal_size().columns
            sys.stderr.write(f"{_CLEAR}{text[: columns - 1]}")
            sys.stderr.flush()
            self._shown = True
        elif progress.bundles:
            self._terminal.say(text)

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


@contextmanager
def telling(terminal: Terminal) -> Iterator[Told]:
    """Progress for as long as the block lasts."""
    told = Told(terminal)
    try:
        yield told
    finally:
        told.clear()


def sentence(progress: "Progress", seconds: float) -> str:
    """How far the work is after so many seconds, as a sentence; only the stage where nothing has been read yet."""
    from quirkfinder.rendering.words import count

    if not progress.bundles:
        return progress.stage
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
