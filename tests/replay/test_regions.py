"""Laws of QEMU's memory regions: how accesses are split and which region gets them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.replay.regions import Overlay, Region, access_size, bar_limit

sizes = st.sampled_from([1, 2, 4, 8])
addresses = st.integers(0, 0x60)
region_lists = st.lists(
    st.builds(Region, st.just(0), st.integers(0, 0x40), st.integers(1, 0x10), st.sampled_from([4, 8])), max_size=4
)


def overlay(regions: list[Region], limit: int = 8) -> Overlay[int]:
    laid: Overlay[int] = Overlay(limit)
    for at, region in enumerate(regions):
        laid.add(region, at)
    return laid


@given(region_lists, addresses, sizes, st.sampled_from([4, 8]))
@settings(deadline=None)
def test_pieces_are_the_access_in_order(regions: list[Region], address: int, size: int, limit: int) -> None:
    pieces = list(overlay(regions, limit).split(0, address, size))
    assert [byte for p in pieces for byte in range(p.address, p.address + p.size)] == list(
        range(address, address + size)
    )
    for piece in pieces:
        start = piece.address - (piece.region.offset if piece.region else 0)
        assert piece.size & (piece.size - 1) == 0
        assert start % piece.size == 0
        assert piece.size <= (piece.region.limit if piece.region else limit)


@given(region_lists, addresses, sizes)
@settings(deadline=None)
def test_the_first_byte_decides_which_region_gets_a_piece(regions: list[Region], address: int, size: int) -> None:
    laid = overlay(regions)
    for piece in laid.split(0, address, size):
        found = laid.at(0, piece.address)
        assert (found[0] if found else None) == piece.region


@given(region_lists, addresses)
@settings(deadline=None)
def test_of_two_regions_on_a_byte_the_later_one_wins(regions: list[Region], address: int) -> None:
    owners = [at for at, region in enumerate(regions) if address in region]
    found = overlay(regions).at(0, address)
    assert (found[1] if found else None) == (owners[-1] if owners else None)


def test_an_eight_byte_access_before_and_after_2_10() -> None:
    assert bar_limit((2, 9)) == 4
    assert bar_limit((2, 10)) == 8
    assert [p.size for p in overlay([], bar_limit((2, 9))).split(0, 0x10, 8)] == [4, 4]
    assert [p.size for p in overlay([], bar_limit((11, 1))).split(0, 0x10, 8)] == [8]


def test_an_access_that_covers_both_registers_of_a_window_reaches_both() -> None:
    laid = overlay([Region(0, 0, 4), Region(0, 4, 4)])
    assert [(p.owner, p.address, p.size) for p in laid.split(0, 0, 8)] == [(0, 0, 4), (1, 4, 4)]


def test_an_access_that_begins_before_a_region_goes_past_it() -> None:
    """MMIO is not cut at region borders: the BAR gets all of a dword that begins in it."""
    laid = overlay([Region(0, 2, 2)])
    assert [(p.owner, p.size) for p in laid.split(0, 0, 4)] == [(None, 4)]


@given(sizes, sizes, addresses)
@settings(deadline=None)
def test_an_access_size_fits(size: int, limit: int, address: int) -> None:
    found = access_size(size, limit, address)
    assert found <= min(size, limit)
    assert address % found == 0
    assert found == min(size, limit) or address % (2 * found) != 0
