"""Which quirk of QEMU's a finding is, whether it was at work, and why not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.card.model import Bar, Card, Machine
from quirkfinder.findings.document import Finding
from quirkfinder.knowledge.activity import Activity, quirk_activity
from quirkfinder.knowledge.catalogue import Mechanism, Quirk, Target
from quirkfinder.knowledge.catalogue_file import catalogue
from quirkfinder.knowledge.command_line import read_command_line
from quirkfinder.knowledge.explanation import explain_all, explain_known
from tests.conftest import shared_trace
from tests.knowledge.builders import DEVICE, card, finding, leak, mirror, window
from tests.knowledge.lines import events

ATI_WINDOW = window("bar4", 0x0, 0x4, (0x4000, 0xFFF, "config", 0x0))
ATI_WIDE = window("bar4", 0x0, 0x4, (0x0, 0x1FFFF, "bar2", 0x0), (0x4000, 0xFF, "config", 0x0))
STARTED = Activity(started=frozenset({DEVICE}))
RADEON = card()
NVIDIA = card(0x10DE, 0x1234)


@pytest.mark.parametrize(
    ("claim", "release", "quirk"),
    [
        (ATI_WINDOW, "11.1", "ati-bar4-window"),
        (ATI_WIDE, "7.2", "ati-bar4-window"),
        (window("bar4", 0x0, 0x4, (0x4010, 0x3, "config", 0x10)), "7.2", "ati-bar4-window"),
        (window("bar4", 0x0, 0x4, (0x4010, 0x0, "config", 0x10)), "1.5", "ati-4010"),
        (window("bar4", 0x0, 0x4, (0x4010, 0x0, "config", 0x14)), "7.2", None),
        (window("bar4", 0x0, 0x4, (0x5000, 0xFF, "config", 0x0)), "7.2", None),
        (window("bar4", 0x8, 0xC, (0x4000, 0xFFF, "config", 0x0)), "7.2", None),
        (window("bar3", 0x0, 0x4, (0x4000, 0xFFF, "config", 0x0)), "7.2", None),
        (window("bar1", 0x0, 0x6, (0xF10, 0x0, "config", 0x12)), "1.5", "ati-f10"),
        (mirror("bar2", 0x4000, 0x100), "11.1", "ati-bar2-mirror"),
        (mirror("bar2", 0x4000, 0x100, function="0000:01:00.1"), "11.1", None),
        (mirror("bar2", 0x4000, 0x100, config_offset=0x40), "11.1", None),
        (mirror("bar2", 0x4010, 0x30, config_offset=0x10), "11.1", "ati-bar2-mirror"),
        (mirror("bar2", 0x4100, 0x100, config_offset=0x100), "11.1", None),
        (mirror("bar2", 0x4100, 0x100, config_offset=0x100), "2.4", "ati-bar2-mirror"),
        (leak("vga", 0x3C3, 4, 8, 1), "11.1", "ati-3c3"),
        (leak("vga", 0x3C3, 4, 16, 1), "11.1", None),
        (leak("bar2", 0x4010, 0), "11.1", "ati-bar2-mirror"),
        (leak("bar2", 0x4004, 0), "11.1", None),
        (leak("bar4", 0x4, 0), "11.1", "ati-bar4-window"),
        (leak("bar2", 0x100, 0), "11.1", None),
        (mirror("bar0", 0x88000, 0x1000), "11.1", "nvidia-bar0-88000-mirror"),
        (mirror("bar0", 0x1800, 0x40), "11.1", "nvidia-bar0-1800-mirror"),
        (window("bar5", 0x8, 0xC, (0x0, 0xFFFFFF, "bar0", 0x0)), "11.1", "nvidia-bar5-window"),
        (window("vga", 0x3D0, 0x3D0, (0x1800, 0xFF, "config", 0x0)), "11.1", "nvidia-3d0"),
        (window("bar2", 0x74, 0x70, (0x10000, 0x8000FFFF, "msix-table", 0x0)), "11.1", "rtl8168-msix-window"),
        (window("bar2", 0x68, 0x64, (0x0, 0x8000FFFF, "config", 0x0)), "11.1", None),
        (window("bar4", 0x0, 0x4, (0x1, 0x1FFFFC, "bar0", 0x200000)), "9.2", "igd-bar4-gtt"),
        (mirror("bar0", 0x1080C0, 0x4, config_offset=0x5C), "10.1", "igd-bdsm-mirror"),
        (mirror("bar0", 0x108040, 0x2, config_offset=0x50), "10.0", "igd-ggc-mirror"),
        (
            finding("address-sink", region="bar0", what="msi-address", sites=["0x80048", "0x83048"]),
            None,
            "ath-msi-window",
        ),
        (finding("address-sink", region="bar2", what="msi-data", sites=["0x70"]), "7.2", "rtl8168-msix-window"),
        (finding("address-sink", region="bar0", what="guest-bar", sites=["0x80048"]), None, None),
        (finding("identity-mapped-bar", bar=2, address="0xe0000000", size="0x1000"), "7.2", None),
        (finding("window", region="bar4"), "7.2", None),
    ],
)
def test_which_quirk_a_finding_is(claim: Finding, release: str | None, quirk: str | None) -> None:
    known = explain_known(claim, card(vendor=0xFFF0), STARTED, release)
    assert (known and known["id"]) == quirk


def why(
    claim: Finding = ATI_WINDOW,
    release: str | None = "11.1",
    text: str = "",
    subject: Card = RADEON,
) -> dict[str, Any]:
    known = explain_known(claim, subject, STARTED, release, read_command_line(text))
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (why(subject=card(0x1AF4, 0x78F9)), "QEMU has it for 1002:any only, this card is 1af4:78f9"),
        (why(subject=card(class_code=0x038000)), "class VGA (0300) is needed, this card is class 0380"),
        (why(subject=card(bars=(Bar(4, "memory32", 0x100),))), "BAR 4 is memory32"),
        (why(subject=card(bars=(Bar(0, "memory32", 0x100),))), "this card has no BAR 4"),
        (why(release="1.5"), None),
        (why(release="1.4"), "QEMU has it from 1.6 on, this one is 1.4"),
        (
            why(window("bar4", 0, 4, (0x1, 0x1FFFFC, "bar0", 0)), "10.0", subject=card(0x8086)),
            "until 9.2, this one is 10.0",
        ),
        (why(), "no line says that it was switched on"),
        (why(mirror("bar0", 0x88000, 0x1000), subject=NVIDIA), "x-no-geforce-quirks=on was given, or"),
        (
            why(
                mirror("bar0", 0x88000, 0x1000),
                text=f"qemu-system-x86_64 -device vfio-pci,host={DEVICE},x-no-geforce-quirks=on",
                subject=NVIDIA,
            ),
            "x-no-geforce-quirks=on was given",
        ),
        (why(leak("vga", 0x3C3, 4, 8), text=f"qemu-kvm -device vfio-pci,host={DEVICE}"), "x-vga=on is needed"),
        (why(leak("vga", 0x3C3, 4, 8)), "x-vga=on does not hold"),
        (why(text='qemu-kvm -device \'{"driver":"vfio-user-pci","socket":"x"}\''), "vfio-user devices get no region"),
    ],
)
def test_why_a_quirk_was_not_at_work(known: dict[str, Any], reason: str | None) -> None:
    if reason is None:  # another quirk had its place in that release
        assert known["id"] == "ati-4010"
    else:
        assert known["active"] is False
        assert reason in known["why_not"]


def test_a_log_without_the_start_says_nothing() -> None:
    known = explain_known(ATI_WINDOW, card(), Activity(), "11.1")
    assert known is not None
    assert known["active"] is None
    assert "start-up is not in the log" in known["why_not"]


def test_a_kind_of_bar_counts_only_where_qemu_looked_at_it() -> None:
    subject = card(bars=(Bar(4, "memory32", 0x100),))
    assert "BAR 4 is" not in why(release="7.2", subject=subject)["why_not"]
    assert "BAR 4 is" in why(release="10.0", subject=subject)["why_not"]


def test_what_a_quirk_leaves_to_the_card() -> None:
    assert why()["covers"] == "all"
    assert why(ATI_WIDE)["covers"] == (
        "config space (addresses 0x4000 to 0x40ff), part of BAR2 (addresses 0x0 to 0x1ffff)"
    )
    more = window("bar4", 0x0, 0x4, (0x80000000, 0xFFF, "bar0", 0x0), (0x4000, 0xFF, "config", 0x0))
    assert why(more)["covers"] == (
        "config space (addresses 0x4000 to 0x40ff), not BAR0 (addresses 0x80000000 to 0x80000fff)"
    )
    assert why(mirror("bar2", 0x4000, 0x1000))["covers"] == "0x4000 to 0x40ff of 0x4000 to 0x4fff"
    assert why(mirror("bar2", 0x4000, 0x1000), "2.4")["covers"] == "all"


def test_a_common_probe_line_proves_the_second_quirk_only_with_its_own_needs() -> None:
    probe = f"vfio_quirk_nvidia_bar0_probe {DEVICE}"
    claim = mirror("bar0", 0x1800, 0x100)
    without = explain_known(claim, NVIDIA, events(probe), "7.2")
    with_vga = explain_known(claim, NVIDIA, events(f"{probe}\nvfio_vga_read  (0x3da, 1) = 0x8"), "7.2")
    assert without is not None
    assert without["active"] is False
    assert with_vga is not None
    assert with_vga["active"] is True
    assert with_vga["active_evidence"] == [{"input": 0, "line": 1}]


@pytest.mark.parametrize(
    ("bundle", "claim", "ids", "lines"),
    [
        ("radeon-quirked", ATI_WIDE, (0x1002, 0x68F9), [23, 9253, 9256, 9258, 9261]),
        ("radeon-quirked", mirror("bar2", 0x4000, 0x100), (0x1002, 0x68F9), [22, 9294, 9297, 9300, 9303]),
        ("radeon-quirked", leak("vga", 0x3C3, 4, 8, 1), (0x1002, 0x68F9), [21, 8450]),
        (
            "rtl8168",
            window("bar2", 0x74, 0x70, (0x10000, 0x8000FFFF, "msix-table", 0x0)),
            (0x10EC, 0x8168),
            [19, 8491, 8493, 8496, 8498],
        ),
    ],
)
def test_recorded_runs_with_quirks(bundle: str, claim: Finding, ids: tuple[int, int], lines: list[int]) -> None:
    trace = events((shared_trace(bundle) / "qemu.log").read_text())
    (known,) = explain_all([claim], Machine((card(*ids),)), trace, "10.2")
    assert known.known_quirk is not None
    assert known.known_quirk["active"] is True
    assert [e["line"] for e in known.known_quirk["active_evidence"]] == lines


def test_the_window_beside_the_known_one_is_not_explained_by_it() -> None:
    trace = quirk_activity(events((shared_trace("rtl8168") / "qemu.log").read_text()))
    claim = window("bar2", 0x68, 0x64, (0x0, 0x8000FFFF, "config", 0x0))
    assert explain_known(claim, card(0x10EC, 0x8168, 0x020000), trace, "10.2") is None


_MECHANISMS = [(q, m, t) for q in catalogue() for m in q.mechanisms if m.kind == "window" for t in m.targets]


@given(st.sampled_from(_MECHANISMS), st.integers(0, 2**32 - 1), st.integers(0, 0xFFF))
def test_a_part_of_a_known_target_is_always_covered(
    case: tuple[Quirk, Mechanism, Target], value: int, mask: int
) -> None:
    """Law: whatever subset of a catalogue target the evidence shows, the quirk that has the target covers it."""
    _, mechanism, target = case
    mask &= target.mask
    match = target.match | (value & target.mask & ~mask)
    base = target.base + (match & target.mask)
    assert mechanism.address is not None
    assert mechanism.data is not None
    claim = window(mechanism.region, mechanism.address[0], mechanism.data[0], (match, mask, target.space, base))
    known = explain_known(claim, card(vendor=0xFFF0), STARTED)
    assert known is not None
    assert known["covers"] == "all"


@given(st.text(max_size=8), st.recursive(st.none() | st.text(max_size=4) | st.integers(), st.lists, max_leaves=4))
def test_parameters_of_any_shape_do_no_harm(region: str, rubbish: object) -> None:
    for kind in ("window", "config-mirror", "address-leak", "address-sink"):
        claim = finding(
            kind, region="bar4", address=rubbish, data=rubbish, targets=rubbish, offset=rubbish, sites=rubbish
        )
        assert explain_known(claim, card(), STARTED) is None
    assert explain_known(finding("window", region=region), card(), STARTED) is None
