"""Where files go that may be as large as a log."""

import os
import tempfile
from pathlib import Path

_DISK = Path("/var/tmp")


def folder_for_large_files() -> str | None:
    """/var/tmp, for /tmp may be memory (FHS 3.0, 5.15); None, which is Python's choice, where the user has one."""
    if tempfile.tempdir or any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")):
        return None
    return str(_DISK) if _DISK.is_dir() and os.access(_DISK, os.W_OK | os.X_OK) else None
