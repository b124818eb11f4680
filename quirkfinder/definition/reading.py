"""Definition files: TOML in, `QuirkDefinition` out, and nothing that the model does not know gets through."""

import re
import tomllib
from pathlib import Path
from typing import Any, cast

from quirkfinder.definition.checks import check
from quirkfinder.definition.errors import DefinitionError, nearest
from quirkfinder.definition.fields import Entry, entries
from quirkfinder.definition.model import QuirkDefinition
from quirkfinder.errors import NoUsableInput


def load(path: Path | str) -> QuirkDefinition:
    """The definition in a TOML file.

    Raises `DefinitionError` naming the file, the key and the nearest right thing where the definition does not hold,
    `NoUsableInput` where the file cannot be read.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise NoUsableInput(f"{path}: {error.strerror}", "name a definition file that can be read") from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"not UTF-8 text (byte {error.start})", source=str(path)) from error
    return loads(text, str(path))


def loads(text: str, source: str = "") -> QuirkDefinition:
    """The definition in TOML text; `source` is named in errors. Raises `DefinitionError`."""
    try:
        return from_table(tomllib.loads(text), source)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"not TOML: {error}", source=source) from error


def from_table(table: dict[str, Any], source: str = "") -> QuirkDefinition:
    """The definition in a parsed table; `source` is named in errors. Raises `DefinitionError`."""
    try:
        definition = cast(QuirkDefinition, _record(QuirkDefinition, table, ""))
        check(definition)
    except DefinitionError as error:
        raise error.within(source) from None
    return definition


def _record(of: type[Any], table: object, path: str) -> object:
    if not isinstance(table, dict):
        raise DefinitionError(f"a table is wanted here, not {_word(table)}", path)
    known = {entry.key: entry for entry in entries(of)}
    for key in table:
        if key not in known:
            raise DefinitionError(f"unknown key{nearest(str(key), known)}", _join(path, str(key)))
    values: dict[str, Any] = {}
    for key, entry in known.items():
        if key in table:
            values[entry.name] = _value(entry, table[key], _join(path, key))
        elif entry.required:
            raise DefinitionError(f"missing: {entry.spec.about}", _join(path, key))
    return of(**values)


def _value(entry: Entry, value: object, path: str) -> object:
    spec = entry.spec
    match spec.shape:
        case "hex" | "count":
            return value if spec.word is not None and value == spec.word else _integer(entry, value, path)
        case "hexes":
            return tuple(_integer(entry, item, f"{path}[{at}]") for at, item in enumerate(_list(value, path)))
        case "fraction":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise DefinitionError(f"a number from 0 to 1 is wanted, not {_word(value)}", path)
            return float(value)
        case "flag":
            if not isinstance(value, bool):
                raise DefinitionError(f"true or false is wanted, not {_word(value)}", path)
            return value
        case "text":
            return _text(entry, value, path)
        case "texts":
            return tuple(_text(entry, item, f"{path}[{at}]") for at, item in enumerate(_list(value, path)))
        case "choice":
            if value not in spec.choices:
                raise DefinitionError(f"{_word(value)} is not a choice{nearest(str(value), spec.choices)}", path)
            return value
        case "table":
            assert spec.item is not None
            return _record(spec.item, value, path)
        case "tables":
            assert spec.item is not None
            return tuple(_record(spec.item, item, f"{path}[{at}]") for at, item in enumerate(_list(value, path)))


def _integer(entry: Entry, value: object, path: str) -> int:
    spec = entry.spec
    if isinstance(value, bool) or not isinstance(value, int):
        hint = " (no quotes)" if isinstance(value, str) else ""
        word = f', or "{spec.word}"' if spec.word else ""
        raise DefinitionError(f"an integer is wanted{word}, not {_word(value)}{hint}", path)
    if not spec.minimum <= value <= spec.maximum:
        show = (lambda n: f"{n:#x}") if spec.shape != "count" else str
        raise DefinitionError(f"{show(value)} is outside {show(spec.minimum)} to {show(spec.maximum)}", path)
    return value


def _text(entry: Entry, value: object, path: str) -> str:
    if not isinstance(value, str):
        raise DefinitionError(f"text is wanted, not {_word(value)}", path)
    if entry.spec.pattern is not None and not re.fullmatch(entry.spec.pattern, value):
        raise DefinitionError(f"{_word(value)} does not fit {entry.spec.pattern}", path)
    return value


def _list(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise DefinitionError(f"a list is wanted, not {_word(value)}", path)
    return value


def _word(value: object) -> str:
    """The value for a message: short, ASCII, without control characters."""
    shown = ascii(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def _join(path: str, key: str) -> str:
    bare = key if re.fullmatch("[A-Za-z0-9_-]+", key) else ascii(key)
    return f"{path}.{bare}" if path else bare
