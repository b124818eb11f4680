"""Other captures of the same events: prefixes, arguments by name, binary traces, kernel tracepoints."""

import contextlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.inputs import resolve
from quirkfinder.inputs.streams import PlainStream
from quirkfinder.reading import lines, read
from quirkfinder.reading.formats import declarations, declared, line_of
from quirkfinder.reading.portable import IGNORED, Row, portable_engine
from quirkfinder.reading.simple import DamagedTraceError, simple_lines
from tests.conftest import shared
from tests.reading.samples import CAPTURES
from tests.reading.test_inputs import Dribble

BODY = "vfio_region_read  (0000:01:00.0:region0+0x88010, 4) = 0xfd000000"
DAY = 86_400_000_000_000


@pytest.mark.parametrize(("prefix", "time", "thread"), CAPTURES)
def test_prefixes_of_other_captures(prefix: str, time: int | None, thread: int | None) -> None:
    row = portable_engine().line((prefix + BODY).encode())
    assert isinstance(row, Row)
    assert (row.thread, row.address, row.value) == (thread, 0x88010, 0xFD000000)
    assert time is None or row.time == time


def test_months_of_other_languages_lose_the_time_only() -> None:
    row = portable_engine().line(f"янв 13 18:17:24 VM qemu-system-x86_64[7131]: {BODY}".encode())
    assert isinstance(row, Row)
    assert (row.time, row.thread) == (None, 7131)


def data(name: str) -> bytes:
    return (Path(__file__).parent / "data" / name).read_bytes()


def one_trace(tmp_path: Path, content: bytes, *more: tuple[str, bytes]) -> tuple[pl.DataFrame, tuple[str, ...], int]:
    path = tmp_path / "capture"
    path.write_bytes(content)
    for name, text in more:
        (tmp_path / name).write_bytes(text)
    found = read(resolve([tmp_path]))
    return found.events, found.problems, sum(record.unrecognised for record in found.inputs)


def test_times_without_a_year_count_from_the_first_event(tmp_path: Path) -> None:
    stamps = ["Dec 31 23:59:58", "Dec 31 23:59:59", "Jan  1 00:00:01", "Jan  1 00:00:02"]
    text = "".join(f"{stamp} host qemu-system-x86_64[1]: {BODY}\n" for stamp in stamps)
    events, _, unknown = one_trace(tmp_path, text.encode())
    assert unknown == 0
    assert [t // 1_000_000_000 for t in events["time"].to_list()] == [0, 1, 3, 4]


def test_kernel_tracepoints(tmp_path: Path) -> None:
    events, _, unknown = one_trace(tmp_path, data("kvm-tracepoints.txt"))
    assert unknown == 0
    assert events["event"].to_list() == ["memory_read", "memory_write", "port_read", "iommu_map"]
    assert events["address"].to_list() == [0xE0088010, 0xE0088018, 0xC00C, 0xF8000000]
    assert events["value"].to_list() == [0xFD000000, 2**64 - 1, 0xFD000000, 0xFA000000]
    assert events["time"].to_list() == [0, 1000, 2000, 3000]


def test_faults_of_the_hosts_iommu(tmp_path: Path) -> None:
    events, _, unknown = one_trace(tmp_path, data("iommu-faults.txt"))
    assert unknown == 0
    assert events["event"].to_list() == ["dma_fault"] * 3
    assert events["device"].to_list() == ["00:02.0", "01:00.0", "0000:01:00.0"]
    assert events["address"].to_list() == [0x50340000] * 3
    assert events["detail"].to_list() == ["read", "write", None]


def test_mmiotrace(tmp_path: Path) -> None:
    events, _, unknown = one_trace(tmp_path, data("mmiotrace.txt"))
    assert unknown == 1, "the access outside of all BARs"
    assert events["event"].to_list() == ["region_read", "region_write", "region_write", "lost"]
    assert events["device"].to_list() == ["0000:01:00.0"] * 3 + [None]
    assert events["region"].to_list() == [0, 1, 3, None]
    assert events["address"].to_list() == [0x88010, 0x140, 0x1000000, None]
    assert events["size"].to_list() == [4, 4, 1, None]
    assert events["value"].to_list() == [0xFD000000, 1, 1, 12]
    assert events["time"].to_list()[:2] == [0, 100_000]
    assert events["line"].to_list() == [4, 5, 6, 9]


def test_a_header_of_mmiotrace_that_a_mail_program_broke(tmp_path: Path) -> None:
    whole = data("mmiotrace.txt")
    broken = whole.replace(b" 10000000 0 2000000", b"\n10000000 0 2000000").replace(b"R 4 83", b"R 4  83")
    assert broken != whole
    events, _, unknown = one_trace(tmp_path, broken)
    assert unknown == 1
    assert events["address"].to_list() == [0x88010, 0x140, 0x1000000, None]


def test_demmio(tmp_path: Path) -> None:
    events, _, unknown = one_trace(tmp_path, data("demmio.txt"))
    assert unknown == 1, "the line that is none of its own"
    assert events["event"].to_list() == ["region_read", "region_write", "region_write", "region_read"]
    assert events["device"].to_list() == ["card0", "card0", "card1", "card0"]
    assert events["region"].to_list() == [0, 0, 1, 0]
    assert events["address"].to_list() == [0x88010, 0x140, 0x4000, 0x0]
    assert events["size"].to_list() == [4, 1, 4, 4]
    assert events["value"].to_list() == [0xFD000000, 1, 0xDEADBEEF, 0x98000A1]
    assert events["time"].to_list() == [0, 100_000, 200_000, None]


SIMPLETRACE = """\
vfio_region_read 0.000 pid=4711 name={q}0000:01:00.0{e} index=0x0 addr=0x88010 size=0x4 data=0xfd000000
vfio_region_write 12.345 pid=4711 name={q}VFIO user </run/a b>{e} index=0x2 addr=0x74 data=0x1f000 size=0x4
vfio_intx_enable 1.000 pid=4711 name={q}0000:01:00.0{e}
vfio_check_pm_reset 1.000 pid=4711 name={q}0000:01:00.0{e}
vfio_pci_read_config 41.888 pid=1864 name={q}0000:01:00.0{e} addr=0x22c len=0x4 val=0x4
Dropped_Event 1.000 pid=4711 num_events_dropped=0x7
"""


@pytest.mark.parametrize(("opening", "closing"), [("", ""), ("b'", "'")], ids=["python2", "python3"])
def test_simpletrace_text(opening: str, closing: str, tmp_path: Path) -> None:
    text = SIMPLETRACE.replace("{q}", opening).replace("{e}", closing)
    events, _, unknown = one_trace(tmp_path, text.encode())
    assert unknown == 0
    assert events["event"].to_list() == ["region_read", "region_write", "interrupt", "config_read", "lost"]
    assert events["device"].to_list()[1] == "VFIO user </run/a b>"
    assert events["time"].to_list()[:4] == [0, 12345, 13345, 56233]
    assert events["address"].to_list()[:4] == [0x88010, 0x74, None, 0x22C]
    assert events["value"].to_list() == [0xFD000000, 0x1F000, None, 4, 7]
    assert events["line"].to_list() == [1, 2, 3, 5, 6]


BABELTRACE = (
    '[{clock}] (+0.000001234) host qemu:vfio_region_read: {{ cpu_id = 2 }}, {{ name = "0000:01:00.0", index = 0, '
    "addr = 0x88010, size = 4, data = 0xFD000000 }}\n"
)


def test_babeltrace(tmp_path: Path) -> None:
    clocks = ["23:59:59.999999999", "00:00:00.000000009", "00:00:01.000000000"]
    text = "".join(BABELTRACE.format(clock=clock) for clock in clocks)
    events, _, unknown = one_trace(tmp_path, text.encode())
    assert unknown == 0
    assert events["value"].to_list() == [0xFD000000] * 3
    assert events["time"].diff().to_list()[1:] == [10, 999_999_991]


def record(order: str, number: int, time: int, pid: int, *values: int | bytes) -> bytes:
    payload = b"".join(
        struct.pack(f"{order}I", len(v)) + v if isinstance(v, bytes) else struct.pack(f"{order}Q", v) for v in values
    )
    return struct.pack(f"{order}QQII", number, time, 24 + len(payload), pid) + payload


def header(order: str, version: int) -> bytes:
    return struct.pack(f"{order}QQQ", 2**64 - 1, 0xF2B177CB0AA429B4, version)


READ_VALUES = (b"0000:01:00.0", 5, 0xC, 4, 2**64 - 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_trace_that_names_its_events(order: str, tmp_path: Path) -> None:
    def mapped(number: int, name: bytes) -> bytes:
        return struct.pack(f"{order}QQI", 0, number, len(name)) + name

    one = struct.pack(f"{order}Q", 1)
    content = header(order, 4) + mapped(7, b"vfio_region_read") + mapped(9, b"vfio_mdev") + mapped(11, b"never_seen")
    content += one + record(order, 7, 5_000_000_123, 4711, *READ_VALUES)
    content += one + record(order, 9, 5_000_000_200, 4711, b"0000:01:00.0", 1)
    content += one + record(order, 2**64 - 2, 5_000_000_300, 4711, 42)
    content += one + record(order, 11, 5_000_000_400, 4711, 1)
    events, problems, unknown = one_trace(tmp_path, content)
    assert problems == ()
    assert unknown == 1, "the event that nobody declared"
    assert events["event"].to_list() == ["region_read", "lost"]
    row = events.row(0, named=True)
    assert (row["time"], row["thread"], row["device"], row["region"]) == (5_000_000_123, 4711, "0000:01:00.0", 5)
    assert (row["address"], row["size"], row["value"]) == (0xC, 4, 2**64 - 1)
    assert events["value"][1] == 42
    source = next(s for s in resolve([tmp_path]) if s.role == "trace")
    assert "vfio_region_read  (0000:01:00.0:region5+0xc, 4)" in lines(source, [1])[1]


@pytest.mark.parametrize("version", [2, 3])
def test_binary_trace_with_numbers_only(version: int, tmp_path: Path) -> None:
    content = header("<", version) + record("<", 4, 77_000, 4711, *READ_VALUES)
    events, problems, _ = one_trace(tmp_path, content)
    assert events.height == 0
    assert "trace-events-all" in problems[0]
    events, problems, unknown = one_trace(tmp_path, content, ("trace-events-all", data("trace-events-all.txt")))
    assert (problems, unknown) == ((), 0)
    assert events["value"].to_list() == [2**64 - 1]
    assert events["thread"].to_list() == [4711 if version == 3 else 0]


def test_damaged_binary_traces_are_told(tmp_path: Path) -> None:
    mapping = struct.pack("<QQI", 0, 7, 16) + b"vfio_region_read"
    good = header("<", 4) + mapping + struct.pack("<Q", 1) + record("<", 7, 1, 1, *READ_VALUES)
    for content in (good + b"\1\0\0\0", good + struct.pack("<QQQII", 1, 7, 1, 2**31, 0), header("<", 9)):
        events, problems, _ = one_trace(tmp_path, content)
        assert events.height == (0 if content == header("<", 9) else 1)
        assert len(problems) == 1


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([2, 3, 4]))
def test_no_binary_content_is_an_exception(content: bytes, version: int) -> None:
    listed = declared(data("trace-events-all.txt").decode())
    with contextlib.suppress(DamagedTraceError):
        list(simple_lines(PlainStream(Dribble(header("<", version) + content, 7)), listed))


def test_binary_and_text_of_the_same_run_agree(tmp_path: Path) -> None:
    script = shared("bench", "gen.py")
    text, binary = tmp_path / "a" / "log", tmp_path / "b" / "bin"
    for path in (text, binary):
        path.parent.mkdir()
    subprocess.run([sys.executable, str(script), "3000", str(text), "--simple", str(binary)], check=True)
    from_text, from_binary = (read(resolve([path])).events for path in (text, binary))
    kinds = from_binary["event"].unique()
    columns = ("event", "device", "region", "address", "size", "value")
    same = from_text.filter(pl.col("event").is_in(kinds.implode())).select(columns)
    assert same.with_columns(pl.col("device").cast(str)).equals(
        from_binary.select(columns).with_columns(pl.col("device").cast(str))
    )


def test_declarations_are_rendered_as_the_log_prints_them() -> None:
    values = {"name": b"0000:01:00.0", "index": 0, "addr": 0x88010, "size": 4, "data": 1}
    assert line_of("vfio_region_read", values) == b"vfio_region_read  (0000:01:00.0:region0+0x88010, 4) = 0x1"
    assert line_of("vfio_region_read", {"name": b"x"}) is None
    assert line_of("nothing", {}) is None
    negative = line_of("vfio_intx_update", {"name": b"d", "new_irq": 2**32 - 1, "target_irq": 17})
    assert negative == b"vfio_intx_update  (d) IRQ moved -1 -> 17"


def test_stored_declarations_cover_the_known_events() -> None:
    known = declarations()
    assert len(known) > 250
    assert [arg for _, arg in known["vfio_region_write"][0].arguments] == ["name", "index", "addr", "data", "size"]


def test_the_journal_as_json(tmp_path: Path) -> None:
    entries = [
        {"__REALTIME_TIMESTAMP": "1795167487997460", "_PID": "4711", "MESSAGE": BODY},
        {"__REALTIME_TIMESTAMP": "1795167487997470", "MESSAGE": list(BODY.encode())},
        {"__REALTIME_TIMESTAMP": "x", "MESSAGE": BODY},
    ]
    events, _, unknown = one_trace(tmp_path, "".join(json.dumps(entry) + "\n" for entry in entries).encode())
    assert unknown == 1
    assert events["value"].to_list() == [0xFD000000] * 2
    assert events["thread"].to_list() == [4711, 0]
    assert events["time"].to_list() == [1795167487997460000, 1795167487997470000]


EXPORT = """\
__CURSOR=s=1
__REALTIME_TIMESTAMP=1795167487997460
_PID=4711
MESSAGE={body}

__CURSOR=s=2
__REALTIME_TIMESTAMP=1795167487997470
PRIORITY=6
MESSAGE={body}
_PID=4711

__CURSOR=s=3
__REALTIME_TIMESTAMP=1795167487997480
MESSAGE=what nobody ever wrote 0x
not a field
"""


def test_the_journal_as_export(tmp_path: Path) -> None:
    events, _, unknown = one_trace(tmp_path, EXPORT.format(body=BODY).encode())
    assert unknown == 2
    assert events["value"].to_list() == [0xFD000000] * 2
    assert events["line"].to_list() == [4, 9]
    assert events["thread"].to_list() == [4711, None]
    assert events["time"].to_list() == [1795167487997460000, 1795167487997470000]


def test_what_a_server_of_vfio_user_says_is_known() -> None:
    lines = ["vfu_cfg_read vfu: cfg: 0x10 -> 0xfe000000", "vfu_bar_rw_enter vfu: read request for BAR address 0x4010"]
    assert [portable_engine().line(line.encode()) for line in lines] == [IGNORED, IGNORED]


DECORATED = [
    "> > " + BODY,
    ">" + BODY,
    "\x1b[32m" + BODY + "\x1b[0m",
    "(qemu) \x1b[K" + BODY,
    BODY + "   // remark",
    BODY + "\r",
]


@pytest.mark.parametrize("line", DECORATED)
def test_decorations_say_nothing(line: str) -> None:
    row = portable_engine().line(line.encode())
    assert isinstance(row, Row)
    assert row.value == 0xFD000000


def test_lines_that_a_mail_program_broke(tmp_path: Path) -> None:
    text = (
        "Nov 13 18:17:24 VM qemu-system-x86_64[7131]: vfio_region_mmap Region\n"
        "0000:84:00.0 BAR 0 mmaps[0] [0x0 - 0xffffff]\n"
        f"{BODY}\n"
        "vfio_region_write\n(0000:01:00.0:region0+0x0, 0x1, 4)\n"
    )
    events, _, unknown = one_trace(tmp_path, text.encode())
    assert events["event"].to_list() == ["region_mmap", "region_read"]
    assert events["line"].to_list() == [1, 3]
    assert unknown == 2, "a short line was not broken by a mail program"


def test_libvirts_log_of_a_guest() -> None:
    found = [portable_engine().line(line.encode()) for line in data("libvirt-guest.log").decode().splitlines()]
    assert [isinstance(row, Row) for row in found].count(True) == 1
    assert [row for row in found if row is not IGNORED and not isinstance(row, Row)] == []


def test_published_excerpts_keep_their_events() -> None:
    expected = {"001": 41, "002": 6, "009": 48, "025": 2, "026": 1, "034": 44, "041": 4}
    folder = shared("public", "excerpts")
    for number, count in expected.items():
        (path,) = folder.glob(f"{number}_*.txt")
        assert read(resolve([path])).events.height == count, number
