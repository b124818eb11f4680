"""Commands that take findings documents: `explain` and `report`, and what they say of documents they cannot use."""

import json
from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from tests.conftest import corpus_trace
from tests.documents import DATA, example

Captured = pytest.CaptureFixture[str]
DOORS = str(DATA / "doors.json")


@pytest.mark.parametrize("name", ["window/1002:6779/bar4+0x0/bar4+0x4", "1"])
def test_a_finding_is_named_by_id_or_by_its_number_in_the_report(name: str, capsys: Captured) -> None:
    assert main(["explain", DOORS, name]) == 0
    assert capsys.readouterr().out == (DATA / "window.explained.txt").read_text()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("window/1002:6779/bar4+0x0/bar4+0x8", "is window/1002:6779/bar4+0x0/bar4+0x4 meant?"), ("99", "there are: ")],
)
def test_an_unknown_finding_is_answered_with_the_nearest(name: str, hint: str, capsys: Captured) -> None:
    assert main(["explain", DOORS, name]) == 2
    assert hint in capsys.readouterr().err


def test_files_are_known_by_content_wherever_they_lie_now(tmp_path: Path, capsys: Captured) -> None:
    findings, moved = tmp_path / "findings.json", tmp_path / "elsewhere.log"
    moved.write_bytes((corpus_trace("ati-leak") / "qemu.log").read_bytes())
    assert main(["analyze", str(corpus_trace("ati-leak")), "--format", "json", "-o", str(findings)]) == 0
    assert main(["explain", str(findings), "1", str(moved)]) == 0
    assert "\n    > " in capsys.readouterr().out


def test_files_that_are_not_the_documents_are_refused(tmp_path: Path, capsys: Captured) -> None:
    other = tmp_path / "qemu.log"
    other.write_text("something else\n")
    assert main(["explain", DOORS, "1", str(other)]) == 3
    err = capsys.readouterr().err
    assert "run/qemu.log is not among the files given" in err
    assert "none of the files given" in err


def test_a_report_of_several_documents(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert main(["report", DOORS, str(DATA / "nothing.json"), "-o", str(target)]) == 0
    assert target.read_text().count("<section id=") == 2


def test_a_document_that_fails_among_others_is_named_and_the_rest_written(tmp_path: Path, capsys: Captured) -> None:
    broken, target = tmp_path / "broken.json", tmp_path / "report.html"
    data = example()
    data["findings"][0]["verdict"] = "sure"
    broken.write_text(json.dumps(data))
    assert main(["report", DOORS, str(broken), "-o", str(target)]) == 4
    assert f"failed: {broken}: findings[0].verdict: 'sure' is not known here" in capsys.readouterr().err
    assert target.exists()


def test_only_broken_documents_are_an_invalid_document(tmp_path: Path, capsys: Captured) -> None:
    broken, target = tmp_path / "broken.json", tmp_path / "report.html"
    broken.write_text("{}")
    assert main(["report", str(broken), "-o", str(target)]) == 5
    assert not target.exists()
