"""Following a log that is still written: the first signal ends the reading, the second one the program."""

import argparse
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
_PAUSE = 0.2  # seconds between two looks whether the work is done
FOLLOWING = "following the log; an interrupt (Ctrl-C) ends that and gives the result so far"


def add_follow(parser: argparse.ArgumentParser) -> None:
    """The option of commands that can follow a log."""
    parser.add_argument(
        "--follow",
        action="store_true",
        help="go on reading a log that is still written, until standard input ends or an interrupt",
    )


@contextlib.contextmanager
def until_interrupted(*, wanted: bool) -> Iterator[Callable[[], bool] | None]:
    """Gives a question to be asked again and again while a log is followed: has somebody had enough?

    It raises KeyboardInterrupt when a second signal has come.  None where nothing is `wanted`.

    To be entered before polars is imported: the threads of polars take over which signals are blocked, and polars would
    answer an interrupt by giving up the query that writes what was read so far.
    """
    if not wanted:
        yield None
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    received = _Received()
    received.start()
    try:
        yield lambda: _enough(received, before)
    except BaseException as error:
        if received.count > 1:
            raise KeyboardInterrupt from error
        raise
    finally:
        received.done.set()
        received.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Received(threading.Thread):
    """Counts signals, which come to a thread that waits for them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            if signal.sigtimedwait(_SIGNALS, _PAUSE) is not None:
                self.count += 1


def _enough(received: _Received, before: set[signal.Signals | int]) -> bool:
    if received.count > 1:
        raise KeyboardInterrupt
    if received.count and threading.current_thread() is threading.main_thread():
        # What comes now is work that a further signal may end at once.
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return received.count > 0
