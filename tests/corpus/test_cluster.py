"""The same code on a Dask cluster: a real scheduler with two workers, one of which is killed on the way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quirkfinder.corpus import executors, mine
from quirkfinder.corpus.work import Job, Outcome
from quirkfinder.errors import NoUsableInput, UsageError
from tests.conftest import REPOSITORY
from tests.corpus.logs import bundle
from tests.corpus.stores import tables


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle(tmp_path / "traces" / "a")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="not installed") as raised:
        mine([tmp_path / "traces"], tmp_path / "store", cluster="tcp://127.0.0.1:1")
    assert "quirkfinder[cluster]" in raised.value.hint


Workers = tuple[str, list["subprocess.Popen[bytes]"]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Workers]:
    """The address of a scheduler, and its two workers with one thread each."""
    pytest.importorskip("distributed", reason="needs the extra quirkfinder[cluster]: dask and distributed")
    contact = tmp_path / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def start(*arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard", "--scheduler-file", str(contact)]
        log = (tmp_path / "dask.log").open("ab")
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True)

    started = [start("scheduler", "--host", "127.0.0.1", "--port", "0")]
    try:
        until = time.monotonic() + 60
        while not contact.exists():
            assert time.monotonic() < until, (tmp_path / "dask.log").read_text()
            time.sleep(0.05)
        workers = [start("worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
        started += workers
        yield _address(contact, len(workers), until), workers
    finally:
        for process in started:
            with_children_gone(process)


def _address(contact: Path, workers: int, until: float) -> str:
    import json

    from distributed import Client

    address: str = json.loads(contact.read_text())["address"]
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=max(1, until - time.monotonic()))
    return address


def with_children_gone(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(
    cluster: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, workers = cluster
    for number in range(16):
        bundle(tmp_path / "traces" / f"run{number:02}", seed=number, guest=0xF7000000 if number % 3 else 0xFEB00000)
    mine([tmp_path / "traces"], tmp_path / "whole", jobs=0)

    seen = []

    def kill_one(progress: object) -> None:
        seen.append(progress)
        if len(seen) == 4:
            os.kill(workers[0].pid, signal.SIGKILL)

    mined = mine([tmp_path / "traces"], tmp_path / "store", cluster=address, progress=kill_one)
    assert workers[0].wait(10) == -signal.SIGKILL
    assert (mined.read, mined.problems) == (16, ())
    assert tables(tmp_path / "store") == tables(tmp_path / "whole")


def test_no_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra quirkfinder[cluster]: dask and distributed")
    monkeypatch.setattr(executors, "PATIENCE", "1s")
    bundle(tmp_path / "traces" / "a")
    with pytest.raises(NoUsableInput, match="no Dask scheduler answers"):
        mine([tmp_path / "traces"], tmp_path / "store", cluster="tcp://127.0.0.1:1")


def old_version(job: Job) -> Outcome:
    return Outcome(job.path, "x", (), version="0.0.1")


def test_a_worker_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle(tmp_path / "traces" / "a")
    monkeypatch.setattr(executors.run_all, "__defaults__", (old_version,))
    with pytest.raises(UsageError, match=r"a worker runs quirkfinder 0\.0\.1"):
        mine([tmp_path / "traces"], tmp_path / "store", jobs=0)
