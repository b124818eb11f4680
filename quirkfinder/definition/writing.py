"""Definitions as TOML text. Exact: what is written reads back as the same definition, whatever a string holds."""

from typing import Any

from quirkfinder.definition.fields import Entry, entries
from quirkfinder.definition.model import QuirkDefinition

_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def dump(definition: QuirkDefinition) -> str:
    """The definition as TOML: plain ASCII, values in the order of the model, what equals its default left out."""
    lines: list[str] = []
    _table(lines, definition, "")
    return "\n".join(lines).strip("\n") + "\n"


def as_table(record: object) -> dict[str, Any]:
    """The same content as nested dictionaries and lists, as `tomllib` would give it back."""
    table: dict[str, Any] = {}
    for entry in entries(type(record)):
        value = getattr(record, entry.name)
        if not _is_written(entry, value):
            continue
        match entry.spec.shape:
            case "table":
                table[entry.key] = as_table(value)
            case "tables":
                table[entry.key] = [as_table(item) for item in value]
            case "texts" | "hexes":
                table[entry.key] = list(value)
            case _:
                table[entry.key] = value
    return table


def _is_written(entry: Entry, value: object) -> bool:
    # The name of the format leads the file although it has only one value: a reader must know what it reads.
    return entry.required or entry.key == "schema" or value != entry.default


def _table(lines: list[str], record: object, path: str) -> None:
    written = [(e, getattr(record, e.name)) for e in entries(type(record)) if _is_written(e, getattr(record, e.name))]
    # TOML wants the plain keys of a table before its sub-tables.
    for entry, value in written:
        if entry.spec.shape not in ("table", "tables") or (entry.spec.shape == "tables" and not value):
            lines.append(f"{entry.key} = {_scalar(entry, value)}")
    for entry, value in written:
        where = f"{path}.{entry.key}" if path else entry.key
        if entry.spec.shape == "table":
            lines.extend(("", f"[{where}]"))
            _table(lines, value, where)
        elif entry.spec.shape == "tables":
            for item in value:
                lines.extend(("", f"[[{where}]]"))
                _table(lines, item, where)


def _scalar(entry: Entry, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, tuple):
        if not value:
            return "[]"
        items = [_string(item) if isinstance(item, str) else f"{item:#x}" for item in value]
        return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
    if isinstance(value, float):
        return repr(value)
    return f"{value:#x}" if entry.spec.shape == "hex" else str(value)


def _string(text: str) -> str:
    """A TOML basic string in ASCII: everything else is escaped, so that it is safe to look at."""
    return '"' + "".join(_SHORT.get(c) or (c if " " <= c <= "~" else _escape(ord(c))) for c in text) + '"'


def _escape(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        # A lone surrogate (a byte of a log that is no UTF-8) has no form in TOML.
        return "\\uFFFD"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
