"""A file that is written is complete or not there at all."""

import os
import stat
import threading
from pathlib import Path

import pytest

from quirkfinder.cli.output import check_target, replacing, write
from quirkfinder.errors import UsageError


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("old")

    def fail_half_way() -> None:
        with replacing(str(target)) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_are_those_of_an_ordinary_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    ordinary, target = tmp_path / "ordinary", tmp_path / "out"
    ordinary.touch()
    write("x", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)
    target.chmod(0o640)
    write("y", str(target))
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("y", 0o640)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    write("new", str(link))
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_pipe_is_written_in_place(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write("through", str(pipe))
    reader.join(timeout=10)
    assert read == ["through"]


def test_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    write("text", "-")
    assert capsys.readouterr().out == "text"


@pytest.mark.parametrize("name", [None, "-", os.devnull])
def test_targets_that_need_no_folder(name: str | None) -> None:
    check_target(name)


def test_a_missing_folder_is_told_before_the_work_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        check_target(str(tmp_path / "no" / "out"))
    assert caught.value.hint == f"mkdir -p {tmp_path / 'no'}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        check_target(str(tmp_path))


def test_a_write_that_fails_names_the_file() -> None:
    with pytest.raises(UsageError, match="/dev/full: cannot be written: No space left"):
        write("x" * 100_000, "/dev/full")
