"""What the command line knows of the terminal it runs in, and everything it says on stderr."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from quirkfinder.cli.progress import Progress
from quirkfinder.errors import PartialFailure, QuirkfinderError
from quirkfinder.rendering.safe import visible

_WIDTH_WITHOUT_TERMINAL = 100


@dataclass(slots=True)
class Terminal:
    """Messages go through here, so that `-q`, `-v` and hostile text are dealt with once."""

    quiet: bool = False
    verbose: bool = False
    _started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A message for the user, unless `-q`."""
        if not self.quiet:
            self._print(text)

    def detail(self, text: str) -> None:
        """A message with the time since the start, only with `-v`."""
        if self.verbose and not self.quiet:
            self._print(f"{time.monotonic() - self._started:7.2f} s  {text}")

    def fail(self, error: QuirkfinderError) -> None:
        """An error with what to do about it, `-q` or not."""
        if isinstance(error, PartialFailure):
            for failure in error.failures:
                self._print(f"failed: {failure}")
        self._print(f"error: {error.message}")
        if error.hint:
            self._print(f"  {error.hint}")

    def fail_text(self, text: str) -> None:
        self._print(f"error: {text}")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A display of progress on stderr for work that takes longer than two seconds; silent without a terminal."""
        shown = Progress(enabled=not self.quiet and sys.stderr.isatty())
        try:
            yield shown
        finally:
            shown.close()

    @property
    def color(self) -> bool:
        """May stdout be coloured? Not where it is no terminal, nor with NO_COLOR or TERM=dumb."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal on stdout, or 100 where there is none."""
        return shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns if sys.stdout.isatty() else 100

    @property
    def ascii_only(self) -> bool:
        """Can stdout show no more than ASCII (for instance with LC_ALL=C and no UTF-8 mode)?"""
        return "utf" not in (sys.stdout.encoding or "").lower()

    def _print(self, text: str) -> None:
        # One message may have several lines of ours; each is made harmless on its own.
        shown = "".join(f"{visible(line)}\n" for line in text.split("\n"))
        if "utf" not in (sys.stderr.encoding or "").lower():
            shown = shown.encode("ascii", "backslashreplace").decode()
        with suppress(OSError):  # nobody reads stderr any more: there is nowhere left to say so
            sys.stderr.write(shown)
            sys.stderr.flush()


def ensure_streams() -> None:
    """Started with stdout or stderr closed (`>&-`), Python has None there; what is written then goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the end
