"""Shapes merged by what they begin with: the tree that the native engine walks.

Only shapes that native code can decide alone are taken; a line that is in none of them goes to the portable engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quirkfinder.reading.semantics import meaning
from quirkfinder.reading.shapes import PREFIX_GRAMMARS, Field, Shape

HIGH_BYTES = frozenset(range(0x80, 0x100))


@dataclass(frozen=True, slots=True)
class TextUpTo:
    """A text field and the literal behind it (None: up to the end of the line).

    `certain`: the literal cannot occur again further on in the same field, so its first occurrence is the only one.
    """

    field: Field
    literal: bytes | None
    certain: bool


Atom = int | Field | TextUpTo


@dataclass(slots=True)
class Node:
    """What may follow: alternatives in the order of the grammar; `shape` is set where a line may end here."""

    children: dict[Atom, "Node"] = field(default_factory=dict)
    shape: Shape | None = None


def _members(part: Field) -> frozenset[int]:
    assert part.members is not None  # callers took only shapes whose fields are plain classes
    return part.members


def _certain(text: Field, literal: bytes, tail: tuple[bytes | Field, ...]) -> bool:
    """True where no later split of the field is possible, whatever the line holds."""
    if any(byte not in _members(text) for byte in literal[:1]):
        return True
    first = literal[0]
    rest: list[bytes | Field] = [literal[1:], *tail]
    for token in rest:
        if isinstance(token, Field):
            if first in _members(token):
                return False
            continue
        for byte in token:
            if byte == first:
                return False
            if byte not in _members(text):
                return True
    return True


def _is_text(token: Field) -> bool:
    return token.kind == "text" and token.high is None and token.members != frozenset(b" \t")


def atoms(shape: Shape) -> list[Atom] | None:
    """The steps of a shape, None where native code does not take it."""
    known = meaning(shape)
    fields = shape.fields
    if not isinstance(shape.tokens[0], bytes) and shape.grammar not in PREFIX_GRAMMARS:
        return None
    if any(f.members is None or f.kind == "letter" for f in fields) or (known is not None and known.joined_detail):
        return None
    out: list[Atom] = []
    tokens = list(shape.tokens)
    while tokens:
        token = tokens.pop(0)
        if isinstance(token, bytes):
            out += token
        elif not _is_text(token):
            out.append(token)
        elif not tokens:
            out.append(TextUpTo(token, None, certain=True))
        elif isinstance(tokens[0], bytes):
            literal = tokens.pop(0)
            assert isinstance(literal, bytes)
            out.append(TextUpTo(token, literal, _certain(token, literal, tuple(tokens))))
        else:
            return None
    return out


def build(shapes: Iterable[Shape]) -> Node:
    """The tree of all shapes that native code takes."""
    root = Node()
    for shape in shapes:
        steps = atoms(shape)
        if steps is None:
            continue
        node = root
        for step in steps:
            node = node.children.setdefault(step, Node())
        if node.shape is None:
            node.shape = shape
    return root
