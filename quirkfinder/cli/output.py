"""Where a document goes: stdout, or a file that is complete or not there at all."""

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from quirkfinder.errors import UsageError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_target(path: str | None) -> None:
    """Raises `UsageError` where the file could not be written, before hours of work go into its content."""
    if path is None or path == "-":
        return
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path}: is a folder", "-o needs the name of a file")
    folder = target.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"{path}: there is no folder {folder}", f"mkdir -p {folder}")
    # A device or pipe is written in place; anything else is replaced, for which the folder must be writable.
    if not os.access(target if _in_place(target) else folder, os.W_OK):
        raise UsageError(f"{path}: cannot be written", "check the permissions, or choose another -o FILE")


def write(text: str, path: str | None) -> None:
    """`text` on stdout (`path` None or "-") or in the file, in UTF-8. Raises `UsageError` where that fails."""
    if path is None or path == "-":
        write_stdout(text)
        return
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_stdout(text: str) -> None:
    """A reader that stops reading early (`| head`) has what it wanted: that is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
    except OSError as error:
        abandon_stdout()
        raise UsageError(f"stdout: {error.strerror or error}", "is the disk full?") from error


def abandon_stdout() -> None:
    """Nobody takes what is written any more: what is left in the buffer goes nowhere, not into a complaint at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def replacing(path: str) -> Iterator[Path]:
    """A file to write in; it takes the place of `path` when the block ends, and is removed when the block fails."""
    target = Path(path)
    if _in_place(target):
        with _told(path):
            yield target
        return
    target = target.resolve()  # what a link points at is replaced, not the link
    with _told(path):
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with _told(path):
            yield temporary
            temporary.chmod(_mode(target))
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}", "choose another -o FILE") from error


def _in_place(target: Path) -> bool:
    return target.exists() and not target.is_file()


def _mode(target: Path) -> int:
    """The permissions an ordinary new file would have, or those of the file that is replaced."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextlib.contextmanager
def room_for_temporary_files() -> Iterator[None]:
    """Where standard input is copied, or events of a long log are put aside: a full disk is told with what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise UsageError(
            f"a temporary file cannot be written: {error.strerror or error}",
            "make room where it goes, or set TMPDIR to a folder that has some",
        ) from error
