"""Folders into a store: find the runs, read those that are new, join all of them.

Nothing is read twice: neither what an earlier run read, finished, interrupted or killed, nor what another run that
writes into the same store has finished already.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import polars as pl

from quirkfinder import __version__
from quirkfinder.corpus import columns
from quirkfinder.corpus.discovery import Bundle, Discovery, discover
from quirkfinder.corpus.executors import Pool, pool, run_all
from quirkfinder.corpus.join import join, tables
from quirkfinder.corpus.partial import Partial, Run
from quirkfinder.corpus.store import Memory, Session, Source, Store, Tables, is_store
from quirkfinder.corpus.work import Job, Outcome, bundle_digest
from quirkfinder.errors import NoUsableInput, UsageError

_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: bundles and bytes (on disk) of those that have to be read, events found in them."""

    stage: str
    bundles: int = 0
    of_bundles: int = 0
    bytes: int = 0
    of_bytes: int = 0
    events: int = 0


Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Mined:
    """What a run did. `bundles`: found; `runs`: of them in the store; `read`: analysed now; `unchanged`: known before;
    `dropped`: no longer there.

    `problems`: a sentence for each bundle and file that could not be used; `failures`: for each used in part.
    `events`, `bytes`: of what was analysed now.
    """

    store: Store
    bundles: int
    runs: int
    read: int
    unchanged: int
    dropped: int
    events: int
    bytes: int
    problems: tuple[str, ...]
    failures: tuple[str, ...]


def mine(
    folders: Sequence[str | Path],
    store: str | Path,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Tell | None = None,
) -> Mined:
    """Analyses every bundle and log below `folders` that `store` does not know, and joins all that it has.

    `jobs`: processes (None: one a processor, 0: this process); `cluster`: address of a Dask scheduler, whose workers
    see the folders under the same paths; `progress` is called whenever there is something new.  Bundles below
    `folders` that are gone leave the store, others stay.  An interrupt (KeyboardInterrupt) keeps what was finished.
    Raises NoUsableInput where a folder does not exist or nothing in them is a trace; UsageError where `store` is a
    folder of something else.
    """
    tell = progress or _silent
    tell(Progress("looking for traces"))
    memory = Store.create(store).memory() if is_store(store) else Memory({}, {})
    found = discover(folders, memory.files, leave_out=Path(store).resolve())
    if not found.bundles and not memory.sources:
        named = "; ".join(found.problems) or f"no trace below {', '.join(str(folder) for folder in folders)}"
        raise NoUsableInput(named, "`quirkfinder capture` says how to record one")
    target = Store.create(store)
    with target.session() as session:
        mining = _Mining(session, found, memory, tell)
        try:
            with pool(len(os.sched_getaffinity(0)) if jobs is None else jobs, cluster) as working:
                mining.read_all(working)
        finally:  # whatever has been read stays read
            tell(replace(mining.progress, stage="joining"))
            lost = session.commit(mining.files, mining.sources, found.roots, join_sources(target))
        for _ in range(_ROUNDS):
            if not lost:
                break
            with pool(0, None) as working:
                mining.read_again(working, lost)
            lost = session.commit(mining.files, mining.sources, found.roots, join_sources(target))
    return mining.summary()


def join_sources(store: Store) -> Callable[[list[Source]], Tables]:
    """What makes the tables of `store` from its bundles."""
    return lambda sources: tables(join(runs_of(store, sources)))


def runs_of(store: Store, sources: Sequence[Source]) -> list[Run]:
    """The runs behind sources: one for each partial. Two different ones of one name are told apart by a number."""
    names: dict[str, list[str]] = {}
    taken: dict[str, int] = {}
    for source in sorted(sources, key=lambda source: (source.name, source.path)):
        taken[source.name] = taken.get(source.name, 0) + 1
        number = taken[source.name]
        names.setdefault(source.digest, []).append(source.name if number == 1 else f"{source.name} ({number})")
    return [Run(tuple(sorted(given)), read_partial(store, digest)) for digest, given in sorted(names.items())]


def read_partial(store: Store, digest: str) -> Partial:
    """A bundle's partial without its register profile."""
    data = pl.read_parquet(store.partial(digest), columns=list(columns.hints(Partial)))
    return cast("Partial", columns.restore(Partial, data.row(0, named=True)))


class _Mining:
    """One run: what is known, what is still to be read, what came of it."""

    def __init__(self, session: Session, found: Discovery, memory: Memory, tell: Tell) -> None:
        self._session = session
        self._found = found
        self._tell = tell
        self._memory = memory
        #: states of all files below the folders, those that were read with their digests
        self.files = dict(found.files)
        self.sources: dict[str, Source] = {}
        self.progress = Progress("reading")
        self._read: list[Outcome] = []
        self._unfinished: dict[str, Bundle] = {}
        self._unchanged = 0
        self._retry: list[str] = []
        for bundle in found.bundles:
            self._settle(bundle)

    def _settle(self, bundle: Bundle) -> None:
        """A bundle whose result is known is done; any other has to be read."""
        known = self._memory.sources.get(bundle.path)
        if all(file.sha256 for file in bundle.files):
            digest = bundle_digest(file.sha256 for file in bundle.files)
            same = known is not None and known.digest == digest
            if known is not None and same and (known.problem or self._session.store.partial(digest).exists()):
                self.sources[bundle.path] = replace(known, name=bundle.name)
                self._unchanged += 1
                return
        self._unfinished[bundle.path] = bundle

    def read_all(self, working: Pool) -> None:
        """Reads everything that is not known, large runs first."""
        bundles = sorted(self._unfinished.values(), key=lambda bundle: (-bundle.size, bundle.path))
        self._progress(of_bundles=len(bundles), of_bytes=sum(bundle.size for bundle in bundles))
        if bundles:
            for outcome in run_all(working, (self._job(bundle) for bundle in bundles)):
                self._take(outcome)

    def read_again(self, working: Pool, lost: Sequence[Source]) -> None:
        """Reads bundles whose partial another run has swept away."""
        bundles = {bundle.path: bundle for bundle in self._found.bundles}
        self._unfinished |= {source.path: bundles[source.path] for source in lost}
        for outcome in run_all(working, [self._job(bundles[source.path]) for source in lost]):
            self._take(outcome)

    def _job(self, bundle: Bundle) -> Job:
        known = tuple((file.path, file.sha256) for file in bundle.files if file.sha256)
        return Job(bundle.path, tuple(f.path for f in bundle.files), known, str(self._session.store.bundles))

    def _take(self, outcome: Outcome) -> None:
        if outcome.version != __version__:
            raise UsageError(
                f"a worker runs quirkfinder {outcome.version}, this is {__version__}",
                "install the same version everywhere",
            )
        bundle = self._unfinished.pop(outcome.path)
        sums = dict(outcome.sha256)
        states = [replace(file, sha256=sums.get(file.path, "")) for file in bundle.files]
        source = Source(bundle.path, bundle.name, outcome.digest, outcome.problem, outcome.failures)
        if outcome.lasting:
            self._session.keep(source, states, outcome.parquet)
            self.files |= {state.path: state for state in states}
            self.sources[bundle.path] = source
        else:
            self._retry.append(outcome.problem)
        self._read.append(outcome)
        self._progress(
            bundles=self.progress.bundles + 1,
            bytes=self.progress.bytes + bundle.size,
            events=self.progress.events + outcome.events,
        )

    def _progress(self, **changes: int) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]  # all but the stage are numbers
        self._tell(self.progress)

    def summary(self) -> Mined:
        roots = tuple(root.rstrip("/") for root in self._found.roots)
        below = [p for p in self._memory.sources if any(p == root or p.startswith(f"{root}/") for root in roots)]
        failed = [source.problem for source in self.sources.values() if source.problem]
        return Mined(
            store=self._session.store,
            bundles=len(self._found.bundles),
            runs=sum(not source.problem for source in self.sources.values()),
            read=sum(outcome.parquet is not None for outcome in self._read),
            unchanged=self._unchanged + sum(o.parquet is None and not o.problem for o in self._read),
            dropped=len(set(below) - {bundle.path for bundle in self._found.bundles}),
            events=self.progress.events,
            bytes=self.progress.bytes,
            problems=tuple(sorted([*self._found.problems, *failed, *self._retry])),
            failures=tuple(failure for s in self.sources.values() for failure in s.failures),
        )


def _silent(_: Progress) -> None:
    pass
