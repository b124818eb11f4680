"""docs/ says what the tool does now, and every name a user may import says what it is."""

import importlib
import inspect
import re
from types import ModuleType

import pytest

import quirkfinder
from quirkfinder.cli.completion import commands
from quirkfinder.cli.main import build_parser
from quirkfinder.cli.reference import reference
from tests.cli.renew_docs import DOCS, python_guide, session
from tests.conftest import REPOSITORY

STAGES = (
    "reading",
    "inputs",
    "inventory",
    "card",
    "findings",
    "knowledge",
    "definition",
    "emission",
    "replay",
    "corpus",
)
FURTHER = ("quirkfinder.analysis", "quirkfinder.replaying", "quirkfinder.events", "quirkfinder.counting")


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_command_reference_is_that_of_the_parser() -> None:
    """`python -m tests.cli.renew_docs` renews it."""
    assert reference(build_parser()) == read("commands.md")


def test_the_command_reference_has_every_command_option_and_example() -> None:
    text = read("commands.md")
    for command in commands(build_parser()):
        section = text.split(f"\n## {command.name}\n")[1].split("\n## ")[0]
        assert f"quirkfinder {command.name}" in section.split("```")[-2], "no example"
        for option in command.options:
            assert option.names[-1] in section or option.names[-1] == "--help"


def test_the_cells_of_the_python_guide_show_what_they_show() -> None:
    """`python -m tests.cli.renew_docs` renews it."""
    assert python_guide(read("python.md")) == read("python.md")


def test_the_session_of_the_first_report_is_a_real_one() -> None:
    """`python -m tests.cli.renew_docs` renews it."""
    assert session(read("first-report.md")) == read("first-report.md")


def test_documents_link_to_what_is_there() -> None:
    for path in [*DOCS.glob("*.md"), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("name", sorted(set(quirkfinder.__all__) - {"__version__"}))
def test_every_name_of_the_package_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(quirkfinder, name)
    assert callable(value)
    assert (inspect.getdoc(value) or "").strip()
    assert name in (quirkfinder.__doc__ or "") or inspect.isclass(value)


def test_the_module_replay_can_be_called_like_the_function() -> None:
    module = importlib.import_module("quirkfinder.replay")
    assert quirkfinder.replay is module
    report = quirkfinder.replay([], REPOSITORY / "corpus" / "traces" / "ati-leak")
    assert isinstance(report, quirkfinder.ReplayReport)
    assert report.devices == ()


def public(module: ModuleType) -> list[tuple[str, object]]:
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    found = [(name, getattr(module, name)) for name in names]
    return [
        (name, value)
        for name, value in found
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("quirkfinder")
    ]


@pytest.mark.parametrize("name", [*(f"quirkfinder.{stage}" for stage in STAGES), *FURTHER])
def test_every_public_name_of_a_stage_has_its_docstring(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for own, value in public(module):
        written = value.__doc__ or ""
        # A dataclass without one gets its signature for a docstring.
        assert written.strip(), f"{name}.{own}"
        assert not written.startswith(f"{own}("), f"{name}.{own}"
