"""Traces to events: every spelling of QEMU's VFIO and unassigned-access lines, 1.3 to 11.1, as one frame."""

from quirkfinder.reading.blocks import Block, read_blocks
from quirkfinder.reading.native import NativeUnavailableError
from quirkfinder.reading.quotes import lines
from quirkfinder.reading.traces import (
    Converted,
    Reading,
    UnknownLine,
    convert,
    merged_by_time,
    read,
    read_trace,
)

__all__ = [
    "Block",
    "Converted",
    "NativeUnavailableError",
    "Reading",
    "UnknownLine",
    "convert",
    "lines",
    "merged_by_time",
    "read",
    "read_blocks",
    "read_trace",
]
