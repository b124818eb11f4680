"""How much a value proves: laws of the measure, not its numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.miners.information import SMALL_BITS, information, information_of, informative
from tests.miners.columns import Access, columns

sizes = st.sampled_from((1, 2, 4))
words = st.integers(0, 0xFFFFFFFF)


def full(size: int) -> int:
    return (1 << 8 * size) - 1


@given(sizes)
def test_zero_and_all_ones_prove_nothing(size: int) -> None:
    assert information_of(0, size) == information_of(full(size), size) == 0


@given(st.integers(0, (1 << SMALL_BITS) - 1), st.sampled_from((2, 4)))
def test_small_numbers_and_their_complements_prove_nothing(value: int, size: int) -> None:
    assert information_of(value, size) == information_of(full(size) ^ value, size) == 0


@given(st.integers(0, 31))
def test_a_single_bit_is_never_worth_a_comparison(bit: int) -> None:
    assert information_of(1 << bit, 4) < 10
    assert information_of(0xFFFFFFFF ^ 1 << bit, 4) < 10


@given(words, sizes)
def test_a_value_and_its_complement_prove_the_same(value: int, size: int) -> None:
    value &= full(size)
    assert information_of(value, size) == information_of(full(size) ^ value, size)


@given(words, sizes)
def test_nothing_proves_more_than_it_holds(value: int, size: int) -> None:
    assert 0 <= information_of(value & full(size), size) <= 8 * size + 3


@given(st.integers(0, 15), st.integers(2, 16), st.integers(0, 1 << 14))
def test_a_wider_span_never_proves_less(low: int, span: int, inner: int) -> None:
    """Spans up to half the width: from there on the complement is the shorter one."""

    def value(width: int) -> int:
        return (1 << width - 1 | (inner << 1) % (1 << width - 1) | 1) << low

    assert information_of(value(span), 4) <= information_of(value(span + 1), 4)


@given(words, st.integers(1, 16))
def test_where_the_bits_lie_matters_little(value: int, shift: int) -> None:
    """A shift that loses nothing changes nothing, but for values that were too small to count."""
    before, after = information_of(value, 4), information_of(value << shift, 4)
    if value >= 0x100 and value << shift <= 0x7FFFFFFF and value.bit_length() <= 16:
        assert after == before


@given(st.lists(st.tuples(words, sizes), min_size=1, max_size=20))
def test_columns_are_as_single_values(pairs: list[tuple[int, int]]) -> None:
    values = np.array([value & full(size) for value, size in pairs], dtype=np.uint64)
    widths = np.array([size for _, size in pairs], dtype=np.uint8)
    singles = [information_of(int(value), int(size)) for value, size in zip(values, widths, strict=True)]
    assert information(values, widths).tolist() == singles


@given(st.permutations(range(12)), st.integers(1, 12))
@settings(deadline=None)
def test_a_value_at_many_places_is_worth_no_join(order: list[int], places: int) -> None:
    trace: list[Access] = [(row, 4 * at % (4 * places), 4, 0x51A3C702, False) for row, at in enumerate(order)]
    common = len({place for _, place, *_ in trace}) > 8
    assert informative(columns(trace)).tolist() == [not common] * 12


@given(st.lists(st.sampled_from((0, 7, 0x51A3C702, 0x9BE01144, 0x80000000)), max_size=20), st.randoms())
@settings(deadline=None)
def test_worth_does_not_depend_on_the_order(values: list[int], random: object) -> None:
    trace: list[Access] = [(row, 4 * row, 4, value, False) for row, value in enumerate(values)]
    backwards = [(row, place, size, value, write) for row, (_, place, size, value, write) in enumerate(trace[::-1])]
    assert informative(columns(trace)).tolist() == informative(columns(backwards)).tolist()[::-1]
