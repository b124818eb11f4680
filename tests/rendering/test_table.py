"""The terminal report: golden files, and laws that hold for every document."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from quirkfinder.findings.document import Findings
from quirkfinder.rendering.table import table
from tests.documents import Json, documents, example, example_findings

DATA = Path(__file__).parent / "data"
STYLE = re.compile(r"\x1b\[[0-9;]*m")
SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", ["doors", "nothing"])
def test_the_report_is_the_golden_one(name: str) -> None:
    assert table(example_findings(name), width=100) == (DATA / f"{name}.txt").read_text(encoding="utf-8")


@given(documents(), st.sampled_from([40, 80, 131]))
@SOME
def test_no_line_is_wider_than_asked_and_none_commands_the_terminal(data: Json, width: int) -> None:
    lines = table(Findings.from_dict(data), width=width).split("\n")
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)


@given(documents())
@SOME
def test_colour_adds_styles_and_nothing_else(data: Json) -> None:
    document = Findings.from_dict(data)
    plain = [line.rstrip() for line in STYLE.sub("", table(document, color=True)).split("\n")]
    assert "\n".join(plain) == table(document)


@given(documents())
@SOME
def test_an_ascii_report_is_ascii(data: Json) -> None:
    assert table(Findings.from_dict(data), ascii_only=True).isascii()


def test_the_verdict_comes_first_and_the_advice_second() -> None:
    report = table(example_findings())
    paragraphs = report.split("\n\n")
    assert paragraphs[1].startswith(
        "3 back doors, 2 confirmed and 1 likely. All of them hand the guest host addresses of"
    )
    assert paragraphs[2].startswith("What to do\n  1. Write the quirk")


def test_markup_of_rich_in_a_name_is_text() -> None:
    data = example()
    data["devices"][0]["name"] = "[bold red]x[/] :smile: [link=http://x]y[/link]"
    assert "The card [bold red]x[/] :smile: [link=http://x]y[/link]" in table(Findings.from_dict(data))


@pytest.mark.parametrize("variable", ["COLUMNS", "FORCE_COLOR", "NO_COLOR"])
def test_the_environment_does_not_change_the_text(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "30")
    assert table(example_findings()) == (DATA / "doors.txt").read_text(encoding="utf-8")
