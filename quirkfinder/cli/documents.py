"""Findings documents named on the command line."""

import sys
from typing import TYPE_CHECKING

from quirkfinder.errors import InvalidDocument

if TYPE_CHECKING:
    from quirkfinder.findings.document import Findings


def load_document(path: str) -> "Findings":
    """The document in a file, or on standard input for `-`. Raises `NoUsableInput` or `InvalidDocument`."""
    from quirkfinder.findings.document import Findings

    if path != "-":
        return Findings.load(path)
    try:
        return Findings.from_json(sys.stdin.buffer.read())
    except InvalidDocument as error:
        raise InvalidDocument(f"standard input: {error.message}", error.hint) from error
