"""Shapes as a program for the native engine's interpreter: the rare lines, which are not worth compiled code.

A program is an array of 64-bit words.  Every instruction is an operation and its arguments; `fail` is where to go on
when it does not match.  `MARK`/`RESET` keep the position of a node whose alternatives are tried in turn.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from quirkfinder.reading.llvm_rows import IGNORED_CODE, PRESENT, ROW, constants, number_kind
from quirkfinder.reading.shapes import Field, Shape
from quirkfinder.reading.trie import HIGH_BYTES, Atom, Node, TextUpTo

#: Nodes with alternatives on one path from the root; a program that needs more is refused.
MARKS = 64


class Op(IntEnum):
    """Operations and their arguments."""

    LITERAL = 0  # offset in the pool, length, fail
    SWITCH = 1  # number of cases, fail, then byte and target of each
    SKIP = 2  # offset of a class table, least, most repetitions, cell of the text or -1, fail
    NUMBER = 3  # kind (0 decimal, 1 lower, 2 upper case hexadecimal), least, most digits, limit, cell, fail
    SCAN = 4  # offset of a class table, offset of a literal, its length, certain, cell of the text or -1, fail
    REST = 5  # offset of a class table, cell of the text or -1, fail
    END = 6  # fail, then a word for each cell of the row and one that says which of them are set
    MARK = 7  # number
    RESET = 8  # number
    NO = 9


@dataclass(slots=True)
class Program:
    """Words, and the pool of literals and class tables (1: member, 2: a member that portable code has to judge)."""

    words: list[int] = field(default_factory=list)
    pool: bytearray = field(default_factory=bytearray)
    offsets: dict[object, int] = field(default_factory=dict)
    deepest: int = 0

    def literal(self, text: bytes) -> int:
        """Where a literal lies in the pool."""
        return self._pooled(text, text)

    def class_table(self, members: frozenset[int], *, captured: bool) -> int:
        """Where the table of a character class lies in the pool; what is dropped may be in any encoding."""
        if (members, captured) not in self.offsets:
            high = 2 if captured else 1
            cells = bytes(0 if byte not in members else high if byte in HIGH_BYTES else 1 for byte in range(256))
            self._pooled((members, captured), cells)
        return self.offsets[members, captured]

    def _pooled(self, key: object, content: bytes) -> int:
        if key not in self.offsets:
            self.offsets[key] = len(self.pool)
            self.pool += content
        return self.offsets[key]

    def emit(self, *words: int) -> int:
        """Appends an instruction; returns where its last word lies, which is `fail` for most."""
        self.words += words
        return len(self.words) - 1

    def here(self, *places: int) -> None:
        """Lets jumps that were left open go to the next instruction."""
        for place in places:
            self.words[place] = len(self.words)

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Words and pool as the machine code takes them."""
        # A limit of 64 bits is -1 as a signed word.
        signed = [word - 2**64 if word >= 2**63 else word for word in self.words]
        return np.array(signed, np.int64), np.frombuffer(bytes(self.pool), np.uint8)


def encode(root: Node) -> Program:
    """The program of a tree."""
    program = Program()
    fails = _node(program, root, (), depth=0)
    program.here(*fails)
    program.emit(Op.NO)
    return program


def _node(program: Program, node: Node, taken: tuple[Field, ...], depth: int) -> list[int]:
    """Code of a node; returns the places of jumps for the case that nothing below it matches."""
    singles = {byte: child for byte, child in node.children.items() if isinstance(byte, int)}
    others: list[Atom] = [atom for atom in node.children if not isinstance(atom, int)]
    stages = ([None] if singles else []) + others
    several = len(stages) + (node.shape is not None) > 1
    if several:
        if depth >= MARKS:
            raise ValueError("the grammars branch too deeply for the native engine")
        program.emit(Op.MARK, depth)
    fails: list[int] = []
    for number, stage in enumerate(stages):
        if number:
            program.here(*fails)
            program.emit(Op.RESET, depth)
        inner = depth + several
        if stage is None:
            fails = _bytes(program, singles, taken, inner)
        else:
            fails = _field(program, stage, node.children[stage], taken, inner)
    if node.shape is not None:
        if stages:
            program.here(*fails)
            program.emit(Op.RESET, depth)
        fails = _end(program, node.shape, taken)
    return fails


def _bytes(program: Program, choices: dict[int, Node], taken: tuple[Field, ...], depth: int) -> list[int]:
    if len(choices) == 1:
        ((byte, child),) = choices.items()
        return _run(program, bytes([byte]), child, taken, depth)
    program.emit(Op.SWITCH, len(choices))
    fails = [program.emit(0)]
    targets = []
    for byte in choices:
        program.emit(byte)
        targets.append(program.emit(0))
    for target, child in zip(targets, choices.values(), strict=True):
        program.here(target)
        fails += _run(program, b"", child, taken, depth)
    return fails


def _run(program: Program, text: bytes, node: Node, taken: tuple[Field, ...], depth: int) -> list[int]:
    while node.shape is None and len(node.children) == 1:
        ((atom, child),) = node.children.items()
        if not isinstance(atom, int):
            break
        text, node = text + bytes([atom]), child
    fails = [program.emit(Op.LITERAL, program.literal(text), len(text), 0)] if text else []
    return fails + _node(program, node, taken, depth)


def _field(program: Program, step: Atom, child: Node, taken: tuple[Field, ...], depth: int) -> list[int]:
    assert not isinstance(step, int)  # bytes have a stage of their own
    text = step.field if isinstance(step, TextUpTo) else step
    assert text.members is not None  # trie.atoms takes no other fields
    table = program.class_table(text.members, captured=text.captured)
    if text.captured:
        taken = (*taken, text)
    if isinstance(step, TextUpTo):
        cell = ROW.index(f"{text.role.lower()}_text") if text.captured else -1
        if step.literal is None:
            fail = program.emit(Op.REST, table, cell, 0)
        else:
            where = program.literal(step.literal)
            fail = program.emit(Op.SCAN, table, where, len(step.literal), int(step.certain), cell, 0)
    elif not step.captured or step.kind == "text":
        cell = ROW.index(f"{step.role.lower()}_text") if step.captured else -1
        fail = program.emit(Op.SKIP, table, step.low, 2**62 if step.high is None else step.high, cell, 0)
    else:
        assert step.high is not None  # numbers are bounded by the grammar
        cell = ROW.index(step.role.lower())
        fail = program.emit(Op.NUMBER, number_kind(step), step.low, step.high, step.limit, cell, 0)
    return [fail, *_node(program, child, taken, depth)]


def _end(program: Program, shape: Shape, taken: tuple[Field, ...]) -> list[int]:
    fixed, present = constants(shape)
    roles = {captured.role.lower() for captured in taken}
    present |= sum(bit for column, bit in PRESENT.items() if column in roles)
    cells = {**fixed, "present": present}
    if fixed["code"] != IGNORED_CODE:
        absent = {f"{column}_text": 0 for column in ("device", "detail") if column not in roles}
        cells = {"detail_id": 0, **absent, **cells}
    program.emit(Op.END)
    fail = program.emit(0)
    program.emit(*(cells.get(column, 0) for column in ROW))
    program.emit(sum(1 << index for index, column in enumerate(ROW) if column in cells))
    return [fail]
