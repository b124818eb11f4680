"""Cards without a back door: registers of every ordinary kind, driven at random, and nothing is claimed."""

from collections.abc import Callable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.miners.examples import Function, Row, access
from tests.miners.test_doors import findings, functions

#: a register: what it answers to a read (None) or a write (the value), at this offset
Register = Callable[[int | None], int]


def constant(random: Random) -> Register:
    held = random.choice((0, 1, 0xFF, random.getrandbits(32), 1 << random.randrange(32), 0xFFFFFFFF))
    return lambda _: held


def memory(random: Random) -> Register:
    held = [random.getrandbits(32)]

    def answer(value: int | None) -> int:
        held[0] = held[0] if value is None else value
        return held[0]

    return answer


def counter(random: Random) -> Register:
    state = [random.getrandbits(32), random.randrange(1, 1 << 20)]

    def answer(_: int | None) -> int:
        state[0] = (state[0] + state[1]) & 0xFFFFFFFF
        return state[0]

    return answer


def fifo(random: Random) -> Register:
    return lambda _: random.getrandbits(32)


def status(random: Random) -> Register:
    return lambda _: random.choice((0, 1, 2, 0x80000000, 0xFF0000))


KINDS = (constant, memory, memory, counter, fifo, status)


class Chip:
    """Registers by place, and pairs of index and data in front of tables of their own."""

    def __init__(self, random: Random) -> None:
        self.random = random
        places = [(region, 4 * at) for region in (0, 2) for at in random.sample(range(64), 8)]
        self.registers = {place: random.choice(KINDS)(random) for place in places}
        index = (4, 8 * random.randrange(8))
        self.pair = (index, (4, index[1] + 4))
        self.table = [random.getrandbits(random.choice((8, 16, 32))) for _ in range(16)]

    def rows(self, count: int) -> list[Row]:
        return [row for _ in range(count) for row in self.step()]

    def step(self) -> list[Row]:
        if self.random.random() < 0.3:
            index = self.random.randrange(16)
            return [access(*self.pair[0], index, write=True), access(*self.pair[1], self.table[index], write=False)]
        place, register = self.random.choice(list(self.registers.items()))
        if self.random.random() < 0.4:
            value = self.random.choice((0, 1, 0x5A, self.random.getrandbits(16), self.random.getrandbits(32)))
            register(value)
            return [access(*place, value, write=True)]
        return [access(*place, register(None), write=False)]


@given(functions(), st.randoms(use_true_random=False), st.integers(10, 300))
@settings(max_examples=40, deadline=None)
def test_an_ordinary_card_is_not_accused(function: Function, random: Random, count: int) -> None:
    found = findings(function, Chip(Random(random.getrandbits(64))).rows(count))
    assert [f.summary for f in found if f.verdict != "benign"] == []


@given(functions(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_buffers_of_the_guest_anywhere_in_its_memory_tell_nothing(function: Function, random: Random) -> None:
    """Rings and buffers at guest addresses that are the card's own on the host; the card gives them back."""
    random = Random(random.getrandbits(64))
    rows: list[Row] = []
    for at in range(8):
        bar = function.bars[random.choice((0, 2))]
        buffer = (bar.host or 0) + random.choice((0, 0, 0x1000, 0x2040))
        rows.append(access(2, 0x100 + 8 * at, buffer, write=True))
        rows += [access(2, 0x100 + 8 * at, buffer, write=False)] * random.randrange(3)
    assert [f.summary for f in findings(function, rows) if f.verdict != "benign"] == []
