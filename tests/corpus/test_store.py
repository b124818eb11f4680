"""A store is valid at every moment: crashes at every step, two runs at once, damage, other folders."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from quirkfinder.corpus import Joined, Store, load_findings, load_joined, mine, work
from quirkfinder.corpus.columns import hints
from quirkfinder.corpus.store import Session
from quirkfinder.errors import NoUsableInput, UsageError
from tests.corpus.logs import bundle
from tests.corpus.stores import tables

Whatever = Any  # what the functions that are stood in for take and give


class Died(BaseException):
    """The process is dead: from now on nothing is written any more."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[list[str]]:
    """Lets `after` changes of the file system happen; that one and all others after it raise `Died`."""
    done: list[str] = []

    def guard(owner: Whatever, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def guarded(*args: Whatever, **kwargs: Whatever) -> Whatever:
            if len(done) >= after:
                raise Died(name)
            done.append(name)
            return original(*args, **kwargs)

        patch.setattr(owner, name, guarded)

    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "mkdir", "unlink", "symlink_to"):
            guard(Path, name)
        guard(os, "fsync")
        guard(pl.DataFrame, "write_parquet")
        guard(shutil, "rmtree")
        yield done


def _die(*_: object) -> None:
    raise Died


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle(tmp_path / "traces" / "a")
    bundle(tmp_path / "traces" / "b", guest=0xF7000000, seed=2)
    return tmp_path / "traces"


def test_a_crash_at_any_step_leaves_a_store_that_opens_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "examine", cache(work.examine))  # the analysis itself writes nothing into the store
    whole = tmp_path / "whole"
    with dying(monkeypatch, 1000) as steps:
        mine([folder], whole, jobs=0)
    expected = tables(whole)
    assert len(steps) > 20  # or the guards do not see what is written
    for step in range(len(steps)):
        target = tmp_path / f"crashed{step}"
        with dying(monkeypatch, step), pytest.raises(Died):
            mine([folder], target, jobs=0)
        if (target / "store.json").exists():
            load_findings(target)  # opens, whatever is in it by now
            load_joined(target)
        mine([folder], target, jobs=0)
        assert tables(target) == expected


def test_what_a_killed_run_had_finished_is_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "store"
    Store.create(target)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", _die)
        patch.setattr(Path, "unlink", lambda path, missing_ok=False: _die() if path.suffix == ".jsonl" else None)
        with pytest.raises(Died):
            mine([folder], target, jobs=0)
    assert list((target / "journal").glob("*.jsonl"))
    mined = mine([folder], target, jobs=0)
    assert (mined.read, mined.unchanged) == (0, 2)
    assert not list((target / "journal").glob("*.jsonl"))


def test_a_torn_last_note_of_a_killed_run_says_nothing(folder: Path, tmp_path: Path) -> None:
    store = Store.create(tmp_path / "store")
    (store.path / "journal" / "dead.jsonl").write_text('{"source": {"path": "/x", "na')
    assert store.memory().sources == {}
    assert mine([folder], store.path, jobs=0).read == 2


def test_partials_noted_by_a_living_run_are_not_swept_away(folder: Path, tmp_path: Path) -> None:
    mine([folder], tmp_path / "one", jobs=0)
    store = Store.create(tmp_path / "store")
    [partial, *_] = sorted((tmp_path / "one" / "bundles").glob("*.parquet"))
    note = {
        "source": {"path": "/x", "name": "x", "digest": partial.stem, "problem": "", "failures": []},
        "files": [],
    }
    journal = store.path / "journal" / "living.jsonl"
    shutil.copy(partial, store.bundles)
    with journal.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(json.dumps(note) + "\n")
        other.flush()
        mine([folder / "b"], store.path, jobs=0)
        assert journal.exists()
        assert store.partial(partial.stem).exists()


def test_a_partial_swept_away_by_another_run_is_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "store"
    mine([folder], target, jobs=0)
    expected = tables(target)
    commit = Session.commit

    def losing(self: Whatever, *args: Whatever) -> Whatever:
        monkeypatch.undo()
        for partial in (target / "bundles").glob("*.parquet"):
            partial.unlink()
        return commit(self, *args)

    monkeypatch.setattr(Session, "commit", losing)
    mine([folder], target, jobs=0)
    assert tables(target) == expected


def test_leavings_of_killed_runs_are_swept_after_a_while(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "store"
    mine([folder], target, jobs=0)
    old, new = target / "bundles" / ".x.part", target / ".y.part"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, 0))
    mine([folder], target, jobs=0)
    assert (old.exists(), new.exists()) == (False, True)


def test_tables_open_with_polars_as_they_lie_there(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "store"
    mine([folder], target, jobs=0)
    found = {path.stem for path in (target / "tables").iterdir()}
    assert found == set(hints(Joined))
    runs = pl.read_parquet(target / "tables" / "runs.parquet")
    assert runs["run"].to_list() == ["traces/a", "traces/b"]


def test_a_moved_store_still_opens(folder: Path, tmp_path: Path) -> None:
    mine([folder], tmp_path / "store", jobs=0)
    (tmp_path / "store").rename(tmp_path / "moved")
    assert len(load_findings(tmp_path / "moved")) == 1


def test_old_generations_do_not_pile_up(tmp_path: Path) -> None:
    for seed in range(4):
        bundle(tmp_path / "traces" / "a", seed=seed)
        mine([tmp_path / "traces"], tmp_path / "store", jobs=0)
    assert len(list((tmp_path / "store" / "generations").iterdir())) == 2
    assert len(list((tmp_path / "store" / "bundles").iterdir())) == 1


def test_folders_of_something_else_are_left_alone(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="neither a store nor an empty folder"):
        mine([folder], folder, jobs=0)
    with pytest.raises(NoUsableInput, match="is no store"):
        load_findings(folder)
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "store.json").write_text('{"schema": "quirkfinder.store/99"}')
    with pytest.raises(UsageError, match="is not a store of schema"):
        mine([folder], tmp_path / "newer", jobs=0)


def test_a_store_that_nothing_was_joined_into_is_empty(tmp_path: Path) -> None:
    Store.create(tmp_path / "store")
    assert load_findings(tmp_path / "store") == []
    assert load_joined(tmp_path / "store") == Joined()
