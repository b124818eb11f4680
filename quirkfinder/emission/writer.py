"""A buffer for C: indentation, blocks and statements that are wrapped before column 80."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_WIDTH = 80


class Source:
    """Lines of C. Four blanks a level, opening brace on the line of its head, functions in QEMU's form."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._level = 0

    def line(self, text: str = "") -> None:
        """One line at the current level; an empty one has no blanks."""
        self._lines.append("    " * self._level + text if text else "")

    def lines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.line(text)

    def call(self, head: str, *arguments: str, tail: str = ";") -> None:
        """`head(arguments)tail`, the arguments aligned below each other where a line would be too long."""
        indent = "    " * self._level
        aligned = indent + " " * (len(head) + 1)
        current = f"{indent}{head}("
        for at, argument in enumerate(arguments):
            last = at == len(arguments) - 1
            piece = argument + (f"){tail}" if last else ",")
            blank = "" if current.endswith("(") or current == aligned else " "
            if len(current) + len(blank) + len(piece) > _WIDTH and current.strip() and not current.endswith("("):
                self._lines.append(current.rstrip())
                current, blank = aligned, ""
            current += blank + piece
        self._lines.append(current if arguments else f"{current}){tail}")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level further in."""
        self._level += 1
        yield
        self._level -= 1

    @contextmanager
    def block(self, head: str, tail: str = "}") -> Iterator[None]:
        """`head {` … `tail`."""
        self.line(f"{head} {{")
        with self.deeper():
            yield
        self.line(tail)

    @contextmanager
    def function(self, returns: str, name: str, *parameters: str, static: bool = True) -> Iterator[None]:
        """A function definition, followed by an empty line."""
        self.call(
            f"{'static ' if static else ''}{returns}{'' if returns.endswith('*') else ' '}{name}", *parameters, tail=""
        )
        self.line("{")
        with self.deeper():
            yield
        self.line("}")
        self.line()

    def text(self) -> str:
        """All of it, ending in one newline."""
        return "\n".join(self._lines).strip("\n") + "\n"
