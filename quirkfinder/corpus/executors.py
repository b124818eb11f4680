"""Where the units of work run: in this process, in spawned processes of this machine, or on a Dask cluster.

All three are `concurrent.futures.Executor`s, and `run_all` is the one code path over them.  Processes are spawned and
never forked: a forked child of a process that has used polars hangs.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from quirkfinder.corpus.work import Job, Outcome, run_job
from quirkfinder.errors import NoUsableInput, UsageError

Result = TypeVar("Result")
Work = Callable[[Job], Outcome]
#: How long a scheduler may take to answer.
PATIENCE = "10s"


class Serial(Executor):
    """Does the work at once, in this process."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> "Future[Result]":  # noqa: ANN401 - as declared
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # as an executor does it
            future.set_exception(error)
        return future


class Pool:
    """Executors one after the other: a broken pool of processes is replaced by a new one. `width`: jobs at a time."""

    def __init__(self, start: Callable[[int], Executor], width: int) -> None:
        self._start = start
        self._executor: Executor | None = None
        self.width = width

    def submit(self, work: Work, job: Job) -> "Future[Outcome]":
        with _interrupts_held():
            if self._executor is None:
                self._executor = self._start(self.width)
            return self._executor.submit(work, job)

    def narrow(self) -> "Pool":
        """One more of the kind that does one job at a time."""
        return Pool(self._start, 1)

    def discard(self) -> None:
        """Ends the executor; unfinished work is lost."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


@contextmanager
def pool(jobs: int, cluster: str | None) -> Iterator[Pool]:
    """Where jobs run: `cluster` is the address of a Dask scheduler, otherwise `jobs` processes (0: this one).

    Raises UsageError where the extra for clusters is not installed, NoUsableInput where no scheduler answers.
    """
    if cluster is not None:
        with _client(cluster) as client:
            width = max(2, 2 * sum(client.nthreads().values()))
            yield Pool(lambda _: client.get_executor(pure=False), width)
        return
    if jobs == 0:
        yield Pool(lambda _: Serial(), 1)
        return
    before = set(multiprocessing.active_children())
    working = Pool(_processes, jobs)
    try:
        with _threads(jobs):
            yield working
    finally:
        working.discard()
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


def run_all(working: Pool, jobs: Iterable[Job], work: Work = run_job) -> Iterator[Outcome]:
    """The outcomes in the order they come in. At most `width` jobs (and results) are on their way at a time.

    A job whose process dies is tried once more, alone; where it dies again that is its outcome.
    """
    waiting = iter(jobs)
    running: dict[Future[Outcome], Job] = {}
    while True:
        broken: list[Job] = []
        try:
            while len(running) < working.width and (job := next(waiting, None)) is not None:
                broken.append(job)
                running[working.submit(work, job)] = job
                broken.pop()
        except BrokenProcessPool:
            pass
        if not running and not broken:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
        for future in done:
            job = running.pop(future)
            outcome = _outcome(future, job)
            if outcome is None:
                broken.append(job)
            else:
                yield outcome
        if broken:
            wait(running)  # the pool is gone: they end at once
            for future, job in running.items():
                outcome = _outcome(future, job)
                if outcome is None:
                    broken.append(job)
                else:
                    yield outcome
            running.clear()
            working.discard()
            yield from _one_by_one(working.narrow(), work, broken)


def _outcome(future: "Future[Outcome]", job: Job) -> Outcome | None:
    """None where the process died and nobody knows whose fault it was."""
    try:
        return future.result()
    except BrokenProcessPool:
        return None
    except Exception as error:  # of the executor: `run_job` raises nothing
        return _failed(job, f"{type(error).__name__}: {error}")


def _one_by_one(working: Pool, work: Work, jobs: Iterable[Job]) -> Iterator[Outcome]:
    """The jobs one at a time, so that a process that dies has died of its own job."""
    try:
        for job in jobs:
            try:
                yield working.submit(work, job).result()
            except BrokenProcessPool:
                working.discard()
                yield _failed(job, "the process that analysed it died (was it out of memory?)")
    finally:
        working.discard()


def _failed(job: Job, problem: str) -> Outcome:
    return Outcome(job.path, "", (), problem=f"{job.path}: {problem}", lasting=False)


def _processes(width: int) -> Executor:
    return ProcessPoolExecutor(max_workers=width, mp_context=multiprocessing.get_context("spawn"), initializer=_started)


def _started() -> None:
    """In a new process: an interrupt is the parent's to answer, and a parent that is gone ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:  # noqa: ANN401 - the type of parent_process() is not public
    parent.join()
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started inside never see an interrupt of the terminal, not even while they import."""
    resource_tracker.ensure_running()  # the first process would start it, and it lets interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _threads(jobs: int) -> Iterator[None]:
    """The processors shared out among the processes: polars takes all of them otherwise."""
    share = max(1, len(os.sched_getaffinity(0)) // jobs)
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = before or str(share)
    try:
        yield
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise UsageError(
            "--cluster needs Dask, which is not installed", "pip install 'quirkfinder[cluster]'"
        ) from error
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoUsableInput(
            f"no Dask scheduler answers at {address}: {error}", "start one with `dask scheduler`"
        ) from error
    try:
        if not client.nthreads():
            raise NoUsableInput(f"the cluster at {address} has no workers", f"start some: `dask worker {address}`")
        yield client
    finally:
        client.close()
