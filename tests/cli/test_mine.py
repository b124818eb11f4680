"""`quirkfinder mine`, and the commands that take its store."""

from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from tests.conftest import corpus_trace

Captured = pytest.CaptureFixture[str]
FOLDERS = [str(corpus_trace("ati-leak")), str(corpus_trace("ati-onetoone"))]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("mined") / "store")
    assert main(["mine", *FOLDERS, "-o", folder, "--jobs", "0"]) == 0
    return folder


def test_mining_again_reads_nothing(store: str, capsys: Captured) -> None:
    assert main(["mine", *FOLDERS, "-o", store, "--jobs", "0"]) == 0
    out, err = capsys.readouterr()
    assert "1002:5046 BAR2 (configuration-dependent)" in out
    assert f"2 runs in {store}: 0 read now, 2 known before" in err


def test_emit_and_report_take_a_store(store: str, tmp_path: Path) -> None:
    assert main(["emit", store, "--target", "definition", "-o", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.glob("*.toml")] == ["1002-5046.toml"]
    page = tmp_path / "report.html"
    assert main(["report", store, "-o", str(page)]) == 0
    assert "1002:5046" in page.read_text()


def test_replay_takes_a_store(store: str, capsys: Captured) -> None:
    assert main(["replay", store, FOLDERS[0]]) == 0
    assert "reads that show a host address" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["emit", "--target", "definition"], ["report"]])
def test_a_folder_that_is_no_store(command: list[str], tmp_path: Path, capsys: Captured) -> None:
    assert main([command[0], str(tmp_path), *command[1:], "-o", str(tmp_path / "out")]) == 3
    assert f"{tmp_path}: is no store" in capsys.readouterr().err


def test_a_folder_without_traces(tmp_path: Path, capsys: Captured) -> None:
    assert main(["mine", str(tmp_path), "-o", str(tmp_path / "store")]) == 3
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["-1", "two", "1.5", "\u0663"])
def test_a_number_of_jobs_that_is_none(jobs: str, capsys: Captured) -> None:
    assert main(["mine", "x", "-o", "y", f"--jobs={jobs}"]) == 2
    assert "0 or more is needed" in capsys.readouterr().err
