"""STORE on disk: a folder that is valid at every moment, whoever writes into it and whenever they are killed.

    store.json                 what the folder is
    bundles/DIGEST.parquet     partials, named by content: written beside and renamed, never changed
    journal/ID.jsonl           a run's own notes of what it read, locked for as long as the run lives
    files.parquet              files that were read, with their digests: what need not be read again
    sources.parquet            the bundles of the corpus: path, name, digest of the partial
    generations/ID/*.parquet   joined tables, named by what they were joined from
    tables                     a link to the current generation

Only `commit` changes what others see, under a lock on `lock`, and every file in it is replaced whole.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from quirkfinder import __version__
from quirkfinder.corpus.columns import frame, restore
from quirkfinder.corpus.discovery import FileState
from quirkfinder.errors import NoUsableInput, UsageError

STORE_SCHEMA = "quirkfinder.store/1"
#: Changes when the join says other things of the same runs: the tables are then made again.
TABLES_SCHEMA = "quirkfinder.tables/1"
#: Seconds after which a file that was being written is one that a killed run left behind.
_LEAVINGS = 3600


@dataclass(frozen=True, slots=True)
class Source:
    """A bundle of the corpus. `problem`: why it has no partial; `failures`: files of it that were read in part."""

    path: str
    name: str
    digest: str
    problem: str
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a store remembers: states of files and bundles, by path."""

    files: dict[str, FileState]
    sources: dict[str, Source]


Tables = Mapping[str, pl.DataFrame]
Join = Callable[[list[Source]], Tables]


class Store:
    """A store that is open for reading; `session` opens it for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def open(path: str | Path) -> "Store":
        """The store in a folder. Raises NoUsableInput where there is none, UsageError where it is of another schema."""
        folder = Path(path)
        try:
            about = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NoUsableInput(f"{path}: is no store", "quirkfinder mine FOLDER -o STORE makes one") from error
        if not isinstance(about, dict) or about.get("schema") != STORE_SCHEMA:
            raise UsageError(f"{path}: is not a store of schema {STORE_SCHEMA}", "mine into a new folder")
        return Store(folder.resolve())

    @staticmethod
    def create(path: str | Path) -> "Store":
        """The store in a folder that is a store, is empty or does not exist. Raises UsageError for any other."""
        folder = Path(path)
        if not is_store(folder):
            if folder.exists() and (not folder.is_dir() or any(not e.name.startswith(".") for e in folder.iterdir())):
                raise UsageError(f"{path}: is neither a store nor an empty folder", "name a new folder for the store")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _replace(folder / "store.json", json.dumps({"schema": STORE_SCHEMA}).encode() + b"\n")
            except OSError as error:
                raise UsageError(f"{path}: cannot be made: {error.strerror or error}", "choose another -o") from error
        store = Store.open(folder)
        for name in ("bundles", "journal", "generations"):
            (store.path / name).mkdir(exist_ok=True)
        return store

    @property
    def bundles(self) -> Path:
        return self.path / "bundles"

    @property
    def has_tables(self) -> bool:
        """False for a store whose first run has not come to its end."""
        return (self.path / "tables").is_dir()

    def partial(self, digest: str) -> Path:
        return self.bundles / f"{digest}.parquet"

    def table(self, name: str) -> pl.DataFrame:
        """A joined table. Raises NoUsableInput where nothing has been joined yet."""
        try:
            return pl.read_parquet(self.path / "tables" / f"{name}.parquet")
        except OSError as error:
            raise NoUsableInput(f"{self.path}: has no table {name}", "quirkfinder mine FOLDER -o STORE") from error

    def memory(self) -> Memory:
        """What was committed, and what runs that were killed had finished."""
        files = {state.path: state for state in self._rows("files", FileState)}
        sources = {source.path: source for source in self._rows("sources", Source)}
        for _, notes in self._journals():
            files |= notes.files
            sources |= {path: source for path, source in notes.sources.items() if path not in sources}
        return Memory(files, sources)

    def _rows(self, name: str, cls: type) -> list[Any]:
        path = self.path / f"{name}.parquet"
        return [restore(cls, row) for row in pl.read_parquet(path).to_dicts()] if path.exists() else []

    def _journals(self) -> Iterator[tuple[Path, Memory]]:
        for path in sorted((self.path / "journal").glob("*.jsonl")):
            with contextlib.suppress(OSError):
                yield path, _notes(path.read_text(encoding="utf-8", errors="replace"))

    @contextlib.contextmanager
    def session(self) -> "Iterator[Session]":
        """A run's right to write: its journal is locked until the run ends or dies."""
        path = self.path / "journal" / f"{uuid.uuid4().hex}.jsonl"
        with path.open("w", encoding="utf-8") as journal:
            fcntl.flock(journal, fcntl.LOCK_EX)
            try:
                yield Session(self, path, journal)
            finally:
                path.unlink(missing_ok=True)


class Session:
    """Writes partials at any time, and what others see in `commit`."""

    def __init__(self, store: Store, path: Path, journal: IO[str]) -> None:
        self.store = store
        self._path = path
        self._journal = journal

    def keep(self, source: Source, files: Iterable[FileState], parquet: bytes | None) -> None:
        """A bundle that was read. The note comes first, for a partial that no journal names may be swept away."""
        note = {"source": asdict(source), "files": [asdict(state) for state in files]}
        self._journal.write(json.dumps(note) + "\n")
        self._journal.flush()
        if parquet is not None:
            _replace(self.store.partial(source.digest), parquet)

    def commit(
        self, files: Mapping[str, FileState], sources: Mapping[str, Source], roots: Iterable[str], join: Join
    ) -> list[Source]:
        """Makes these the bundles below `roots`, joins all bundles of the store, sweeps what nobody needs.

        `files`: states of all files below the roots.  Returns the sources whose partial is gone (another run swept it
        away before this one had noted it): they have to be read again.
        """
        with (self.store.path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            below = _below(roots)
            memory = self.store.memory()
            known = {p: s for p, s in memory.files.items() if not below(p)} | dict(files)
            current = {p: s for p, s in memory.sources.items() if not below(p)} | dict(sources)
            lost = [
                s for s in current.values() if s.digest and not s.problem and not self.store.partial(s.digest).exists()
            ]
            for source in lost:
                del current[source.path]
            ordered = sorted(current.values(), key=lambda source: (source.name, source.path))
            _replace_frame(self.store.path / "files.parquet", frame(FileState, (known[p] for p in sorted(known))))
            _replace_frame(self.store.path / "sources.parquet", frame(Source, ordered))
            self._switch([source for source in ordered if not source.problem], join)
            self._sweep({source.digest for source in ordered})
            return [source for source in lost if source.path in sources]

    def _switch(self, ordered: list[Source], join: Join) -> None:
        """Joins the bundles into a new generation of tables, unless there is one of just these already."""
        listed = [f"{source.name} {source.digest}" for source in ordered]
        text = "\n".join([TABLES_SCHEMA, __version__, *listed])
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        target = self.store.path / "generations" / name
        if not target.exists():
            building = target.with_name(f".{name}.{uuid.uuid4().hex}")
            building.mkdir()
            for table, data in join(ordered).items():
                data.write_parquet(building / f"{table}.parquet", compression="zstd", statistics=False)
            building.rename(target)
        link = self.store.path / f".tables.{uuid.uuid4().hex}"
        link.symlink_to(Path("generations", name))
        link.replace(self.store.path / "tables")

    def _sweep(self, needed: set[str]) -> None:
        """Removes partials nobody names, generations but the last two, leavings and journals of runs that died."""
        for path, notes in list(self.store._journals()):
            if path != self._path and _is_dead(path):
                path.unlink(missing_ok=True)
            else:
                needed = needed | {source.digest for source in notes.sources.values()}
        for path in self.store.bundles.glob("*.parquet"):
            if path.stem not in needed:
                path.unlink(missing_ok=True)
        for path in [*self.store.path.glob(".*"), *self.store.bundles.glob(".*")]:
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > _LEAVINGS:
                    path.unlink()
        generations = self.store.path / "generations"
        current = (self.store.path / "tables").readlink().name
        others = [p for p in generations.iterdir() if p.name != current]
        finished = sorted((p for p in others if not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)
        for path in [*finished[:-1], *(p for p in others if p.name.startswith("."))]:
            shutil.rmtree(path, ignore_errors=True)


def is_store(path: str | Path) -> bool:
    """Is there a store in this folder, of whatever schema?"""
    return Path(path, "store.json").is_file()


def _notes(text: str) -> Memory:
    """The notes of a journal; a last line that was cut off by a crash says nothing."""
    files: dict[str, FileState] = {}
    sources: dict[str, Source] = {}
    for line in text.splitlines():
        try:
            note = json.loads(line)
            source = restore(Source, note["source"])
            states = [restore(FileState, state) for state in note["files"]]
        except (ValueError, KeyError, TypeError):
            continue
        sources[source.path] = source
        files |= {state.path: state for state in states}
    return Memory(files, sources)


def _is_dead(journal: Path) -> bool:
    """Has the run that wrote this journal ended? A living one holds the lock."""
    try:
        with journal.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False  # ended a moment ago, and took its notes with it
    except OSError:
        return False
    return True


def _below(roots: Iterable[str]) -> Callable[[str], bool]:
    """Does a path lie in one of the folders (or is it one of the files) named?"""
    folders = tuple(roots)
    return lambda path: any(path == root or path.startswith(root.rstrip("/") + "/") for root in folders)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace_frame(path: Path, data: pl.DataFrame) -> None:
    from quirkfinder.corpus.columns import to_parquet

    _replace(path, to_parquet(data))
