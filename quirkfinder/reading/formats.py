"""Trace events as QEMU declares them: argument types and formats, and lines rendered from them.

Binary traces, simpletrace.py's text and LTTng's text hold arguments by name; rendered as lines of the "log" back end
they go through the same engines as everything else, so what a line means is said once, in the grammars.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Value = int | bytes
_DIRECTIVE = re.compile(r"%(?P<flags>[#0 -]*)(?P<width>\d*)(?:l|ll|z|h)?(?P<type>[a-zA-Z%])")
_MACROS = {"PRIx64": "x", "PRIu64": "u", "PRIu32": "u", "PRIxPTR": "x", "PRId64": "d", "PRIu16": "u", "PRIx32": "x"}
_DECLARATION = re.compile(r"^(?P<props>(?:[a-z]+ )*)(?P<name>\w+)\((?P<args>.*?)\)\s*(?P<fmt>\".*)?$")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One event of one range of releases: pairs of type and name, and its format."""

    arguments: tuple[tuple[str, str], ...]
    format: str

    @property
    def strings(self) -> tuple[bool, ...]:
        """Which arguments are texts; all others are 64-bit numbers in binary traces."""
        return tuple("char" in kind and "*" in kind for kind, _ in self.arguments)

    def render(self, values: Sequence[Value]) -> bytes:
        """The text behind the event's name."""
        remaining = list(values)

        def one(match: re.Match[str]) -> str:
            if match["type"] == "%":
                return "%"
            if match["type"] == "m" or not remaining:
                return "?"
            return _spelled(match, remaining.pop(0))

        return _DIRECTIVE.sub(one, self.format).encode("latin-1")


def _spelled(match: re.Match[str], value: Value) -> str:
    """A value as a printf directive prints it."""
    kind = match["type"]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if kind == "c":
        return chr(value & 0x7F)
    if kind == "p":
        return f"{value:#x}"
    if kind in "xX":
        digits = f"{value:x}"
    else:
        wide = value - 2**64 if kind == "d" and value >= 2**63 else value
        wide = wide - 2**32 if kind == "d" and 2**31 <= wide < 2**32 else wide
        digits = str(wide)
    digits = digits.rjust(int(match["width"] or 0), "0" if "0" in match["flags"] else " ")
    return "0x" + digits if "#" in match["flags"] and value else digits


@cache
def declarations() -> dict[str, tuple[Declaration, ...]]:
    """All known declarations by name, newest first (QEMU 1.2 to 11.1)."""
    stored = json.loads(Path(__file__).with_name("formats.json").read_text(encoding="utf-8"))
    return {
        name: tuple(Declaration(tuple((kind, arg) for kind, arg in args), fmt) for args, fmt in found)
        for name, found in stored.items()
    }


def line_of(name: str, values: Mapping[str, Value]) -> bytes | None:
    """The line that the "log" back end prints for arguments by name; None where no declaration has these names."""
    for declaration in declarations().get(name, ()):
        names = [argument for _, argument in declaration.arguments]
        if set(names) != set(values):
            continue
        if all(isinstance(values[n], bytes) == text for n, text in zip(names, declaration.strings, strict=True)):
            text = declaration.render([values[argument] for argument in names])
            return name.encode() + b" " + text.replace(b"\n", b" ")
    return None


def declared(text: str) -> list[tuple[str, Declaration]]:
    """The events of a trace-events file in the order of their ids; disabled ones have none."""
    out: list[tuple[str, Declaration]] = []
    for line in text.splitlines():
        match = _DECLARATION.match(line.strip())
        if match is None or "disable" in match["props"].split():
            continue
        found = re.finditer(r"([^,]*?)(\w+)\s*(?:,|$)", match["args"])
        arguments = () if match["args"].strip() in {"", "void"} else tuple((m[1].strip(), m[2]) for m in found)
        pieces = re.findall(r'"((?:\\.|[^"\\])*)"|([A-Za-z]\w*)', match["fmt"] or "")
        fmt = "".join(piece if not macro else _MACROS.get(macro, "") for piece, macro in pieces)
        plain = fmt.replace('\\"', '"').replace("\\t", "\t").replace("\\n", "\n")
        out.append((match["name"], Declaration(arguments, plain)))
    return out
