"""The portable engine: one line at a time, with a regular expression on bytes per shape.

It defines what a line means; the native engine has to agree or to hand the line over.  Rules of both:

- Blanks, tabs and carriage returns at both ends of a line are no part of it.
- The first prefix that matches is the prefix; the rest of the line has to be one complete shape.
- The first shape (in the order of the grammars) that takes the whole rest wins, and the leftmost field of a shape takes
  as many bytes as it can.
- A value that its column cannot hold makes the line an unknown one; so does a name that is not UTF-8 or longer than
  `shapes.LONGEST_NAME`, and a device with two blanks in a row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from quirkfinder.reading.hints import Sighting
from quirkfinder.reading.semantics import Meaning, meaning
from quirkfinder.reading.shapes import LONGEST_NAME, SIZE_LETTERS, Field, Shape, body_shapes, prefix_shapes
from quirkfinder.reading.times import nanoseconds

ENDS = b" \t\r"
_SEPARATORS = b" (:[\t"
_TWO_WORDS = re.compile(rb"([^ (:\[\t]*)[ (:\[\t]*([^ (:\[\t]*)")
#: A pattern that is a choice of words.
_WORDS = re.compile(r"\((\w[\w#]*(?:\|\w[\w#]*)*)\)")
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_REMARK = re.compile(rb"[ \t]+//[ \t].*\Z", re.DOTALL)
_QUOTED = re.compile(rb"^[ \t]*(?:>[ \t]?)+")


class Row(NamedTuple):
    """An event of one line, with the names of the columns; `code` is a position in `semantics.CODES`."""

    time: int | None
    thread: int | None
    code: int
    device: str | None
    region: int | None
    address: int | None
    size: int | None
    value: int | None
    detail: str | None


class Ignored:
    """The line is known and says nothing for us."""


IGNORED = Ignored()


def undecorated(line: bytes) -> bytes:
    """A line without terminal escapes (ECMA-48), marks of quotation, the monitor's prompt, a remark behind `//`."""
    # Most lines have nothing that the expressions could find.
    if b"\x1b" not in line and b"//" not in line and line[:1] not in b" \t>(":
        return line
    return _REMARK.sub(b"", _QUOTED.sub(b"", _ESCAPE.sub(b"", line)).removeprefix(b"(qemu) "))


def expression(shape: Shape, *, whole: bool) -> re.Pattern[bytes]:
    """A shape as a regular expression with a group for each captured field; `whole`: up to the end of the line."""
    parts = []
    for token in shape.tokens:
        if isinstance(token, bytes):
            parts.append(re.escape(token))
        else:
            text = token.pattern.encode("latin-1")
            parts.append(b"(?P<%b>%b)" % (token.role.encode(), text) if token.captured else b"(?:%b)" % text)
    return re.compile(b"".join(parts) + (rb"\Z" if whole else b""))


@dataclass(frozen=True, slots=True)
class _Column:
    """What to do with a captured field: worked out once per shape, not once per line."""

    role: str
    kind: str
    base: int
    limit: int

    def value(self, text: bytes) -> int | str | None:
        """The value of a field, None if its column cannot hold it."""
        if self.kind == "text":
            # Two blanks in a row: columns of something else (a diff side by side), no device.
            if len(text) > LONGEST_NAME or (self.role == "DEVICE" and b"  " in text):
                return None
            try:
                return text.decode("utf-8")
            except UnicodeDecodeError:
                return None
        if self.kind == "letter":
            return SIZE_LETTERS[text.decode()]
        value = int(text, self.base)
        if self.role == "FRACTION":
            value *= 10 ** (9 - len(text))
        return value if value <= self.limit else None


def _columns(shape: Shape) -> tuple[_Column, ...]:
    return tuple(
        _Column(field.role, field.kind, 16 if field.kind == "hex" else 10, field.limit)
        for field in shape.fields
        if field.captured
    )


def _values(columns: tuple[_Column, ...], groups: Mapping[str, bytes]) -> dict[str, int | str] | None:
    """Values by role, None as soon as one does not fit."""
    out: dict[str, int | str] = {}
    for column in columns:
        value = column.value(groups[column.role])
        if value is None:
            return None
        out[column.role] = value
    return out


def event_row(known: Meaning, values: Mapping[str, int | str], time: int | None, thread: int | None) -> Row:
    """The row of a shape's fields and constants."""
    detail = values.get("DETAIL")
    if known.joined_detail:
        detail = f"{known.detail} {detail}"
    return Row(
        time,
        thread,
        known.code,
        values.get("DEVICE"),  # type: ignore[arg-type]  # a role's kind is fixed: text
        known.region if known.region is not None else values.get("REGION"),  # type: ignore[arg-type]  # a number
        known.address if known.address is not None else values.get("ADDRESS"),  # type: ignore[arg-type]  # a number
        known.size if known.size is not None else values.get("SIZE"),  # type: ignore[arg-type]  # a number
        values.get("VALUE"),  # type: ignore[arg-type]  # a number
        detail if detail is not None else known.detail,  # type: ignore[arg-type]  # text
    )


def head_words(shape: Shape) -> tuple[bytes, ...]:
    """The first two words of a line that this shape demands, or as many as it spells out from the start."""
    first = shape.tokens[0]
    if not isinstance(first, bytes):
        return ()
    after = shape.tokens[1] if len(shape.tokens) > 1 else None
    complete = after is None or (isinstance(after, Field) and after.members is not None and after.members <= {9, 32})
    words = re.findall(rb"[^ (:\[\t]+|[ (:\[\t]+", first)
    if not complete and words[-1][0] not in _SEPARATORS:
        words.pop()
    if words and words[0][0] in _SEPARATORS:
        return ()
    return tuple(word for word in words if word[0] not in _SEPARATORS)[:2]


def _unnamed(pattern: re.Pattern[bytes]) -> bytes:
    """An expression without groups, as one alternative of several."""
    return b"(?:%b)" % re.sub(rb"\?P<\w+>", b"?:", pattern.pattern)


@dataclass(slots=True)
class _Compiled:
    """A shape with its expression, compiled when the first line asks for it."""

    order: int
    shape: Shape
    #: What a line must begin with, and its longest literal: cheap tests before the expression.
    head: bytes
    literal: bytes
    #: Bytes that a line may begin with.
    starts: frozenset[int]
    #: The first bytes of `literal`, which many shapes share.
    key: bytes
    pattern: re.Pattern[bytes] | None = None
    columns: tuple[_Column, ...] = ()

    def match(self, text: bytes) -> dict[str, bytes] | None:
        if not text.startswith(self.head):
            return None
        if self.pattern is None:
            self.pattern = expression(self.shape, whole=True)
            self.columns = _columns(self.shape)
        found = self.pattern.match(text)
        return None if found is None else found.groupdict()


def _compiled(order: int, shape: Shape) -> _Compiled:
    literals = [token for token in shape.tokens if isinstance(token, bytes)]
    longest = max(literals, key=len, default=b"")
    first = shape.tokens[0]
    if isinstance(first, bytes):
        return _Compiled(order, shape, first, longest, frozenset(first[:1]), longest[:2])
    return _Compiled(order, shape, b"", longest, _first_bytes(first), longest[:2])


def _first_bytes(first: Field) -> frozenset[int]:
    """The bytes with which a field may begin."""
    if first.members is not None:
        return first.members
    words = _WORDS.fullmatch(first.pattern)
    return frozenset(word[0] for word in words[1].encode().split(b"|")) if words else frozenset(range(256))


@dataclass(slots=True)
class _Candidates:
    """Shapes, in their order, that a line may have."""

    shapes: list[_Compiled]
    keys: tuple[bytes, ...] = field(init=False)
    known: dict[tuple[bytes, ...], list[_Compiled]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = tuple({compiled.key for compiled in self.shapes})

    def with_keys_of(self, body: bytes) -> list[_Compiled]:
        """Those whose key occurs in a line."""
        for key in self.keys:
            if key in body:
                break
        else:
            return []
        there = tuple([key for key in self.keys if key in body])
        found = self.known.get(there)
        if found is None:
            found = self.known[there] = [compiled for compiled in self.shapes if compiled.key in there]
        return found


class PortableEngine:
    """Parses lines with Python's own regular expressions: no compiler needed, every shape, the reference."""

    def __init__(self, shapes: Sequence[Shape] | None = None, prefixes: Sequence[Shape] | None = None) -> None:
        known = body_shapes() if shapes is None else shapes
        heads = prefix_shapes() if prefixes is None else prefixes
        self._prefixes = [(expression(shape, whole=False), _columns(shape)) for shape in heads]
        # A group an alternative: which of them matched is asked once, not prefix after prefix.
        alternatives = (
            b"(?P<p%d>%b)" % (number, _unnamed(pattern)) for number, (pattern, _) in enumerate(self._prefixes)
        )
        self._any_prefix = re.compile(b"|".join(alternatives))
        self._by_head: dict[tuple[bytes, ...], list[_Compiled]] = {}
        for order, shape in enumerate(known):
            self._by_head.setdefault(head_words(shape), []).append(_compiled(order, shape))
        self._candidates: dict[tuple[tuple[bytes, ...], int], _Candidates] = {}

    def _prefix(self, line: bytes, which: re.Match[bytes] | None) -> tuple[int | None, int | None, int] | None:
        """Time, thread and number of the prefix (-1: none); None where it holds an impossible value."""
        if which is None or which.lastgroup is None:
            return None, None, -1
        number = int(which.lastgroup[1:])
        pattern, columns = self._prefixes[number]
        found = pattern.match(line)
        assert found is not None  # the same expression, with names for its groups
        values = _values(columns, found.groupdict())
        if values is None:
            return None
        time = nanoseconds(values)
        thread = values.get("THREAD")
        # Months of other languages are no reason to lose the line.
        if time is None and "MONTHNAME" not in values:
            return None
        return time, thread if isinstance(thread, int) else None, number

    def _shapes_for(self, body: bytes) -> _Candidates:
        """The shapes that a line can have by its first words."""
        words = _TWO_WORDS.match(body)
        assert words is not None  # the expression matches the empty string
        head: tuple[bytes, ...] = words.groups()
        if head not in self._by_head:
            head = head[:1]
            if head not in self._by_head:
                head = ()
        start = body[0] if body else -1
        found = self._candidates.get((head, start))
        if found is None:
            keys = {(), head[:1], head}
            fitting = (c for key in keys for c in self._by_head.get(key, ()) if start in c.starts)
            found = self._candidates[head, start] = _Candidates(sorted(fitting, key=lambda c: c.order))
        return found

    def body(self, body: bytes) -> tuple[Shape, dict[str, int | str], int] | None:
        """The shape of a line without prefix, its values, its number."""
        for compiled in self._shapes_for(body).with_keys_of(body):
            if compiled.literal in body and (groups := compiled.match(body)) is not None:
                values = _values(compiled.columns, groups)
                return None if values is None else (compiled.shape, values, compiled.order)
        return None

    def line(self, line: bytes, seen: set[Sighting] | None = None) -> Row | Ignored | None:
        """What a line (without its newline) is: an event, known and ignored, or None: unknown.

        Its prefix and shape are added to `seen`.
        """
        met: set[Sighting] = set() if seen is None else seen
        found = self._line(line, met)
        if found is None and (cleaned := undecorated(line)) != line:
            found = self._line(cleaned, met)
        return found

    def _line(self, line: bytes, seen: set[Sighting]) -> Row | Ignored | None:
        line = line.strip(ENDS)
        if not line:
            return IGNORED
        which = self._any_prefix.match(line)
        found = self.body(line if which is None else line[which.end() :].strip(ENDS))
        # The prefix is read last: most lines that are unknown are so by their bodies.
        head = None if found is None else self._prefix(line, which)
        if found is None or head is None:
            return None
        time, thread, number = head
        seen.add((number, found[2]))
        known = meaning(found[0])
        return IGNORED if known is None else event_row(known, found[1], time, thread)


@cache
def portable_engine() -> PortableEngine:
    """The engine for the shapes of the grammars, made once."""
    return PortableEngine()
