"""`quirkfinder quirks`."""

import io
from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from tests.documents import DATA

Captured = pytest.CaptureFixture[str]


def test_the_catalogue_goes_to_stdout(capsys: Captured) -> None:
    assert main(["quirks"]) == 0
    assert "ati-bar4-window: " in capsys.readouterr().out


def test_an_audit_takes_a_document_from_a_file_or_from_standard_input(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["quirks", "--audit", str(DATA / "doors.json")]) == 0
    from_file = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((DATA / "doors.json").read_bytes())))
    assert main(["quirks", "--audit", "-"]) == 0
    assert capsys.readouterr().out == from_file


@pytest.mark.parametrize(("content", "status"), [(None, 3), (b"{}", 5), (b"\x00", 5)])
def test_a_document_that_is_none(tmp_path: Path, capsys: Captured, content: bytes | None, status: int) -> None:
    path = tmp_path / "findings.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["quirks", "--audit", str(path)]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert str(path) in err


def test_an_invalid_document_on_standard_input_is_named_so(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[]")))
    assert main(["quirks", "--audit", "-"]) == 5
    assert "standard input: document: an object is needed here" in capsys.readouterr().err
