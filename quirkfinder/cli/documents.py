"""Findings documents, quirk definitions and stores named on the command line."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quirkfinder.errors import InvalidDocument, NoUsableInput, PartialFailure, QuirkfinderError

if TYPE_CHECKING:
    from quirkfinder.corpus import Joined
    from quirkfinder.definition.model import QuirkDefinition
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


@dataclass(frozen=True, slots=True)
class Loaded:
    """The documents that could be read, what joins those of a store, and what was wrong with the others."""

    documents: "tuple[Findings, ...]"
    stores: "tuple[Joined, ...]"
    failures: tuple[str, ...]

    def complain(self) -> None:
        """Raises `PartialFailure` where some could not be read; to be called when the results are written."""
        if self.failures:
            raise PartialFailure("some documents could not be read; the others were used", "", self.failures)


def load_documents(paths: Sequence[str]) -> Loaded:
    """All documents that can be read, those of a store among them; raises the first error where none can."""
    documents: list[Findings] = []
    stores: list[Joined] = []
    errors = []
    for path in paths:
        try:
            if Path(path).is_dir():
                documents += _of_store(path)
                stores.append(_joined(path))
            else:
                documents.append(load_document(path))
        except QuirkfinderError as error:
            errors.append(error)
    if not documents:
        raise errors[0]
    return Loaded(tuple(documents), tuple(stores), tuple(error.message for error in errors))


def _of_store(path: str) -> "list[Findings]":
    """A document for each card of a store. Raises `NoUsableInput` where the folder is none or has no card."""
    from quirkfinder.corpus import load_findings

    documents = load_findings(path)
    if not documents:
        raise NoUsableInput(f"{path}: the store has no card", "quirkfinder mine FOLDER -o STORE puts some in")
    return documents


def _joined(path: str) -> "Joined":
    from quirkfinder.corpus import load_joined

    return load_joined(path)


def load_quirks(paths: Sequence[str]) -> "tuple[list[QuirkDefinition | Findings], tuple[str, ...]]":
    """Definitions and findings documents that can be read, and what is wrong with the others.

    Raises the first error where none can be read.
    """
    documents: list[QuirkDefinition | Findings] = []
    errors = []
    for path in paths:
        try:
            documents += _of_store(path) if Path(path).is_dir() else [_quirks(path)]
        except QuirkfinderError as error:
            errors.append(error)
    if not documents:
        raise errors[0]
    return documents, tuple(error.message for error in errors)


def _quirks(path: str) -> "QuirkDefinition | Findings":
    """A findings document begins with a brace; everything else has to be a definition."""
    if path == "-" or _starts_with_brace(Path(path)):
        return load_document(path)
    from quirkfinder.definition.reading import load

    return load(path)


def _starts_with_brace(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    except OSError:
        return False
