"""The spellings of different versions and tools, in small files."""

from pathlib import Path

import pytest

from quirkfinder.inventory import Facts, HostFunction, InventoryBar, parse, quoted, recognise

DATA = Path(__file__).parent / "data"


def read(name: str, role: str | None = None) -> Facts:
    content = (DATA / name).read_bytes()
    found = recognise(content)
    assert found is not None
    return parse(content, "guest" if role == "guest" else found[0], found[1], input=3)


def by_address(facts: Facts, address: str) -> HostFunction:
    return next(f for f in facts.functions if f.address == address)


def bar(function: HostFunction, index: int) -> InventoryBar:
    return next(b for b in function.bars if b.index == index)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lspci-hard-cases.txt", ("host", "lspci")),
        ("lspci-numbers.txt", ("host", "lspci")),
        ("lspci-fields.txt", ("host", "lspci")),
        ("dump-types.txt", ("host", "lspci-hex")),
        ("info-pci-7.2.txt", ("guest", "info-pci")),
        ("info-pci-11.1.txt", ("guest", "info-pci")),
        ("mtree-flat.txt", ("guest", "info-mtree-flat")),
        ("mtree-tree.txt", ("guest", "info-mtree")),
        ("mtree-old.txt", ("guest", "info-mtree")),
        ("monitor.txt", ("guest", "monitor")),
        ("iomem.txt", ("host", "proc-iomem")),
        ("iomem-hidden.txt", ("host", "proc-iomem")),
        ("ioports.txt", ("host", "proc-ioports")),
        ("command-libvirt.txt", ("guest", "qemu-command-line")),
        ("mail.txt", ("host", "mixed")),
    ],
)
def test_recognised_by_content(name: str, expected: tuple[str, str]) -> None:
    assert recognise((DATA / name).read_bytes()) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\nworld\n",
        b'{"kind": "window", "region": "bar1"}\n',
        b"\x7fELF\x00\x00 00: 00 00\n",
        b"vfio_region_read  (0000:01:00.0:region0+0x10, 4) = 0xfee00000\n" * 5,
        b"vfio_region_read  (0000:01:00.0:region0+0x10, 4) = 0xfee00000\n" * 5
        + b"0000-0cf7 : PCI Bus\n0cf8-0cff : x\n",
        b"vfio: vfio_bar_write(0000:01:00.0:BAR0+0x100, 0x1, 4)\n",
        b"# a kernel log\n[ 1.0] pci 0000:01:00.0: reg 0x10: [mem 0xf0000000-0xf3ffffff]\n",
    ],
)
def test_other_files_are_not_inventories(content: bytes) -> None:
    assert recognise(content) is None


def test_a_log_that_starts_with_the_command_line_is_a_log() -> None:
    command = (DATA / "command-libvirt.txt").read_bytes()
    assert recognise(command + b"vfio_pci_read_config  (0000:01:00.0, @0x0, len=0x2) 0x1c5a\n") is None


def test_lspci_flags_of_bars() -> None:
    facts = read("lspci-hard-cases.txt")
    assert facts.unrecognised == 0
    card = by_address(facts, "0000:03:00.0")
    assert (card.vendor, card.device, card.subvendor, card.subdevice) == (0x1C5A, 0x4711, 0x1C5B, 9)
    assert card.class_code == 0x03800A
    assert [b.index for b in card.bars] == [0, 2, 3, 4, 5, 6]
    assert bar(card, 0).unassigned
    assert bar(card, 0).disabled
    assert bar(card, 0).address is None
    assert bar(card, 2).virtual
    assert (bar(card, 2).address, bar(card, 2).size) == (0xF7A00000, 512 << 10)
    assert bar(card, 3).ignored
    assert bar(card, 3).kind == "io"
    assert bar(card, 5).size == 8
    assert bar(card, 6).virtual
    assert bar(card, 6).line == 18
    assert card.driver == "vfio-pci"


def test_lspci_capabilities() -> None:
    card = by_address(read("lspci-hard-cases.txt"), "0000:03:00.0")
    assert card.msi is not None
    assert (card.msi.offset, card.msi.wide, card.msi.enabled) == (0x50, True, True)
    assert (card.msi.address, card.msi.data) == (0xFEE02004, 0x52)
    assert card.msix is not None
    assert (card.msix.offset, card.msix.entries) == (0x70, 17)
    assert (card.msix.table_bar, card.msix.table_offset) == (2, 0x40000)
    assert (card.msix.pba_bar, card.msix.pba_offset) == (2, 0x48000)
    assert card.express == 0x90


def test_the_bars_of_virtual_functions_are_not_the_functions_own() -> None:
    assert bar(by_address(read("lspci-hard-cases.txt"), "0000:03:00.0"), 0).kind == "memory64"
    assert len(by_address(read("lspci-hard-cases.txt"), "0000:03:00.0").bars) == 6


def test_bridges() -> None:
    bridge = by_address(read("lspci-hard-cases.txt"), "0000:00:1c.4")
    assert bridge.is_bridge
    assert bridge.secondary_bus == 3
    assert [(w.kind, w.first, w.last) for w in bridge.windows] == [
        ("io", 0xE000, 0xEFFF),
        ("memory", 0xF7A00000, 0xF7BFFFFF),
    ]


def test_wide_domains_sleeping_cards_and_missing_rights() -> None:
    facts = read("lspci-hard-cases.txt")
    assert bar(by_address(facts, "10000:01:00.0"), 0).size == 16384
    assert by_address(facts, "0000:04:00.0").asleep
    assert any("root" in note and "10000:01:00.0" in note for note in facts.notes)


def test_plain_verbosity_has_no_indexes() -> None:
    facts = read("lspci-numbers.txt")
    card = by_address(facts, "0000:01:00.0")
    assert (card.vendor, card.device, card.class_code) == (0x1C5A, 0x0301, 0x030000)
    assert (card.subvendor, card.subdevice) == (0x1C5B, 1)
    assert [(b.index, b.kind, b.address, b.size) for b in card.bars] == [
        (None, "memory32", 0xE0000000, 64 << 20),
        (None, "memory32", 0xF0000000, 16384),
        (None, "io", 0xD000, 128),
        (6, "rom", 0xC0000, 128 << 10),
    ]


def test_config_bytes_of_an_endpoint() -> None:
    card = next(f for f in read("dump-types.txt").functions if f.source == "config" and not f.is_bridge)
    assert (card.address, card.vendor, card.device) == ("0000:02:00.0", 0x1C5A, 0x0201)
    assert (card.subvendor, card.subdevice, card.class_code) == (0x1C5B, 0x0123, 0x020000)
    assert [(b.index, b.kind, b.address, b.prefetchable) for b in card.bars] == [
        (0, "io", 0xE000, None),
        (2, "memory64", 0xF7700000, False),
        (4, "memory64", 0x1F0000000, True),
        (6, "rom", 0xF7600000, None),
    ]
    assert bar(card, 6).disabled
    assert card.msi is not None
    assert (card.msi.offset, card.msi.wide, card.msi.address, card.msi.data) == (0x50, True, 0xFEE0F004, 0x41A1)
    assert card.msix is not None
    assert (card.msix.entries, card.msix.table_bar, card.msix.pba_offset) == (4, 4, 0x800)


def test_config_bytes_of_a_bridge() -> None:
    bridge = next(f for f in read("dump-types.txt").functions if f.source == "config" and f.is_bridge)
    assert bridge.secondary_bus == 2
    assert bridge.subvendor is None
    assert [(w.kind, w.first, w.last) for w in bridge.windows] == [
        ("io", 0xE000, 0xEFFF),
        ("memory", 0xF7600000, 0xF77FFFFF),
        ("prefetchable", 0x1_F000_0000, 0x1_F00F_FFFF),
    ]


def test_a_capability_list_that_runs_in_circles_ends() -> None:
    rows = ["04:00.0 Thing: Maker"]
    space = bytearray(256)
    space[0:4], space[6], space[0x34] = b"\x5a\x1c\x01\x00", 0x10, 0x40
    space[0x40], space[0x41], space[0x50], space[0x51] = 0x09, 0x50, 0x01, 0x40
    rows += [f"{at:02x}: " + space[at : at + 16].hex(" ") for at in range(0, 256, 16)]
    facts = parse("\n".join(rows).encode(), "host", "lspci-hex")
    assert facts.functions[-1].msi is None


def test_a_dump_of_a_card_that_is_gone() -> None:
    rows = ["04:00.0 Thing: Maker", *(f"{at:02x}: " + " ".join(["ff"] * 16) for at in range(0, 64, 16))]
    found = parse("\n".join(rows).encode(), "host", "lspci-hex").functions[-1]
    assert found.asleep
    assert not found.bars


def test_a_dump_with_a_missing_row_ends_there() -> None:
    text = "04:00.0 Thing: Maker\n00: " + " ".join(["01"] * 16) + "\n20: " + " ".join(["02"] * 16) + "\n"
    facts = parse(text.encode(), "host", "lspci-hex")
    assert facts.functions[-1].config == b"\x01" * 16
    assert facts.unrecognised == 1


@pytest.mark.parametrize(("name", "size"), [("info-pci-7.2.txt", 0x100), ("info-pci-11.1.txt", None)])
def test_unmapped_bars_of_old_and_new_monitors(name: str, size: int | None) -> None:
    card = read(name).guest_functions[-1]
    assert (card.address, card.identifier) == ("0000:01:00.0", "hostdev0")
    assert (card.vendor, card.device, card.subdevice) == (0x1C5A, 0x4711, 9)
    assert (bar(card, 2).address, bar(card, 2).size) == (0xFE800000, 512 << 10)
    assert bar(card, 4).unassigned
    assert (bar(card, 4).address, bar(card, 4).size) == (None, size)
    assert bar(card, 6).kind == "rom"
    assert read(name).unrecognised == 0


def test_bridges_of_the_guest() -> None:
    bridge = read("info-pci-7.2.txt").guest_functions[1]
    assert bridge.is_bridge
    assert bridge.secondary_bus == 1


def test_monitor_transcript() -> None:
    facts = read("monitor.txt")
    assert [f.identifier for f in facts.guest_functions] == ["card"]
    assert [s.name for s in facts.mtree] == ["pc.ram"]
    # The line inside `info pci` is strange; what other commands print is not our business.
    assert facts.unrecognised == 1
    assert facts.unrecognised_lines == (7,)


def test_flat_views_keep_memory_and_ports_apart() -> None:
    facts = read("mtree-flat.txt")
    assert facts.unrecognised == 0
    assert all(span.flat for span in facts.mtree)
    spaces = {span.name: span.space for span in facts.mtree}
    assert spaces["0000:03:00.0 BAR 4"] == "ports"
    assert spaces["0000:03:00.0 BAR 2 mmaps[0]"] == "memory"
    assert spaces["vfio-vga-mmio@0xa0000"] == "memory"
    rest = next(s for s in facts.mtree if s.name == "0000:03:00.0 BAR 2")
    assert (rest.first, rest.offset, rest.kind) == (0xFE840110, 0x40110, "i/o")


def test_the_tree_form() -> None:
    facts = read("mtree-tree.txt")
    assert facts.unrecognised == 0
    assert not any(span.flat for span in facts.mtree)
    alias = next(s for s in facts.mtree if s.alias_of)
    assert (alias.name, alias.alias_of) == ("ram-below-4g", "pc.ram")
    assert next(s for s in facts.mtree if s.name == "msix-pba").disabled
    assert {s.space for s in facts.mtree if s.name == "pc.ram"} == {"other"}
    assert next(s for s in facts.mtree if s.name.endswith("BAR 4")).space == "ports"


def test_the_tree_form_of_early_versions() -> None:
    facts = read("mtree-old.txt")
    assert facts.unrecognised == 0
    found = next(s for s in facts.mtree if s.name.endswith("BAR 0"))
    assert (found.first, found.kind, found.space) == (0xE0000000, "RW", "memory")


def test_an_unprivileged_iomem_is_called_useless() -> None:
    facts = read("iomem-hidden.txt")
    assert not facts.memory
    assert any("root" in note for note in facts.notes)


def test_nesting_of_iomem() -> None:
    names = {(s.name, s.parents) for s in read("iomem.txt").memory}
    assert ("vfio-pci", ("PCI Bus 0000:00", "PCI Bus 0000:03", "0000:03:00.0")) in names
    assert ("Kernel code", ("System RAM",)) in names
    assert {(s.name, s.first) for s in read("ioports.txt").ports} >= {("0000:03:00.0", 0xE000)}


def test_a_mail_with_several_listings() -> None:
    facts = read("mail.txt")
    (host,) = facts.functions
    assert host.address == "0000:03:00.0"
    assert {(b.index, b.address) for b in host.bars} == {(0, 0xE0000000), (2, 0xF7A00000)}
    assert host.driver == "vfio-pci"
    (guest,) = facts.guest_functions
    assert guest.identifier == "hostdev0"
    assert bar(guest, 2).address == 0xFE800000


def test_command_lines() -> None:
    first, second, third = read("command-libvirt.txt").devices
    assert (first.driver, first.option("host"), first.option("id")) == ("vfio-pci", "0000:03:00.0", "hostdev0")
    assert first.option("x-no-mmap") == "on"
    assert second.option("romfile") == "/roms/a,b.rom"
    assert second.option("missing") is None
    assert third.driver == "virtio-blk-pci"


@pytest.mark.parametrize(
    "command",
    [
        b"qemu-system-x86_64 -device '{\"driver\": ' -device\n",
        b"qemu-system-x86_64 -device '{broken' -m 1\n",
        b'qemu-system-x86_64 -device "vfio-pci,host=1\n',
        b"qemu-system-x86_64 -device ,,,=,\\\n",
        b"qemu-system-x86_64 -device [1,2] -device '[1]'\n",
    ],
)
def test_broken_command_lines_do_not_stop_anything(command: bytes) -> None:
    parse(command, "guest", "qemu-command-line")


def test_resource_files_that_cannot_be_told_apart() -> None:
    row = "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"
    facts = parse((row * 9).encode(), "host", "sysfs-resource")
    assert not facts.functions
    assert any("file of its own" in note for note in facts.notes)


def test_resource_files_of_different_lengths() -> None:
    empty = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
    first = "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n" + empty * 5
    rom = "0x00000000f7000000 0x00000000f701ffff 0x0000000000046200\n"
    text = first + rom + empty * 10 + first + rom + empty * 6
    found = parse(text.encode(), "host", "sysfs-resource").functions
    assert [len(f.bars) for f in found] == [2, 2]


def test_unset_resources_have_a_size_and_no_address() -> None:
    text = "0x0000000000000000 0x00000000000fffff 0x0000000020040200\n" * 1
    (found,) = parse(text.encode(), "host", "sysfs-resource").functions
    assert (found.bars[0].address, found.bars[0].size, found.bars[0].unassigned) == (None, 1 << 20, True)


def test_positions_are_lines_of_the_file() -> None:
    facts = read("info-pci-11.1.txt")
    assert facts.input == 3
    assert [b.line for b in facts.guest_functions[0].bars] == [5, 6, 7, 8]
    assert facts.lines == 9


def test_listings_above_a_log() -> None:
    """A bug report: what lspci says, then the trace. The file is a log; its beginning is a listing all the same."""
    log = b"vfio_region_read  (0000:03:00.0:region0+0x10, 4) = 0xfee00000\n" * 500
    report = (DATA / "mail.txt").read_bytes() + (DATA / "command-libvirt.txt").read_bytes() + log
    assert recognise(report) is None
    facts = quoted(report, 2)
    assert facts is not None
    assert (facts.input, facts.unrecognised) == (2, 0)
    assert [f.address for f in facts.functions] == ["0000:03:00.0"]
    assert facts.devices[0].option("id") == "hostdev0"
    assert quoted(log) is None


def test_a_command_line_with_megabytes_below_it_is_a_log() -> None:
    command = (DATA / "command-libvirt.txt").read_bytes()
    assert recognise((command + b"some other output\n" * 5000)[: 64 << 10]) is None


@pytest.mark.parametrize(
    "line",
    [
        "0000000000000000-0000000000000fff (prio 0, ram): " + " owner:{" * 200_000,
        "01:00.0 " + "a" * 500_000,
        "> " * 500_000,
        "qemu-system-x86_64 -device " + "," * 50_000,
        "lspci " * 100_000 + " -s",
        "Region 0: Memory at " + "0" * 500_000,
        "\x1b[" + "1;" * 300_000,
    ],
)
def test_endless_lines(line: str) -> None:
    recognise(line.encode())
    assert parse(line.encode(), "host", "mixed").functions == ()


def test_lspci_with_a_field_a_line() -> None:
    facts = read("lspci-fields.txt")
    assert facts.unrecognised == 0
    card, sound, network = facts.functions
    assert (card.address, card.vendor, card.device) == ("0000:01:00.0", 0x10DE, 0x06E4)
    assert (card.subvendor, card.subdevice, card.class_code, card.driver) == (0x1462, 0x1163, 0x030000, "vfio-pci")
    assert (sound.address, sound.vendor, sound.device, sound.class_code) == ("0001:02:00.1", 0x10DE, 0x0BE3, 0x040300)
    assert (network.vendor, network.device, network.class_code) == (None, None, None)
    assert network.name == "Realtek Semiconductor Co., Ltd. RTL8111/8168"
