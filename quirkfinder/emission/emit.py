"""`emit`: from findings documents or definitions to files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quirkfinder.definition.assembly import LeftOut, assemble, merge
from quirkfinder.definition.model import QuirkDefinition
from quirkfinder.definition.writing import dump
from quirkfinder.emission.change import Change, change_of
from quirkfinder.emission.files import files_of
from quirkfinder.emission.note import note
from quirkfinder.emission.vectors import vectors_text
from quirkfinder.emission.versions import VERSIONS
from quirkfinder.errors import UsageError
from quirkfinder.findings.document import Findings

TARGETS = ("definition", *VERSIONS, "vectors")
Document = QuirkDefinition | Findings | Mapping[str, Any]


def emit(documents: Iterable[Document] | Document, target: str, out_dir: Path | str) -> list[Path]:
    """Write the quirks of `documents` for `target` below `out_dir`; the paths of all files, written or unchanged.

    A document is a `QuirkDefinition`, a `Findings` object or the JSON of one.  `target` is one of `TARGETS`:

    - `definition`: NAME.toml and NAME.md for each definition;
    - `qemu-7.2`, `qemu-10.0`, `qemu-11.1`: a folder NAME-TARGET with the fragments of the change, the definition and
      a note;
    - `vectors`: NAME.vectors.jsonl, guest accesses with the answers the quirk must give.

    Definitions for the same devices are joined first.  A file is rewritten only if its text changed.  Raises
    `UsageError` for an unknown target and for two definitions of one name; no document that can be used gives an empty
    list.
    """
    if target not in TARGETS:
        raise UsageError(f"no target '{ascii(target)[1:-1]}'", f"choose one of {', '.join(TARGETS)}")
    if isinstance(documents, QuirkDefinition | Findings | Mapping):
        documents = [documents]
    definitions: list[QuirkDefinition] = []
    left_out: list[LeftOut] = []
    for document in documents:
        if isinstance(document, QuirkDefinition):
            definitions.append(document)
        else:
            assembly = assemble(document)
            definitions += assembly.definitions
            left_out += assembly.left_out
    paths: list[Path] = []
    for definition in _by_name(merge(definitions)):
        for name, text in _texts(definition, target, left_out).items():
            paths.append(write_if_changed(Path(out_dir) / name, text))
    return paths


def _by_name(definitions: list[QuirkDefinition]) -> list[QuirkDefinition]:
    """Definitions for different devices must not write the same files."""
    names = [definition.name for definition in definitions]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two definitions for different devices are named '{name}'", "rename one of them")
    return definitions


def _texts(definition: QuirkDefinition, target: str, left_out: list[LeftOut]) -> dict[str, str]:
    name = definition.name
    if target == "vectors":
        return {f"{name}.vectors.jsonl": vectors_text(definition)}
    change: Change | None = None
    folder, files = "", {}
    if target != "definition":
        change = change_of(definition, VERSIONS[target])
        folder = f"{name}-{target}/"
        files = files_of(change)
    files[f"{name}.toml"] = dump(definition)
    files[f"{name}.md"] = note(definition, target, tuple(files), change, left_out)
    return {f"{folder}{file}": text for file, text in files.items()}


def write_if_changed(path: Path, text: str) -> Path:
    """Write the text unless the file holds it already, so that what depends on the file is not made anew."""
    data = text.encode("utf-8")
    if not (path.is_file() and path.read_bytes() == data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return path
