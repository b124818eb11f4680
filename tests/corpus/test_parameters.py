"""Parameters of several runs as one: never more than some run showed, and nothing that a run showed is lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.corpus.parameters import Merged, Target, merge
from tests.corpus.strategies import targets


def window(*listed: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any parameter
    fixed = {"region": "bar4", "address": {"offset": "0x0", "size": 4}, "data": {"offset": "0x4", "size": 4}}
    return {**fixed, "targets": list(listed), **more}


def target(match: int, mask: int, space: str = "config", base: int = 0) -> dict[str, Any]:
    return {"match": hex(match), "mask": hex(mask), "space": space, "base": hex(base)}


def joined(*parameters: dict[str, Any], kind: str = "window") -> Merged:
    return merge(kind, [(f"run{number}", given) for number, given in enumerate(parameters)])


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (target(0x4000, 0x3C), target(0x4000, 0xFC), [target(0x4000, 0xFC)]),
        (target(0x4000, 0xFC), target(0x4000, 0x3C), [target(0x4000, 0xFC)]),
        # 0x4100 leads to 0x100 beyond where 0x4000 leads: bit 8 is an address bit
        (target(0x4000, 0x3C), target(0x4100, 0x3C, base=0x100), [target(0x4000, 0x13C)]),
        # it leads to the same place: another way, and no reason to widen anything
        (target(0x4000, 0x3C), target(0x4100, 0x3C), [target(0x4000, 0x3C), target(0x4100, 0x3C)]),
        (target(0x4000, 0x3C), target(0, 0xFFC, "bar2"), [target(0x4000, 0x3C), target(0, 0xFFC, "bar2")]),
    ],
)
def test_masks_widen_as_evidence_allows(first: Any, second: Any, together: list[Any]) -> None:  # noqa: ANN401
    assert joined(window(first), window(second)).parameters["targets"] == together


def test_a_mask_does_not_grow_over_another_way() -> None:
    """Bit 12 would be an address bit, if 0x5000 did not lead to BAR2."""
    config, bar = target(0x4000, 0x13C), target(0x5000, 0x3C, "bar2")
    further = target(0x5100, 0x3C, base=0x1100)
    assert joined(window(config), window(further)).parameters["targets"] == [target(0x4000, 0x113C)]
    assert joined(window(config, bar), window(further)).parameters["targets"] == [config, bar, further]


def test_two_bits_at_once_let_in_values_that_nobody_has_seen() -> None:
    near, far = target(0x4000, 0x3C), target(0x5100, 0x3C, base=0x1100)
    assert joined(window(near), window(far)).parameters["targets"] == [near, far]


def test_two_spaces_for_one_value_are_a_contradiction_and_the_better_evidence_stays() -> None:
    merged = joined(window(target(0x4000, 0x3C)), window(target(0x4000, 0x3C, "bar2")))
    assert merged.parameters["targets"] == [target(0x4000, 0x3C)]
    assert merged.contradictions == ["address value 0x4000 (mask 0x3c) reaches config+0x0, in run1 bar2+0x0"]


def test_what_one_run_does_not_say_another_may_and_what_both_say_must_agree() -> None:
    plain, four, eight = (window(target(0, 0x3C), **more) for more in ({}, {"increment": 4}, {"increment": 8}))
    assert joined(plain, four).parameters["increment"] == 4
    assert joined(plain, four).contradictions == []
    assert joined(four, eight).contradictions == ["increment is 4, in run1 8"]


def reached(listed: list[dict[str, Any]], value: int) -> set[tuple[str, int]]:
    """Where an address value leads by the contract's rule."""
    found = set()
    for entry in listed:
        match, mask, base = (int(entry[key], 16) for key in ("match", "mask", "base"))
        if value & ~mask == match:
            found.add((entry["space"], base + (value & mask)))
    return found


def consistent(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Targets as a miner writes them: no address bit is also a bit to be matched."""
    return [entry for entry in listed if not int(entry["match"], 16) & int(entry["mask"], 16)]


windows = st.lists(targets, min_size=1, max_size=3).map(consistent).filter(bool)


@given(windows, windows, st.integers(0, 0xFFFF))
def test_a_way_that_a_run_showed_stays_unless_a_contradiction_is_told(
    first: list[dict[str, Any]], second: list[dict[str, Any]], value: int
) -> None:
    merged = joined(window(*first), window(*second))
    assert reached(first, value) <= reached(merged.parameters["targets"], value)
    if not merged.contradictions:
        assert reached(second, value) <= reached(merged.parameters["targets"], value)


@given(windows, windows)
def test_every_bit_of_a_mask_was_an_address_bit_in_some_run(
    first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    both = [*first, *second]
    shown = 0
    for one in both:
        shown |= int(one["mask"], 16)
        for other in both:  # a bit in which two ways of the same distance differ
            if one["space"] == other["space"]:
                shown |= int(one["match"], 16) ^ int(other["match"], 16)
    for entry in joined(window(*first), window(*second)).parameters["targets"]:
        assert int(entry["mask"], 16) & ~shown == 0
        assert int(entry["match"], 16) & int(entry["mask"], 16) == 0


def test_overlap_is_a_common_value() -> None:
    one, other = Target(0x4000, 0x3C, "config", 0, 1, ""), Target(0x0, 0xFFFC, "bar2", 0, 1, "")
    assert one.overlaps(other)
    assert not one.overlaps(Target(0x8000, 0x3C, "bar2", 0, 1, ""))


@given(st.integers(0, 0x100), st.integers(1, 0x1000), st.integers(0, 0x100), st.integers(1, 0x1000))
def test_mirrors_cover_what_both_covered_and_no_more(start: int, size: int, start2: int, size2: int) -> None:
    def mirror(first: int, length: int) -> dict[str, Any]:
        return {"region": "bar2", "offset": hex(0x4000 + first), "size": hex(length), "config_offset": hex(first)}

    p = joined(mirror(start, size), mirror(start2, size2), kind="config-mirror").parameters
    offset, length, config = (int(p[key], 16) for key in ("offset", "size", "config_offset"))
    assert offset - config == 0x4000
    assert offset == 0x4000 + min(start, start2)
    assert offset + length == 0x4000 + max(start + size, start2 + size2)


def test_sites_of_sinks_add_up_and_their_machine_is_no_contradiction() -> None:
    first = {"region": "bar0", "what": "msi-address", "sites": ["0x80048"], "address": "0xfee00000"}
    second = {"region": "bar0", "what": "msi-address", "sites": ["0x83048", "0x80048"], "address": "0xfee01000"}
    merged = joined(first, second, kind="address-sink")
    assert merged.parameters["sites"] == ["0x80048", "0x83048"]
    assert merged.contradictions == []


def test_uses_of_a_host_address_add_up() -> None:
    used = {"bar": 2, "space": "memory", "reads": 3, "writes": 1, "first_address": "0x1", "last_address": "0x2"}
    assert joined(used, {**used, "reads": 4}, kind="host-address-access").parameters["reads"] == 7
