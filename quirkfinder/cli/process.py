"""What the command sets for its own process, where a library must not: memory, threads and garbage."""

import contextlib
import ctypes
import gc
import os

_OBJECTS = 50_000  # new ones between two looks for garbage
#: Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _MAPPED = 128 << 20, 32 << 20


def begin() -> None:
    """Before anything heavy is imported."""
    # Importing makes many objects and no garbage.
    gc.set_threshold(_OBJECTS, 20, 100)
    # numpy's linear algebra would start a thread a core, and each waits busily for a while; the only products of
    # matrices here have a few dozen rows.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _keep_memory()


def end() -> None:
    """Behind the last result: what is left goes with the process, nobody has to look through it."""
    gc.freeze()


def _keep_memory() -> None:
    """The arrays of a block come and go; getting fresh pages for each of them took half of the time to fill them.

    Where the C library is another one, nothing is set.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _MAPPED)
        mallopt(_TRIM_THRESHOLD, _KEPT)
