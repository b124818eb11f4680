"""What was rendered is what is read: for every format and every set of BARs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.inventory import InventoryBar, parse, recognise
from tests.inventory import render
from tests.inventory.strategies import functions

QUICK = settings(max_examples=60, deadline=None)


def shown(bars: tuple[InventoryBar, ...]) -> set[tuple[int | None, str, int | None, int | None]]:
    return {(b.index, b.kind, b.address, b.size) for b in bars}


def meant(function: render.Function) -> set[tuple[int, str, int, int]]:
    return {(b.index, b.kind, b.address, b.size) for b in function.bars}


@QUICK
@given(functions(), st.booleans(), st.booleans())
def test_lspci_text(function: render.Function, domain: bool, numbers: bool) -> None:
    text = render.lspci(function, domain=domain, numbers=numbers).encode()
    assert recognise(text) == ("host", "lspci")
    facts = parse(text, "host", "lspci")
    assert facts.unrecognised == 0
    (found,) = facts.functions
    assert found.address == function.address
    assert (found.vendor, found.device) == (function.vendor, function.device)
    assert (found.subvendor, found.subdevice) == (function.subvendor, function.subdevice)
    assert found.class_code == function.class_code
    assert shown(found.bars) == meant(function)
    assert {b.index: b.prefetchable for b in found.bars if b.kind.startswith("memory")} == {
        b.index: b.prefetchable for b in function.bars if b.kind.startswith("memory")
    }
    if function.msix is None:
        assert found.msix is None
    else:
        assert found.msix is not None
        entries, bar, table, pending = function.msix
        assert (found.msix.entries, found.msix.table_bar, found.msix.table_offset) == (entries, bar, table)
        assert (found.msix.pba_bar, found.msix.pba_offset) == (bar, pending)


@QUICK
@given(functions(), st.sampled_from((64, 256, 4096)))
def test_hex_dump(function: render.Function, length: int) -> None:
    text = render.hex_dump(function, length).encode()
    assert recognise(text) == ("host", "lspci-hex")
    facts = parse(text, "host", "lspci-hex")
    assert facts.unrecognised == 0
    found = facts.functions[-1]
    assert found.config == render.config_bytes(function, length)
    assert (found.vendor, found.device, found.class_code) == (function.vendor, function.device, function.class_code)
    assert shown(found.bars) == {(i, kind, address, None) for i, kind, address, _ in meant(function)}
    assert (found.msix is not None) == (function.msix is not None and length >= 256)


@QUICK
@given(functions(), st.sampled_from((7, 13)))
def test_resource_file(function: render.Function, rows: int) -> None:
    text = render.resource(function, rows).encode()
    assert recognise(text) == ("host", "sysfs-resource")
    facts = parse(text, "host", "sysfs-resource")
    assert facts.unrecognised == 0
    (found,) = facts.functions
    assert found.address is None
    assert shown(found.bars) == meant(function)


@QUICK
@given(st.lists(functions(), min_size=2, max_size=5), st.sampled_from((7, 13)), st.booleans())
def test_concatenated_resource_files(several: list[render.Function], rows: int, blank: bool) -> None:
    several = [f for f in several if any(b.index == render.ROM for b in f.bars)]
    text = ("\n" if blank else "").join(render.resource(f, rows) for f in several).encode()
    found = parse(text, "host", "sysfs-resource").functions
    assert [shown(f.bars) for f in found] == [meant(f) for f in several]


@QUICK
@given(st.lists(functions(), min_size=1, max_size=4, unique_by=lambda f: f.address))
def test_resource_files_named_by_a_search(several: list[render.Function]) -> None:
    lines = [
        f"/sys/bus/pci/devices/{f.address}/resource:{line}" for f in several for line in render.resource(f).splitlines()
    ]
    found = parse("\n".join(lines).encode(), "host", "sysfs-resource").functions
    assert {f.address: shown(f.bars) for f in found} == {f.address: meant(f) for f in several}


@QUICK
@given(functions(roms=False), st.booleans(), st.data())
def test_info_pci(function: render.Function, old: bool, data: st.DataObject) -> None:
    indexes = [bar.index for bar in function.bars]
    unmapped = frozenset(data.draw(st.sets(st.sampled_from(indexes)))) if indexes else frozenset()
    text = render.info_pci(function, "hostdev0", old=old, unmapped=unmapped).encode()
    assert recognise(text) == ("guest", "info-pci")
    facts = parse(text, "guest", "info-pci")
    assert facts.unrecognised == 0
    (found,) = facts.guest_functions
    assert (found.address, found.identifier) == (function.address, "hostdev0")
    assert (found.vendor, found.device) == (function.vendor, function.device)
    expected = set()
    for bar in function.bars:
        gone = bar.index in unmapped
        # Old versions print an end that still gives the size away.
        expected.add((bar.index, bar.kind, None if gone else bar.address, bar.size if old or not gone else None))
    assert shown(found.bars) == expected


@QUICK
@given(functions(), functions())
def test_text_and_dump_in_one_file(first: render.Function, second: render.Function) -> None:
    """`lspci -vvvxxx` prints both for every function; a mail may hold one after the other."""
    text = (render.lspci(first) + render.hex_dump(first, heading=False) + "\n" + render.lspci(second)).encode()
    facts = parse(text, "host", "mixed")
    assert facts.unrecognised == 0
    kinds = [(f.source, f.address) for f in facts.functions]
    assert kinds == [("lspci", first.address), ("config", first.address), ("lspci", second.address)]


@QUICK
@given(functions())
def test_a_guests_own_lspci_only_differs_by_the_role(function: render.Function) -> None:
    text = render.lspci(function).encode()
    host, guest = parse(text, "host", "lspci"), parse(text, "guest", "lspci")
    assert not host.guest_functions
    assert not guest.functions
    assert shown(guest.guest_functions[0].bars) == shown(host.functions[0].bars)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_read(noise: bytes) -> None:
    recognise(noise)
    facts = parse(noise, "host", "mixed")
    assert 0 <= facts.unrecognised <= noise.count(b"\n") + 1


@settings(max_examples=80, deadline=None)
@given(functions(), st.data())
def test_truncated_and_damaged_listings_are_read(function: render.Function, data: st.DataObject) -> None:
    parts = [render.lspci(function), render.hex_dump(function), render.resource(function), render.info_pci(function)]
    text = bytearray("".join(parts).encode())
    for _ in range(data.draw(st.integers(0, 8))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(text[: data.draw(st.integers(0, len(text)))])
    recognise(cut)
    parse(cut, "host", "mixed")
