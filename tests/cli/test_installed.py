"""What is installed works away from the checkout: the wheel carries the grammars and every data file."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from quirkfinder import __version__
from tests.conftest import REPOSITORY, corpus_trace


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(REPOSITORY)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def data_files(folder: Path) -> set[str]:
    """Everything in a folder of the checkout that is no Python module and no cache."""
    found = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".pyc")
    return {p.relative_to(REPOSITORY).as_posix() for p in found if p.suffix != ".py"}


def test_the_wheel_carries_every_data_file_and_the_grammars(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert data_files(REPOSITORY / "quirkfinder") <= inside
    grammars = {f"quirkfinder/{name}" for name in data_files(REPOSITORY / "grammars")}
    assert grammars
    assert grammars <= inside


def test_the_wheel_carries_nothing_of_tests_and_corpus(wheel: Path) -> None:
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders == {"quirkfinder", f"quirkfinder-{__version__}.dist-info"}


def test_it_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "quirkfinder", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert run("--version") == f"quirkfinder {__version__}\n"
    assert "ati-bar4-window" in run("quirks")
    page = run("analyze", str(corpus_trace("ati-leak")), "--format", "html")
    assert "1002:5046" in page
    assert "<svg" in page
