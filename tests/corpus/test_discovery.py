"""Which folders are bundles, which logs stand alone, and what is left alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.corpus import load_joined, mine
from quirkfinder.corpus.discovery import Discovery, FileState, discover, is_one_run
from quirkfinder.corpus.store import Store
from tests.conftest import CORPUS, shared
from tests.corpus.logs import bundle, log, lspci

STRAY = "Invalid read at addr 0xF7000080, size 4, region '(null)', reason: rejected\n"
THREAD = "vfio_region_write  (0000:01:00.0:region0+0x8, 0x1, 4)\n"
OTHER_CARD = "vfio_region_write  (0000:02:00.0:region0+0x8, 0x1, 4)\n"


def names(found: Discovery) -> list[str]:
    return [run.name for run in found.bundles]


def made(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_every_bundle_of_the_corpus() -> None:
    assert names(discover([CORPUS], {})) == sorted(f"traces/{p.name}" for p in CORPUS.iterdir() if p.is_dir())


@pytest.mark.parametrize(
    ("files", "runs"),
    [
        ({"a": log()}, ["t/run/a.txt"]),  # mined itself, a folder with nothing but a log is no bundle
        ({"a": log(), "host": lspci()}, ["t/run"]),
        ({"a": log(), "stderr": STRAY}, ["t/run"]),
        ({"a": log(), "thread": THREAD, "host": lspci()}, ["t/run"]),
        ({"a": log(), "thread": THREAD}, ["t/run/a.txt", "t/run/thread.txt"]),
        ({"a": log(), "b": log(seed=2), "host": lspci()}, ["t/run/a.txt", "t/run/b.txt"]),  # started twice: two boots
        ({"a": THREAD, "b": OTHER_CARD, "host": lspci()}, ["t/run/a.txt", "t/run/b.txt"]),
        ({"a": THREAD, "b": OTHER_CARD, "both": THREAD + OTHER_CARD, "host": lspci()}, ["t/run"]),
        ({"host": lspci(), "notes": "nothing"}, []),
    ],
)
def test_a_folder_is_one_run_or_several(tmp_path: Path, files: dict[str, str], runs: list[str]) -> None:
    made(tmp_path / "t" / "run", **files)
    expected = [name.removeprefix("t/") for name in runs]
    assert names(discover([tmp_path / "t" / "run"], {})) == expected


def test_loose_logs_and_bundles_side_by_side(tmp_path: Path) -> None:
    bundle(tmp_path / "t" / "deep" / "er" / "run")
    (tmp_path / "t" / "loose.log").write_text(log())
    (tmp_path / "t" / "second.log").write_text(log(seed=2))
    assert names(discover([tmp_path / "t"], {})) == ["t/deep/er/run", "t/loose.log", "t/second.log"]


def test_hidden_things_links_to_folders_and_the_store_itself_are_left_alone(tmp_path: Path) -> None:
    bundle(tmp_path / "t" / "run")
    bundle(tmp_path / "t" / ".hidden")
    (tmp_path / "t" / "link").symlink_to(tmp_path / "t" / "run")
    store = Store.create(tmp_path / "t" / "store")
    (store.path / "bundles" / "x.log").write_text(log())
    assert names(discover([tmp_path / "t"], {}, leave_out=store.path)) == ["t/run"]


def test_a_folder_named_twice_or_inside_another_counts_once(tmp_path: Path) -> None:
    bundle(tmp_path / "t" / "run")
    assert len(discover([tmp_path / "t", tmp_path / "t", tmp_path / "t" / "run"], {}).bundles) == 1


def test_a_log_may_be_named(tmp_path: Path) -> None:
    bundle(tmp_path / "t" / "run")
    assert names(discover([tmp_path / "t" / "run" / "qemu.log"], {})) == ["run/qemu.log"]


def test_what_is_remembered_is_believed_while_size_and_times_fit(tmp_path: Path) -> None:
    run = bundle(tmp_path / "t" / "run")
    first = discover([run], {})
    path = str(run / "qemu.log")
    remembered = {**first.files, path: FileState(**{**_fields(first.files[path]), "sha256": "known"})}
    assert discover([run], remembered).files[path].sha256 == "known"
    (run / "qemu.log").write_text(log(seed=5) + STRAY)
    assert discover([run], remembered).files[path].sha256 == ""


def _fields(state: FileState) -> dict[str, object]:
    return {name: getattr(state, name) for name in FileState.__dataclass_fields__}


def test_published_logs_are_runs_of_their_own() -> None:
    found = names(discover([shared("public")], {}))
    assert "public/clarett/our_trace.log" in found
    assert "public/excerpts/001_ath11k_msi_window_williamson.txt" in found
    assert not {"public/clarett", "public/excerpts"} & set(found)


states = st.builds(
    lambda names, starts: FileState("", 0, 0, 0, "trace", "log", names=tuple(names), starts=tuple(starts & names)),
    st.frozensets(st.sampled_from("abc")),
    st.frozensets(st.sampled_from("abc")),
)


@given(st.lists(states, min_size=1, max_size=4), st.booleans(), st.data())
def test_order_does_not_matter_and_no_device_starts_twice_in_a_run(
    traces: list[FileState], inventory: bool, data: st.DataObject
) -> None:
    one = is_one_run(traces, inventory=inventory)
    assert is_one_run(data.draw(st.permutations(traces)), inventory=inventory) == one
    started = [name for trace in traces for name in trace.starts or ()]
    if len(traces) > 1 and len(started) != len(set(started)):
        assert not one


def test_what_cannot_be_opened_is_told_and_the_rest_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bundle(tmp_path / "t" / "run")
    (run / "other.txt").write_text("x")
    opened = Path.open

    def refusing(path: Path, *args: str, **options: str) -> object:
        if path.name == "other.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)
    found = discover([tmp_path / "t"], {})
    assert names(found) == ["t/run"]
    assert found.problems == (f"{run}/other.txt: Permission denied",)
    assert [Path(file.path).name for file in found.bundles[0].files] == ["lspci.txt", "qemu.log"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """File names are bytes on Linux; such a log is mined, and the store stays readable."""
    bundle(tmp_path / "t" / "run\udcff")
    mine([tmp_path / "t"], tmp_path / "store", jobs=0)
    [run] = load_joined(tmp_path / "store").runs
    assert run.run == "t/run\\udcff"
    assert mine([tmp_path / "t"], tmp_path / "store", jobs=0).problems == ()
