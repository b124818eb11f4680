"""The native engine: the generated LLVM module, compiled once per process and called on blocks of whole lines.

The call releases the interpreter's lock, so several blocks can be parsed at a time, each with a `Context` of its own.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quirkfinder.reading import llvm_ir
from quirkfinder.reading.columns import Columns
from quirkfinder.reading.hints import Sighting
from quirkfinder.reading.llvm_runtime import NAME_LIMIT, NAME_SLOTS, PADDING
from quirkfinder.reading.machine_code import MachineCode, NativeUnavailableError, machine_code
from quirkfinder.reading.program import encode
from quirkfinder.reading.semantics import constant_details
from quirkfinder.reading.shapes import Shape, body_shapes, prefix_shapes
from quirkfinder.reading.spare import Spare
from quirkfinder.reading.trie import build

__all__ = ["Context", "NativeEngine", "NativeResult", "NativeUnavailableError", "compiled"]
#: Rows in a column are a multiple of this, so that every column begins at a multiple of 64 bytes.
_ALIGNMENT = 64
_TYPES = {"i64": np.int64, "i32": np.int32, "i8": np.int8}


@dataclass(slots=True)
class _Compiled:
    """The machine code, and the program of its interpreter."""

    parse: MachineCode
    words: NDArray[np.int64]
    pool: NDArray[np.uint8]


def shortest_line(shapes: tuple[Shape, ...]) -> int:
    """The fewest bytes that an event's line can have, without its newline."""
    lengths = (
        sum(len(token) if isinstance(token, bytes) else token.low for token in shape.tokens)
        for shape in shapes
        if shape.event is not None
    )
    return min(lengths)


@cache
def compiled() -> _Compiled:
    """The machine code for the shapes of the grammars.  Raises NativeUnavailableError."""
    bodies = body_shapes()
    words, pool = encode(build(llvm_ir.split(bodies)[1])).arrays()
    return _Compiled(machine_code(llvm_ir.module(prefix_shapes(), bodies)), words, pool)


@dataclass(slots=True)
class Context:
    """The memory that one call fills: columns, lines handed over, the table of names, counters.

    Columns and lines handed over lie in one piece of `spare`, which is free again when no column is alive.
    Its address is an array of 64-bit cells: pointers to the columns in the order of `llvm_ir.POINTERS`, the counters of
    `llvm_ir.COUNTERS`, and the two caches of the last names.
    """

    rows: int
    demoted: int
    words: NDArray[np.int64]
    pool: NDArray[np.uint8]
    spare: Spare
    cells: NDArray[np.int64] = field(init=False)
    columns: dict[str, NDArray[Any]] = field(init=False)
    demotions: NDArray[np.int64] = field(init=False)
    slots: NDArray[np.int32] = field(init=False)
    entries: NDArray[np.int64] = field(init=False)
    seen: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        kinds = {name: np.dtype(_TYPES[kind]) for name, kind in llvm_ir.COLUMNS.items()}
        rows = -(-self.rows // _ALIGNMENT) * _ALIGNMENT
        lengths = [*(rows * kind.itemsize for kind in kinds.values()), 24 * self.demoted]
        memory = self.spare.take(sum(lengths))
        self.columns = {}
        for (name, kind), length in zip(kinds.items(), lengths, strict=False):
            self.columns[name], memory = memory[:length].view(kind), memory[length:]
        self.demotions = memory[: lengths[-1]].view(np.int64)
        self.slots = np.zeros(NAME_SLOTS, np.int32)
        self.entries = np.zeros(2 * NAME_LIMIT, np.int64)
        self.seen = np.zeros((1 + len(prefix_shapes())) * len(body_shapes()), np.uint8)
        arrays = [*self.columns.values(), self.demotions, self.slots, self.entries, self.words, self.pool, self.seen]
        self.cells = np.zeros(llvm_ir.CONTEXT_CELLS, np.int64)
        self.cells[: len(arrays)] = [array.ctypes.data for array in arrays]
        self.cells[len(arrays) + llvm_ir.COUNTERS.index("names")] = len(constant_details())

    def counter(self, name: str) -> int:
        """What the call counted."""
        return int(self.cells[len(llvm_ir.POINTERS) + llvm_ir.COUNTERS.index(name)])


@dataclass(frozen=True, slots=True)
class NativeResult:
    """What a call found: rows, and the lines (number from 1, offset, length in bytes) for the portable engine."""

    columns: Columns
    demoted: NDArray[np.int64]
    lines: int
    ignored: int
    seen: frozenset[Sighting]


class NativeEngine:
    """Parses blocks with machine code.  Raises NativeUnavailableError when it is made."""

    def __init__(self) -> None:
        self._compiled = compiled()
        self._shortest = shortest_line(body_shapes())
        self._spare = Spare()

    def block(self, buffer: bytearray, length: int) -> NativeResult:
        """Parses whole lines: `length` bytes that end with a newline, with `PADDING` bytes behind them."""
        if length and (len(buffer) < length + PADDING or buffer[length - 1] != 0x0A):
            raise ValueError("a block ends with a newline and has padding behind it")
        most = length // (self._shortest + 1) + 1
        context = Context(most, length // 2 + 1, self._compiled.words, self._compiled.pool, self._spare)
        memory = np.frombuffer(buffer, np.uint8)
        start = int(memory.ctypes.data)
        rows = self._compiled.parse(start, length, int(context.cells.ctypes.data))
        names: list[str | None] = list(constant_details())
        for index in range(len(names), context.counter("names")):
            offset = int(context.entries[2 * index]) - start
            names.append(bytes(buffer[offset : offset + int(context.entries[2 * index + 1])]).decode("ascii"))
        columns = Columns({name: array[:rows] for name, array in context.columns.items()}, names)
        demoted = context.demotions[: 3 * context.counter("demoted_lines")].reshape(-1, 3).copy()
        sightings = (divmod(int(cell), len(body_shapes())) for cell in np.flatnonzero(context.seen))
        seen = frozenset((prefix - 1, shape) for prefix, shape in sightings)
        return NativeResult(columns, demoted, context.counter("lines"), context.counter("ignored"), seen)
