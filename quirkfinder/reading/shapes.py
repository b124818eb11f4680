"""Line shapes: the grammars in `grammars/*.lark`, flattened into sequences of literals and typed fields.

A grammar has no recursion, so every rule is a finite set of such sequences.  Both engines (`portable`, `native`) are
generated from them; lark itself parses lines in the tests only, where it is the judge.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal as Choice

from lark import Lark
from lark.grammar import Symbol, Terminal
from lark.lexer import PatternStr

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


def load_grammar(name: str) -> Lark:
    """A grammar file as a lark parser with every public rule as a possible start (Earley, ambiguity kept)."""
    path = grammar_folder() / f"{name}.lark"
    text = path.read_text(encoding="utf-8")
    starts = re.findall(r"^([a-z]\w*):", text, re.MULTILINE)
    return Lark(
        text,
        start=starts,
        parser="earley",
        lexer="dynamic_complete",
        ambiguity="explicit",
        keep_all_tokens=True,
        maybe_placeholders=False,
        import_paths=[str(path.parent)],
        source_path=str(path),
    )


def _field(name: str, pattern: str) -> Field:
    match = _CLASS.fullmatch(pattern)
    if match is None:
        return Field(name, pattern, None, 1, None)
    member_class = re.compile(match[1].encode("latin-1"))
    members = frozenset(value for value in range(256) if member_class.fullmatch(bytes([value])))
    if match[4]:
        return Field(name, pattern, members, 1, None)
    low = int(match[2] or 1)
    return Field(name, pattern, members, low, int(match[3]) if match[3] else low)


def _joined(tokens: list[Token]) -> tuple[Token, ...]:
    out: list[Token] = []
    for token in tokens:
        if out and isinstance(token, bytes) and isinstance(out[-1], bytes):
            out[-1] += token
        else:
            out.append(token)
    return tuple(out)


def flatten(name: str) -> tuple[Shape, ...]:
    """The shapes of one grammar, in its order.  Raises ValueError for a rule that refers to itself."""
    grammar = load_grammar(name)
    terminals: dict[str, Token] = {}
    for terminal in grammar.terminals:
        if isinstance(terminal.pattern, PatternStr):
            terminals[terminal.name] = terminal.pattern.value.encode("latin-1")
        else:
            terminals[terminal.name] = _field(
                terminal.name.rpartition("__")[2] or terminal.name, terminal.pattern.value
            )
    rules: dict[str, list[tuple[Sequence[Symbol], str | None]]] = {}
    for rule in grammar.rules:
        rules.setdefault(str(rule.origin.name), []).append((rule.expansion, rule.alias))

    def expand(rule: str, seen: tuple[str, ...]) -> list[tuple[list[Token], str | None]]:
        if rule in seen:
            raise ValueError(f"grammars/{name}.lark: rule {rule} refers to itself")
        out: list[tuple[list[Token], str | None]] = []
        for expansion, alias in rules[rule]:
            partial: list[list[Token]] = [[]]
            for symbol in expansion:
                if isinstance(symbol, Terminal):
                    partial = [[*head, terminals[symbol.name]] for head in partial]
                else:
                    tails = expand(str(symbol.name), (*seen, rule))
                    partial = [[*head, *tail] for head in partial for tail, _ in tails]
            out += [(tokens, alias) for tokens in partial]
        return out

    starts: list[str] = grammar.options.start
    found: dict[tuple[str, tuple[Token, ...]], Shape] = {}
    for start in starts:
        for tokens, alias in expand(start, ()):
            found.setdefault((start, _joined(tokens)), Shape(name, start, _joined(tokens), alias))
    return tuple(found.values())


@cache
def body_shapes() -> tuple[Shape, ...]:
    """Every shape of a line without its prefix, in order of precedence."""
    return tuple(shape for name in BODY_GRAMMARS for shape in flatten(name))


@cache
def prefix_shapes() -> tuple[Shape, ...]:
    """Every shape of a prefix, in order of precedence."""
    return tuple(shape for name in PREFIX_GRAMMARS for shape in flatten(name))


@cache
def shape_numbers() -> dict[Shape, int]:
    """Positions in `body_shapes()`."""
    return {shape: number for number, shape in enumerate(body_shapes())}
