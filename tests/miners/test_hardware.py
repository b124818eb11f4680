"""What the card's own config space holds, and what agrees with it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.card.model import Bar, Card
from quirkfinder.miners.config_evidence import ConfigEvidence, config_evidence
from quirkfinder.miners.hardware import hardware_config
from quirkfinder.miners.information import information_of
from tests.miners.columns import Access, columns
from tests.miners.examples import Function, bar_register, config_space, machine_of
from tests.miners.test_doors import functions

calm = settings(deadline=None, max_examples=60)
contents = st.dictionaries(st.integers(0, 0x1FF), st.integers(0, 0xFF), max_size=200)
sizes = st.sampled_from((1, 2, 4))


@given(contents, st.lists(st.integers(-8, 4100), min_size=1, max_size=20), sizes)
@calm
def test_reading_is_little_endian_and_says_what_is_not_known(
    content: dict[int, int], offsets: list[int], size: int
) -> None:
    hardware = hardware_config(Card("card", host_config=config_space(content)))
    values, known = hardware.read(np.array(offsets, dtype=np.int64), size)
    for offset, value, sure in zip(offsets, values.tolist(), known.tolist(), strict=True):
        held = [content.get(offset + k) for k in range(size)]
        assert sure == (None not in held)
        if sure:
            assert value == int.from_bytes(bytes(b or 0 for b in held), "little")


@given(contents, st.lists(st.integers(0, 0xFFFFFFFF), max_size=8), sizes)
@calm
def test_values_are_found_wherever_config_space_holds_them(content: dict[int, int], more: list[int], size: int) -> None:
    hardware = hardware_config(Card("card", host_config=config_space(content)))
    held = {
        at: int.from_bytes(bytes(content[at + k] for k in range(size)), "little")
        for at in range(0, 0x200, size)
        if all(at + k in content for k in range(size))
    }
    values = [*dict.fromkeys([*held.values(), *(value & (1 << 8 * size) - 1 for value in more)])]
    index, offset = hardware.matches(np.array(values, dtype=np.uint64), size)
    expected = {(n, at) for n, value in enumerate(values) for at, v in held.items() if v == value}
    assert set(zip(index.tolist(), offset.tolist(), strict=True)) == {
        (n, at) for n, at in expected if information_of(values[n], size)
    }


@given(functions())
@calm
def test_the_addresses_are_the_hosts_whoever_told_them(function: Function) -> None:
    """From a dump, or put together from the BARs; what the guest reads there is its own and never taken."""
    guest = {0x10 + 4 * b.index + k: (b.guest or 0) >> 8 * k & 0xFF for b in function.bars.values() for k in range(4)}
    bars = np.array([0x10 + 4 * index for index in function.bars], dtype=np.int64)
    wanted = [bar_register(bar, bar.host or 0) for bar in function.bars.values()]
    for dump in (function.config, {}):
        function.config = dump
        values, known = hardware_config(machine_of(function, guest).cards[0]).read(bars, 4)
        assert known.all()
        masks = [3 if bar.kind == "io" else 15 for bar in function.bars.values()]
        assert [v & ~m for v, m in zip(values.tolist(), masks, strict=True)] == [
            w & ~m for w, m in zip(wanted, masks, strict=True)
        ]


@given(st.sampled_from(("io", "memory32", "memory64")), st.integers(4, 28), st.integers(1, 0xFFFFFFFF))
@calm
def test_an_unknown_address_has_to_be_aligned_and_to_have_the_flags_of_the_bar(
    kind: str, bits: int, address: int
) -> None:
    size, mask = 1 << bits, 3 if kind == "io" else 15
    bar = Bar(2, kind, size, None, 0xFE000000)  # type: ignore[arg-type]  # one of the kinds
    flags = {"io": 1, "memory32": 0, "memory64": 4}[kind]
    card = Card("card", bars=(bar,), guest_config=config_space({0x18 + k: flags if not k else 0 for k in range(4)}))
    (unknown,) = hardware_config(card).open_bars
    value = address & ~mask & 0xFFFFFFFF
    sizing = -size & ~mask & 0xFFFFFFFF
    assert unknown.fits(value | flags) == (value % size == 0 and value not in (0, sizing))
    assert not unknown.fits(value | flags ^ 1)


# ---- evidence

offsets_read = st.lists(st.sampled_from((0x00, 0x08, 0x10, 0x18, 0x2C)), max_size=8)


def evidence(function: Function, offsets: list[int], spoil: int = 0, size: int = 4) -> ConfigEvidence:
    """What reads of `size` bytes at config offsets give; `spoil`: the answers have these bits wrong."""
    hardware = hardware_config(machine_of(function, {}).cards[0])
    reads: list[Access] = []
    for row, offset in enumerate(offsets):
        value = sum(function.config[offset + k] << 8 * k for k in range(size))
        reads.append((row, 4 * row, size, value ^ spoil, False))
    every = np.arange(len(reads))
    return config_evidence(columns(reads), np.array(offsets, dtype=np.int64), hardware, every)


@given(functions(), offsets_read, sizes)
@calm
def test_every_field_counts_once(function: Function, offsets: list[int], size: int) -> None:
    found, again = evidence(function, offsets, size=size), evidence(function, offsets * 3, size=size)
    assert (found.bits, found.fields, found.live, found.against) == (
        again.bits,
        again.fields,
        again.live,
        again.against,
    )
    assert set(found.fields) <= set(offsets)
    assert found.against == ()


@given(functions(), offsets_read, offsets_read)
@calm
def test_more_that_agrees_never_proves_less(function: Function, some: list[int], more: list[int]) -> None:
    fewer, all_of_them = evidence(function, some), evidence(function, some + more)
    assert fewer.bits <= all_of_them.bits
    assert set(fewer.fields) <= set(all_of_them.fields)
    assert set(fewer.live) <= set(all_of_them.live)
    assert all_of_them.holds or not fewer.holds


@given(functions(), offsets_read)
@calm
def test_addresses_are_live_and_ids_are_not(function: Function, offsets: list[int]) -> None:
    found = evidence(function, offsets)
    assert set(found.live) == {(offset - 0x10) // 4 for offset in offsets if offset in (0x10, 0x18)}
    assert found.holds == (bool(found.live) and len(found.fields) >= 2)


@given(functions(), offsets_read, st.sampled_from((0x00010000, 0x01000000, 0x00FF0000)))
@calm
def test_other_answers_speak_against_it(function: Function, offsets: list[int], spoil: int) -> None:
    found = evidence(function, offsets, spoil)
    assert set(found.against) == set(offsets)
    assert not found.holds
    assert not found.fields


@given(functions(), offsets_read)
@calm
def test_a_closed_door_answers_all_ones_and_that_speaks_against_nothing(function: Function, offsets: list[int]) -> None:
    hardware = hardware_config(machine_of(function, {}).cards[0])
    reads = columns([(row, 4 * row, 4, 0xFFFFFFFF, False) for row in range(len(offsets))])
    found = config_evidence(reads, np.array(offsets, dtype=np.int64), hardware, np.arange(len(offsets)))
    assert (found.bits, found.fields, found.against) == (0, (), ())
