"""`quirkfinder emit`: what it takes, where it writes, and what it says of what it cannot write."""

import json
from pathlib import Path

import pytest

from quirkfinder import emission
from quirkfinder.cli.commands.emit import TARGETS
from quirkfinder.cli.main import main
from tests.documents import DATA, example

Captured = pytest.CaptureFixture[str]
DOORS = str(DATA / "doors.json")


def test_the_targets_are_those_of_the_library() -> None:
    assert TARGETS == emission.TARGETS


def test_definitions_are_written_and_can_be_emitted_again(tmp_path: Path, capsys: Captured) -> None:
    assert main(["emit", DOORS, "--target", "definition", "-o", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    (definition,) = tmp_path.glob("*.toml")
    assert f"written: {definition}\n" in err
    assert main(["emit", str(definition), "--target", "qemu-11.1", "-o", str(tmp_path)]) == 0
    assert list(tmp_path.glob("*/*.c"))


def test_a_finding_that_became_no_quirk_is_named(tmp_path: Path, capsys: Captured) -> None:
    data = example()
    for target in data["findings"][0]["parameters"]["targets"]:
        target["space"] = "unknown"
    findings = tmp_path / "findings.json"
    findings.write_text(json.dumps(data))
    main(["emit", str(findings), "--target", "definition", "-o", str(tmp_path)])
    assert f"left out: {data['findings'][0]['id']}: " in capsys.readouterr().err


def test_a_document_without_anything_to_write(tmp_path: Path, capsys: Captured) -> None:
    assert main(["emit", str(DATA / "nothing.json"), "--target", "definition", "-o", str(tmp_path / "out")]) == 3
    assert "nothing here can be written as a quirk: there is no finding" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_why_nothing_can_be_written_is_said(tmp_path: Path, capsys: Captured) -> None:
    data = example()
    data["findings"] = data["findings"][:1]
    for target in data["findings"][0]["parameters"]["targets"]:
        target["space"] = "unknown"
    findings = tmp_path / "findings.json"
    findings.write_text(json.dumps(data))
    assert main(["emit", str(findings), "--target", "definition", "-o", str(tmp_path / "out")]) == 3
    assert "nothing here can be written as a quirk: window/1002:6779" in capsys.readouterr().err
    data["findings"][0]["needs_quirk"] = False
    findings.write_text(json.dumps(data))
    main(["emit", str(findings), "--target", "definition", "-o", str(tmp_path / "out")])
    assert "the finding needs none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("a.toml", "[quirk", 5), ("a.toml", "unknown = 1", 5), ("a.json", "{", 5), ("a.toml", None, 3)],
)
def test_what_is_no_document(tmp_path: Path, name: str, content: str | None, status: int, capsys: Captured) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    assert main(["emit", str(path), "--target", "definition", "-o", str(tmp_path)]) == status
    assert str(path) in capsys.readouterr().err


def test_a_broken_document_among_others_is_named_and_the_rest_written(tmp_path: Path, capsys: Captured) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("no")
    assert main(["emit", DOORS, str(broken), "--target", "definition", "-o", str(tmp_path / "out")]) == 4
    assert "failed: " in capsys.readouterr().err
    assert list((tmp_path / "out").glob("*.toml"))


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").touch()
    assert main(["emit", DOORS, "--target", "definition", "-o", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
