"""A growing text of LLVM IR, and the walk over the tree of shapes that generated code follows."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from quirkfinder.reading import llvm_runtime as runtime
from quirkfinder.reading.shapes import Field, Shape
from quirkfinder.reading.trie import HIGH_BYTES, Atom, Node, TextUpTo


@dataclass(slots=True)
class Definitions:
    """Functions and tables of the module that code asks for by what they do."""

    names: dict[object, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def class_table(self, members: frozenset[int]) -> str:
        """The table of a character class: 1 for members, 2 for bytes above 0x7f that are members, 0 for the rest."""
        key = ("class", members)
        if key not in self.names:
            self.names[key] = f"class_{len(self.names)}"
            cells = [0 if byte not in members else 2 if byte in HIGH_BYTES else 1 for byte in range(256)]
            self.texts.append(runtime.byte_table(self.names[key], cells))
        return self.names[key]

    def scanner(self, text: TextUpTo) -> str:
        """The function that finds a text field's end."""
        assert text.field.members is not None  # trie.atoms takes no other text fields
        assert text.literal is not None  # texts up to the end of the line have their own code
        key = ("scan", text.field.members, text.literal, text.certain)
        if key not in self.names:
            table = self.class_table(text.field.members)
            self.names[key] = name = f"scan_{len(self.names)}"
            self.texts.append(runtime.scan_function(name, "alwaysinline", table, text.literal, certain=text.certain))
        return self.names[key]


@dataclass(frozen=True, slots=True)
class Captured:
    """SSA names of a captured field: where it starts and ends, and its value if it is a number."""

    field: Field
    start: str
    end: str
    value: str = ""


Captures = tuple[Captured, ...]


@dataclass
class Walker(ABC):
    """Writes one function: the walk is here, what fields and leaves do is said by subclasses."""

    definitions: Definitions
    code: list[str] = field(default_factory=list)
    next_name: int = 0
    label: str = "entry"

    # ---- text

    def name(self) -> str:
        """A fresh name."""
        self.next_name += 1
        return f"v{self.next_name}"

    def op(self, text: str) -> str:
        """An instruction with a result; returns the result's name."""
        result = f"%{self.name()}"
        self.code.append(f"  {result} = {text}")
        return result

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.code.append(f"  {text}")

    def block(self, label: str) -> None:
        """Starts a basic block."""
        self.label = label
        self.code.append(f"{label}:")

    def branch(self, condition: str, yes: str, no: str) -> None:
        """A conditional jump."""
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def moved(self, at: str, distance: int) -> str:
        """A position some bytes on."""
        return self.op(f"getelementptr i8, ptr {at}, i64 {distance}") if distance else at

    def checked(self, place: str, fail: str) -> None:
        """Goes on if a parsing function succeeded; else to the next alternative, or to the portable engine."""
        number = self.op(f"ptrtoint ptr {place} to i64")
        good = self.name()
        self.do(f"switch i64 {number}, label %{good} [ i64 0, label %{fail} i64 1, label %demote ]")
        self.block(good)

    def going_on(self, condition: str, otherwise: str) -> None:
        """Goes on in a new block where a condition holds."""
        good = self.name()
        self.branch(condition, good, otherwise)
        self.block(good)

    # ---- left to subclasses

    @abstractmethod
    def literal(self, at: str, text: bytes, fail: str) -> str:
        """Compares a literal; returns the position behind it."""

    @abstractmethod
    def take(self, step: Field, at: str, fail: str) -> tuple[str, Captured | None]:
        """Takes a field that is no text; returns the position behind it."""

    @abstractmethod
    def finish(self, shape: Shape, at: str, captures: Captures, fail: str) -> None:
        """What happens where a shape ends."""

    # ---- text fields

    def text(self, step: TextUpTo, at: str, fail: str) -> tuple[str, Captured | None]:
        """Takes a text field and the literal behind it, or the rest of the line."""
        if step.literal is not None:
            place = self.scanned(step, at)
            self.checked(place, fail)
            if not step.field.captured:
                return place, None
            return place, Captured(step.field, at, self.moved(place, -len(step.literal)))
        assert step.field.members is not None  # trie.atoms takes no other text fields
        table = self.definitions.class_table(step.field.members)
        end = self.op(f"call ptr @rest(ptr {at}, ptr @{table})")
        self.checked(end, fail)
        return end, Captured(step.field, at, end) if step.field.captured else None

    def scanned(self, step: TextUpTo, at: str) -> str:
        """Where the literal behind a text field ends."""
        return self.op(f"call ptr @{self.definitions.scanner(step)}(ptr {at})")

    # ---- the tree

    def walk(self, node: Node, at: str, captures: Captures, fail: str) -> None:
        """Code for a node and all below it, starting in the current block."""
        singles = [atom for atom in node.children if isinstance(atom, int)]
        others: list[Atom] = [atom for atom in node.children if not isinstance(atom, int)]
        stages: list[Atom | None] = ([None] if singles else []) + list(others)
        for number, stage in enumerate(stages):
            last = number == len(stages) - 1 and node.shape is None
            following = fail if last else self.name()
            if stage is None:
                self._bytes(node, at, captures, following)
            else:
                self._field(node.children[stage], stage, at, captures, following)
            if not last:
                self.block(following)
        if node.shape is not None:
            self.finish(node.shape, at, captures, fail)

    def _bytes(self, node: Node, at: str, captures: Captures, fail: str) -> None:
        """Literal alternatives: a switch on the next byte where there are several."""
        choices = [(byte, child) for byte, child in node.children.items() if isinstance(byte, int)]
        if len(choices) == 1:
            self._run(bytes([choices[0][0]]), choices[0][1], at, captures, fail)
            return
        byte = self.op(f"load i8, ptr {at}")
        labels = [(value, child, self.name()) for value, child in choices]
        cases = " ".join(f"i8 {value}, label %{label}" for value, _, label in labels)
        self.do(f"switch i8 {byte}, label %{fail} [ {cases} ]")
        for _, child, label in labels:
            self.block(label)
            self._run(b"", child, self.moved(at, 1), captures, fail)

    def _run(self, text: bytes, node: Node, at: str, captures: Captures, fail: str) -> None:
        """A literal as far as it goes without a choice, then the node behind it."""
        while node.shape is None and len(node.children) == 1:
            (atom, child), *_ = node.children.items()
            if not isinstance(atom, int):
                break
            text, node = text + bytes([atom]), child
        self.walk(node, self.literal(at, text, fail) if text else at, captures, fail)

    def _field(self, child: Node, step: Atom, at: str, captures: Captures, fail: str) -> None:
        """One field, then the node behind it."""
        if isinstance(step, TextUpTo):
            place, captured = self.text(step, at, fail)
        else:
            assert isinstance(step, Field)  # bytes have a stage of their own
            place, captured = self.take(step, at, fail)
        self.walk(child, place, (*captures, captured) if captured else captures, fail)
