"""Line shapes: the grammars in `grammars/*.lark`, flattened into sequences of literals and typed fields.

A grammar has no recursion, so every rule is a finite set of such sequences.  Both engines (`portable`, `native`) are
generated from them; lark itself parses lines in the tests only, where it is the judge.  Flattening takes as long as
reading a few thousand lines, so its result lies beside the grammars in `shapes.json`, with their hashes.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from typing import Literal as Choice

#: Families of lines, in the order in which they are tried: where two shapes take the same line, the first one wins.
BODY_GRAMMARS = (
    "trace_events",
    "unassigned",
    "memory_region",
    "debug_prints",
    "other_events",
    "kernel_events",
    "messages",
)
PREFIX_GRAMMARS = ("prefixes", "capture_prefixes")
COLUMN_ROLES = frozenset({"DEVICE", "REGION", "ADDRESS", "SIZE", "VALUE", "DETAIL"})
TIME_ROLES = frozenset(
    {"THREAD", "SECONDS", "MICROSECONDS", "NANOSECONDS", "FRACTION"}
    | {"YEAR", "MONTH", "MONTHNAME", "DAY", "HOUR", "MINUTE", "SECOND", "ZONE"}
)
#: Letters that stand for a size in bytes (`cpu_in addr 0x60(b)`).
SIZE_LETTERS = {"b": 1, "w": 2, "l": 4, "q": 8}
#: The largest value that a column holds; what is larger makes the line an unknown one.
LIMITS = {"REGION": 127, "SIZE": 255, "THREAD": 2**32 - 1, "SECONDS": 9_223_372_035, "NANOSECONDS": 2**63 - 1}
#: Bytes of a name; QEMU's own trace back ends cut texts there, and no device or region has a longer one.
LONGEST_NAME = 512
_CLASS = re.compile(r"(\[(?:\\.|[^\]\\])+\])(?:\{(\d+)(?:,(\d+))?\}|([+]))?")

Kind = Choice["decimal", "hex", "letter", "text"]


@dataclass(frozen=True, slots=True)
class Field:
    """A terminal of a shape.

    `members`: the byte values of its character class, None where the pattern is more than a repeated class; `low` and
    `high`: how often it repeats (`high` None: without bound).
    """

    terminal: str
    pattern: str
    members: frozenset[int] | None
    low: int
    high: int | None

    @property
    def role(self) -> str:
        """The terminal's name up to the first underscore: which column it fills, if any."""
        return self.terminal.partition("_")[0]

    @property
    def captured(self) -> bool:
        """True where the field's content is needed."""
        return self.role in COLUMN_ROLES or self.role in TIME_ROLES

    @property
    def kind(self) -> Kind:
        """How the content is turned into a value."""
        if self.members is None or self.role in {"DEVICE", "DETAIL", "MONTHNAME", "ZONE"}:
            return "text"
        if self.members <= set(b"0123456789"):
            return "decimal"
        if self.members <= set(b"0123456789abcdefABCDEF"):
            return "hex"
        return "letter" if self.role == "SIZE" else "text"

    @property
    def limit(self) -> int:
        """The largest value that fits the column."""
        return LIMITS.get(self.role, 2**64 - 1)


Token = bytes | Field


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to write a line (or a prefix): literals and fields in turn."""

    grammar: str
    rule: str
    tokens: tuple[Token, ...]
    #: Name of the spelling, where it tells releases of QEMU apart.
    wording: str | None = None

    @property
    def event(self) -> str | None:
        """The event that the line becomes (a name of `events.EVENTS` or of `events_of_two_lines`), None: ignored."""
        name = self.rule.partition("__")[0]
        return None if name == "ignored" or self.grammar in PREFIX_GRAMMARS else name

    @property
    def constant_detail(self) -> str | None:
        """The words behind `__` in the rule's name."""
        return self.rule.partition("__")[2].replace("_", " ") or None

    def field(self, role: str) -> Field | None:
        """The field that fills a column, if the shape has one."""
        return next((token for token in self.tokens if isinstance(token, Field) and token.role == role), None)

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields in the order of the line."""
        return tuple(token for token in self.tokens if isinstance(token, Field))


def grammar_folder() -> Path:
    """Where the grammars lie: inside an installed package, or beside it in a source tree."""
    packaged = Path(__file__).parents[1] / "grammars"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "grammars"


@cache
def make_field(name: str, pattern: str) -> Field:
    """A field from its terminal's name and pattern."""
    match = _CLASS.fullmatch(pattern)
    if match is None:
        return Field(name, pattern, None, 1, None)
    member_class = re.compile(match[1].encode("latin-1"))
    members = frozenset(value for value in range(256) if member_class.fullmatch(bytes([value])))
    if match[4]:
        return Field(name, pattern, members, 1, None)
    low = int(match[2] or 1)
    return Field(name, pattern, members, low, int(match[3]) if match[3] else low)


def grammar_hashes() -> dict[str, str]:
    """SHA-256 of every grammar file that shapes come from, in hexadecimal."""
    names = ("fields", *BODY_GRAMMARS, *PREFIX_GRAMMARS)
    texts = {name: grammar_folder().joinpath(f"{name}.lark").read_bytes() for name in names}
    return {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}


def to_json(shapes: Iterable[Shape]) -> list[list[object]]:
    """Shapes as JSON: rule, wording, tokens (a string or a pair of terminal and pattern)."""

    def spelled(token: Token) -> object:
        return token.decode("latin-1") if isinstance(token, bytes) else [token.terminal, token.pattern]

    return [[shape.rule, shape.wording, [spelled(token) for token in shape.tokens]] for shape in shapes]


@cache
def _stored() -> dict[str, Any]:
    """`shapes.json`, empty where it is missing or the grammars have changed since."""
    try:
        stored: dict[str, Any] = json.loads(grammar_folder().joinpath("shapes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored["shapes"] if stored.get("grammars") == grammar_hashes() else {}


def _shapes_of(name: str) -> tuple[Shape, ...]:
    """The shapes of one grammar, in its order."""
    stored = _stored().get(name)
    if stored is None:
        from quirkfinder.reading.flattening import flatten

        return flatten(name)

    def token(spelled: str | list[str]) -> Token:
        return spelled.encode("latin-1") if isinstance(spelled, str) else make_field(*spelled)

    return tuple(Shape(name, rule, tuple(map(token, tokens)), wording) for rule, wording, tokens in stored)


@cache
def body_shapes() -> tuple[Shape, ...]:
    """Every shape of a line without its prefix, in order of precedence."""
    return tuple(shape for name in BODY_GRAMMARS for shape in _shapes_of(name))


@cache
def prefix_shapes() -> tuple[Shape, ...]:
    """Every shape of a prefix, in order of precedence."""
    return tuple(shape for name in PREFIX_GRAMMARS for shape in _shapes_of(name))


@cache
def shape_numbers() -> dict[Shape, int]:
    """Positions in `body_shapes()`."""
    return {shape: number for number, shape in enumerate(body_shapes())}
