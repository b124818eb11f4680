"""Placements from the guest's config accesses: sizing, halves, decoding, resets, whatever order they come in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.card import Bar, Card, build_machine
from tests.card.frames import DEVICE, Log, addresses


def only_card(log: Log) -> Card:
    (card,) = build_machine(log.frame(), []).cards
    return card


def bar_of(log: Log, index: int) -> Bar:
    bar = only_card(log).bar(index)
    assert bar is not None
    return bar


def test_firmware_sizes_places_and_enables() -> None:
    log = Log()
    log.setup({0: 0x4000000, 1: 0x100, 2: 0x4000})
    log.reset()
    log.size_bar(0, 0xFC000008, 0x8)
    log.size_bar(1, 0xFFFFFF01, 0x1)
    log.size_bar(2, 0xFFFFC000)
    log.write(0x14, 0xC000)
    log.write(0x18, 0xFEBF0000)
    log.write(0x10, 0xF8000000)
    enabled = log.command(0x103)
    card = only_card(log)
    assert [(b.index, b.kind, b.size, b.prefetchable) for b in card.bars] == [
        (0, "memory32", 0x4000000, True),
        (1, "io", 0x100, None),
        (2, "memory32", 0x4000, False),
    ]
    assert [addresses(b.placements) for b in card.bars] == [
        [(enabled, 0xF8000000)],
        [(enabled, 0xC000)],
        [(enabled, 0xFEBF0000)],
    ]
    assert card.bars[0].placements[0].position is not None
    assert card.bars[0].placements[0].position.line == enabled + 1
    assert not card.contradictions


def test_only_the_enabled_space_is_reached() -> None:
    log = Log()
    log.setup({0: 0x1000, 1: 0x100})
    log.read(0x10, 0xFEBF0000)
    log.read(0x14, 0xC001)
    log.command(0)
    log.write(0x10, 0xFEBF0000)
    log.write(0x14, 0xC001)
    memory = log.command(2)
    ports = log.command(1)
    card = only_card(log)
    assert addresses(card.bars[0].placements)[-2:] == [(memory, 0xFEBF0000), (ports, None)]
    assert addresses(card.bars[1].placements)[-1:] == [(ports, 0xC000)]
    assert card.bars[0].guest == 0xFEBF0000
    assert card.bars[0].guest_at(memory) == 0xFEBF0000
    assert card.bars[0].guest_at(ports) is None


def test_a_wide_bar_moves_in_two_halves() -> None:
    log = Log()
    log.setup({0: 0x10000000})
    log.reset()
    log.size_bar(0, 0xF000000C, 0xC)
    log.write(0x14, 0xFFFFFFFF)
    log.read(0x14, 0xFFFFFFFF)
    log.write(0x14, 0)
    log.write(0x10, 0xE0000000)
    log.write(0x14, 0)
    first = log.command(0x106)
    log.access()
    log.write(0x10, 0x40000000)
    moved = log.write(0x14, 0x38)
    bar = bar_of(log, 0)
    assert bar.kind == "memory64"
    assert addresses(bar.placements) == [(first, 0xE0000000), (moved, 0x38_4000_0000)]
    assert only_card(log).bar(1) is None


def test_an_intermediate_address_that_was_used_stays() -> None:
    log = Log()
    log.setup({0: 0x10000000})
    log.read(0x10, 0xC)
    log.command(2)
    half = log.write(0x10, 0x40000000)
    log.access()
    whole = log.write(0x14, 0x38)
    assert addresses(bar_of(log, 0).placements) == [(half, 0x40000000), (whole, 0x38_4000_0000)]


def test_a_bar_of_gigabytes() -> None:
    log = Log()
    log.size_bar(2, 0x0000000C, 0xC)
    log.write(0x1C, 0xFFFFFFFF)
    log.read(0x1C, 0xFFFFFFFC)
    log.write(0x1C, 0)
    log.command(2)
    log.write(0x18, 0)
    placed = log.write(0x1C, 0x38)
    bar = bar_of(log, 2)
    assert (bar.kind, bar.size) == ("memory64", 16 << 30)
    assert addresses(bar.placements) == [(placed, 0x38_0000_0000)]


@pytest.mark.parametrize("probe", [0xFFFFFFFF, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFF800, 0xFFFFF000])
def test_sizing_with_decoding_on_moves_nothing(probe: int) -> None:
    log = Log()
    log.setup({0: 0x20000})
    log.read(0x10, 0)
    log.command(2)
    placed = log.write(0x10, 0xFEB80000)
    log.access()
    log.write(0x10, probe)
    log.access()
    log.read(0x10, 0xFFFE0000)
    log.write(0x10, 0xFEB80000)
    log.access()
    assert addresses(bar_of(log, 0).placements) == [(placed, 0xFEB80000)]


def test_sizing_a_wide_bar_with_decoding_on_moves_nothing() -> None:
    log = Log()
    log.setup({0: 0x20000})
    log.read(0x10, 0x4)
    log.command(2)
    log.write(0x10, 0xFEB80000)
    placed = log.write(0x14, 0x10)
    for offset, answer, value in ((0x10, 0xFFFE0004, 0xFEB80004), (0x14, 0xFFFFFFFF, 0x10)):
        log.write(offset, 0xFFFFFFFF)
        log.access()
        log.read(offset, answer)
        log.write(offset, value)
    assert addresses(bar_of(log, 0).placements) == [(placed, 0x10_FEB8_0000)]


def test_decoding_off_while_sizing_ends_the_placement() -> None:
    log = Log()
    log.setup({0: 0x20000})
    log.command(2)
    placed = log.write(0x10, 0xFEB80000)
    log.write(0x10, 0xFFFFFFFF)
    off = log.command(0)
    log.read(0x10, 0xFFFE0000)
    log.write(0x10, 0xFEB80000)
    on = log.command(2)
    assert addresses(bar_of(log, 0).placements) == [(placed, 0xFEB80000), (off, None), (on, 0xFEB80000)]


def test_an_address_written_byte_by_byte() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.reset()
    log.command(2)
    for at, byte in enumerate((0x00, 0xF0, 0xBF)):
        log.write(0x10 + at, byte, 1)
    last = log.write(0x13, 0xFE, 1)
    assert addresses(bar_of(log, 0).placements) == [(last, 0xFEBFF000)]


def test_an_address_written_in_words() -> None:
    log = Log()
    log.setup({4: 0x40})
    log.reset()
    log.read(0x20, 1)
    log.write(0x20, 0xD000, 2)
    log.write(0x22, 0, 2)
    enabled = log.command(1)
    assert addresses(bar_of(log, 4).placements) == [(enabled, 0xD000)]


def test_ports_are_sized_in_sixteen_bits() -> None:
    log = Log()
    log.read(0x20, 0xC001)
    log.write(0x20, 0xFFFFFFFF)
    log.read(0x20, 0x0000FFC1)
    log.write(0x20, 0xC001)
    assert bar_of(log, 4).size == 0x40


def test_the_rom_needs_its_own_enable_bit() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.reset()
    log.write(0x30, 0xFFFFF800)
    log.read(0x30, 0xFFFF0000)
    log.write(0x30, 0)
    log.write(0x30, 0xFEBE0000)
    log.command(2)
    on = log.write(0x30, 0xFEBE0001)
    log.event("rom_read", device=DEVICE, region=6, address=0, size=2, value=0xAA55)
    off = log.write(0x30, 0xFEBE0000)
    rom = bar_of(log, 6)
    assert (rom.kind, rom.size) == ("rom", 0x10000)
    assert addresses(rom.placements) == [(on, 0xFEBE0000), (off, None)]


@pytest.mark.parametrize("machine", [False, True])
def test_a_reset_takes_the_addresses_away(machine: bool) -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.reset(machine=machine)
    log.write(0x10, 0xFEBF0000)
    first = log.command(2)
    log.access()
    again = log.reset(machine=machine)
    log.access()
    log.write(0x10, 0xE0000000)
    second = log.command(2)
    assert addresses(bar_of(log, 0).placements) == [(first, 0xFEBF0000), (again, None), (second, 0xE0000000)]


def test_address_zero_and_the_top_of_the_space_are_not_mapped() -> None:
    log = Log()
    log.setup({0: 0x1000, 1: 0x10000})
    log.reset()
    log.command(3)
    log.write(0x10, 0)
    log.write(0x14, 0xFFFF0000)
    assert [addresses(b.placements) for b in only_card(log).bars] == [[], []]


def test_an_address_that_is_only_read() -> None:
    """The log began after the firmware: the BAR was there all along."""
    log = Log()
    log.access(2)
    log.read(0x18, 0xFEBC0000)
    log.read(0x4, 0x107, 2)
    assert addresses(bar_of(log, 2).placements) == [(-1, 0xFEBC0000)]


def test_an_address_that_is_read_after_the_device_appeared() -> None:
    """The log has the beginning, but the write is missing: before the read nothing is known."""
    log = Log()
    log.setup({2: 0x1000})
    log.access(2)
    seen = log.read(0x18, 0xFEBC0000)
    assert addresses(bar_of(log, 2).placements) == [(seen, 0xFEBC0000)]


def test_a_card_that_answers_with_all_ones_moves_nothing() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.command(2)
    placed = log.write(0x10, 0xFEBF0000)
    log.read(0x10, 0xFFFFFFFF)
    log.read(0x4, 0xFFFF, 2)
    assert addresses(bar_of(log, 0).placements) == [(placed, 0xFEBF0000)]


def test_upper_halves_are_known_by_the_size_where_no_flags_were_read() -> None:
    log = Log()
    log.setup({0: 0x1000, 2: 0x1000})
    log.reset()
    log.command(2)
    log.write(0x10, 0xFEBF0000)
    placed = log.write(0x14, 0x1)
    assert addresses(bar_of(log, 0).placements) == [(placed, 0x1_FEBF_0000)]
    assert only_card(log).bar(1) is None


def test_a_repeated_command_is_no_new_placement() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    on = log.command(2)
    log.command(0x106)
    log.command(0x506)
    assert addresses(bar_of(log, 0).placements) == [(on, 0xFEBF0000)]


def test_a_command_written_as_a_byte_or_with_the_status() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.reset()
    log.write(0x10, 0xFEBF0000)
    log.write(0x5, 0x04, 1)
    on = log.write(0x4, 0x02, 1)
    off = log.write(0x4, 0x02100000, 4)
    assert addresses(bar_of(log, 0).placements) == [(on, 0xFEBF0000), (off, None)]


def test_what_qemu_says_of_its_mappings() -> None:
    """`pci_update_mappings_*` name a device in their own way; the BARs tell whose they are."""
    log = Log()
    log.setup({0: 0x1000, 2: 0x20000})
    log.event("bar_map", region=0, address=0xE0000000, value=0x4000, detail="e1000 00:03.0")
    mapped = log.event("bar_map", region=0, address=0xFEBF0000, value=0x1000, detail="vfio-pci 00:05.0")
    log.event("bar_map", region=2, address=0xFEB00000, value=0x20000, detail="vfio-pci 00:05.0")
    gone = log.event("bar_unmap", region=0, address=0xFEBF0000, value=0x1000, detail="vfio-pci 00:05.0")
    log.access()
    assert addresses(bar_of(log, 0).placements) == [(mapped, 0xFEBF0000), (gone, None)]


def test_sizes_that_differ_are_said() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.size_bar(0, 0xFFFFC000)
    card = only_card(log)
    assert card.bars[0].size == 0x1000
    assert any("BAR0's size differs" in c.text for c in card.contradictions)
    assert card.contradictions[0].positions


def test_moving_the_msix_table_enlarges_a_bar_without_contradiction() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.event("msix_relocation", device=DEVICE, region=0, address=0x1000)
    log.size_bar(0, 0xFFFFE000)
    assert not only_card(log).contradictions


def test_bars_that_the_guest_lays_on_top_of_one_another() -> None:
    log = Log()
    log.setup({0: 0x10000, 1: 0x1000})
    log.write(0x10, 0xFEB00000)
    log.write(0x14, 0xFEB08000)
    log.command(2)
    assert any("overlap at 0xfeb08000" in c.text for c in only_card(log).contradictions)


@st.composite
def moves(draw: st.DrawFn) -> tuple[dict[int, int], list[tuple[int, int, bool]]]:
    """Sizes of 32-bit BARs, and (BAR, address, enabled) in the order in which the guest sets them."""
    sizes = {i: 1 << draw(st.integers(12, 24)) for i in draw(st.sets(st.integers(0, 5), min_size=1, max_size=4))}
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(sizes)), st.integers(1, 0xF0), st.booleans()), min_size=1, max_size=12
        )
    )
    return sizes, [(index, place << 24, on) for index, place, on in steps]


@settings(max_examples=60, deadline=None)
@given(moves(), st.booleans())
def test_every_access_finds_the_bar_where_the_registers_say(
    scenario: tuple[dict[int, int], list[tuple[int, int, bool]]], sizing: bool
) -> None:
    """The law: at every access the placement in force is the register's value, if memory decoding is on."""
    sizes, steps = scenario
    log = Log()
    log.setup(sizes)
    log.reset()
    expected: list[tuple[int, int, int | None]] = []
    held: dict[int, int] = {}
    for index, address, on in steps:
        if sizing:
            log.size_bar(index, 0x1_0000_0000 - sizes[index], held.get(index, 0))
        log.write(0x10 + 4 * index, address)
        held[index] = address
        log.command(2 if on else 0)
        row = log.access(index)
        expected += [(row, i, a if on else None) for i, a in held.items()]
    card = only_card(log)
    for row, index, placed in expected:
        bar = card.bar(index)
        assert bar is not None
        assert bar.guest_at(row) == placed
        assert bar.guest == held[index] or not any(p.address for p in bar.placements)


def test_what_lies_above_the_ports_is_memory() -> None:
    """Logs without reads of the registers show no flags."""
    log = Log()
    log.setup({0: 0x1000, 2: 0x1000, 4: 0x100})
    log.write(0x10, 0xFEBF0000)
    log.write(0x18, 0xFEBE0000)
    log.write(0x1C, 0x1)
    log.write(0x20, 0xC000)
    log.command(3)
    assert [bar.kind for bar in only_card(log).bars] == ["memory32", "memory64", "unknown"]
