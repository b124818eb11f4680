"""The judge of the differential tests: lark parses a line with the grammars themselves.

Earley keeps every derivation, so ambiguity is visible; the documented rule picks one: the first shape of the first
rule, the leftmost field as long as possible.
"""

from collections.abc import Iterator
from functools import cache

from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from quirkfinder.reading.flattening import load_grammar
from quirkfinder.reading.shapes import BODY_GRAMMARS, PREFIX_GRAMMARS, Shape, body_shapes, prefix_shapes

Pairs = tuple[tuple[str, str], ...]


@cache
def grammar(name: str) -> Lark:
    return load_grammar(name)


def derivations(tree: Tree | Token) -> Iterator[Pairs]:
    """Every derivation as (terminal, text) pairs in the order of the line."""
    if isinstance(tree, Token):
        yield ((tree.type, str(tree)),)
        return
    if tree.data == "_ambig":
        for child in tree.children:
            yield from derivations(child)
        return
    partial: list[Pairs] = [()]
    for child in tree.children:
        partial = [(*head, *tail) for head in partial for tail in derivations(child)]
    yield from partial


def spelled(shape: Shape, pairs: Pairs) -> dict[str, str] | None:
    """The fields by role if a derivation is one of this shape, compared by what each token spells."""
    position = 0
    fields = [(n.rpartition("__")[2], text) for n, text in pairs]
    rebuilt: list[tuple[str, str]] = []
    for token in shape.tokens:
        if isinstance(token, bytes):
            literal = token.decode("latin-1")
            while literal:
                if position >= len(fields) or not literal.startswith(fields[position][1]):
                    return None
                literal = literal[len(fields[position][1]) :]
                position += 1
        else:
            if position >= len(fields) or fields[position][0] != token.terminal:
                return None
            if token.captured:
                rebuilt.append((token.role, fields[position][1]))
            position += 1
    return dict(rebuilt) if position == len(fields) else None


def rule_of(name: str, rule: str, text: str) -> list[Pairs]:
    try:
        return list(derivations(grammar(name).parse(text, start=rule)))
    except LarkError:
        return []


def body(text: bytes) -> tuple[Shape, dict[str, str]] | None:
    """The shape and the fields that lark finds for a line without prefix."""
    line = text.decode("latin-1")
    for name in BODY_GRAMMARS:
        for rule in grammar(name).options.start:
            found = rule_of(name, rule, line)
            if not found:
                continue
            for shape in (s for s in body_shapes() if s.grammar == name and s.rule == rule):
                fitting = [p for p in found if spelled(shape, p) is not None]
                if fitting:
                    best = max(fitting, key=lambda pairs: [len(text) for _, text in pairs])
                    fields = spelled(shape, best)
                    assert fields is not None
                    return shape, fields
            raise AssertionError(f"{rule}: no shape for {found}")
    return None


def prefix(text: bytes) -> tuple[Shape, dict[str, str], int] | None:
    """The first prefix that some beginning of the line is, the longest such beginning."""
    line = text.decode("latin-1")
    for name in PREFIX_GRAMMARS:
        for rule in grammar(name).options.start:
            for end in range(len(line), 0, -1):
                found = rule_of(name, rule, line[:end])
                for shape in (s for s in prefix_shapes() if s.grammar == name and s.rule == rule):
                    for pairs in found:
                        fields = spelled(shape, pairs)
                        if fields is not None:
                            return shape, fields, end
    return None
