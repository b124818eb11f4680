"""The log is what QEMU would print: every line has a known shape, and the values are the trace's."""

import re
from collections import Counter

import pytest

from .dialects import MIDDLE, NEW, NEWEST, OLD, Version
from .generate import make_card

STAMP = r"(?:\d+@\d+\.\d{6}:|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z )?"
READ = re.compile(STAMP + r"vfio_region_read  \((.+):region(\d+)\+0x([0-9a-f]+), (\d+)\) = 0x([0-9a-f]+)$")
WRITE = re.compile(STAMP + r"vfio_region_write  \((.+):region(\d+)\+0x([0-9a-f]+), 0x([0-9a-f]+), (\d+)\)$")
OLD_READ = re.compile(r"vfio: vfio_bar_read\(([0-9a-f:.]+):BAR(\d)\+0x([0-9a-f]+), (\d)\) = 0x([0-9a-f]+)$")
OLD_WRITE = re.compile(r"vfio: vfio_bar_write\(([0-9a-f:.]+):BAR(\d)\+0x([0-9a-f]+), 0x([0-9a-f]+), (\d)\)$")
INVALID = re.compile(
    STAMP + r"Invalid (read|write|access) at addr 0x([0-9A-F]+), size (\d), region '\(null\)', reason: rejected$"
)
UNASSIGNED = re.compile(r"Unassigned mem (read|write) ([0-9a-f]{16})(?: = 0x([0-9a-f]+))?$")
KNOWN = re.compile(
    STAMP + r"(?:vfio: .*|vfio_[a-z0-9_]+ .*|Invalid .*|Unassigned mem .*|memory_region_ops_\w+ .*|  size: 0x.*)$"
)
VERSIONS = (*OLD, *MIDDLE, *NEW, *NEWEST)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: ".".join(map(str, v)))
def test_a_quiet_log_holds_nothing_but_known_lines(version: Version) -> None:
    card = make_card(5, version=version, noise=0.0, capture="full")
    strange = [line for line in card.log_lines if not KNOWN.match(line)]
    assert not strange


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: ".".join(map(str, v)))
def test_every_bar_access_is_in_the_log_once_with_its_value(version: Version) -> None:
    card = make_card(8, version=version, noise=0.2, capture="full")
    found: Counter[tuple[str, int, int, int, int]] = Counter()
    for line in card.log_lines:
        if hit := READ.match(line) or OLD_READ.match(line):
            device, region, offset, _, value = hit.groups()
            found[device, 0, int(region), int(offset, 16), int(value, 16)] += 1
        elif hit := WRITE.match(line) or OLD_WRITE.match(line):
            device, region, offset, value, _ = hit.groups()
            found[device, 1, int(region), int(offset, 16), int(value, 16)] += 1
    wanted = Counter(
        (card.dialect.device, int(e.kind == "write"), e.region, e.offset, e.value)
        for e in card.guest.trace
        if e.kind in ("read", "write") and e.region < 6
    )
    assert {k: n for k, n in found.items() if k[0] == card.dialect.device} == dict(wanted)


def test_unassigned_accesses_are_worded_as_the_version_does() -> None:
    for version, pattern in (
        ((2, 0), UNASSIGNED),
        ((5, 1), UNASSIGNED),
        ((6, 0), INVALID),
        ((7, 2), INVALID),
        ((11, 1), INVALID),
    ):
        lines = []
        for seed in range(12):
            card = make_card(seed, version=version, kinds=["host-address-access"], noise=0.0, capture="full")
            lost = [e for e in card.guest.trace if e.kind.startswith("unassigned")]
            said = [line for line in card.log_lines if pattern.match(line)]
            assert len(said) == (len(lost) if card.dialect.unassigned else 0)
            lines += said
        assert lines


def test_stamps_only_grow() -> None:
    for seed in range(30):
        card = make_card(seed, version=(11, 1), noise=0.3)
        stamps = [line.split(" ", 1)[0] for line in card.log_lines if re.match(r"\d{4}-", line)]
        assert stamps == sorted(stamps)


def test_wide_accesses_are_split_before_2_10() -> None:
    for seed in range(40):
        card = make_card(seed, version=(2, 9))
        assert all(e.size <= 4 for e in card.guest.trace)


def test_noise_adds_about_its_share() -> None:
    for share in (0.1, 0.3):
        quiet = sum(len(make_card(s, noise=0.0, capture="full").log_lines) for s in range(20))
        loud = sum(len(make_card(s, noise=share, capture="full").log_lines) for s in range(20))
        assert 0.4 * share < (loud - quiet) / loud < 2.0 * share


def test_a_late_capture_has_no_boot_and_a_narrow_one_no_config_space() -> None:
    for seed in range(10):
        late = make_card(seed, capture="late", noise=0.0)
        assert not any("0xffffffff, len=0x4" in line and "write_config" in line for line in late.log_lines)
        narrow = make_card(seed, capture="regions", noise=0.0)
        assert not any("config" in line for line in narrow.log_lines)
        whole = make_card(seed, capture="full", noise=0.0)
        assert len(narrow.log_lines) < len(whole.log_lines)


def test_a_lossy_capture_misses_about_one_line_in_a_hundred() -> None:
    lost = total = 0
    for seed in range(10):
        whole, lossy = (len(make_card(seed, capture=c, noise=0.0).log_lines) for c in ("full", "lossy"))
        lost, total = lost + whole - lossy, total + whole
    assert 0.003 < lost / total < 0.03
