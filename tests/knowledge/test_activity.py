"""Which raw reads a quirk answered, line for line as each QEMU era prints them."""

import polars as pl
import pytest

from quirkfinder.knowledge.activity import guest_values, handled_rows, quirk_activity, quirk_config_rows
from tests.knowledge.lines import events

D = "0000:01:00.0"


def marked(text: str) -> list[int]:
    frame = events(text)
    return frame.filter(handled_rows(frame))["line"].to_list()


def test_window_read_of_2_5_and_newer_replaces_the_raw_read() -> None:
    text = f"""\
        vfio_region_write  ({D}:region4+0x0, 0x4010, 4)
        vfio_quirk_generic_window_address_write {D} vfio-ati-bar4-window-address-quirk 0x4010
        vfio_region_read  ({D}:region4+0x4, 4) = 0xa000000c
        vfio_pci_read_config  ({D}, @0x10, len=0x4) 0xe000000c
        vfio_quirk_generic_window_data_read {D} vfio-ati-bar4-window-data-quirk 0xe000000c
        vfio_region_read  ({D}:region4+0x8, 4) = 0x1"""
    assert marked(text) == [3]
    frame = events(text)
    assert guest_values(frame).to_list()[2] == 0xE000000C
    assert guest_values(frame).to_list()[5] == 0x1
    assert frame.filter(quirk_config_rows(frame))["line"].to_list() == [4]


def test_the_3c3_answer_does_not_take_the_vga_read_before_it() -> None:
    text = f"""\
        vfio_vga_read  (0x3da, 1) = 0x8
        vfio_pci_read_config  ({D}, @0x21, len=0x1) 0xc0
        vfio_quirk_ati_3c3_read {D} 0xc0"""
    assert marked(text) == []
    frame = events(text)
    assert frame.filter(quirk_config_rows(frame))["line"].to_list() == [2]


def test_1_5_read_the_port_and_then_replaced_it() -> None:
    text = """\
        vfio: vfio_vga_read(0x3c3, 1) = 0xe0
        vfio: vfio_ati_3c3_quirk_read(0x3c3, 1) = 0xc0"""
    assert marked(text) == [1]


def test_1_5_window_line_without_device() -> None:
    text = f"""\
        vfio: vfio_bar_write({D}:BAR4+0x0, 0x4010, 4)
        vfio: vfio_bar_read({D}:BAR4+0x4, 4) = 0xd000000c
        vfio: vfio_ati_4010_quirk_read(BAR4+0x4) = 0xe000000c"""
    assert marked(text) == [2]


def test_1_6_window_stands_alone_and_takes_nothing_else() -> None:
    text = f"""\
        vfio: vfio_bar_read({D}:BAR2+0x10, 4) = 0x7
        vfio: vfio-ati-bar4-window-quirk read({D}:BAR4+0x4, 4) = 0xe000000c"""
    assert marked(text) == []


@pytest.mark.parametrize(
    "quirk_line",
    [
        "vfio: vfio-rtl8168-window-quirk fake read(0000:01:00.0)",
        "vfio: vfio-rtl8168-window-quirk MSI-X table read(0000:01:00.0)",
    ],
)
def test_rtl8168_up_to_2_4_names_no_value_and_has_no_raw_line(quirk_line: str) -> None:
    assert marked(f"vfio: vfio_bar_read({D}:BAR2+0x3c, 4) = 0x7\n{quirk_line}") == []


def test_rtl8168_latch_and_table() -> None:
    text = f"""\
        vfio_region_write  ({D}:region2+0x74, 0x1f000, 4)
        vfio_region_read  ({D}:region2+0x74, 4) = 0x1f000
        vfio_quirk_rtl8168_fake_latch {D} 0x8001f000
        vfio_region_read  ({D}:region2+0x70, 4) = 0xfee00398
        vfio_quirk_rtl8168_msix_read {D} MSI-X table read[0x0]: 0x0
        vfio_region_write  ({D}:region2+0x70, 0xfee00000, 4)
        vfio_quirk_rtl8168_msix_write {D} MSI-X table write[0x0]: 0xfee00000"""
    assert marked(text) == [2, 4]
    assert guest_values(events(text)).to_list()[:4] == [0x1F000, 0x8001F000, 0x8001F000, 0x0]


def test_nvidia_vga_window() -> None:
    text = f"""\
        vfio_vga_write  (0x3d4, 0x538, 2)
        vfio_quirk_nvidia_3d0_state {D} READ
        vfio_vga_read  (0x3d0, 4) = 0xfd000000
        vfio_pci_read_config  ({D}, @0x10, len=0x4) 0xe0000000
        vfio_quirk_nvidia_3d0_read  ({D}, @0x10, len=0x4) 0xe0000000"""
    assert marked(text) == [3]


def test_mirror_writes_and_the_acknowledgement_are_not_reads() -> None:
    text = f"""\
        vfio_pci_write_config  ({D}, @0x68, 0xff, len=0x1)
        vfio_quirk_generic_mirror_write {D} vfio-nvidia-bar0-88000-mirror-quirk 0x68: 0xff
        vfio_region_write  ({D}:region0+0x88068, 0xff, 1)"""
    assert marked(text) == []
    frame = events(text)
    assert frame.filter(quirk_config_rows(frame))["line"].to_list() == [1]


def test_two_devices_interleaved_keep_their_own_lines() -> None:
    text = """\
        vfio_region_read  (a:region2+0x4010, 4) = 0xa000000c
        vfio_region_read  (b:region0+0x0, 4) = 0x1
        vfio_quirk_generic_mirror_read a vfio-ati-bar2-4000-quirk 0x10: 0xe000000c"""
    assert marked(text) == [1]


def test_an_answer_is_used_once() -> None:
    text = f"""\
        vfio_region_read  ({D}:region2+0x4010, 4) = 0xa000000c
        vfio_quirk_generic_mirror_read {D} vfio-ati-bar2-4000-quirk 0x10: 0xe000000c
        vfio_quirk_generic_mirror_read {D} vfio-ati-bar2-4000-quirk 0x10: 0xe000000c"""
    assert marked(text) == [1]


def test_a_trace_without_quirks_is_left_alone() -> None:
    frame = events(f"vfio_region_read  ({D}:region2+0x4010, 4) = 0xa000000c")
    assert not handled_rows(frame).any()
    assert guest_values(frame).equals(frame["value"])
    assert handled_rows(frame.clear()).dtype == pl.Boolean


def test_activity_names_quirks_of_every_era_and_keeps_foreign_ones() -> None:
    activity = quirk_activity(
        events(f"""\
        vfio_quirk_ati_bar4_probe {D}
        vfio_quirk_nvidia_bar0_probe {D}
        vfio: Enabled ATI/AMD BAR2 0x4000 quirk for device {D}
        vfio: Enabled ATI/AMD quirk 0x3c3 BAR4for device {D}
        vfio_ioeventfd_init vfio-nvidia-bar0-1800-mirror-quirk+0x4[4]:0x0 vfio:1
        vfio_quirk_generic_mirror_read {D} vfio-someones-own-quirk 0x10: 0x1
        vfio_vga_read  (0x3da, 1) = 0x8""")
    )
    assert {quirk for _, quirk in activity.sightings} == {
        "ati-bar4-window",
        "ati-bar2-mirror",
        "ati-3c3",
        "nvidia-bar0-88000-mirror",
        "nvidia-bar0-1800-mirror",
    }
    assert activity.foreign == ("vfio-someones-own-quirk",)
    assert activity.vga
    assert activity.started == {D}
    shared = activity.sightings[(D, "nvidia-bar0-1800-mirror")]
    assert shared.shared
    assert shared.probe
    own = activity.sightings[(None, "nvidia-bar0-1800-mirror")]
    assert not own.shared
