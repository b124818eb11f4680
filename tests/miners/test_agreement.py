"""Do two ways reach the same memory?  Held against a walk over each location, and against what must prove nothing."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.miners.accesses import Accesses, Ints
from quirkfinder.miners.agreement import Agreement, agreement
from quirkfinder.miners.information import information_of
from tests.miners.columns import Access, columns

calm = settings(deadline=None, max_examples=80)
A, B, C = 0x51A3C702, 0x9BE01144, 0x37D2590A

#: (location, value, write, through the hypothesis)
Step = tuple[int, int, bool, bool]
histories = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from((0, 1, A, B, C)), st.booleans(), st.booleans()), max_size=24
)


def ways(history: Sequence[Step]) -> tuple[list[Access], list[Access], Ints]:
    """Direct accesses, mapped ones, and where the hypothesis says that those go; every step is a row of its own."""
    direct: list[Access] = [(row, 4 * at, 4, v, w) for row, (at, v, w, mapped) in enumerate(history) if not mapped]
    through: list[Access] = [(row, 0, 4, v, w) for row, (_, v, w, mapped) in enumerate(history) if mapped]
    return direct, through, np.array([4 * at for at, _, _, mapped in history if mapped], dtype=np.int64)


def judged(history: Sequence[Step], *, echo: bool = False) -> Agreement:
    """The agreement of a history; `echo`: all that came through the hypothesis is marked as the guest's own."""
    direct, through, location = ways(history)
    return agreement(columns(direct), columns(through), location, np.ones(len(through), dtype=bool) if echo else None)


def told(found: Agreement) -> tuple[float, int, int, int]:
    return found.bits, found.values, found.locations, found.contradictions


class Location:
    """One location as a walk sees it: who wrote last, whether that changed anything, what each way read before."""

    def __init__(self) -> None:
        self.held: int | None = None  # by the access before, whatever it was
        self.writer: tuple[bool, int, bool] | None = None  # way, value, did it change anything
        self.seen: dict[bool, int] = {}  # by each way, last
        self.agreed: list[tuple[int, int, bool]] = []  # row, value, way
        self.against = False
        self.restless = False
        self.before: tuple[bool, int, bool] | None = None

    def step(self, row: int, value: int, write: bool, way: bool) -> None:
        if not write:
            if self.writer is not None:
                writer, written, mattered = self.writer
                if writer != way:
                    self.compare(row, value, written, way, mattered)
            elif (not way) in self.seen:
                self.compare(row, value, self.seen[not way], way, True)
            if self.before is not None and self.before[::2] == (way, False) and self.before[1] != value:
                self.restless = True
        else:
            self.writer = (way, value, self.held is None or self.held != value)
        self.held, self.seen[way], self.before = value, value, (way, value, write)

    def compare(self, row: int, value: int, other: int, way: bool, counts: bool) -> None:
        if value == other:
            if counts and information_of(value, 4):
                self.agreed.append((row, value, way))
        elif information_of(value, 4) and information_of(other, 4):
            self.against = True


@given(histories)
@calm
def test_it_is_what_a_walk_over_every_location_finds(history: list[Step]) -> None:
    direct_places = {at for at, *_, mapped in history if not mapped}
    locations: dict[int, Location] = defaultdict(Location)
    for row, (at, value, write, mapped) in enumerate(history):
        if at in direct_places:
            locations[at].step(row, value, write, mapped)
    values = {value for location in locations.values() for _, value, _ in location.agreed}
    found = judged(history)
    assert found.values == len(values)
    assert found.bits == sum(information_of(value, 4) for value in values)
    assert found.locations == sum(bool(location.agreed) for location in locations.values())
    against = [at for at, one in locations.items() if one.against and not one.restless and not one.agreed]
    assert found.contradictions == len(against)


@given(histories)
@calm
def test_the_order_of_the_columns_does_not_matter(history: list[Step]) -> None:
    """Rows say when; the accesses may come in any order."""
    direct, through, location = ways(history)
    backwards = agreement(columns(direct[::-1]), columns(through[::-1]), location[::-1])
    assert backwards.mapped_rows.tolist() == judged(history).mapped_rows.tolist()
    assert told(backwards) == told(judged(history))


@given(histories)
@calm
def test_pairs_are_an_earlier_access_and_a_read_that_agrees_with_it(history: list[Step]) -> None:
    found = judged(history)
    for before, after in found.pairs:
        assert before < after
        assert history[before][:2] == history[after][:2]
        assert history[before][3] != history[after][3]
        assert not history[after][2]
    assert len(found.pairs) == found.values
    assert all(history[row][3] for row in found.mapped_rows.tolist())


@given(histories, st.integers(1, 1 << 40), st.integers(0, 1 << 40))
@calm
def test_only_the_order_of_rows_counts(history: list[Step], stretch: int, delay: int) -> None:
    direct, through, location = ways(history)

    def later(accesses: list[Access]) -> Accesses:
        return columns([(row * stretch + delay, *rest) for row, *rest in accesses])  # type: ignore[misc]  # as before

    assert told(agreement(later(direct), later(through), location)) == told(judged(history))


@given(st.lists(st.sampled_from((A, B, C)), min_size=1, max_size=6))
@calm
def test_copies_prove_nothing(values: list[int]) -> None:
    """What is read one way is written the other way to the same location, and read back there."""
    history: list[Step] = []
    for at, value in enumerate(values):
        history += [(at, value, False, False), (at, value, True, True), (at, value, False, False)]
    assert judged(history).values == 0


@given(st.lists(st.sampled_from((A, B, C)), min_size=1, max_size=6))
@calm
def test_own_writes_prove_nothing(values: list[int]) -> None:
    """Each way fills and reads back its own memory, with the same words."""
    history: list[Step] = []
    for at, value in enumerate(values):
        for way in (False, True):
            history += [(at, value, True, way), (at, value, False, way)]
    assert judged(history).values == 0


@given(histories)
@calm
def test_echoes_support_nothing(history: list[Step]) -> None:
    """Mapped reads that are marked as echoes take no part in what agrees."""
    marked, plain = judged(history, echo=True), judged(history)
    assert marked.values <= plain.values
    assert marked.contradictions >= plain.contradictions
    assert all(not history[after][3] for _, after in marked.pairs)


@given(histories, st.integers(1, 4))
@calm
def test_polls_count_once(history: list[Step], times: int) -> None:
    often = [step for step in history for _ in range(1 if step[2] else times)]
    one, many = judged(history), judged(often)
    assert (one.bits, one.values, one.locations) == (many.bits, many.values, many.locations)


def test_a_counter_contradicts_nothing() -> None:
    ticking: list[Step] = [(0, A + n, False, n % 3 == 0) for n in range(9)]
    assert judged(ticking).contradictions == 0


def test_two_values_at_two_locations_hold_and_one_does_not() -> None:
    one: list[Step] = [(0, A, False, False), (0, A, False, True)]
    assert not judged(one).holds
    assert not judged([*one, (1, A, False, False), (1, A, False, True)]).holds
    assert judged([*one, (1, B, False, False), (1, B, False, True)]).holds


def test_many_contradictions_outweigh_what_agrees() -> None:
    good: list[Step] = [s for at in (0, 1) for s in ((at, A + at * 77, False, False), (at, A + at * 77, False, True))]
    bad: list[Step] = [s for at in range(2, 9) for s in ((at, B + at, False, False), (at, C + at, False, True))]
    assert judged(good).holds
    assert not judged([*good, *bad]).holds
    assert judged([*good, *bad]).contradictions == 7
