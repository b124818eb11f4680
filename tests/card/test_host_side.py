"""Matching the log's devices with the host's listings: names, ids, sizes, contradictions, neighbours."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.card import Card, Machine, Span, build_machine
from quirkfinder.inventory import Facts, parse, recognise
from tests.card.frames import DEVICE, Log
from tests.inventory import render
from tests.inventory.render import Bar, Function
from tests.inventory.strategies import functions

CARD = Function(
    DEVICE,
    0x1C5A,
    0x4711,
    0x1C5B,
    0x0009,
    0x038000,
    (
        Bar(0, "memory64", 0xA0000000, 0x10000000, True),
        Bar(2, "memory32", 0xF7A00000, 0x80000),
        Bar(4, "io", 0xE000, 0x100),
    ),
    (17, 2, 0x40000, 0x48000),
)
TWIN = replace(
    CARD,
    address="0000:04:00.0",
    bars=(
        Bar(0, "memory64", 0xB0000000, 0x10000000, True),
        Bar(2, "memory32", 0xF7B00000, 0x80000),
        Bar(4, "io", 0xD000, 0x100),
    ),
)
COMPANION = Function("0000:03:00.1", 0x1C5A, 0x4712, bars=(Bar(0, "memory32", 0xF7A80000, 0x4000),))
SOCKET = "vfio-user:/run/card.sock"


def listing(*texts: str, role: str | None = None, source: int = 1) -> list[Facts]:
    found = []
    for at, text in enumerate(texts):
        recognised = recognise(text.encode())
        assert recognised is not None
        as_role = "guest" if role == "guest" else recognised[0]
        found.append(parse(text.encode(), as_role, recognised[1], source + at))
    return found


def log_of(function: Function, name: str = DEVICE, *, ids: bool = True) -> Log:
    log = Log(name)
    log.setup({bar.index: bar.size for bar in function.bars})
    if ids:
        log.read(0x00, function.device << 16 | function.vendor)
        log.read(0x2C, function.subdevice << 16 | function.subvendor)
    log.access()
    return log


def machine_of(log: Log, *texts: str) -> Machine:
    return build_machine(log.frame(), listing(*texts))


def hosts(card: Card) -> dict[int, int | None]:
    return {bar.index: bar.host for bar in card.bars}


ADDRESSES: dict[int, int | None] = {bar.index: bar.address for bar in CARD.bars}


def test_a_device_named_by_its_address() -> None:
    machine = machine_of(log_of(CARD), render.lspci(COMPANION) + "\n" + render.lspci(CARD))
    (card,) = machine.cards
    assert card.host_address == DEVICE
    assert hosts(card) == ADDRESSES
    assert [bar.kind for bar in card.bars] == ["memory64", "memory32", "io"]
    assert not card.contradictions
    assert not machine.notes
    assert [n.address for n in machine.neighbours] == ["0000:03:00.1"]


def test_every_source_alone_gives_the_host_addresses() -> None:
    ports = "".join(f"  {b.address:04x}-{b.address + b.size - 1:04x} : {DEVICE}\n" for b in CARD.bars if b.kind == "io")
    for texts in (
        (render.lspci(CARD),),
        (render.hex_dump(CARD),),
        (render.resource(CARD),),
        (render.iomem(CARD), "0000-0cf7 : PCI Bus 0000:00\n" + ports),
    ):
        for name in (DEVICE, SOCKET):
            (card,) = machine_of(log_of(CARD, name), *texts).cards
            assert hosts(card) == ADDRESSES, (texts, name)


def test_iomem_alone_knows_nothing_of_ports() -> None:
    (card,) = machine_of(log_of(CARD), render.iomem(CARD)).cards
    assert hosts(card) == {**ADDRESSES, 4: None}


def test_plain_verbosity_is_numbered_by_sizes() -> None:
    text = render.lspci(CARD).replace("Region 0: ", "").replace("Region 2: ", "").replace("Region 4: ", "")
    (card,) = machine_of(log_of(CARD), text).cards
    assert hosts(card) == ADDRESSES


def test_a_name_that_is_no_address_is_matched_by_ids_and_sizes() -> None:
    machine = machine_of(log_of(CARD, SOCKET), render.lspci(COMPANION) + "\n" + render.lspci(CARD))
    assert machine.cards[0].host_address == DEVICE
    assert any("taken to be 0000:03:00.0" in note for note in machine.notes)


def test_sizes_alone_can_match() -> None:
    machine = machine_of(log_of(CARD, SOCKET, ids=False), render.lspci(COMPANION) + "\n" + render.lspci(CARD))
    assert machine.cards[0].host_address == DEVICE


def test_twins_are_a_contradiction_unless_one_is_passed_through() -> None:
    text = render.lspci(CARD) + "\n" + render.lspci(TWIN)
    (card,) = machine_of(log_of(CARD, SOCKET), text).cards
    assert card.host_address is None
    assert hosts(card) == {0: None, 2: None, 4: None}
    assert any("fits several functions" in c.text for c in card.contradictions)
    used = render.lspci(CARD) + "\n" + render.lspci(TWIN).replace("vfio-pci", "example")
    assert machine_of(log_of(CARD, SOCKET), used).cards[0].host_address == DEVICE


def test_no_function_fits() -> None:
    machine = machine_of(log_of(CARD, SOCKET), render.lspci(COMPANION))
    assert machine.cards[0].host_address is None
    assert any("no function of the host's inventory fits" in note for note in machine.notes)


def test_the_inventory_lacks_the_device() -> None:
    machine = machine_of(log_of(CARD), render.lspci(TWIN))
    assert machine.cards[0].host_address is None
    assert any(f"no function {DEVICE}" in note for note in machine.notes)


def test_a_resource_file_finds_its_function_by_the_addresses() -> None:
    text = render.lspci(CARD) + "\n" + render.lspci(TWIN)
    machine = machine_of(log_of(CARD), text, render.resource(TWIN))
    assert not machine.cards[0].contradictions
    twin = next(n for n in machine.neighbours if n.address == TWIN.address)
    assert [bar.host for bar in twin.bars] == [0xB0000000, 0xF7B00000, 0xD000]
    assert not machine.notes


def test_listings_of_different_boots() -> None:
    moved = replace(CARD, bars=(Bar(0, "memory64", 0xC0000000, 0x10000000, True), *CARD.bars[1:]))
    (card,) = machine_of(log_of(CARD), render.lspci(CARD), render.resource(moved)).cards
    assert hosts(card)[0] == 0xC0000000
    (found,) = [c for c in card.contradictions if "BAR0's host address" in c.text]
    assert {p.input for p in found.positions} == {1, 2}
    assert all(p.line >= 1 for p in found.positions)
    (card,) = machine_of(log_of(CARD), render.lspci(CARD), render.hex_dump(moved)).cards
    assert hosts(card)[0] == 0xA0000000
    assert any("BAR0's host address" in c.text for c in card.contradictions)
    (card,) = machine_of(log_of(CARD), render.lspci(CARD), render.iomem(moved)).cards
    assert any("of different boots" in c.text for c in card.contradictions)


def test_the_wrong_card_in_the_inventory() -> None:
    other = replace(CARD, vendor=0x1111, bars=(Bar(0, "memory32", 0xA0000000, 0x1000), *CARD.bars[1:]))
    (card,) = machine_of(log_of(CARD), render.lspci(other)).cards
    texts = " / ".join(c.text for c in card.contradictions)
    assert "the vendor id is 0x1c5a in the log and 0x1111" in texts
    assert "BAR0's size differs" in texts


def test_ids_that_qemu_replaced_are_no_contradiction() -> None:
    log = log_of(CARD)
    log.event("emulated_id", device=DEVICE, region=7, address=0, size=2, value=0x1C5A)
    (card,) = machine_of(log, render.lspci(replace(CARD, vendor=0x1111))).cards
    assert not card.contradictions
    assert card.vendor == 0x1C5A


def test_a_sleeping_card() -> None:
    asleep = f"{DEVICE} Some controller: Maker\n" + "".join(f"{at:02x}:" + " ff" * 16 + "\n" for at in (0, 16, 32, 48))
    (card,) = machine_of(log_of(CARD), render.lspci(CARD), asleep).cards
    assert hosts(card) == ADDRESSES
    assert any("answered with all ones" in c.text for c in card.contradictions)
    blank = replace(CARD, bars=())
    (card,) = machine_of(log_of(CARD), render.lspci(CARD), render.hex_dump(blank)).cards
    assert hosts(card) == ADDRESSES
    assert any("reads 0 in the dump" in c.text for c in card.contradictions)


def test_overlapping_functions() -> None:
    clash = replace(COMPANION, bars=(Bar(0, "memory32", 0xF7A40000, 0x4000),))
    machine = machine_of(log_of(CARD), render.lspci(CARD) + "\n" + render.lspci(clash))
    assert any("overlap at host address 0xf7a40000" in c.text for c in machine.contradictions)


def test_the_shadow_of_the_rom_is_no_contradiction() -> None:
    shadowed = replace(CARD, bars=(*CARD.bars, Bar(6, "rom", 0xC0000, 0x20000)))
    register = replace(CARD, bars=(*CARD.bars, Bar(6, "rom", 0xF7C00000, 0x10000)))
    (card,) = machine_of(log_of(CARD), render.lspci(shadowed), render.hex_dump(register)).cards
    assert hosts(card)[6] == 0xF7C00000
    assert not card.contradictions


def test_a_listing_made_in_the_guest() -> None:
    """One file has the host's lspci, the other the guest's; nobody said which is which."""
    log = log_of(CARD)
    for offset, value in ((0x10, 0xC), (0x20, 1)):
        log.read(offset, value)
    for offset, value in ((0x10, 0xE0000000), (0x14, 0), (0x18, 0xFE800000), (0x20, 0xC000)):
        log.write(offset, value)
    log.command(3)
    inside = replace(
        CARD,
        address="0000:00:05.0",
        bars=tuple(replace(b, address=a) for b, a in zip(CARD.bars, (0xE0000000, 0xFE800000, 0xC000), strict=True)),
    )
    machine = machine_of(log, render.lspci(CARD), render.lspci(inside))
    (card,) = machine.cards
    assert hosts(card) == ADDRESSES
    assert [bar.guest for bar in card.bars] == [0xE0000000, 0xFE800000, 0xC000]
    assert not machine.neighbours
    assert any("was made in the guest" in note for note in machine.notes)
    assert not card.contradictions


def test_a_card_at_its_host_addresses_is_not_taken_for_the_guests_listing() -> None:
    log = log_of(CARD, SOCKET)
    log.read(0x20, 1)
    for bar in CARD.bars:
        log.write(0x10 + 4 * bar.index, bar.address)
    log.command(3)
    (card,) = machine_of(log, render.lspci(CARD)).cards
    assert hosts(card) == ADDRESSES
    assert {bar.index: bar.guest for bar in card.bars} == ADDRESSES


def test_config_and_capabilities_of_the_host() -> None:
    (card,) = machine_of(log_of(CARD), render.lspci(CARD), render.hex_dump(CARD, 4096)).cards
    assert card.host_config.size == 4096
    assert card.host_config.read(0, 4) == 0x47111C5A
    assert card.msix is not None
    assert (card.msix.entries, card.msix.table_bar, card.msix.table_offset) == (17, 2, 0x40000)
    assert card.class_code == 0x038000


def test_what_the_log_lacks_comes_from_the_host() -> None:
    (card,) = machine_of(log_of(CARD, ids=False), render.lspci(CARD)).cards
    assert (card.vendor, card.device, card.subvendor, card.subdevice) == (0x1C5A, 0x4711, 0x1C5B, 9)


def test_the_kind_from_a_listing_says_which_bit_enables() -> None:
    log = log_of(CARD)
    log.write(0x20, 0xC000)
    log.write(0x18, 0xFE800000)
    ports = log.command(1)
    (card,) = machine_of(log, render.lspci(CARD)).cards
    assert card.bar(4) is not None
    assert [p.row for p in card.bars[2].placements] == [ports]
    assert not card.bars[1].placements


def test_host_spans_have_no_holes_inside_a_resource() -> None:
    text = """00001000-7fffffff : System RAM
  01000000-01ffffff : Kernel code
f7a00000-f7bfffff : PCI Bus 0000:03
  f7a00000-f7a7ffff : 0000:03:00.0
    f7a00000-f7a7ffff : vfio-pci
"""
    machine = machine_of(log_of(CARD), text)
    assert machine.host_spans == (
        Span(0x1000, 0xFFFFFF, "System RAM"),
        Span(0x1000000, 0x1FFFFFF, "Kernel code"),
        Span(0x2000000, 0x7FFFFFFF, "System RAM"),
        Span(0xF7A00000, 0xF7A7FFFF, "0000:03:00.0 (vfio-pci)"),
        Span(0xF7A80000, 0xF7BFFFFF, "PCI Bus 0000:03"),
    )


@settings(max_examples=40, deadline=None)
@given(functions(roms=False), st.sampled_from((DEVICE, SOCKET)), st.permutations(range(3)), st.integers(1, 7))
def test_whatever_listings_agree_give_the_same_card(
    function: Function, name: str, order: list[int], chosen: int
) -> None:
    """Any non-empty choice of listings in any order: the same host addresses, no contradictions."""
    function = replace(function, address=DEVICE)
    texts = [render.lspci(function), render.hex_dump(function), render.resource(function)]
    picked = [texts[at] for at in order if chosen >> at & 1]
    (card,) = machine_of(log_of(function, name), *picked).cards
    assert not card.contradictions
    known = any(index < 2 for index in order if chosen >> index & 1)
    if function.bars and (known or name == DEVICE):
        assert hosts(card) == {bar.index: bar.address for bar in function.bars}
