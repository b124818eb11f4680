"""What the command sets for its own process, and leaves alone."""

import os
import subprocess
import sys

import pytest

SHOWN = """
import gc, os
before = gc.get_threshold()
from quirkfinder.cli import process
process.begin()
print(os.environ["OPENBLAS_NUM_THREADS"], gc.get_threshold() > before, gc.isenabled())
process.end()
print(gc.get_freeze_count() > 0)
"""


@pytest.mark.parametrize(("given", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "7"}, "7")])
def test_what_the_user_has_set_stays(given: dict[str, str], threads: str) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | given
    shown = subprocess.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [threads, "True", "True", "True"]


def test_another_c_library_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from quirkfinder.cli import process

    class Other:
        """A library without `mallopt`."""

    monkeypatch.setattr(process.ctypes, "CDLL", lambda _name: Other())
    process._keep_memory()
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _name: (_ for _ in ()).throw(OSError("no library")))
    process._keep_memory()
