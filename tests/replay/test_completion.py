"""Completion flags found in the accesses of drivers."""

from random import Random

import pytest

from quirkfinder.definition import Strobe, from_findings
from quirkfinder.replay import completion_handshake, replay
from tests.definition.truth import bar, document, finding
from tests.replay.frames import Log, card, machine
from tests.replay.hardware import Rtl8168
from tests.replay.recorded import bundle

RTL8168 = Strobe(0x80000000, 0, 0x80000000, 0x80000000, 0)


def window(handshake: list[dict[str, object]], offset: int, space: str) -> dict[str, object]:
    match = 0x1F000 if space == "msix-table" else 0xF000
    return finding(
        "window", region="bar2", address={"offset": offset, "size": 4},
        data={"offset": offset - 4, "size": 4}, handshake=handshake,
        targets=[{"match": match, "mask": 0x3C, "space": space, "base": 0}],
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_flag_of_a_modelled_card(seed: int) -> None:
    log = Log()
    Rtl8168(log, Random(seed)).session()
    steps = completion_handshake(log.frame(), Rtl8168.card(), 2, 0x74, 0x70)
    table = document(
        [window(steps, 0x74, "msix-table")], [bar(2, "memory64", 0x1000)], vendor="0x10ec", device="0x8168"
    )
    (definition,) = from_findings(table)
    assert definition.windows[0].strobe == RTL8168
    report = replay(definition, log.frame(), machine(Rtl8168.card()))
    assert report.verdict("bar2-74-window") == "proven"


@pytest.mark.parametrize(("offset", "space"), [(0x74, "msix-table"), (0x68, "config")])
def test_the_flags_of_the_recorded_card(offset: int, space: str) -> None:
    """QEMU's own quirk faked one of them, the hardware shows the other."""
    events, around = bundle("rtl8168")
    steps = completion_handshake(events, around.cards[0], 2, offset, offset - 4)
    table = document([window(steps, offset, space)], [bar(2, "memory64", 0x1000)], vendor="0x10ec", device="0x8168")
    (definition,) = from_findings(table)
    assert definition.windows[0].strobe == RTL8168
    report = replay(definition, events, around)
    assert report.verdict(f"bar2-{offset:x}-window") == "proven"


@pytest.mark.parametrize(("name", "region", "address", "data"), [("radeon", 4, 0, 4), ("geforce", 5, 8, 12)])
def test_windows_without_a_flag_have_none(name: str, region: int, address: int, data: int) -> None:
    events, around = bundle(name)
    assert completion_handshake(events, around.cards[0], region, address, data) == []


def test_registers_that_read_back_otherwise_have_no_flag() -> None:
    log = Log()
    for at in range(8):
        log.write(2, 0x74, 0x1000 + at)
        log.read(2, 0x74, 0x1000 ^ at * 7)
        log.read(2, 0x70, at)
    assert completion_handshake(log.frame(), card(), 2, 0x74, 0x70) == []
