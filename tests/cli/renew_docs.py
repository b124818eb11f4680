"""`python -m tests.cli.renew_docs` puts what the examples print now into docs/; a test compares the two.

In docs/python.md each `python` block is a cell of a notebook; the `text` block after it is what it prints and shows.
In docs/first-report.md each `$ command` of a `console` block is run by a shell in one working copy of the checkout.
docs/commands.md is made from the parser.
"""

import ast
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from quirkfinder.cli.main import build_parser
from quirkfinder.cli.reference import reference
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
CELL = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)
SESSION = re.compile(r"```console\n(.*?)```\n", re.DOTALL)
_MOST_LINES = 24


def python_guide(text: str) -> str:
    """The guide with every cell's output renewed; cells share their names, and work in a folder that is thrown away."""
    names: dict[str, Any] = {}

    def renew(found: re.Match[str]) -> str:
        shown = _run(found[1], names)
        return f"```python\n{found[1]}```\n" + (f"\n```text\n{shown}```\n" if shown else "")

    with checkout() as folder, contextlib.chdir(folder):
        return CELL.sub(renew, text)


def _run(source: str, names: dict[str, Any]) -> str:
    """What a cell prints, and the value of its last line if it is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(tree, "docs/python.md", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "docs/python.md", "eval"), names)
            if value is not None:
                print(value)  # noqa: T201 - into the cell's output
    return _shortened(out.getvalue())


def session(text: str) -> str:
    """The session with what every command prints now."""
    with checkout() as folder:

        def renew(found: re.Match[str]) -> str:
            commands = [line for line in found[1].splitlines() if line.startswith("$ ")]
            return "```console\n" + "".join(f"{line}\n{_printed(line[2:], folder)}" for line in commands) + "```\n"

        return SESSION.sub(renew, text)


@contextlib.contextmanager
def checkout() -> Any:  # noqa: ANN401 - a context manager
    """A folder with the corpus in it, as a clone has it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "corpus").symlink_to(REPOSITORY / "corpus")
        yield Path(folder)


def _printed(command: str, folder: Path) -> str:
    """Output and messages of a command, in the order of a terminal. Cloning and installing are not done again."""
    if command.startswith(("git ", "cd ", "python3", ".venv/bin/pip", ". ")):
        return ""
    with tempfile.TemporaryDirectory() as programs:
        launcher = Path(programs) / "quirkfinder"
        launcher.write_text(f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} -m quirkfinder "$@"\n')
        launcher.chmod(0o755)
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(
            [shutil.which("sh") or "sh", "-c", command],
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return _shortened(done.stdout)


def _shortened(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {len(lines) - _MOST_LINES} more lines"]
    return "".join(f"{line}\n" for line in lines)


def current() -> dict[Path, str]:
    """Every generated file of docs/ with what it should say."""
    return {
        DOCS / "python.md": python_guide((DOCS / "python.md").read_text(encoding="utf-8")),
        DOCS / "first-report.md": session((DOCS / "first-report.md").read_text(encoding="utf-8")),
        DOCS / "commands.md": reference(build_parser()),
    }


if __name__ == "__main__":
    for path, content in current().items():
        path.write_text(content, encoding="utf-8")
