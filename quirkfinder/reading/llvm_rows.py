"""Generated code for the bodies of frequent events, and the cells in which a row is handed over.

The rare lines go through `llvm_interpreter`, which leaves its rows in the same cells; see `llvm_ir` for the loop.
"""

from dataclasses import dataclass, field

from quirkfinder.reading.llvm_code import Captured, Captures, Walker
from quirkfinder.reading.semantics import constant_details, meaning
from quirkfinder.reading.shapes import Field, Shape, shape_numbers

#: Bits of the column `present`; device and detail say by their id 0 that they are null.
PRESENT = {"time": 1, "thread": 2, "region": 4, "address": 8, "size": 16, "value": 32}
#: What a leaf hands over: 64-bit cells.
ROW = (
    "code",
    "region",
    "address",
    "size",
    "value",
    "present",
    "device_text",
    "device_length",
    "detail_text",
    "detail_length",
    "detail_id",
    "shape",
)
_EMPTY = dict.fromkeys(ROW, 0)
IGNORED_CODE = -1
NUMBER_FUNCTIONS = ("decimal", "lower", "upper")


def constants(shape: Shape) -> tuple[dict[str, int], int]:
    """The cells that a shape fixes, and their bits of `present`."""
    known = meaning(shape)
    number = shape_numbers().get(shape, 0)
    if known is None:
        return {"code": IGNORED_CODE, "shape": number}, 0
    cells, present = {"code": known.code, "shape": number}, 0
    for column, constant in (("region", known.region), ("address", known.address), ("size", known.size)):
        if constant is not None:
            cells[column], present = constant, present | PRESENT[column]
    if known.detail is not None:
        cells["detail_id"] = constant_details().index(known.detail)
    return cells, present


def largest(step: Field) -> int:
    """The largest number that a field's digits can spell."""
    assert step.high is not None  # numbers are bounded by the grammar
    return int((10 if step.kind == "decimal" else 16) ** step.high) - 1


def number_kind(step: Field) -> int:
    """How a number is spelled: a position in `NUMBER_FUNCTIONS`."""
    assert step.members is not None  # trie.atoms takes no other fields
    return 0 if step.kind == "decimal" else 2 if 0x41 in step.members else 1


@dataclass
class HotWalker(Walker):
    """Code that the optimiser sees as a whole: values stay in registers until the row is stored."""

    #: Where rows come together: (label of the block they come from, cells).
    rows: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def literal(self, at: str, text: bytes, fail: str) -> str:
        done = 0
        while done < len(text):
            width = next(w for w in (8, 4, 2, 1) if w <= len(text))
            if len(text) - done < width and len(text) - done <= 4:
                width = next(w for w in (1, 2, 4) if w >= len(text) - done)
            begin = min(done, len(text) - width)
            piece = int.from_bytes(text[begin : begin + width], "little")
            word = self.op(f"load i{8 * width}, ptr {self.moved(at, begin)}, align 1")
            self.going_on(self.op(f"icmp eq i{8 * width} {word}, {piece}"), fail)
            done = begin + width
        return self.moved(at, len(text))

    def take(self, step: Field, at: str, fail: str) -> tuple[str, Captured | None]:
        assert step.members is not None  # trie.atoms takes no other fields
        high = -1 if step.high is None else step.high
        if not step.captured or step.kind == "text":
            table = self.definitions.class_table(step.members)
            place = self.op(f"call ptr @skip(ptr {at}, ptr @{table}, i64 {step.low}, i64 {high})")
            self.checked(place, fail)
            return place, Captured(step, at, place) if step.captured else None
        both = self.op(
            f"call {{ptr, i64}} @{NUMBER_FUNCTIONS[number_kind(step)]}(ptr {at}, i64 {step.low}, i64 {high})"
        )
        place = self.op(f"extractvalue {{ptr, i64}} {both}, 0")
        self.checked(place, fail)
        value = self.op(f"extractvalue {{ptr, i64}} {both}, 1")
        if largest(step) > step.limit and step.limit < 2**64 - 1:
            self.going_on(self.op(f"icmp ule i64 {value}, {step.limit}"), "demote")
        return place, Captured(step, at, place, value)

    def finish(self, shape: Shape, at: str, captures: Captures, fail: str) -> None:
        end = self.op(f"call ptr @end_of_line(ptr {at})")
        self.going_on(self.op(f"icmp ne ptr {end}, null"), fail)
        fixed, present = constants(shape)
        row = {column: str(value) for column, value in (_EMPTY | fixed).items()} | {"end": end}
        for captured in captures:
            column = captured.field.role.lower()
            if captured.value:
                row[column] = row[column] if column in fixed else captured.value
                present |= PRESENT[column]
            else:
                first = self.op(f"ptrtoint ptr {captured.start} to i64")
                last = self.op(f"ptrtoint ptr {captured.end} to i64")
                row[f"{column}_text"] = first
                row[f"{column}_length"] = self.op(f"sub i64 {last}, {first}")
        row["present"] = str(present)
        self.rows.append((self.label, row))
        self.do("br label %commit")
