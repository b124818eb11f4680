"""Grammars to shapes, with lark; `python -m quirkfinder.reading.flattening` writes `grammars/shapes.json`."""

import json
import re
from collections.abc import Sequence

from lark import Lark
from lark.grammar import Symbol, Terminal
from lark.lexer import PatternStr

from quirkfinder.reading.shapes import (
    BODY_GRAMMARS,
    PREFIX_GRAMMARS,
    Shape,
    Token,
    grammar_folder,
    grammar_hashes,
    make_field,
    to_json,
)


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
            terminals[terminal.name] = make_field(
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


def stored_text() -> str:
    """What `shapes.json` has to hold."""
    shapes = {name: to_json(flatten(name)) for name in (*BODY_GRAMMARS, *PREFIX_GRAMMARS)}
    lines = [f'"{name}": [\n' + ",\n".join(map(json.dumps, found)) + "\n]" for name, found in shapes.items()]
    return f'{{"grammars": {json.dumps(grammar_hashes(), indent=0)},\n"shapes": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    grammar_folder().joinpath("shapes.json").write_text(stored_text(), encoding="utf-8")
