"""Columns of accesses from plain tuples, and strategies for them: few places and few values, so that things meet."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from quirkfinder.miners.accesses import Accesses, place_of

#: row, place, size, value, write
Access = tuple[int, int, int, int, bool]


def columns(accesses: Sequence[Access]) -> Accesses:
    """The accesses as the miners see them."""
    row, place, size, value, write = zip(*accesses, strict=True) if accesses else ((),) * 5
    return Accesses(
        np.array(row, dtype=np.int64),
        np.array(place, dtype=np.int64),
        np.array(size, dtype=np.uint8),
        np.array(value, dtype=np.uint64),
        np.array(write, dtype=np.bool_),
    )


VALUES = (0, 1, 0xFFFFFFFF, 0x51A3C702, 0x9BE01144, 0x37D2590A, 0x6C11E0A9)


@st.composite
def traces(draw: st.DrawFn, most: int = 40, places: int = 4) -> list[Access]:
    """Accesses in the order of their rows."""
    count = draw(st.integers(0, most))
    kinds = st.tuples(
        st.integers(0, places - 1),
        st.sampled_from((1, 2, 4)),
        st.sampled_from(VALUES),
        st.booleans(),
        st.integers(1, 3),
    )
    row, result = 0, []
    for at, size, value, write, step in draw(st.lists(kinds, min_size=count, max_size=count)):
        row += step
        result.append((row, place_of(at % 2, 0x10 + 2 * at), size, value & ((1 << 8 * size) - 1), write))
    return result
