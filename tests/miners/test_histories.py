"""One memory or two?  A memory seen two ways, in accesses of any width, and two memories between which values move."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.miners.agreement import Agreement, agreement
from quirkfinder.miners.histories import units_of
from tests.miners.columns import Access, columns

calm = settings(deadline=None, max_examples=80)
A, B, C = 0x51A3C702, 0x9BE01144, 0x37D2590A

#: (offset, size) inside 16 bytes, value where it is a write, through the hypothesis
Step = tuple[tuple[int, int], int | None, bool]
spots = st.sampled_from([(at, size) for size in (1, 2, 4) for at in range(0, 16, size)])
steps = st.lists(st.tuples(spots, st.none() | st.integers(0, 0xFFFFFFFF), st.booleans()), max_size=40)


def seen(history: Sequence[Step], memory: bytes = bytes(range(0x41, 0x51))) -> Agreement:
    """The agreement of a history that one memory of 16 bytes answers, whichever way it is reached."""
    held = bytearray(memory)
    direct: list[Access] = []
    through: list[Access] = []
    for row, ((at, size), written, mapped) in enumerate(history):
        if written is not None:
            held[at : at + size] = (written & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        value = int.from_bytes(held[at : at + size], "little")
        (through if mapped else direct).append((row, 0x100 + at, size, value, written is not None))
    return agreement(columns(direct), columns(through), np.array([p for _, p, *_ in through], dtype=np.int64))


@given(steps)
@calm
def test_one_memory_never_contradicts_itself(history: list[Step]) -> None:
    found = seen(history)
    assert not found.refuted
    assert not found.copied
    assert (found.contradictions, found.differing, found.empty, found.stale, found.late) == (0, 0, 0, 0, 0)


@given(st.sampled_from((1, 2)), st.booleans())
def test_what_one_way_does_in_dwords_the_other_may_do_in_parts(size: int, parts_first: bool) -> None:
    words = [((at, 4), None, False) for at in (0, 4, 8, 12)]
    parts = [((at, size), None, True) for at in range(0, 16, size)]
    found = seen(
        [*parts, *words] if parts_first else [*words, *parts], b"".join(w.to_bytes(4, "little") for w in (A, B, C, A))
    )
    assert found.contradictions == 0
    assert found.values >= 3
    assert found.bits > 30


def test_a_word_that_differs_from_its_half_of_a_dword_contradicts() -> None:
    direct = columns([(0, 0x100, 4, A, False), (1, 0x104, 4, B, False)])
    words = columns([(2, 0, 2, A & 0xFFFF, False), (3, 0, 2, 0x1234, False)])
    found = agreement(direct, words, np.array([0x100, 0x104]))
    assert (found.values, found.contradictions) == (1, 1)


def copied(*, after: int, values: Sequence[int]) -> Agreement:
    """What is written one way comes to the other after so many reads of it."""
    direct, through, row = [], [], 0
    for at, value in enumerate(values):
        direct.append((row, 0x100 + 4 * at, 4, value, True))
        for read in range(after + 1):
            row += 1
            through.append((row, 0, 4, value if read == after else 0, False))
        row += 1
    location = np.repeat(np.arange(len(values)) * 4 + 0x100, after + 1)
    return agreement(columns(direct), columns(through), location)


def test_what_comes_late_was_copied() -> None:
    values = [A + 0x1357 * n for n in range(8)]
    assert copied(after=0, values=values).holds
    assert not copied(after=0, values=values).late
    late = copied(after=1, values=values)
    assert late.late == 8
    assert late.copied


def test_what_stays_after_the_other_way_wrote_lies_elsewhere() -> None:
    same = [(n, 0x100 + 4 * n, 4, A + n * 77, False) for n in range(6)]
    direct = [*same, (20, 0x100, 4, B, True)]
    through = [(n + 10, 0, 4, A + n * 77, False) for n in range(6)]
    location = np.array([0x100 + 4 * n for n in range(6)])
    assert agreement(columns(direct), columns(through), location).holds
    found = agreement(columns(direct), columns([*through, (21, 0, 4, A, False)]), np.append(location, 0x100))
    assert found.stale == 1
    assert found.refuted


def test_a_register_that_keeps_nothing_is_no_second_memory() -> None:
    """It reads the same both ways, whatever was written to it."""
    direct = [(n, 0x100 + 4 * n, 4, A + n * 77, False) for n in range(6)]
    direct += [(20, 0x100, 4, B, True), (21, 0x100, 4, A, False), (22, 0x100, 4, C, True)]
    through = [(n + 10, 0, 4, A + n * 77, False) for n in range(6)] + [(23, 0, 4, A, False)]
    location = np.array([*(0x100 + 4 * n for n in range(6)), 0x100])
    assert not agreement(columns(direct), columns(through), location).refuted


def test_units_are_cut_where_an_access_begins_or_ends_and_nowhere_else() -> None:
    accesses = columns([(0, 0x100, 4, A, False), (1, 0x102, 2, A >> 16, False), (2, 0x104, 4, B, False)])
    units = units_of(*(getattr(accesses, name) for name in ("place", "row", "size", "value", "write")), accesses.write)
    assert units.size.tolist() == [2, 2, 2, 4]
    assert units.access.tolist() == [0, 0, 1, 2]
    assert [hex(v) for v in units.value.tolist()] == [hex(A & 0xFFFF), hex(A >> 16), hex(A >> 16), hex(B)]
    assert units.start.tolist() == [True, True, False, True]
