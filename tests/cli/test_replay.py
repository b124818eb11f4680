"""`quirkfinder replay`: from a trace to its quirks and back."""

import json
from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from tests.conftest import corpus_trace
from tests.documents import DATA

Captured = pytest.CaptureFixture[str]
LEAK = str(corpus_trace("ati-leak"))


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("quirk")
    findings = folder / "findings.json"
    assert main(["analyze", LEAK, "--format", "json", "-o", str(findings)]) == 0
    assert main(["emit", str(findings), "--target", "definition", "-o", str(folder)]) == 0
    (path,) = folder.glob("*.toml")
    return str(path)


def test_the_quirk_made_from_a_trace_closes_its_leaks(definition: str, capsys: Captured) -> None:
    assert main(["replay", definition, LEAK, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    (device,) = json.loads(out)["devices"]
    assert device["leaks_before"] > 0
    assert device["leaks_after"] == 0
    assert err == ""


def test_the_report_for_people(definition: str, capsys: Captured) -> None:
    assert main(["replay", definition, LEAK]) == 0
    assert "reads that show a host address: " in capsys.readouterr().out


def test_a_trace_of_another_card(definition: str, capsys: Captured) -> None:
    assert main(["replay", definition, str(corpus_trace("nvme-linux"))]) == 3
    assert "no device of the trace is one that the quirks are for" in capsys.readouterr().err


def test_findings_without_a_quirk_cannot_be_replayed(capsys: Captured) -> None:
    assert main(["replay", str(DATA / "nothing.json"), LEAK]) == 5
    assert "no finding of it can be a quirk" in capsys.readouterr().err


def test_a_definition_that_is_none(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "quirk.toml"
    path.write_text("[[windows]]\n")
    assert main(["replay", str(path), LEAK]) == 5
    assert str(path) in capsys.readouterr().err
