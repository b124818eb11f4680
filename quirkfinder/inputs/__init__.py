"""Files, folders and standard input as sources of bytes, with their roles by content."""

from quirkfinder.inputs.blocks import LineBlock, line_blocks
from quirkfinder.inputs.sources import Source, check_single_log, followed, resolve

__all__ = ["LineBlock", "Source", "check_single_log", "followed", "line_blocks", "resolve"]
