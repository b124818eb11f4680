"""Every format that QEMU ever had for these lines, in every prefix, with the values that were put in."""

import pytest

from quirkfinder.reading.blocks import EngineChoice
from quirkfinder.reading.portable import IGNORED, portable_engine
from tests.reading.samples import CAPTURES, PREFIXES, judged, parse_all


@pytest.mark.parametrize("engine", ["portable", "native"])
@pytest.mark.parametrize(("prefix", "time", "thread"), [*PREFIXES, *CAPTURES], ids=lambda value: str(value) or "bare")
def test_every_sample_in_every_prefix(engine: EngineChoice, prefix: str, time: int | None, thread: int | None) -> None:
    found = judged(prefix, time, thread, engine)
    assert found.wrong == ()
    assert found.accesses > 20


UNASSIGNED = [
    ("Invalid read at addr 0xFE504074, size 4, region '(null)', reason: rejected", "unassigned_read", None),
    ("Invalid write at addr 0xFE504074, size 4, region '(null)', reason: rejected", "unassigned_write", None),
    ("Invalid access at addr 0xFE504074, size 4, region '(null)', reason: rejected", "unassigned_access", None),
    ("Invalid read at addr 0xFE504074, size 4, region '(null)', reason: unaligned", "invalid_read", "(null)"),
    (
        "Invalid write at addr 0xFE504074, size 4, region 'pit', reason: invalid size (min:1 max:1)",
        "invalid_write",
        "pit",
    ),
    ("Invalid access at addr 0xFE504074, size 4, region 'x (y)', reason: rejected", "invalid_access", "x (y)"),
]


@pytest.mark.parametrize(("line", "event", "detail"), UNASSIGNED)
@pytest.mark.parametrize("engine", ["portable", "native"])
def test_unassigned(engine: EngineChoice, line: str, event: str, detail: str | None) -> None:
    frame, unknown = parse_all([line], engine)
    assert unknown == []
    row = frame.row(0, named=True)
    assert (row["event"], row["address"], row["size"], row["value"]) == (event, 0xFE504074, 4, None)
    assert row["detail"] == detail


@pytest.mark.parametrize("engine", ["portable", "native"])
def test_old_unassigned(engine: EngineChoice) -> None:
    lines = ["Unassigned mem read 00000000fe800000", "Unassigned mem write 00000000fe800004 = 0xdeadbeef"]
    frame, unknown = parse_all(lines, engine)
    assert unknown == []
    assert frame["event"].to_list() == ["unassigned_read", "unassigned_write"]
    assert frame["address"].to_list() == [0xFE800000, 0xFE800004]
    assert frame["value"].to_list() == [None, 0xDEADBEEF]
    assert frame["size"].to_list() == [None, None]


@pytest.mark.parametrize("engine", ["portable", "native"])
@pytest.mark.parametrize("head", ["", "qemu-system-x86_64: ", "2022-07-21T06:50:56.222055Z vm1 /usr/bin/qemu-kvm: "])
def test_failed_accesses(engine: EngineChoice, head: str) -> None:
    lines = [
        head + "vfio_region_read(0001:00:00.0:region0+0x0, 4) failed: Input/output error",
        head + "vfio_region_write(0000:08:00.0:region1+0x345990, 0x13801,8) failed: Device or resource busy",
        head + "vfio_pci_read_config(0000:08:00.0, 0x10, 0x4) failed: Input/output error",
    ]
    frame, unknown = parse_all(lines, engine)
    assert unknown == []
    assert frame["event"].to_list() == ["failed_read", "failed_write", "failed_read"]
    assert frame["region"].to_list() == [0, 1, 7]
    assert frame["address"].to_list() == [0, 0x345990, 0x10]
    assert frame["size"].to_list() == [4, 8, 4]


@pytest.mark.parametrize("engine", ["portable", "native"])
def test_names_end_at_the_last_region(engine: EngineChoice) -> None:
    names = ["vfio-user:/tmp/a:region1/b.sock", "VFIO user </var/run/a b>", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"]
    lines = [f"vfio_region_read  ({name}:region2+0x74, 4) = 0x1" for name in names]
    frame, unknown = parse_all(lines, engine)
    assert unknown == []
    assert frame["device"].to_list() == names
    assert frame["region"].to_list() == [2, 2, 2]


@pytest.mark.parametrize("engine", ["portable", "native"])
def test_no_device_is_made_of_two_columns_or_of_noise(engine: EngineChoice) -> None:
    line = "vfio_pci_reset  (0000:00:02.0)"
    lines = [
        line,
        f"{line}{' ' * 40}{line}",
        f"  {line}{' ' * 40}{line}",
        f"vfio_pci_igd_lpc_bridge_enabled 0000:00:02.0{' ' * 40}<",
        f"vfio_region_read  ({'x' * 512}:region2+0x74, 4) = 0x1",
        f"vfio_region_read  ({'x' * 513}:region2+0x74, 4) = 0x1",
        f"vfio_region_read  ({'x' * 1_000_000}:region2+0x74, 4) = 0x1",
    ]
    frame, unknown = parse_all(lines, engine)
    assert frame["line"].to_list() == [1, 5]
    assert len(unknown) == 5


@pytest.mark.parametrize("engine", ["portable", "native"])
def test_values_that_fit_no_column_make_a_line_unknown(engine: EngineChoice) -> None:
    lines = [
        "vfio_region_read  (0000:01:00.0:region0+0x74, 256) = 0x1",
        "vfio_region_read  (0000:01:00.0:region128+0x74, 4) = 0x1",
        "vfio_region_read  (0000:01:00.0:region0+0x74, 4) = 0x11112222333344445",
        "vfio_region_read  (0000:01:00.0:region0+0x74, 4) = 0x1 ",
        "cpu_in addr 0x60(b) value 18446744073709551616",
        "4294967296@1.000000:vfio_vga_read  (0x3c0, 1) = 0x1",
        "4294967295@1.000000:vfio_vga_read  (0x3c0, 1) = 0x1",
        "2026-13-20T09:42:19.148948Z vfio_vga_read  (0x3c0, 1) = 0x1",
        "vfio_region_read  (d\xe9:region0+0x74, 4) = 0x1",
    ]
    text = [line.encode("latin-1") for line in lines]
    found = [portable_engine().line(line) is not None for line in text]
    assert found == [False, False, False, True, False, False, True, False, False]
    frame, _ = parse_all(lines[:-1], engine)
    assert frame["line"].to_list() == [4, 7]


def test_torn_lines_are_unknown() -> None:
    engine = portable_engine()
    whole = "12345@1618242861.000001:vfio_region_read  (0000:01:00.0:region0+0x88000, 4) = 0x1"
    # Digits of a thread id alone run into the next one: nobody could tell.
    for cut in range(6, len(whole) - 1):
        found = engine.line((whole[:cut] + whole).encode())
        assert found is None or found is IGNORED, whole[:cut] + whole


def test_carriage_returns_and_blanks_at_the_ends_say_nothing() -> None:
    line = b"vfio_region_read  (0000:01:00.0:region0+0x74, 4) = 0x1"
    rows = {portable_engine().line(text) for text in (line, line + b"\r", b"  " + line, b"\t" + line + b"  \r\r")}
    assert len(rows) == 1


def test_records_of_two_lines() -> None:
    body = "  size: 0x1000, offset: 0x70000000000, flags: 0x3"
    lines = [
        "vfio_populate_device_region Device 0000:01:00.0 region 2:",
        body,
        "vfio_populate_device_config Device 0000:01:00.0 config:",
        body,
        "vfio: Device 0000:01:00.0 region 4:",
        "vfio:   size: 0x10, offset: 0x40000000000, flags: 0x7",
        body,
        "vfio: Device 0000:01:00.0 ROM:",
    ]
    for engine in ("portable", "native"):
        frame, unknown = parse_all(lines, engine)
        assert unknown == []
        assert frame["event"].to_list() == ["region_setup"] * 4
        assert frame["line"].to_list() == [1, 3, 5, 8]
        assert frame["region"].to_list() == [2, 7, 4, 6]
        assert frame["value"].to_list() == [0x1000, 0x1000, 0x10, None]
        assert frame["address"].to_list() == [0x70000000000, 0x70000000000, 0x40000000000, None]
        assert frame["detail"].to_list() == ["3", "3", "7", None]
