"""The cache of compiled code: used, distrusted, optional."""

from pathlib import Path

import pytest

from quirkfinder.reading import llvm_ir
from quirkfinder.reading.machine_code import NativeUnavailableError, cache_folder, machine_code
from quirkfinder.reading.shapes import body_shapes, prefix_shapes

MODULE = "define i64 @parse(ptr %block, i64 %length, ptr %context) {\n  ret i64 %length\n}\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


def test_code_is_kept_and_used_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine_code(MODULE)(0, 42, 0) == 42
    (kept,) = cache.iterdir()
    monkeypatch.setattr("quirkfinder.reading.machine_code._compiled", lambda *_: pytest.fail("compiled again"))
    assert machine_code(MODULE)(0, 43, 0) == 43
    assert kept.stat().st_mode & 0o077 == 0


def test_a_damaged_cache_is_not_used(cache: Path) -> None:
    machine_code(MODULE)
    (kept,) = cache.iterdir()
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    assert machine_code(MODULE)(0, 44, 0) == 44
    kept.write_bytes(b"")
    assert machine_code(MODULE)(0, 45, 0) == 45


def test_another_module_replaces_the_old_one(cache: Path) -> None:
    machine_code(MODULE)
    assert machine_code(MODULE.replace("%length\n", "7\n"))(0, 0, 0) == 7
    assert len(list(cache.iterdir())) == 1


def test_no_cache_folder_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert machine_code(MODULE)(0, 46, 0) == 46


def test_what_llvm_cannot_read_is_told(cache: Path) -> None:
    with pytest.raises(NativeUnavailableError, match="cannot read"):
        machine_code("nonsense")


def test_the_generated_module_is_the_same_every_time() -> None:
    texts = {llvm_ir.module(prefix_shapes(), body_shapes()) for _ in range(2)}
    assert len(texts) == 1
