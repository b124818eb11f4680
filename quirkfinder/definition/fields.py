"""One description of a field for the reader, the writer and the JSON schema: metadata of the dataclass fields.

A definition file is TOML.  `Field.shape` says which TOML value a field takes; the dataclass says whether it has a
default.  Nothing else in this package knows the keys of the format.
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, cast

Shape = Literal["hex", "count", "fraction", "text", "texts", "hexes", "flag", "choice", "table", "tables"]


@dataclass(frozen=True, slots=True)
class Field:
    """What a key may hold: integers are bounded by `minimum`..`maximum`, choices and patterns are closed."""

    shape: Shape
    about: str
    minimum: int = 0
    maximum: int = (1 << 64) - 1
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    item: type[Any] | None = None  # the dataclass of a table
    word: str | None = None  # a word that stands for a value, such as "any"
    key: str | None = None  # the TOML key, where it is not the Python name


def spec(about: str, shape: Shape = "hex", **more: object) -> dict[str, Field]:
    """Metadata for `dataclasses.field`; `more` are further fields of `Field`."""
    return {"spec": Field(shape, about, **cast(dict[str, Any], more))}


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of a dataclass as the format sees it."""

    name: str
    key: str
    spec: Field
    required: bool
    default: Any


def entries(of: type[Any]) -> tuple[Entry, ...]:
    """The format's fields of a dataclass in the order in which they are written."""
    found = []
    for item in fields(of):
        described: Field = item.metadata["spec"]
        given = item.default if item.default_factory is MISSING else item.default_factory()
        found.append(Entry(item.name, described.key or item.name, described, given is MISSING, given))
    return tuple(found)
