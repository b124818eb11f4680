"""quirkfinder: finds the back doors of passed-through PCI cards in QEMU's VFIO traces, and writes the quirk.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quirkfinder.analysis import analyze
    from quirkfinder.reading import read_trace

__version__ = "0.1.0"
__all__ = ["__version__", "analyze", "read_trace"]

_HOMES = {"analyze": "quirkfinder.analysis", "read_trace": "quirkfinder.reading"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
