"""Mining folders: what is read and what is not, bad inputs, interrupts, killed processes, two runs at once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from quirkfinder.corpus import Store, load_joined, mine, work
from quirkfinder.corpus.executors import pool, run_all
from quirkfinder.corpus.work import Job, Outcome
from quirkfinder.errors import NoUsableInput
from tests.conftest import REPOSITORY
from tests.corpus.logs import bundle, log
from tests.corpus.stores import tables

Captured = pytest.CaptureFixture[str]


def names(store: Path) -> list[str]:
    return [run.run for run in load_joined(store).runs]


def test_only_what_is_new_or_changed_is_read_and_what_is_gone_is_dropped(tmp_path: Path) -> None:
    traces, store = tmp_path / "traces", tmp_path / "store"
    for number, name in enumerate("abc"):
        bundle(traces / name, seed=number)
    first = mine([traces], store, jobs=0)
    assert (first.read, first.unchanged, first.dropped) == (3, 0, 0)
    again = mine([traces], store, jobs=0)
    assert (again.read, again.unchanged, again.events, again.bytes) == (0, 3, 0, 0)
    bundle(traces / "b", seed=7)
    shutil.rmtree(traces / "c")
    (traces / "d.log").write_text(log(seed=8))
    third = mine([traces], store, jobs=0)
    assert (third.bundles, third.read, third.unchanged, third.dropped) == (3, 2, 1, 1)
    assert names(store) == ["traces/a", "traces/b", "traces/d.log"]


def test_mining_in_parts_gives_what_mining_at_once_gives(tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    for number, name in enumerate("abcd"):
        bundle(traces / name, seed=number, guest=0xF7000000 if number % 2 else 0xFEB00000)
    mine([traces], tmp_path / "whole", jobs=0)
    for part in (["c"], ["a", "d"], ["b", "a"]):
        mine([traces / name for name in part], tmp_path / "parts", jobs=0)
    mine([traces], tmp_path / "parts", jobs=0)
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")


def test_other_folders_of_the_store_stay(tmp_path: Path) -> None:
    bundle(tmp_path / "one" / "a")
    bundle(tmp_path / "two" / "b", seed=2)
    mine([tmp_path / "one"], tmp_path / "store", jobs=0)
    mine([tmp_path / "two"], tmp_path / "store", jobs=0)
    assert names(tmp_path / "store") == ["one/a", "two/b"]


def test_a_file_that_only_looks_new_is_read_for_its_digest_and_not_analysed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle(tmp_path / "traces" / "a")
    mine([made], tmp_path / "store", jobs=0)
    os.utime(made / "qemu.log", (1, 1))
    monkeypatch.setattr(work, "examine", lambda *_: pytest.fail("analysed again"))
    assert mine([made], tmp_path / "store", jobs=0).read == 0


def test_nothing_is_opened_when_nothing_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bundle(tmp_path / "traces" / "a")
    mine([made], tmp_path / "store", jobs=0)
    opened = Path.open

    def watch(path: Path, *args: str, **options: str) -> object:
        assert made not in path.parents, "a log was opened"
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", watch)
    assert mine([made], tmp_path / "store", jobs=0).unchanged == 1


def test_copies_of_a_boot_count_once(tmp_path: Path) -> None:
    bundle(tmp_path / "traces" / "a")
    shutil.copytree(tmp_path / "traces" / "a", tmp_path / "traces" / "copy")
    (tmp_path / "traces" / "alone").mkdir()
    shutil.copy(tmp_path / "traces" / "a" / "qemu.log", tmp_path / "traces" / "alone" / "renamed.txt")
    mine([tmp_path / "traces"], tmp_path / "store", jobs=0)
    [run] = load_joined(tmp_path / "store").runs
    assert (run.run, run.copies) == ("traces/a", ("traces/alone", "traces/copy"))
    [card] = load_joined(tmp_path / "store").cards
    assert card.boots == 1


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    bundle(tmp_path / "x" / "traces" / "a")
    bundle(tmp_path / "y" / "traces" / "a", seed=2)
    mine([tmp_path / "x" / "traces", tmp_path / "y" / "traces"], tmp_path / "store", jobs=0)
    assert names(tmp_path / "store") == ["traces/a", "traces/a (2)"]


def test_a_bad_input_stops_nothing(tmp_path: Path, capsys: Captured) -> None:
    traces = tmp_path / "traces"
    bundle(traces / "good")
    whole = subprocess.run(["gzip", "-c"], input=log(seed=3).encode() * 50, capture_output=True, check=True).stdout
    (traces / "torn").mkdir()
    (traces / "torn" / "qemu.log.gz").write_bytes(whole[: len(whole) // 2])
    (traces / "noise").mkdir()
    (traces / "noise" / "picture.bin").write_bytes(bytes(range(256)) * 64)
    (traces / "dangling.log").symlink_to("nowhere")
    assert main(["mine", str(traces), "-o", str(tmp_path / "store"), "--jobs", "0"]) == 0
    error = capsys.readouterr().err
    assert "used in part" in error
    assert "qemu.log.gz" in error
    assert names(tmp_path / "store") == ["traces/good", "traces/torn"]


def test_an_analysis_that_fails_is_told_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    bundle(tmp_path / "traces" / "a")
    bundle(tmp_path / "traces" / "b", seed=2)
    examine = work.examine
    tried = []

    def failing(path: str, digest: str) -> object:
        tried.append(Path(path).name)
        if path.endswith("b"):
            raise ZeroDivisionError("over\x1b[31m")
        return examine(path, digest)

    monkeypatch.setattr(work, "examine", failing)
    for _ in range(2):
        assert main(["mine", str(tmp_path / "traces"), "-o", str(tmp_path / "store"), "--jobs", "0"]) == 4
        error = capsys.readouterr().err
        assert "traces/b: the analysis failed: ZeroDivisionError: over\\x1b[31m" in error
    assert sorted(tried) == ["a", "b"]


def test_nothing_to_mine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoUsableInput, match="no trace below"):
        mine([tmp_path / "empty"], tmp_path / "store", jobs=0)
    with pytest.raises(NoUsableInput, match="there is no such folder"):
        mine([tmp_path / "missing"], tmp_path / "store", jobs=0)
    assert not (tmp_path / "store").exists()


def test_an_interrupt_keeps_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate("abc"):
        bundle(tmp_path / "traces" / name, seed=number)
    examine = work.examine
    done = []

    def interrupted(path: str, digest: str) -> object:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(path)
        return examine(path, digest)

    with monkeypatch.context() as patch:
        patch.setattr(work, "examine", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mine([tmp_path / "traces"], tmp_path / "store", jobs=0)
    assert len(names(tmp_path / "store")) == 2
    rest = mine([tmp_path / "traces"], tmp_path / "store", jobs=0)
    assert (rest.read, rest.unchanged) == (1, 2)


# what follows needs real processes


def deadly(job: Job) -> Outcome:
    """Work whose process dies at one of the jobs."""
    if job.path == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(job.path, "digest", ())


def test_a_process_that_dies_takes_no_other_job_with_it() -> None:
    jobs = [Job(path, ()) for path in ("a", "deadly", "b")]
    with pool(1, None) as working:
        outcomes = {outcome.path: outcome for outcome in run_all(working, jobs, deadly)}
    assert sorted(outcomes) == sorted(job.path for job in jobs)
    assert {path for path, outcome in outcomes.items() if outcome.problem} == {"deadly"}
    assert "died" in outcomes["deadly"].problem


def start(folder: Path, store: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "quirkfinder", "mine", str(folder), "-o", str(store), "--jobs", "1", "-q"]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def wait_for_work(store: Path, least: int) -> None:
    """Until so many partials are there."""
    until = time.monotonic() + 60
    while len(list(store.glob("bundles/*.parquet"))) < least:
        assert time.monotonic() < until, "nothing is read"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with many small runs, and a store that it was mined into undisturbed."""
    base = tmp_path_factory.mktemp("many")
    for number in range(12):
        bundle(base / "traces" / f"run{number:02}", seed=number, guest=0xF7000000 if number % 3 else 0xFEB00000)
    mine([base / "traces"], base / "store", jobs=0)
    return base / "traces", base / "store"


def test_killed_interrupted_and_beside_another_run_nothing_is_lost(many: tuple[Path, Path], tmp_path: Path) -> None:
    traces, whole = many
    store = tmp_path / "store"
    killed = start(traces, store)
    wait_for_work(store, 2)
    killed.kill()
    killed.wait()
    Store.open(store)
    finished = len(list(store.glob("bundles/*.parquet")))

    interrupted = start(traces, store)
    wait_for_work(store, finished + 1)
    os.killpg(interrupted.pid, signal.SIGINT)
    assert interrupted.wait(60) in (130, 0)  # 0: it was done before the signal came
    assert "Traceback" not in (interrupted.stderr.read().decode() if interrupted.stderr else "")

    first, second = start(traces, store), start(traces, store)
    assert (first.wait(120), second.wait(120)) == (0, 0)
    assert tables(store) == tables(whole)
    assert mine([traces], store, jobs=0).read == 0
    assert not list((store / "journal").iterdir())
