"""Where files go that may be as large as a log."""

import os
from pathlib import Path

_DISK = Path("/var/tmp")


def folder_for_large_files() -> str | None:
    """`TMPDIR` where it is set, else /var/tmp, for /tmp may be memory (FHS 3.0, 5.15); None: what Python takes."""
    if os.environ.get("TMPDIR"):
        return None
    return str(_DISK) if _DISK.is_dir() and os.access(_DISK, os.W_OK | os.X_OK) else None
