"""Versions, what narrows a range of them, and QEMU command lines in all their spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quirkfinder.knowledge.command_line import read_command_line
from quirkfinder.knowledge.inference import infer_version, version_facts
from quirkfinder.knowledge.versions import NEWEST, OLDEST, Version, VersionRange
from tests.conftest import shared_trace
from tests.knowledge.lines import events, frame

RELEASES = st.builds(Version, st.integers(1, 12), st.integers(0, 12)).filter(lambda v: v >= OLDEST)


@pytest.mark.parametrize(
    ("text", "version"),
    [("7.2", (7, 2)), ("7.2.22", (7, 2)), ("v10.0.0-rc1", (10, 0)), (" 11.1.3Debian", (11, 1)), ("2.10", (2, 10))],
)
def test_version_texts(text: str, version: tuple[int, int]) -> None:
    assert Version.parse(text) == version


@pytest.mark.parametrize("text", ["", "seven", "7", "7.", ".2", "7,2", "9999.1"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a QEMU version"):
        Version.parse(text)


@given(RELEASES, RELEASES, RELEASES)
def test_narrowing_keeps_what_is_in_both_or_keeps_all(first: Version, last: Version, probe: Version) -> None:
    first, last = min(first, last), max(first, last)
    before = VersionRange(Version(2, 3), Version(10, 0))
    after = before.narrowed(first, last, "why")
    inside = before.overlaps(probe, probe) and first <= probe <= last
    if before.overlaps(first, last):
        assert after.overlaps(probe, probe) == inside
        assert not after.doubts
    else:
        assert (after.first, after.last) == (before.first, before.last)
        assert after.doubts == ("why",)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (VersionRange(), "unknown"),
        (VersionRange(Version(7, 2), Version(7, 2)), "7.2"),
        (VersionRange(Version(10, 1)), "10.1 or newer"),
        (VersionRange(OLDEST, Version(2, 2)), "up to 2.2"),
        (VersionRange(Version(2, 5), Version(10, 0)), "2.5 to 10.0"),
    ],
)
def test_ranges_in_words(version: VersionRange, text: str) -> None:
    assert str(version) == text


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (["prefix:dprintf"], "up to 2.2"),
        (["prefix:pid"], "2.3 to 10.0"),
        (["prefix:iso"], "10.1 or newer"),
        (["prefix:none", "prefix:syslog", "event:nothing_known", "rubbish"], "unknown"),
        (["event:vfio_populate_device_region"], "2.3 to 2.5"),
        (["event:vfio_realize", "wording:config-value-0x"], "2.10 to 8.1"),
        (["event:vfio_attach_device", "wording:device-quoted"], "9.1 to 10.0"),
        (["prefix:pid", "wording:config-value-bare", "event:vfio_quirk_ati_bar4_probe"], "2.5 to 2.9"),
        (["wording:invalid-access"], "5.2 to 6.1"),
        (["event:vfio_pci_igd_vbios_patched"], "11.1 or newer"),
    ],
)
def test_hints(hints: list[str], expected: str) -> None:
    assert str(infer_version(hints=hints)) == expected


def test_the_weaker_of_two_hints_that_exclude_each_other_is_a_doubt() -> None:
    found = infer_version(hints=["wording:config-value-bare", "event:vfio_device_attach"])
    assert str(found) == "10.1 or newer"
    assert found.doubts == ("wording config-value-bare (up to 2.9)",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QEMU 7.2.22 monitor - type 'help' for more information", "7.2"),
        ("2023: starting up libvirt version: 8.6.0, package: 3.fc37, qemu version: 7.0.0qemu-7.0.0-9.fc37", "7.0"),
        ("QEMU emulator version 10.0.13 (Debian 1:10.0.13)", "10.0"),
        ("qemu version: 6.2.0\n…\nqemu version: 8.1.0", "6.2 to 8.1"),
        ("-cpu 'QEMU Virtual CPU version 2.5+'", "unknown"),
        ("libvirt version: 8.6.0", "unknown"),
        ("qemu-kvm -machine pc-q35-7.2 -device vfio-pci,host=01:00.0", "7.2 or newer"),
        ("qemu-kvm -device vfio-pci,host=01:00.0,x-mmap=off", "2.3 to 2.4"),
        ("qemu-kvm -d invalid_mem -device vfio-pci,host=01:00.0", "10.0 or newer"),
        ('qemu-kvm -device \'{"driver":"vfio-user-pci"}\'', "10.1 or newer"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert str(infer_version(texts=[text])) == expected


def test_events_alone() -> None:
    assert str(infer_version(frame([{"event": "region_read", "size": 8}]))) == "2.10 or newer"
    assert str(infer_version(frame([{"event": "unassigned_access"}]))) == "5.2 to 6.1"
    assert str(infer_version(frame([{"event": "region_mmap"}, {"event": "region_unmap"}]))) == "5.2 or newer"
    assert str(infer_version(frame([{"event": "quirk_latch", "value": 1}]))) == "2.5 or newer"
    assert str(infer_version(frame([{"event": "quirk_latch"}]))) == "unknown"
    assert str(infer_version(frame([{"event": "unassigned_write", "value": 1}]))) == "up to 5.1"
    quirk = events("vfio: Enabled ATI/AMD BAR4 window quirk for device 0000:01:00.0")
    assert str(infer_version(quirk)) == "1.6 to 2.2"
    assert str(infer_version(frame([]))) == "unknown"


def test_every_fact_is_a_range_of_known_releases() -> None:
    for hint, (first, last) in version_facts().items():
        assert Version(1, 2) <= first <= (last or NEWEST) <= NEWEST, hint


@given(st.text(max_size=200))
def test_any_text_is_read_without_complaint(text: str) -> None:
    infer_version(texts=[text, "qemu-kvm " + text, "qemu-kvm -device " + text])


LIBVIRT = r"""2023-05-05 11:22:03.043+0000: starting up libvirt version: 8.6.0, qemu version: 7.0.0
LC_ALL=C \
/usr/bin/qemu-system-x86_64 \
-name guest=win10,debug-threads=on \
-machine pc-q35-7.0,usb=off \
-device '{"driver":"vfio-pci","host":"0000:0a:00.0","id":"hostdev0","bus":"pci.5","addr":"0x0","x-no-mmap":true}' \
-device '{"driver":"e1000e","id":"net0"}' \
-trace 'vfio_*' \
-d guest_errors,trace:pci_cfg_* \
-msg timestamp=on
char device redirected to /dev/pts/0
"""


def test_libvirts_log() -> None:
    command = read_command_line(LIBVIRT)
    assert command is not None
    assert [d.driver for d in command.devices] == ["vfio-pci"]
    assert command.devices[0].host_address == "0000:0a:00.0"
    assert command.devices[0].is_on("x-no-mmap") is True
    assert command.traces == ("vfio_*", "pci_cfg_*")
    assert command.log_items == {"guest_errors"}
    assert command.timestamps
    assert command.machine == "pc-q35-7.0"
    assert command.device("0000:0a:00.0") is command.devices[0]
    assert command.device("0000:0b:00.0") is None


def test_which_events_a_command_line_traces() -> None:
    command = read_command_line("qemu-kvm -device vfio-pci -trace 'vfio_region_*' -trace enable=vfio_vga_read,file=x")
    assert command is not None
    assert command.traces_event("vfio_region_read") is True
    assert command.traces_event("vfio_vga_read") is True
    assert command.traces_event("vfio_pci_read_config") is False
    command = read_command_line("qemu-kvm -device vfio-pci -trace events=file")
    assert command is not None
    assert command.traces_event("vfio_region_read") is None


@pytest.mark.parametrize(
    ("device", "address", "properties"),
    [
        ("vfio-pci,host=01:00.0,x-vga=on", "0000:01:00.0", {"host": "01:00.0", "x-vga": "on"}),
        ("vfio-pci,sysfsdev=/sys/bus/pci/devices/0001:0A:1f.7", "0001:0a:1f.7", None),
        ("vfio-pci,sysfsdev=/sys/bus/mdev/devices/4b20d080", None, None),
        ("vfio-pci,host=01:00.0,romfile=a,,b", "0000:01:00.0", {"host": "01:00.0", "romfile": "a,b"}),
        ("vfio-pci,x-vga", None, {"x-vga": "on"}),
    ],
)
def test_device_options(device: str, address: str | None, properties: dict[str, str] | None) -> None:
    command = read_command_line(f"qemu-kvm -device {device}")
    assert command is not None
    assert command.devices[0].host_address == address
    assert properties is None or command.devices[0].properties == properties


@pytest.mark.parametrize("text", ["", "qemu-system-x86_64: warning: x", "qemu-kvm -m 512", "vim qemu-kvm.log"])
def test_no_command_line_with_a_passed_through_device(text: str) -> None:
    assert read_command_line(text) is None


@pytest.mark.parametrize(
    ("bundle", "items", "mapped"),
    [
        ("e1000e-mmapped", {"guest_errors", "unimp", "invalid_mem"}, None),
        ("nvme-linux", {"guest_errors", "unimp"}, True),
    ],
)
def test_recorded_command_lines(bundle: str, items: set[str], mapped: bool | None) -> None:
    command = read_command_line((shared_trace(bundle) / "command.txt").read_text())
    assert command is not None
    assert command.log_items == items
    assert command.devices[0].is_on("x-no-mmap") is mapped
    assert command.traces == ("vfio_*",)
