"""Config space as the guest has it: BARs as QEMU emulates them, everything else by the best source."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.card.model import Bar
from quirkfinder.replay.guest import GuestConfig
from tests.replay.frames import card

BARS = (
    Bar(0, "memory64", 0x10000000, 0xA0000000, prefetchable=True),
    Bar(2, "memory32", 0x20000, 0xFE620000),
    Bar(4, "io", 0x100, 0xE000),
)


def fresh() -> GuestConfig:
    return GuestConfig(card(BARS, {0x2C: 0x3000174B, 0x50: 0x06035801}))


@pytest.mark.parametrize(
    ("offset", "written", "read"),
    [
        (0x10, 0xFFFFFFFF, 0xF0000004),  # sizing
        (0x14, 0xFFFFFFFF, 0xFFFFFFFF),
        (0x18, 0xFFFFFFFF, 0xFFFE0000),
        (0x20, 0xFFFFFFFF, 0xFFFFFF01),
        (0x10, 0xE0000000, 0xE0000004),
        (0x18, 0xFEBC1234, 0xFEBC0000),
        (0x20, 0xC000, 0xC001),
        (0x1C, 0xFFFFFFFF, 0),  # there is no such BAR
        (0x24, 0x12345678, 0),
    ],
)
def test_a_bar_keeps_what_its_size_allows(offset: int, written: int, read: int) -> None:
    config = fresh()
    config.written(offset, 4, written)
    assert config.read(offset, 4) == read


@given(st.integers(0, 2**32 - 1), st.sampled_from([0x10, 0x14, 0x18, 0x1C, 0x20, 0x24]))
@settings(deadline=None)
def test_a_bar_written_in_parts_is_the_bar_written_at_once(value: int, offset: int) -> None:
    whole, parts = fresh(), fresh()
    whole.written(offset, 4, value)
    for at in range(4):
        parts.written(offset + at, 1, value >> 8 * at & 0xFF)
    assert whole.read(offset, 4) == parts.read(offset, 4)


def test_addresses_of_bars() -> None:
    config = fresh()
    assert config.bar_address(0) is None
    config.written(0x10, 4, 0xE0000000)
    config.written(0x14, 4, 0x1)
    config.written(0x20, 4, 0xC000)
    assert config.bar_address(0) == 0x1E0000000
    assert config.bar_address(4) == 0xC000
    config.place_bar(2, 0xFEBC0000)
    assert config.bar_address(2) == 0xFEBC0000
    config.place_bar(4, 0xD000)
    assert config.bar_address(4) == 0xC000  # the registers go before a listing


def test_who_is_asked_for_a_byte() -> None:
    config = fresh()
    assert config.read(0x2C, 4) == 0x3000174B  # the host's dump
    assert config.read(0x50, 4, 0x06035803) == 0x06035803  # the device's answer of the moment
    config.seen_read(0x04, 4, 0x00100107)
    assert config.read(0x04, 4, 0x00200006) == 0x00200107  # the command is emulated, the status is not
    config.written(0x00, 4, 0xFFFFFFFF)
    assert config.read(0x00, 4) == 0x78F91AF5  # read-only
    config.written(0x50, 1, None)
    assert config.read(0x50, 4) == 0x06035801


def test_what_nobody_knows_is_not_guessed() -> None:
    from quirkfinder.card.model import Card

    config = GuestConfig(Card("x"))
    assert config.read(0, 4) is None
    assert config.read(0x10, 4) is None
    assert config.bar_address(0) is None
    config.seen_read(0, 2, 0x10DE)
    assert config.read(0, 2) == 0x10DE
    assert config.read(0, 4) is None
