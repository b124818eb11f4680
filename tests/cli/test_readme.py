"""The README shows what the tool really prints, and names commands that are there."""

import re

import pytest

from quirkfinder.cli.completion import commands
from quirkfinder.cli.main import build_parser, main
from tests.cli.renew_readme import REPORT, renewed
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_report_in_the_readme_is_the_beginning_of_the_real_one() -> None:
    """`python -m tests.cli.renew_readme` renews it."""
    assert REPORT.search(README)
    assert renewed(README) == README


def test_the_library_example_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(REPOSITORY)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    out = capsys.readouterr().out
    assert out.startswith("confirmed window bar1+0x0 selects")
    assert "## quirkfinder" in out


def test_every_command_that_the_documentation_names_is_there() -> None:
    known = {command.name for command in commands(build_parser())}
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:^ {4}|`|bin/)quirkfinder ([a-z]+)", text, re.MULTILINE))
        assert named <= known, name


def test_the_exit_statuses_in_the_readme_are_those_of_the_help_page(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    page = re.findall(r"^  (\d+) +(.*)$", capsys.readouterr().out.split("exit status:")[1], re.MULTILINE)
    told = re.findall(r"^\| (\d+) \| (.*) \|$", README.replace("`", ""), re.MULTILINE)
    assert told == page
