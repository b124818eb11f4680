"""What a capture cannot show, and the remedy for the QEMU that made it."""

from dataclasses import replace

import polars as pl
import pytest
import zstandard

from quirkfinder.card.model import Bar, Card, ConfigSpace, Contradiction, Machine, MsixCapability, Placement, Span
from quirkfinder.events import EVENTS
from quirkfinder.findings.document import CaptureProblem
from quirkfinder.knowledge.distortion import distortions
from quirkfinder.knowledge.doctor import ReadingInfo, examine
from quirkfinder.knowledge.mapping import mapped_spans
from quirkfinder.knowledge.versions import VersionRange
from tests.conftest import shared_trace
from tests.knowledge.builders import DEVICE, RADEON_BARS, card
from tests.knowledge.lines import events, frame

START = f'vfio_region_setup Device {DEVICE}, region 2 "x", flags: 0x7, offset: 0x0, size: 0x20000\n'
GOOD = f"""\
1.000000 vfio_region_setup Device {DEVICE}, region 0 "x", flags: 0x7, offset: 0x0, size: 0x10000000
1.000000 vfio_pci_read_config  ({DEVICE}, @0x0, len=0x4) 0x68f91002
1.000000 vfio_region_read  ({DEVICE}:region0+0x0, 4) = 0x0
1.000000 vfio_region_read  ({DEVICE}:region2+0x0, 4) = 0x0
1.000000 vfio_vga_read  (0x3da, 1) = 0x8
1.000000 Invalid read at addr 0xFE800000, size 4, region '(null)', reason: rejected"""
ALL_GOOD = (
    pl.concat([events(GOOD), frame([{"event": "memory_read", "address": 0x80, "detail": "io", "time": 1}])]),
    Machine((card(),)),
)
TEXT_11 = f"QEMU 11.1 monitor\nqemu-kvm -d {{}} -device vfio-pci,host={DEVICE}"


def found(trace: pl.DataFrame, *cards: Card, machine: Machine | None = None, **reading: object) -> list[CaptureProblem]:
    return examine(trace, machine or Machine(cards or (card(),)), ReadingInfo(**reading))  # type: ignore[arg-type]  # typed by ReadingInfo itself


def remedy(problems: list[CaptureProblem], words: str) -> str | None:
    """The remedy of the one problem that has these words."""
    fitting = [p for p in problems if words in p.problem]
    assert len(fitting) < 2, fitting
    return fitting[0].remedy if fitting else None


def test_a_good_capture_has_no_problem() -> None:
    assert examine(*ALL_GOOD) == []


MAPPED = f"""\
1.000000 vfio_region_mmap Region {DEVICE} BAR 2 mmaps[0] [0x0 - 0x5fff]
1.000000 vfio_region_mmap Region {DEVICE} BAR 2 mmaps[1] [0x8000 - 0x1ffff]"""
PARTS = (Span(0, 0x5FFF, "mapped"), Span(0x8000, 0x1FFFF, "mapped"))


def capabilities(identity: int) -> ConfigSpace:
    """A config space with MSI and one more capability."""
    values = bytearray(256)
    values[0x34], values[0x50:0x52], values[0x60:0x62] = 0x50, b"\x05\x60", bytes((identity, 0))
    return ConfigSpace(bytes(values), bytes([1]) * 256)


def cut(parts: tuple[Span, ...] = PARTS, msix: MsixCapability | None = None) -> Card:
    """The card with BAR2 mapped in parts."""
    plain = card()
    bars = tuple(replace(bar, mapped=parts) if bar.index == 2 else bar for bar in plain.bars)
    return replace(plain, bars=bars, msix=msix)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            cut(),
            "BAR 2 0x6000 to 0x7fff is left out of what is mapped (lines 1 and 2): QEMU answers there itself, most",
        ),
        (cut(msix=MsixCapability(0x50, 2, 0x6000, 32)), ""),  # known, and said elsewhere
        (cut(msix=MsixCapability(0x50, 4, 0x0, 32)), "QEMU answers there itself, and accesses"),
        (replace(cut(), host_config=capabilities(0x10)), "QEMU answers there itself, and accesses"),
        (replace(cut(), host_config=capabilities(0x11)), "QEMU answers there itself, most"),
        (cut((PARTS[0], Span(0x6800, 0x1FFFF, "mapped"))), ""),  # nothing is mapped by less than a page
        (cut((Span(0, 0xFFF, "mapped"), Span(0x1A000, 0x1FFFF, "mapped"))), ""),  # larger than any table
        (cut(PARTS[:1]), ""),
    ],
)
def test_a_hole_in_a_mapped_bar(given: Card, words: str) -> None:
    problems = [p.problem for p in found(events(MAPPED), given) if "left out of what is mapped" in p.problem]
    assert len(problems) == bool(words)
    assert all(words in problem for problem in problems)


def test_nothing_at_all() -> None:
    assert [p.problem for p in found(frame([]))] == ["no line of the log is an event of a passed-through device"]


@pytest.mark.parametrize(
    ("hints", "option"),
    [
        ({"prefix:iso"}, "x-no-mmap=on on the device"),
        ({"event:vfio_generic_quirk_read"}, "x-mmap=off on the device"),
        ({"prefix:dprintf"}, "VFIO_ALLOW_MMAP set to 0"),
        ({"prefix:pid"}, "x-mmap=off on the device (2.3 to 2.4)"),
    ],
)
def test_the_remedy_fits_the_release(hints: set[str], option: str) -> None:
    mapped = card(bars=(replace(RADEON_BARS[0], mapped=(Span(0, 0xFFFFFFF, "x"),)),))
    text = remedy(found(events(GOOD), mapped, hints=frozenset(hints)), "BAR 0 (0x0 to 0xfffffff) mapped")
    assert text is not None
    assert option in text


def test_mapping_is_told_from_its_lines_and_from_guest_memory() -> None:
    lines = events(
        f"vfio_region_mmap Region {DEVICE} BAR 2 mmaps[0] [0x0 - 0x3fff]\n"
        f"vfio_region_mmap Region {DEVICE} BAR 2 mmaps[1] [0x4000 - 0x1ffff]\n"
        "vfio_region_mmap Region 0000:02:00.0 BAR 0 mmaps[0] [0x0 - 0x3fff]"
    )
    assert mapped_spans(card(), lines) == [(2, 0, 0x1FFFF)]
    listener = events(
        "vfio_listener_region_add_ram region_add [ram] 0xfebc0000 - 0xfebc7fff [0x7f20d7e00000]\n"
        "vfio_listener_region_add_ram region_add [ram] 0x0 - 0xbffff [0x7f20d7e00000]"
    )
    assert mapped_spans(card(), listener) == [(2, 0, 0x7FFF)]
    assert (
        mapped_spans(card(bars=(Bar(2, "memory32", 0x1000, placements=(Placement(0, 0xFEBC0000),)),)), listener) == []
    )


def test_a_bar_that_nobody_touched() -> None:
    one = events(GOOD.replace("region2", "region0"))
    assert remedy(found(one), "no access to BAR 2 is logged") is not None
    trapped = events(START + GOOD.replace("region2", "region0"))
    assert remedy(found(trapped, texts=("QEMU 7.2 monitor",)), "no access to BAR") is None
    unmappable = events(START.replace("0x7", "0x3") + GOOD.replace("region2", "region0"))
    assert remedy(found(unmappable), "no access to BAR") is None
    option = (f"qemu-kvm -device vfio-pci,host={DEVICE},x-no-mmap=on",)
    assert remedy(found(one, texts=option), "no access to BAR") is None


def test_a_log_that_begins_late() -> None:
    late = events(f"vfio_region_read  ({DEVICE}:region2+0x0, 4) = 0x0")
    assert remedy(found(late), "begins after the device started") is not None
    assert remedy(found(events(GOOD)), "begins after") is None


def test_config_and_vga_tracing_off() -> None:
    bare = events(START + f"vfio_region_read  ({DEVICE}:region2+0x0, 4) = 0x0")
    assert remedy(found(bare), "no access to config space") is not None
    assert remedy(found(bare), "x-vga or its tracing was off") is not None
    assert remedy(found(bare, card(class_code=0x020000)), "VGA") is None
    off = (f"qemu-kvm -device vfio-pci,host={DEVICE}",)
    assert remedy(found(bare, texts=off), "VGA") is None
    on = f"qemu-kvm -device vfio-pci,host={DEVICE},x-vga=on -trace "
    assert remedy(found(bare, texts=(on + "vfio_region_*",)), "x-vga=on was given, tracing is off") is not None
    assert remedy(found(bare, texts=(on + "vfio_*",)), "VGA") is None
    assert remedy(found(bare, texts=(on + "events=file",)), "x-vga or its tracing") is not None


@pytest.mark.parametrize(
    ("text", "problem", "option"),
    [
        (TEXT_11.format("invalid_mem"), None, ""),
        (TEXT_11.format("guest_errors"), "which was not given", "-d invalid_mem"),
        (TEXT_11.format("guest_errors").replace("11.1", "7.2"), None, ""),
        (TEXT_11.format("unimp").replace("11.1", "7.2"), "which was not given", "-d guest_errors"),
        ("QEMU 4.2 monitor", "no unassigned memory access is logged", "DEBUG_UNASSIGNED defined"),
        ("QEMU 11.1 monitor", "no unassigned memory access is logged", "-d invalid_mem"),
        ("", "no unassigned memory access is logged", "-d guest_errors (5.2 to 9.2)"),
    ],
)
def test_unassigned_accesses(text: str, problem: str | None, option: str) -> None:
    quiet = events("\n".join(GOOD.splitlines()[:-1]))
    problems = found(quiet, texts=(text,))
    if problem is None:
        assert remedy(problems, "unassigned memory") is None
    else:
        assert option in (remedy(problems, problem) or "")


def test_silent_ports_matter_to_cards_with_ports() -> None:
    assert "memory_region_ops_*" in (remedy(found(events(GOOD)), "I/O ports that nothing answers") or "")
    assert remedy(found(events(GOOD), card(bars=RADEON_BARS[:2])), "I/O ports") is None


def test_what_goes_missing_on_the_way() -> None:
    gaps = frame([{"event": "lost", "value": 3}, {"event": "lost", "value": 4}])
    assert remedy(found(gaps), "dropped 7 records") is not None
    problems = found(events(GOOD), lines=1000, unrecognised=20, torn=2, hints=frozenset({"prefix:syslog"}))
    assert remedy(problems, "20 of 1000 lines (2 %)") is not None
    assert remedy(problems, "2 lines are torn") is not None
    assert remedy(problems, "through syslog") is not None
    assert remedy(found(events(GOOD), lines=1000, unrecognised=10), "no known form") is None
    eventfd = events("vfio_ioeventfd_init vfio-nvidia-bar0-88000-mirror-quirk+0x704[4]:0x0 vfio:1")
    assert "x-no-kvm-ioeventfd=on" in (remedy(found(eventfd), "vfio-nvidia-bar0-88000-mirror-quirk+0x704") or "")


def test_inventories() -> None:
    blind = card(bars=(Bar(0, "memory32", 0x1000),))
    problems = found(events(GOOD), blind)
    assert remedy(problems, "host's BAR addresses are not known") is not None
    assert remedy(problems, "guest's BAR addresses are not known") is not None
    said = replace(card(), contradictions=(Contradiction("BAR 2 lies at two places"),))
    machine = Machine((said,), notes=("/proc/iomem has no addresses",))
    problems = found(events(GOOD), machine=machine)
    assert "in the same boot" in (remedy(problems, "BAR 2 lies at two places") or "")
    assert remedy(problems, "/proc/iomem") is None


def test_the_msix_table() -> None:
    nic = replace(card(), msix=MsixCapability(0xA0, 3, 0x0, 5))
    assert remedy(found(events(GOOD), nic), f"{DEVICE} BAR 3 0x0 to 0x4f") is not None
    seen = pl.concat([events(GOOD), frame([{"event": "memory_write", "detail": "msix-table", "address": 1}])])
    assert remedy(found(seen, nic), "MSI-X") is None


@pytest.mark.parametrize(
    ("hints", "option"),
    [({"prefix:iso"}, "-msg timestamp=on"), ({"prefix:dprintf"}, "a tool that stamps each line")],
)
def test_no_clock(hints: set[str], option: str) -> None:
    text = remedy(found(events(START), hints=frozenset(hints)), "no line has a clock")
    assert text is not None
    assert option in text


def reads(count: int, value: int | None = 0, step: int = 0) -> pl.DataFrame:
    return frame(
        [
            {
                "event": "region_read",
                "device": DEVICE,
                "region": 2,
                "address": 0x10 + i * step,
                "size": 4,
                "value": value,
            }
            for i in range(count)
        ]
    )


def said(trace: pl.DataFrame, release: str) -> str:
    return " | ".join(p.problem for p in distortions(trace, VersionRange.of(release)))


def test_polls() -> None:
    assert "bar2+0x10 (150 times)" in said(reads(150), "7.2")
    assert said(reads(99), "7.2") == ""
    assert said(pl.concat([reads(60), reads(60, value=1)]), "7.2") == ""
    assert said(pl.concat([reads(60), reads(1, value=1), reads(60)]), "7.2") == ""


def test_splits() -> None:
    halves = reads(40, step=4)
    assert "pairs of neighbouring" in said(halves, "2.9")
    assert said(halves, "2.10") == ""
    assert said(reads(40, step=8), "2.9") == ""
    whole = frame([{"event": "region_read", "device": DEVICE, "region": 2, "address": 0, "size": 8}])
    assert said(pl.concat([halves, whole]), "2.9") == ""


def test_a_framebuffer_that_floods_the_log() -> None:
    one = reads(2).with_columns(event=pl.lit("region_write", dtype=pl.Enum(EVENTS)))
    flood = one.select(pl.all().repeat_by(600_000).explode())
    assert "100% of 1200000 accesses go to bar2" in said(flood, "7.2")


@pytest.mark.parametrize(
    ("bundle", "device", "bars", "words"),
    [
        ("e1000e-mmapped", "0000:02:00.0", (0, 1, 3), "BAR 0 (0x0 to 0x1ffff), BAR 1 (0x0 to 0x1ffff), BAR 3"),
        ("radeon-mmapped", "vfio-user:/run/vfio-user/card.sock", (0, 2), "BAR 0 (0x0 to 0xfffffff), BAR 2"),
    ],
)
def test_recorded_runs_with_mapped_bars(bundle: str, device: str, bars: tuple[int, ...], words: str) -> None:
    folder = shared_trace(bundle)
    log = folder / "qemu.log"
    if log.exists():
        text = log.read_text()
    else:
        text = zstandard.ZstdDecompressor().stream_reader((folder / "qemu.log.zst").open("rb")).read().decode()
    subject = Card(device, bars=tuple(Bar(b, "memory32", 0x1000, host=0x1000, guest=0x1000) for b in bars))
    problems = found(events(text), subject, texts=((folder / "command.txt").read_text(),))
    assert remedy(problems, words) == "x-no-mmap=on on the device"
    assert remedy(problems, "unassigned memory") is None


def test_what_was_given_is_not_asked_for_again() -> None:
    nowhere = replace(card(), bars=tuple(replace(bar, guest=None, host=None) for bar in RADEON_BARS))
    problems = found(ALL_GOOD[0], nowhere, guest=2, host=1)
    assert str(remedy(problems, "the guest's BAR")).startswith("2 inventories were given without them: take")
    assert str(remedy(problems, "the host's BAR")).startswith("an inventory was given without this card: add")
    assert str(remedy(found(ALL_GOOD[0], nowhere), "the guest's BAR")).startswith("add the monitor's")
