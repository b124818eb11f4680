"""A value of a JSON document together with the place it came from, so that every complaint can name the place.

`Node` wraps what `json.loads` returned.  Each method either returns the value in the asked-for Python type or raises
`InvalidDocument` with `findings[3].parameters.targets[0].mask: …` and the nearest thing that would be right.
Types follow JSON Schema draft 2020-12: `true` is no integer, `1.0` is one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from quirkfinder.errors import InvalidDocument

HEXADECIMAL = re.compile(r"0x[0-9a-f]+")
_SHOWN = 60  # characters of a wrong value that an error quotes


def quote(value: object) -> str:
    """The value as JSON-like ASCII on one line, cut to a length fit for an error message."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def nearest(wrong: str, right: Sequence[str]) -> str | None:
    """The allowed word that `wrong` most looks like; None where none is close."""
    close = get_close_matches(wrong, right, n=1, cutoff=0.6)
    return close[0] if close else None


def name_of_type(value: object) -> str:
    """The JSON word for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {dict: "an object", list: "an array", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


@dataclass(frozen=True, slots=True)
class Node:
    """`value` at `path` of a document; the document itself has the empty path."""

    value: object
    path: str = ""

    def fail(self, problem: str) -> NoReturn:
        """Raises `InvalidDocument` for this place."""
        raise InvalidDocument(f"{self.path or 'document'}: {problem}")

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            self.fail(f"an object is needed here, not {name_of_type(self.value)}")
        return cast("dict[str, Any]", self.value)

    def items(self) -> list["Node"]:
        """The elements of an array."""
        if not isinstance(self.value, list):
            self.fail(f"an array is needed here, not {name_of_type(self.value)}")
        return [Node(v, f"{self.path}[{i}]") for i, v in enumerate(cast("list[object]", self.value))]

    def member(self, key: str) -> "Node":
        """A key that must be there."""
        members = self.object()
        if key not in members:
            close = nearest(key, [k for k in members if isinstance(k, str)])
            meant = f"; is {quote(close)} meant to be it?" if close else ""
            self.fail(f"the key {quote(key)} is missing{meant}")
        return Node(members[key], f"{self.path}.{key}" if self.path else key)

    def optional(self, key: str) -> "Node | None":
        """A key that may be left out."""
        return self.member(key) if key in self.object() else None

    def require(self, *keys: str) -> None:
        for key in keys:
            self.member(key)

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail(f"a string is needed here, not {name_of_type(self.value)}")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail(f"true or false is needed here, not {quote(self.value)}")
        return self.value

    def number(self, minimum: float, maximum: float) -> float:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"a number is needed here, not {quote(value)}")
        if not minimum <= value <= maximum:  # also refuses NaN
            self.fail(f"{quote(value)} is not between {minimum:g} and {maximum:g}")
        return float(value)

    def integer(self, minimum: int | None = None, maximum: int | None = None) -> int:
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(f"an integer is needed here, not {quote(value)}{self._as_decimal()}")
        if minimum is not None and value < minimum:
            self.fail(f"{quote(value)} is below the smallest allowed value, {minimum}")
        if maximum is not None and value > maximum:
            self.fail(f"{quote(value)} is above the largest allowed value, {maximum}")
        return value

    def hexadecimal(self) -> int:
        """A lower-case string such as "0x1f000"; returns the number."""
        value = self.value
        if not isinstance(value, str) or not HEXADECIMAL.fullmatch(value):
            self.fail(f'a string such as "0x1f000" is needed here, not {quote(value)}{self._as_hexadecimal()}')
        return int(value, 16)

    def choice(self, allowed: Sequence[str]) -> str:
        text = self.text()
        if text not in allowed:
            close = nearest(text, allowed)
            meant = f"; the nearest is {quote(close)}" if close else f"; allowed are {', '.join(allowed)}"
            self.fail(f"{quote(text)} is not known here{meant}")
        return text

    def matching(self, pattern: re.Pattern[str], example: str) -> str:
        text = self.text()
        if not pattern.fullmatch(text):
            self.fail(f"{quote(text)} does not fit; {example}")
        return text

    def _as_hexadecimal(self) -> str:
        """The nearest right spelling of a number that was not written as lower-case hexadecimal."""
        value = self.value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return f'; write "{value:#x}"'
        if isinstance(value, str) and re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,32}", value):
            return f'; write "{int(value, 16):#x}"'
        return ""

    def _as_decimal(self) -> str:
        value = self.value
        if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]{1,16}|\d{1,16}", value):
            return f"; write {int(value, 0 if value.startswith('0x') else 10)}"
        return ""
