"""The guest's side: listener, memory-region traces and monitor; config space and interrupts."""

import polars as pl
import pytest

from quirkfinder.card import Bar, Card, Span, build_machine
from quirkfinder.events import SCHEMA
from quirkfinder.inventory import Facts, parse, recognise
from tests.card.frames import DEVICE, Log, addresses

NAME = DEVICE


def card_of(log: Log, *facts: Facts) -> Card:
    (card,) = build_machine(log.frame(), facts).cards
    return card


def bar_of(log: Log, index: int, *facts: Facts) -> Bar:
    bar = card_of(log, *facts).bar(index)
    assert bar is not None
    return bar


def listing(text: str, role: str | None = None) -> Facts:
    found = recognise(text.encode())
    assert found is not None
    return parse(text.encode(), "guest" if role == "guest" else found[0], found[1], input=1)


INFO_PCI = """  Bus  0, device   5, function 0:
    Display controller: PCI device 1c5a:4711
      PCI subsystem 1c5b:0009
      BAR0: 64 bit prefetchable memory at 0xe0000000 [0xefffffff]
      BAR2: 32 bit memory at 0xfe800000 [0xfe87ffff]
      BAR4: I/O at 0xc000 [0xc0ff]
      id "hostdev0"
"""


# ---- the listener


def test_a_trapped_bar_by_its_range() -> None:
    log = Log()
    log.ram(0, 0xC0000)
    log.setup({0: 0x100000, 2: 0x20000})
    log.access()
    placed = log.trapped(0xFEB00000, 0x100000)
    log.access()
    gone = log.untrapped(0xFEB00000, 0x100000)
    assert addresses(bar_of(log, 0).placements) == [(placed, 0xFEB00000), (gone, None)]


def test_a_bar_cut_by_its_msix_table() -> None:
    log = Log()
    log.setup({3: 0x4000})
    log.access()
    log.trapped(0xFEBC0000, 0x50)
    placed = log.trapped(0xFEBC0050, 0x3FB0)
    bar = bar_of(log, 3)
    assert [a for _, a in addresses(bar.placements)] == [0xFEBC0000]
    assert bar.placements[0].row in (placed - 1, placed)


def test_ranges_that_do_not_fill_the_bar_are_no_bar() -> None:
    log = Log()
    log.setup({0: 0x8000})
    log.trapped(0xFEB00000, 0x4000)
    log.trapped(0xFEB05000, 0x3000)
    log.trapped(0xFEB10000, 0x10000)
    assert not bar_of(log, 0).placements


def test_the_chipset_is_no_bar() -> None:
    log = Log()
    log.setup({0: 0x1000, 1: 0x100000})
    log.trapped(0xFEC00000, 0x1000)
    log.trapped(0xFEE00000, 0x100000)
    assert [b.guest for b in card_of(log).bars] == [None, None]


def mapped_log(last: int = 0xFFF) -> Log:
    """Nothing but what VFIO mapped, and where the guest has it."""
    log = Log()
    for bar, end in ((0, 0xFFFFFF), (2, last), (4, 0xFFFFFF)):
        log.event("region_mmap", address=0, value=end, detail=f"{DEVICE} BAR {bar} mmaps[0]")
    for first, end in ((0xF8000000, 0xF8FFFFFF), (0xFA000000, 0xFA000FFF), (0xF9000000, 0xF9FFFFFF)):
        log.event("listener_add", address=first, value=end)
    return log


LSPCI_OF_GUEST = """\
06:00.0 Network controller [0280]: Device [1af5:0c0d]
\tRegion 0: Memory at f8000000 (64-bit, non-prefetchable) [size=16M]
\tRegion 2: Memory at fa000000 (32-bit, non-prefetchable) [size=4K]
\tRegion 4: Memory at f9000000 (64-bit, non-prefetchable) [size=16M]
"""


def test_mapped_regions_alone_make_a_device() -> None:
    (card,) = build_machine(mapped_log().frame(), []).cards
    assert card.name == DEVICE
    assert {bar.index: bar.size for bar in card.bars} == {0: 0x1000000, 2: 0x1000, 4: 0x1000000}


def test_the_only_function_of_equal_sizes_is_the_device() -> None:
    (card,) = build_machine(mapped_log().frame(), [listing(LSPCI_OF_GUEST, "guest")]).cards
    assert {bar.index: bar.guest for bar in card.bars} == {0: 0xF8000000, 2: 0xFA000000, 4: 0xF9000000}


def test_a_function_of_other_sizes_is_not_the_device() -> None:
    (card,) = build_machine(mapped_log(last=0x1FFF).frame(), [listing(LSPCI_OF_GUEST, "guest")]).cards
    assert {bar.index: bar.size for bar in card.bars} == {0: 0x1000000, 2: 0x2000, 4: 0x1000000}
    assert [bar.guest for bar in card.bars if bar.index == 2] == [None]


def test_two_candidates_are_a_note_and_a_listing_decides() -> None:
    log = Log()
    log.setup({2: 0x80000})
    log.trapped(0xFE800000, 0x80000)
    log.trapped(0xFE900000, 0x80000)
    machine = build_machine(log.frame(), [])
    assert machine.cards[0].bars[0].guest is None
    assert any("may lie at 0xfe800000, 0xfe900000" in note for note in machine.notes)
    assert addresses(bar_of(log, 2, listing(INFO_PCI)).placements)[0][1] == 0xFE800000


def test_two_bars_of_one_size_are_not_guessed() -> None:
    log = Log()
    log.setup({2: 0x1000, 3: 0x1000})
    log.trapped(0xFA000000, 0x1000)
    machine = build_machine(log.frame(), [])
    assert [b.guest for b in machine.cards[0].bars] == [None, None]
    assert machine.notes


def test_mapped_parts_of_a_bar() -> None:
    """A page with the MSI-X table is trapped, the rest is reached without a trap."""
    log = Log()
    log.setup({0: 0x1000000})
    log.event("region_mmap", address=0, value=0xFFFFFF, detail=f"{NAME} BAR 0 mmaps[0]")
    log.write(0x10, 0xF8000000)
    log.command(2)
    log.ram(0xF8000000, 0x6000)
    log.ram(0xF8007000, 0xFF9000)
    log.trapped(0xF8006000, 0x1000)
    assert bar_of(log, 0).mapped == (Span(0, 0x5FFF, "mapped"), Span(0x7000, 0xFFFFFF, "mapped"))


def test_mapped_parts_without_listener_lines() -> None:
    log = Log()
    log.setup({0: 0x4000})
    log.event("region_mmap", address=0x1000, value=0x3FFF, detail=f"{NAME} BAR 0 mmaps[0]")
    log.event("region_mmap", address=0, value=0xFFF, detail=f"{NAME} BAR 1 mmaps[0]")
    assert bar_of(log, 0).mapped == (Span(0x1000, 0x3FFF, "mapped"),)


def test_a_reset_without_a_line_shows_in_the_listener() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    on = log.command(2)
    log.trapped(0xFEBF0000, 0x1000)
    log.access()
    gone = log.untrapped(0xFEBF0000, 0x1000)
    log.event("unassigned_read", address=0xFEBF0000, size=4)
    back = log.trapped(0xFEBF0000, 0x1000)
    assert addresses(bar_of(log, 0).placements) == [(on, 0xFEBF0000), (gone, None), (back, 0xFEBF0000)]


def test_a_reset_says_nothing_where_config_space_is_not_traced() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.reset()
    there = log.trapped(0xFEBF0000, 0x1000)
    log.access()
    assert addresses(bar_of(log, 0).placements) == [(there, 0xFEBF0000)]


def test_a_reset_after_which_config_space_is_no_longer_traced() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    on = log.command(2)
    log.access()
    log.reset()
    log.access()
    assert addresses(bar_of(log, 0).placements) == [(on, 0xFEBF0000)]


def test_a_reset_at_the_end_counts() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    on = log.command(2)
    log.access()
    off = log.reset()
    assert addresses(bar_of(log, 0).placements) == [(on, 0xFEBF0000), (off, None)]


def test_a_map_that_is_only_rebuilt_moves_nothing() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    on = log.command(2)
    log.trapped(0xFEBF0000, 0x1000)
    log.access()
    log.untrapped(0xFEBF0000, 0x1000)
    log.trapped(0xFEBF0000, 0x800)
    log.trapped(0xFEBF0800, 0x800)
    assert addresses(bar_of(log, 0).placements) == [(on, 0xFEBF0000)]


def test_guest_ram_and_devices_from_the_listener() -> None:
    log = Log()
    log.ram(0, 0xC0000)
    log.no_ram(0, 0xC0000)
    log.ram(0, 0xA0000)
    log.trapped(0xFEE00000, 0x100000)
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    log.command(2)
    log.trapped(0xFEBF0000, 0x1000)
    machine = build_machine(log.frame(), [])
    assert machine.guest_spans == (Span(0, 0x9FFFF, "ram"), Span(0xFEE00000, 0xFEEFFFFF, "device"))


# ---- memory-region traces


def test_the_difference_of_address_and_offset() -> None:
    log = Log()
    log.setup({2: 0x20000})
    first = log.dispatched(f"{NAME} BAR 2", 0xFEBC0010, 0x10, 0x1234, 2)
    log.dispatched(f"{NAME} BAR 2", 0xFEBC0020, 0x20, 0x5, 2)
    second = log.dispatched(f"{NAME} BAR 2", 0xE0000020, 0x20, 0x6, 2)
    assert addresses(bar_of(log, 2).placements) == [(first - 1, 0xFEBC0000), (second - 1, 0xE0000000)]


def test_offsets_of_old_versions_are_no_addresses() -> None:
    log = Log()
    log.setup({2: 0x20000})
    log.event("memory_write", address=0x10, size=4, value=7, detail="offset in region")
    log.access(2, 0x10, 7)
    assert not bar_of(log, 2).placements


def test_neighbouring_accesses_that_differ_are_no_pair() -> None:
    log = Log()
    log.setup({2: 0x20000})
    log.event("memory_write", address=0xFEBC0010, size=4, value=7, detail=f"{NAME} BAR 2")
    log.access(2, 0x10, 8)
    log.event("memory_write", address=0xFEBC0010, size=4, value=9, detail="other BAR 2")
    log.access(2, 0x10, 9)
    assert not bar_of(log, 2).placements


def test_reads_are_logged_the_other_way_round() -> None:
    log = Log()
    log.event("region_read", device=NAME, region=4, address=4, size=4, value=0xAB)
    row = log.event("memory_read", address=0xC004, size=4, value=0xAB, detail=f"{NAME} BAR 4")
    assert addresses(bar_of(log, 4).placements) == [(row, 0xC000)]


def nameless(log: Log, address: int, offset: int, value: int, region: int) -> int:
    """A write as QEMU 5.2 prints it; the row of the memory region's line."""
    row = log.event("memory_write", address=address, size=4, value=value)
    log.access(region, offset, value)
    return row


def test_lines_without_names_belong_to_the_access_beside_them() -> None:
    log = Log()
    log.setup({0: 0x4000, 2: 0x20000})
    first = nameless(log, 0xFEBC0010, 0x10, 0x1234, 2)
    other = nameless(log, 0xFEBF0040, 0x40, 0x1, 0)
    nameless(log, 0xFEBC0020, 0x20, 0x5, 2)
    log.event("region_read", device=NAME, region=0, address=0x44, size=4, value=0xAB)
    log.event("memory_read", address=0xFEBF0044, size=4, value=0xAB)
    moved = nameless(log, 0xE0000020, 0x20, 0x6, 2)
    nameless(log, 0xE0000024, 0x24, 0x7, 2)
    assert addresses(bar_of(log, 2).placements) == [(first, 0xFEBC0000), (moved, 0xE0000000)]
    assert addresses(bar_of(log, 0).placements) == [(other, 0xFEBF0000)]


def test_lines_of_two_processors_that_cross_are_no_pair() -> None:
    log = Log()
    log.setup({0: 0x4000, 2: 0x20000})
    for _ in range(3):
        log.event("memory_write", address=0xFEBC0010, size=4, value=1)
        log.event("memory_write", address=0xFEBF0040, size=4, value=1)
        log.access(2, 0x10, 1)
        log.access(0, 0x40, 1)
    assert not bar_of(log, 0).placements
    assert not bar_of(log, 2).placements


def test_one_pair_without_a_name_is_chance() -> None:
    log = Log()
    log.setup({2: 0x20000})
    nameless(log, 0xFEBC0010, 0x10, 0x1234, 2)
    assert not bar_of(log, 2).placements


# ---- the monitor


def test_info_pci_fills_what_the_log_lacks() -> None:
    log = Log()
    log.setup({0: 0x10000000, 2: 0x80000, 4: 0x100})
    log.access()
    card = card_of(log, listing(INFO_PCI))
    assert [(b.kind, b.guest) for b in card.bars] == [
        ("memory64", 0xE0000000),
        ("memory32", 0xFE800000),
        ("io", 0xC000),
    ]
    assert all(addresses(b.placements)[0][0] == -1 for b in card.bars)
    assert card.bars[0].placements[0].position is not None
    assert card.bars[0].placements[0].position.input == 1


def test_info_pci_of_another_boot_is_a_contradiction() -> None:
    log = Log()
    log.setup({2: 0x80000})
    log.read(0x0, 0x47111C5A)
    log.write(0x18, 0xFEA00000)
    row = log.command(2)
    card = card_of(log, listing(INFO_PCI))
    assert card.bars[0].guest == 0xFEA00000
    (contradiction,) = [c for c in card.contradictions if "another boot" in c.text]
    assert {(p.input, p.line) for p in contradiction.positions} == {(1, 5), (0, row + 1)}


def test_the_command_line_tells_twins_apart() -> None:
    twins = INFO_PCI + INFO_PCI.replace("device   5", "device   6").replace("0xfe8", "0xfd8").replace("dev0", "dev1")
    command = f"qemu-system-x86_64 -device vfio-pci,host={DEVICE},id=hostdev1 -m 1\n"
    log = Log()
    log.setup({2: 0x80000})
    log.read(0x0, 0x47111C5A)
    assert card_of(log, listing(twins)).bars[0].guest is None
    assert card_of(log, listing(twins), listing(command)).bar(2).guest == 0xFD800000  # type: ignore[union-attr]


MTREE = f"""FlatView #0
 AS "memory", root: system
 Root memory region: system
  0000000000000000-000000001fffffff (prio 0, ram): pc.ram KVM
  00000000fe800000-00000000fe803fff (prio 0, ramd): {NAME} BAR 2 mmaps[0] KVM
  00000000fe804000-00000000fe804fff (prio 1, i/o): vfio-some-quirk
  00000000fe805000-00000000fe87ffff (prio 0, ramd): {NAME} BAR 2 mmaps[0] @0000000000005000 KVM
  00000000fee00000-00000000feefffff (prio 4096, i/o): kvm-apic-msi

FlatView #1
 AS "I/O", root: io
 Root memory region: io
  0000000000000cf8-0000000000000cfb (prio 0, i/o): pci-conf-idx
  000000000000c000-000000000000c0ff (prio 1, i/o): {NAME} BAR 4
"""


def test_flat_views() -> None:
    log = Log()
    log.setup({2: 0x80000, 4: 0x100})
    machine = build_machine(log.frame(), [listing(MTREE)])
    two, four = machine.cards[0].bars
    assert (two.guest, four.guest, four.kind) == (0xFE800000, 0xC000, "io")
    assert two.mapped == (Span(0, 0x3FFF, "mapped"), Span(0x5000, 0x7FFFF, "mapped"))
    assert machine.guest_spans[0] == Span(0, 0x1FFFFFFF, "ram")
    assert {s.name for s in machine.guest_ports} == {"pci-conf-idx", f"{NAME} BAR 4"}


def test_monitor_listings_that_disagree() -> None:
    log = Log()
    log.setup({2: 0x80000})
    moved = MTREE.replace("00000000fe8", "00000000fd8")
    card = card_of(log, listing(INFO_PCI), listing(moved))
    assert card.bars[0].guest is None
    assert any("listings of the guest show BAR2" in c.text for c in card.contradictions)


# ---- config space


def test_the_last_value_of_every_byte() -> None:
    log = Log()
    log.read(0x0, 0x1C5A, 2)
    log.read(0x2, 0x47, 1)
    log.read(0x3, 0x11, 1)
    log.read(0x2C, 0x00091C5B)
    log.read(0x9, 0x0A, 1)
    log.read(0xA, 0x0380, 2)
    log.read(0x10, 0xE000000C)
    log.write(0x40, 0x11223344)
    log.write(0x41, 0xAA, 1)
    log.write(0x0, 0xDEADBEEF)
    log.write(0x6, 0xFFFF, 2)
    card = card_of(log)
    assert (card.vendor, card.device, card.subvendor, card.subdevice) == (0x1C5A, 0x1147, 0x1C5B, 9)
    assert card.class_code == 0x03800A
    assert card.guest_config.read(0x40, 4) == 0x1122AA44
    assert card.guest_config.read(0x6, 2) is None
    assert card.guest_config.read(0x10, 4) == 0xE000000C
    assert card.guest_config.size == 256


def test_extended_config_space_and_its_size() -> None:
    log = Log()
    log.setup({0: 0x1000}, config=256)
    assert card_of(log).config_size == 256
    bare = Log()
    bare.read(0x104, 1)
    assert card_of(bare).guest_config.size == 4096
    assert card_of(bare).config_size == 4096


def test_a_device_that_is_gone_has_no_id() -> None:
    log = Log()
    log.read(0, 0xFFFFFFFF)
    assert card_of(log).vendor is None


@pytest.mark.parametrize("wide", [True, False])
def test_msi_messages_over_time(wide: bool) -> None:
    log = Log()
    log.event("msi_setup", device=NAME, address=0x60)
    log.read(0x62, 0x0080 if wide else 0, 2)
    rows = []
    data_at = 0x6C if wide else 0x68
    for address, data in ((0xFEE01004, 0x4021), (0xFEE02004, 0x4022)):
        log.write(0x64, address)
        if wide:
            log.write(0x68, 0)
        rows.append(log.write(data_at, data, 2))
        log.write(0x62, 0x81 if wide else 1, 2)
    log.write(0x62, 0x80 if wide else 0, 2)
    card = card_of(log)
    assert card.msi is not None
    assert card.msi.offset == 0x60
    assert card.msi.messages == ((rows[0], 0xFEE01004, 0x4021), (rows[1], 0xFEE02004, 0x4022))


def test_the_msi_layout_by_its_writes_alone() -> None:
    log = Log()
    log.event("msi_setup", device=NAME, address=0x60)
    log.write(0x64, 0xFEE01004)
    log.write(0x68, 0x1)
    row = log.write(0x6C, 0x4021, 2)
    msi = card_of(log).msi
    assert msi is not None
    assert msi.messages == ((row, 0x1_FEE0_1004, 0x4021),)


def test_the_msi_capability_is_found_in_the_bytes_the_guest_read() -> None:
    log = Log()
    log.read(0x34, 0x40, 1)
    log.read(0x40, 0x5001, 2)
    log.read(0x50, 0x0005, 2)
    log.write(0x54, 0xFEE00000)
    row = log.write(0x58, 0x30, 2)
    msi = card_of(log).msi
    assert msi is not None
    assert msi.messages == ((row, 0xFEE00000, 0x30),)


def test_interrupts_give_the_message_where_nobody_programmed_it() -> None:
    log = Log()
    log.event("msi_setup", device=NAME, address=0x60)
    first = log.event("msi_interrupt", device=NAME, address=0xFEE01004, value=0x31)
    for _ in range(5):
        log.event("msi_interrupt", device=NAME, address=0xFEE01004, value=0x31)
    msi = card_of(log).msi
    assert msi is not None
    assert msi.messages == ((first, 0xFEE01004, 0x31),)


def test_msix_from_its_line_and_from_its_bytes() -> None:
    log = Log()
    log.event("msix_setup", device=NAME, region=3, address=0x2000, value=5, detail="a0")
    msix = card_of(log).msix
    assert msix is not None
    assert (msix.offset, msix.table_bar, msix.table_offset, msix.entries) == (0xA0, 3, 0x2000, 5)
    read = Log()
    read.read(0x34, 0x40, 1)
    read.read(0x40, 0x0003_0011)
    read.read(0x44, 0x0000_2004)
    read.read(0x48, 0x0000_3004)
    msix = card_of(read).msix
    assert msix is not None
    assert (msix.table_bar, msix.table_offset, msix.entries, msix.pba_offset) == (4, 0x2000, 4, 0x3000)


# ---- devices


def test_several_devices_and_devices_without_config() -> None:
    log = Log()
    log.setup({0: 0x1000})
    log.write(0x10, 0xFEBF0000)
    log.command(2)
    other = Log("0000:04:00.0")
    other.rows = log.rows
    other.access(1, 0x10)
    machine = build_machine(log.frame(), [])
    assert [card.name for card in machine.cards] == [DEVICE, "0000:04:00.0"]
    assert machine.cards[1].bars == ()


def test_nameless_accesses() -> None:
    log = Log(None)
    log.access(0, 0x10)
    machine = build_machine(log.frame(), [])
    assert [card.name for card in machine.cards] == ["unnamed"]
    assert machine.owns_nameless == ()
    log.device = DEVICE
    log.read(0, 0x47111C5A)
    machine = build_machine(log.frame(), [])
    assert [card.name for card in machine.cards] == [DEVICE]
    assert machine.owns_nameless == (DEVICE,)


def test_an_empty_log() -> None:
    assert build_machine(pl.DataFrame(schema=SCHEMA), []).cards == ()


def test_a_reset_of_the_machine_before_any_device() -> None:
    log = Log(None)
    log.event("reset")
    assert build_machine(log.frame(), []).cards == ()


def test_memory_slots_stand_in_for_the_listener() -> None:
    log = Log()
    log.event("user_memory", address=0, value=0x20000000)
    log.setup({1: 0x10000000})
    log.access()
    placed = log.event("user_memory", address=0xE0000000, value=0x10000000)
    log.access()
    gone = log.event("user_memory", address=0xE0000000, value=0)
    log.access()
    machine = build_machine(log.frame(), [])
    (bar,) = machine.cards[0].bars
    assert addresses(bar.placements) == [(placed, 0xE0000000), (gone, None)]
    assert bar.mapped == (Span(0, 0xFFFFFFF, "mapped"),)
    assert machine.guest_spans == (Span(0, 0x1FFFFFFF, "ram"),)


def test_a_bar_that_moved_while_only_the_listener_looked_on() -> None:
    log = Log()
    log.setup({5: 0x1000})
    first = log.trapped(0xC61EF000, 0x80)
    log.trapped(0xC61EF080, 0xF80)
    log.access(5)
    gone = log.untrapped(0xC61EF000, 0x80)
    log.untrapped(0xC61EF080, 0xF80)
    log.trapped(0xFDE02000, 0x80)
    log.access(5)
    second = log.trapped(0xFDE02080, 0xF80)
    log.access(5)
    found = addresses(bar_of(log, 5).placements)
    assert [address for _, address in found] == [0xC61EF000, None, 0xFDE02000]
    assert found[1:] == [(gone, None), (second, 0xFDE02000)]
    assert first <= found[0][0] < gone
