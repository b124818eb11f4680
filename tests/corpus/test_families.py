"""Wider matches: what was seen, what is only inferred, and what speaks against it; contradictions between runs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.corpus import Joined, load_joined, mine
from quirkfinder.corpus.families import wider_match
from tests.corpus.logs import bundle, log, lspci

device_ids = st.integers(0, 0xFFFF)


@given(st.lists(device_ids, min_size=1, max_size=5), st.lists(device_ids, max_size=3))
def test_a_match_covers_all_that_were_seen_and_none_known_to_be_without(seen: list[int], against: list[int]) -> None:
    match, mask = wider_match(seen, against)
    if len(set(seen)) < 2:
        assert (match, mask) == (0, 0)
    if mask:
        assert all(device & mask == match for device in seen)
        assert not any(device & mask == match for device in against)
        block = 0x10000 - mask
        assert block & (block - 1) == 0
        half = block // 2  # no smaller aligned block has them all
        assert len({device & ~(half - 1) for device in seen}) == 2


def test_examples() -> None:
    assert wider_match([0x68F9, 0x68F8], []) == (0x68F8, 0xFFFE)
    assert wider_match([0x68F9, 0x68E1], []) == (0x68E0, 0xFFE0)
    assert wider_match([0x68F9, 0x68E1], [0x68F1]) == (0, 0)
    assert wider_match([0x1, 0xFFFE], []) == (0, 0)


def mined(tmp_path: Path) -> Joined:
    mine([tmp_path / "traces"], tmp_path / "store", jobs=0)
    return load_joined(tmp_path / "store")


def test_two_devices_with_a_door_propose_a_match_for_their_block(tmp_path: Path) -> None:
    bundle(tmp_path / "traces" / "a", device=0x1234)
    bundle(tmp_path / "traces" / "b", device=0x1236, seed=2)
    [family] = mined(tmp_path).families
    assert (family.vendor, family.door) == ("abcd", "address-leak/bar0+0x40/bar0")
    assert family.seen == ("abcd:1234", "abcd:1236")
    assert (family.match, family.mask, family.inferred) == (0x1234, 0xFFFC, 2)
    assert "covers 1234, 1236, which were seen, and 2 other ids, which are only inferred" in family.statement
    assert family.confidence == pytest.approx(3 / 4)  # rule of succession: two of two


def test_a_device_without_the_door_between_them_forbids_the_match(tmp_path: Path) -> None:
    bundle(tmp_path / "traces" / "a", device=0x1234)
    bundle(tmp_path / "traces" / "b", device=0x1236, seed=2)
    without = tmp_path / "traces" / "c"
    without.mkdir()
    (without / "qemu.log").write_text(log(device=0x1235, seed=3).replace("0xf7000000", "0x17"))
    (without / "lspci.txt").write_text(lspci(device=0x1235))
    family = next(row for row in mined(tmp_path).families if len(row.seen) == 2)
    assert (family.mask, family.inferred) == (0, 0)
    assert family.without == ("abcd:1235: not seen in 1 run that could show it",)
    assert family.confidence == pytest.approx(3 / 5)


def test_a_leak_that_follows_the_host_address_is_proven_by_two_machines(tmp_path: Path) -> None:
    bundle(tmp_path / "traces" / "a")
    [alone] = [row for row in mined(tmp_path).doors if row.kind == "address-leak"]
    bundle(tmp_path / "traces" / "b", seed=2)
    [same_machine] = [row for row in mined(tmp_path).doors if row.kind == "address-leak"]
    bundle(tmp_path / "traces" / "c", seed=3, host=0xE0000000)
    [two_machines] = [row for row in mined(tmp_path).doors if row.kind == "address-leak"]
    assert [row.machines for row in (alone, same_machine, two_machines)] == [1, 1, 2]
    assert alone.confidence == same_machine.confidence < two_machines.confidence
    assert [row.verdict for row in (alone, same_machine, two_machines)] == ["likely", "likely", "confirmed"]
    assert "likely in each run; it holds for 2 different host address maps" in two_machines.refined


def test_a_bar_of_two_sizes_is_a_contradiction(tmp_path: Path) -> None:
    bundle(tmp_path / "traces" / "a")
    other = bundle(tmp_path / "traces" / "b", seed=2)
    for name in ("lspci.txt", "qemu.log"):
        text = (other / name).read_text()
        (other / name).write_text(text.replace("size=4K", "size=8K").replace("size: 0x1000", "size: 0x2000").replace(
            "0xfffff000", "0xffffe000"))  # fmt: skip
    [row] = mined(tmp_path).contradictions
    assert (row.card, row.subject) == ("abcd:1234", "BAR0")
    assert row.statement == "the size of BAR0 is 0x1000 in traces/a; 0x2000 in traces/b"
