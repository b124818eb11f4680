"""The card model does what silicon does: a read through a door is a read of what lies behind it."""

from itertools import pairwise
from random import Random

import pytest

from .doors.leaks import Leak
from .features import REGISTRY, Use
from .generate import DOORS, RandomCard, make_card
from .hardware import MASKS, Card, Register, Storage

SEEDS = range(3)


@pytest.fixture(autouse=True)
def no_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status bits stay as they are, so that a value read before can be compared."""
    monkeypatch.setattr(Card, "change_status", lambda *_: None)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_storage_keeps_what_was_written_and_nothing_else(size: int) -> None:
    storage, before = Storage(7), Storage(7)
    for offset in (0, 16, 33):
        storage.write(offset, 0x1122334455667788 & MASKS[size], size)
        assert storage.read(offset, size) == 0x1122334455667788 & MASKS[size]
    assert storage.read(48, 4) == before.read(48, 4)


def test_storage_is_the_same_for_the_same_seed_whatever_the_order() -> None:
    first, second = Storage(3), Storage(3)
    forward = [first.read(k, 4) for k in range(0, 256, 4)]
    backward = [second.read(k, 4) for k in reversed(range(0, 256, 4))]
    assert forward == backward[::-1]
    assert Storage(4).read(0, 8) != Storage(5).read(0, 8)


def test_a_register_reads_in_parts() -> None:
    register = Register(0x11223344)
    assert [register.read(k, 1) for k in range(4)] == [0x44, 0x33, 0x22, 0x11]
    register.write(1, 0xAA, 1)
    assert register.read(0, 4) == 0x1122AA44


def behind(card: RandomCard, use: Use) -> int:
    """What lies where the door's use arrived, read from the hardware itself."""
    source = next((f.neighbour() for f in card.features if f.neighbour()), None)
    if use.space == "config":
        config = source.config if source else card.card.config
        return int.from_bytes(config.values[use.offset : use.offset + use.size], "little")
    if use.space == "msix-table":
        return card.card.table.read(use.offset, use.size)
    return card.card.read(int(use.space[3:]), use.offset, use.size)


ACCESS_DOORS = [k for k in DOORS if k.startswith(("window", "config-mirror", "bar-alias", "paged", "vga"))]


@pytest.mark.parametrize("kind", ACCESS_DOORS)
def test_what_a_door_gave_last_is_what_is_there(kind: str) -> None:
    """Where the guest wrote past the door afterwards nothing is said; everywhere else both must agree."""
    for seed in SEEDS:
        card = make_card(seed, kinds=[kind], noise=0.0, capture="full")
        last = {(u.space, u.offset): u.value for f in card.features for u in f.uses if u.size == 4}
        written = {(f"bar{e.region}", e.offset) for e in card.guest.trace if e.kind == "write"}
        for place in last.keys() - written - {("config", k & ~3) for k in (4, 0x3C)}:
            assert behind(card, Use(*place, 4, 0, write=False)) == last[place], (seed, place)


def the_leak(card: RandomCard) -> Leak:
    feature = card.features[0]
    assert isinstance(feature, Leak)
    return feature


def test_a_leak_register_tells_the_host_address() -> None:
    for seed in SEEDS:
        card = make_card(seed, kinds=["leak-whole"], noise=0.0, capture="full")
        feature = the_leak(card)
        values = {e.value for e in card.guest.trace if (e.kind, e.region, e.offset) == ("read", *feature.where)}
        bar = card.card.bars[feature.leaked.index]
        assert all(v & ~0xF == bar.host & MASKS[4] for v in values)
        assert values


def test_no_address_is_told_where_there_is_no_door() -> None:
    quiet = [k for k in REGISTRY if not REGISTRY[k].is_door and "vga" not in k][:20]
    for seed in range(20):
        card = make_card(seed, kinds=quiet, noise=0.0, capture="full")
        assert not card.guest.leaks
        assert not card.truth["findings"]


def test_accesses_at_host_addresses_go_where_the_guest_put_things() -> None:
    for seed in range(6):
        card = make_card(seed, kinds=["host-address-access"], noise=0.0, capture="full", evidence=1.0)
        bar = card.card.bars[the_leak(card).leaked.index]
        lost = [e for e in card.guest.trace if e.kind.startswith("unassigned")]
        assert lost
        assert all(bar.host <= e.offset < bar.host + bar.size for e in lost)


def test_a_bar_at_its_host_address_answers_itself() -> None:
    card = make_card(1, kinds=["identity-mapped-bar"], noise=0.0, capture="full")
    bar = card.card.bars[the_leak(card).leaked.index]
    assert bar.guest == bar.host
    assert not [e for e in card.guest.trace if e.kind.startswith("unassigned")]


def test_random_places_never_overlap() -> None:
    rng = Random(1)
    for seed in range(30):
        card = make_card(rng.randrange(10000) + seed)
        for region in card.card.regions.values():
            spans = sorted(region.taken)
            assert all(a[1] <= b[0] for a, b in pairwise(spans))
