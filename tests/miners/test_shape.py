"""Match, mask and base: every address that was proven selects the target, and reaches what it reached."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from quirkfinder.miners.windows.shape import MODULUS, Shape, shape_of
from tests.randomcards.scoring import distance, same_target

ADDRESSES = 1 << 32
scales = st.sampled_from((1, 2, 4))
widths = st.sampled_from((1, 2, 4))
many_addresses = st.lists(st.integers(0, ADDRESSES - 1), min_size=1, max_size=12)


def shape(addresses: list[int], scale: int, delta: int, width: int = 4, size: int = 4096) -> Shape:
    return shape_of(np.array(addresses, dtype=np.uint64), scale, delta % MODULUS, width, size)


def check(found: Shape, addresses: list[int], scale: int, delta: int) -> None:
    """The contract's meaning of match, mask, base and scale, for every address."""
    for value in addresses:
        assert value & ~found.mask == found.match
        assert (found.base + scale * (value & found.mask)) % MODULUS == (scale * value + delta) % MODULUS
    assert found.match & found.mask == 0


@given(many_addresses, scales, st.integers(0, MODULUS - 1), widths, st.sampled_from((256, 4096, 1 << 16, MODULUS)))
def test_whatever_was_seen_is_selected_and_reaches_what_it_reached(
    addresses: list[int], scale: int, delta: int, width: int, size: int
) -> None:
    check(shape(addresses, scale, delta, width, size), addresses, scale, delta)


@st.composite
def true_targets(draw: st.DrawFn) -> tuple[int, int, int, list[int]]:
    """(tag, mask, base, addresses): offsets below a tag, as cards have them."""
    bits = draw(st.sampled_from((8, 12, 16)))
    tag = draw(st.integers(0, (1 << 32 - bits) - 1)) << bits
    base = draw(st.sampled_from((0, 0, 0x1000, 0x40000)))
    dwords = st.integers(0, (1 << bits - 2) - 1).map(lambda n: 4 * n)
    return tag, (1 << bits) - 1, base, [tag | offset for offset in draw(st.lists(dwords, min_size=1, unique=True))]


@given(true_targets(), widths)
def test_it_is_the_true_target_as_the_scorer_sees_it(truth: tuple[int, int, int, list[int]], width: int) -> None:
    tag, mask, base, addresses = truth
    found = shape(addresses, 1, base - tag, width, 1 << 20)
    check(found, addresses, 1, base - tag)
    true = {"space": "bar0", "match": tag, "mask": mask, "base": base}
    claimed = {"space": "bar0", "match": found.match, "mask": found.mask, "base": found.base}
    assert distance(true, 0) == distance(claimed, 0)
    assume(base == 0)
    assert same_target(true, claimed)


@given(true_targets(), st.integers(1, 15))
def test_a_page_of_a_bar_is_no_wider_than_what_was_seen(truth: tuple[int, int, int, list[int]], pages: int) -> None:
    tag, mask, _, addresses = truth
    base = tag + (pages << 16)  # above the tag, so that no part of the tag cancels it
    assume(base < 1 << 31)
    found = shape(addresses, 1, base - tag, size=1 << 31)
    claimed = {"space": "bar2", "match": found.match, "mask": found.mask, "base": found.base}
    assert same_target({"space": "bar2", "match": tag, "mask": mask, "base": base}, claimed)


@given(true_targets(), st.integers(0, 1000))
def test_more_addresses_never_narrow_the_mask(truth: tuple[int, int, int, list[int]], pick: int) -> None:
    tag, _, _, addresses = truth
    some = addresses[: pick % len(addresses) + 1]
    fewer, all_of_them = shape(some, 1, -tag), shape(addresses, 1, -tag)
    assert fewer.mask & ~all_of_them.mask == 0
    assert (fewer.match, fewer.base) == (all_of_them.match, all_of_them.base) == (tag, 0)


@given(true_targets(), widths)
def test_order_and_repetition_do_not_matter(truth: tuple[int, int, int, list[int]], width: int) -> None:
    tag, _, base, addresses = truth
    assert shape(addresses, 1, base - tag, width) == shape(addresses[::-1] * 2, 1, base - tag, width)


@given(st.lists(st.integers(0, 0xFF).map(lambda n: 4 * n), min_size=1), st.sampled_from((1, 2, 3)))
def test_a_selector_below_the_offset_is_no_part_of_it(offsets: list[int], selector: int) -> None:
    addresses = [offset | selector for offset in offsets]
    found = shape(addresses, 1, -selector)
    check(found, addresses, 1, -selector)
    assert (found.match, found.base) == (selector, 0)
