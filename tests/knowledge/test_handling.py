"""What a quirk of QEMU's at work leaves of a finding, in every family and era that prints what it does."""

from collections.abc import Callable
from pathlib import Path

import pytest

import quirkfinder
from quirkfinder.findings.document import Finding, Findings
from quirkfinder.rendering.verdict import advice, verdict
from tests.knowledge.families import (
    GEFORCE,
    RADEON,
    REALTEK,
    UNKNOWN,
    Config,
    D,
    Kind,
    bundle,
    config_read,
    key_sequence,
    mirror,
    rtl8168,
    window,
)

Body = Callable[[Config], list[str]]
OLD = f"({D}:BAR{{bar}}+{{offset:#x}}, 4) = {{value:#x}}"
RADEON_NEW = f"vfio_quirk_ati_bar4_probe {D}\nvfio_quirk_ati_bar2_probe {D}"
GEFORCE_NEW = f"vfio_quirk_nvidia_bar5_probe {D}\nvfio_quirk_nvidia_bar0_probe {D}\nvfio_quirk_nvidia_3d0_probe {D}"

#: quirk, card, era, probe line, body, name in the log
HANDLED: list[tuple[str, Kind, str, str, Body, str]] = [
    ("ati-bar4-window", RADEON, "new", RADEON_NEW,
     lambda c: window("new", c, 4, 0, 4, 0x4000, "vfio-ati-bar4-window-data-quirk"), "vfio-ati-bar4-window-data-quirk"),
    ("ati-bar4-window", RADEON, "middle", f"vfio: Enabled ATI/AMD BAR4 window quirk for device {D}",
     lambda c: window("middle", c, 4, 0, 4, 0x4000, "vfio-ati-bar4-window-quirk"), "vfio-ati-bar4-window-quirk"),
    ("ati-bar2-mirror", RADEON, "new", RADEON_NEW,
     lambda c: mirror("new", c, 2, 0x4000, "vfio-ati-bar2-4000-quirk"), "vfio-ati-bar2-4000-quirk"),
    ("ati-bar2-mirror", RADEON, "middle", f"vfio: Enabled ATI/AMD BAR2 0x4000 quirk for device {D}",
     lambda c: mirror("middle", c, 2, 0x4000, "vfio-ati-bar2-4000-quirk"), "vfio-ati-bar2-4000-quirk"),
    ("ati-3c3", RADEON, "old", f"vfio: Enabled ATI/AMD quirk 0x3c3 for device {D}",
     lambda _: ["vfio: vfio_vga_read(0x3c3, 1) = 0xe0", "vfio: vfio_ati_3c3_quirk_read(0x3c3, 1) = 0xc0"] * 2,
     "vfio_ati_3c3_quirk_read"),
    ("nvidia-bar5-window", GEFORCE, "new", GEFORCE_NEW,
     lambda c: window("new", c, 5, 8, 0xC, 0x88000, "vfio-nvidia-bar5-window-data-quirk"),
     "vfio-nvidia-bar5-window-data-quirk"),
    ("nvidia-bar5-window", GEFORCE, "new", GEFORCE_NEW,
     lambda c: window("new", c, 5, 8, 0xC, 0x1800, "vfio-nvidia-bar5-window-data-quirk"),
     "vfio-nvidia-bar5-window-data-quirk"),
    ("nvidia-bar5-window", GEFORCE, "middle", f"vfio: Enabled NVIDIA BAR5 window quirk for device {D}",
     lambda c: window("middle", c, 5, 8, 0xC, 0x88000, "vfio-nvidia-bar5-window-quirk"),
     "vfio-nvidia-bar5-window-quirk"),
    ("nvidia-bar5-window", GEFORCE, "old", f"vfio: Enabled NVIDIA BAR5 window quirk for device {D}",
     lambda c: window("old", c, 5, 8, 0xC, 0x88000, f"vfio_nvidia_bar5_window_quirk_read{OLD}"),
     "vfio_nvidia_bar5_window_quirk_read"),
    ("nvidia-bar0-88000-mirror", GEFORCE, "new", GEFORCE_NEW,
     lambda c: mirror("new", c, 0, 0x88000, "vfio-nvidia-bar0-88000-mirror-quirk"),
     "vfio-nvidia-bar0-88000-mirror-quirk"),
    ("nvidia-bar0-88000-mirror", GEFORCE, "middle", f"vfio: Enabled NVIDIA BAR0 0x88000 quirk for device {D}",
     lambda c: mirror("middle", c, 0, 0x88000, "vfio-nvidia-bar0-88000-quirk"), "vfio-nvidia-bar0-88000-quirk"),
    ("nvidia-bar0-88000-mirror", GEFORCE, "old", f"vfio: Enabled NVIDIA BAR0 0x88000 quirk for device {D}",
     lambda c: mirror("old", c, 0, 0x88000, f"vfio_nvidia_bar0_88000_quirk_read{OLD}"),
     "vfio_nvidia_bar0_88000_quirk_read"),
    ("nvidia-bar0-1800-mirror", GEFORCE, "new", GEFORCE_NEW,
     lambda c: mirror("new", c, 0, 0x1800, "vfio-nvidia-bar0-1800-mirror-quirk"), "vfio-nvidia-bar0-1800-mirror-quirk"),
    ("nvidia-3d0", GEFORCE, "new", GEFORCE_NEW, key_sequence, "vfio_quirk_nvidia_3d0_read"),
    ("rtl8168-msix-window", REALTEK, "new", f"vfio_quirk_rtl8168_probe {D}",
     lambda _: rtl8168(), "vfio_quirk_rtl8168_msix_read"),
]  # fmt: skip


def claims(document: Findings) -> list[Finding]:
    return [finding for finding in document.findings if finding.verdict != "benign"]


@pytest.mark.parametrize(
    ("quirk", "kind", "era", "probe", "body", "name"),
    HANDLED,
    ids=[f"{h[0]}-{h[2]}-{n}" for n, h in enumerate(HANDLED)],
)
def test_a_door_that_a_quirk_answers_needs_none(
    tmp_path: Path, quirk: str, kind: Kind, era: str, probe: str, body: Body, name: str
) -> None:
    document = quirkfinder.analyze(bundle(tmp_path, kind, era, probe, body))
    (door,) = claims(document)
    assert not door.needs_quirk
    assert not door.parameters.get("leaks")
    assert door.known_quirk is not None
    assert (door.known_quirk["id"], door.known_quirk["handled"]) == (quirk, True)
    assert name in door.known_quirk["names"]
    assert name in door.reason
    if era != "middle" and kind is not REALTEK:  # there the quirk's line is evidence itself; here it follows the card's
        assert any(line.note == "what the guest got instead" for line in door.evidence)
    said = " ".join(verdict(document))
    assert f"handled: QEMU's quirk {quirk}" in said
    assert "host addresses" not in said
    steps = " ".join(step.text + step.command for step in advice(document))
    assert "No quirk has to be written" in steps
    assert "emit" not in steps


def test_what_a_quirk_leaves_is_named(tmp_path: Path) -> None:
    """1.5 answered for the register that shows BAR0 alone."""
    probe = f"vfio: Enabled ATI/AMD quirk 0x4010 for device {D}"
    line = "vfio_ati_4010_quirk_read(BAR{bar}+{offset:#x}) = {value:#x}"
    (door,) = claims(
        quirkfinder.analyze(
            bundle(tmp_path, RADEON, "old", probe, lambda c: window("old", c, 4, 0, 4, 0x4000, line, only=[0x10]))
        )
    )
    assert door.needs_quirk
    assert [leak["bar"] for leak in door.parameters["leaks"]] == [2, 4]
    assert "handled in part: QEMU's quirk ati-4010" in door.reason
    assert "BAR2 and BAR4" in door.reason


def test_a_quirk_that_was_on_and_answered_nothing_handles_nothing(tmp_path: Path) -> None:
    body = [line for line in mirror("new", RADEON.config, 2, 0x4000, "any") if "region_read" in line]
    document = quirkfinder.analyze(bundle(tmp_path, RADEON, "new", RADEON_NEW, lambda _: body))
    (door,) = claims(document)
    assert door.needs_quirk
    assert [leak["bar"] for leak in door.parameters["leaks"]] == [0, 2, 4]
    assert "handled" not in " ".join(verdict(document))


def test_somebodys_own_quirk_is_named_by_its_line(tmp_path: Path) -> None:
    own = "vfio-someones-mirror-quirk"
    (door,) = claims(
        quirkfinder.analyze(bundle(tmp_path, UNKNOWN, "new", "", lambda c: mirror("new", c, 2, 0x6000, own)))
    )
    assert not door.needs_quirk
    assert door.known_quirk is not None
    assert door.known_quirk["id"] == own
    assert "no release of QEMU has" in door.reason


def test_the_port_that_is_never_read_from_the_card_tells_nothing(tmp_path: Path) -> None:
    """From 1.6 on 0x3c3 is answered without the card."""
    body = [config_read("new", 0x21, 0xC0, 1), f"vfio_quirk_ati_3c3_read {D} 0xc0"] * 2
    probe = f"vfio_quirk_ati_3c3_probe {D}"
    assert not claims(quirkfinder.analyze(bundle(tmp_path, RADEON, "new", probe, lambda _: body)))


def test_the_values_of_quirks_are_none_of_the_card(tmp_path: Path) -> None:
    """A window and a mirror that QEMU answers alike are no window into that BAR."""
    names = ("BAR4 window", "BAR2 0x4000")
    probe = "\n".join(f"vfio: Enabled ATI/AMD {name} quirk for device {D}" for name in names)

    def body(config: Config) -> list[str]:
        through = window("middle", config, 4, 0, 4, 0x4000, "vfio-ati-bar4-window-quirk")
        direct = mirror("middle", config, 2, 0x4000, "vfio-ati-bar2-4000-quirk")
        pairs = [direct[2 * n : 2 * n + 2] for n in range(len(direct) // 2)]
        return [line for n, pair in enumerate(pairs) for line in (*through[3 * n : 3 * n + 3], *pair)]

    found = claims(quirkfinder.analyze(bundle(tmp_path, RADEON, "middle", probe, body)))
    assert sorted(finding.kind for finding in found) == ["config-mirror", "window"]
    spaces = [t["space"] for f in found if f.kind == "window" for t in f.parameters["targets"]]
    assert spaces == ["config"]
