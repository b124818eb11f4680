"""The capture doctor: what a log cannot show, and the option that would have shown it.

`examine` looks at events, card model and what reading learnt on the side, and names the remedy for the QEMU that wrote
the log.  Nothing here makes or unmakes a finding.  Sources: QEMU hw/vfio/pci.c and region.c (mapping, MSI-X),
system/memory.c (unassigned accesses), 1.3 to 11.1.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from quirkfinder.card.model import Bar, Card, Machine
from quirkfinder.counting import Counts, count
from quirkfinder.findings.document import CaptureProblem
from quirkfinder.knowledge import advice
from quirkfinder.knowledge.activity import Activity, quirk_activity
from quirkfinder.knowledge.command_line import CommandLine, read_command_line
from quirkfinder.knowledge.distortion import distortions
from quirkfinder.knowledge.holes import holes, may_have_table
from quirkfinder.knowledge.inference import infer_version
from quirkfinder.knowledge.mapping import MAPPABLE, mapped_spans, region_flags
from quirkfinder.knowledge.versions import Version, VersionRange

_UNASSIGNED = ("unassigned_read", "unassigned_write", "unassigned_access")
_INVENTORY = (
    "lspci -vvnn, lspci -xxxx, the sysfs resource file, /proc/iomem as root (quirkfinder capture --device ADDRESS)"
)


@dataclass(frozen=True, slots=True)
class ReadingInfo:
    """What the reading stage knows beside the events.

    `hints` as in `quirkfinder.knowledge.inference`; `lines`, `unrecognised` and `torn` (lines cut or run together)
    count trace lines; `texts` are the files that are neither trace nor inventory, command lines among them; `host` and
    `guest` count the inventories that were read.
    """

    hints: Collection[str] = ()
    lines: int = 0
    unrecognised: int = 0
    torn: int = 0
    texts: tuple[str, ...] = ()
    host: int = 0
    guest: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """Everything a check may look at, put together once."""

    events: pl.DataFrame
    machine: Machine
    reading: ReadingInfo
    version: VersionRange
    command: CommandLine | None
    activity: Activity
    counts: dict[str, int]  # events by kind
    accesses: dict[tuple[str, int], int]  # region accesses by device and region
    names: frozenset[str]  # regions that memory_region_ops lines name
    lost: int  # records that the back end says it dropped

    def has(self, *kinds: str) -> bool:
        """Is there an event of one of these kinds?"""
        return any(self.counts.get(kind) for kind in kinds)


def examine(
    events: pl.DataFrame,
    machine: Machine,
    reading: ReadingInfo | None = None,
    counts: Counts | None = None,
    activity: Activity | None = None,
) -> list[CaptureProblem]:
    """What this capture cannot show, the gravest first: mapped BARs, unlogged accesses, gaps, missing inventories.

    `counts`: of all events of the log, where `events` is not all of them or they are known already; `activity`: what
    `quirk_activity` told of them, where that is.
    What the card stage says about the machine as a whole (`Machine.contradictions`, `Machine.notes`) is not repeated.
    """
    counts = counts or count(events)
    log = _log(events, counts, machine, reading or ReadingInfo(), activity or quirk_activity(events))
    checks = (
        _mapped,
        _silent_bars,
        _late_start,
        _untraced_config,
        _untraced_vga,
        _unassigned_memory,
        _unassigned_ports,
        _ioeventfds,
        _lost,
        _unreadable,
        _host_inventory,
        _guest_inventory,
        _contradictions,
        _msix_tables,
        _holes,
        _no_clock,
    )
    problems = [problem for check in checks for problem in check(log)] if len(events) else [_empty(log)]
    return list(dict.fromkeys([*problems, *distortions(counts, log.version)]))


def _log(events: pl.DataFrame, counts: Counts, machine: Machine, reading: ReadingInfo, activity: Activity) -> Log:
    commands = [c for text in reading.texts if (c := read_command_line(text)) is not None]
    return Log(
        events,
        machine,
        reading,
        infer_version(events, reading.hints, reading.texts),
        commands[-1] if commands else None,
        activity,
        counts.events,
        {(device or "", region): number for (device, region), number in counts.accesses.items()},
        counts.names,
        counts.lost,
    )


def _empty(log: Log) -> CaptureProblem:
    return CaptureProblem("no line of the log is an event of a passed-through device", advice.tracing(log.version))


def _mapped(log: Log) -> Iterator[CaptureProblem]:
    for card in log.machine.cards:
        spans = mapped_spans(card, log.events)
        if spans:
            places = ", ".join(f"BAR {bar} ({first:#x} to {last:#x})" for bar, first, last in spans)
            yield CaptureProblem(
                f"{card.name}: {places} mapped into the guest: accesses there are not logged",
                advice.no_mapping(log.version),
            )


def _silent_bars(log: Log) -> Iterator[CaptureProblem]:
    """BARs the guest placed and, by the log, never touched, where nothing says that they were trapped."""
    flags = region_flags(log.events)
    for card in log.machine.cards:
        options = log.command.device(card.host_address) if log.command is not None else None
        if options is not None and options.is_on("x-no-mmap"):
            continue
        known = {bar for bar, _, _ in mapped_spans(card, log.events)}
        silent = [
            b for b in card.bars if b.index not in known and _could_be_mapped(b, flags.get((card.name, b.index)), log)
        ]
        quiet = [str(b.index) for b in silent if not log.accesses.get((card.name, b.index))]
        if quiet:
            yield CaptureProblem(
                f"{card.name}: no access to BAR {', '.join(quiet)} is logged although the guest placed it: mapped,"
                " not traced, or was never used",
                f"{advice.no_mapping(log.version)}; {advice.tracing(log.version)}",
            )


def _could_be_mapped(bar: Bar, flags: int | None, log: Log) -> bool:
    placed = bar.guest is not None or any(p.address is not None for p in bar.placements)
    if not bar.is_memory or bar.kind == "rom" or not bar.size or not placed:
        return False
    if flags is None:
        return True
    # From 2.6 on a mapped region prints region_mmap: with its set-up in the log and no such line it was trapped.
    return bool(flags & MAPPABLE) and log.version.first < Version(2, 6)


def _late_start(log: Log) -> Iterator[CaptureProblem]:
    late = sorted({device for device, _ in log.accesses if device and device not in log.activity.started})
    if late:
        yield CaptureProblem(
            f"{', '.join(late)}: the log begins after the device started: no region sizes, no capabilities, and whether"
            " QEMU's own quirks were on is not known",
            f"trace from the start of QEMU: {advice.tracing(log.version)} on the command line, not in the monitor",
        )


def _untraced_config(log: Log) -> Iterator[CaptureProblem]:
    if log.accesses and not log.has("config_read", "config_write"):
        yield CaptureProblem(
            "no access to config space is logged: the guest's BAR addresses and copies of config space cannot be told",
            f"trace all of it: {advice.tracing(log.version)} has vfio_pci_read_config and vfio_pci_write_config",
        )


def _untraced_vga(log: Log) -> Iterator[CaptureProblem]:
    """A VGA card whose legacy ports were not touched: only a command line tells whether they could have been seen."""
    if log.has("vga_read", "vga_write"):
        return
    traced = log.command.traces_event("vfio_vga_read") if log.command is not None else None
    for card in log.machine.cards:
        if card.class_code is None or card.class_code >> 8 != 0x0300:
            continue
        options = log.command.device(card.host_address) if log.command is not None else None
        passed = bool(options.is_on("x-vga")) if options is not None else None
        if passed is False or (passed and traced):
            continue
        reason = "x-vga=on was given, tracing is off" if passed and traced is False else "x-vga or its tracing was off"
        yield CaptureProblem(
            f"{card.name} is a VGA card and no access to VGA ports is logged ({reason}): doors there stay hidden",
            f"x-vga=on on the device, and {advice.tracing(log.version)}",
        )


def _unassigned_memory(log: Log) -> Iterator[CaptureProblem]:
    if log.has(*_UNASSIGNED):
        return
    remedy = advice.unassigned_log(log.version)
    given = log.command.log_items if log.command is not None else None
    item = remedy.removeprefix("-d ") if remedy.startswith("-d ") and ";" not in remedy else None
    if given is not None and item is not None:
        if item in given:
            return
        text = f"QEMU {log.version} logs unassigned memory accesses only with {remedy}, which was not given"
    else:
        text = "no unassigned memory access is logged: there was none, or this QEMU was not told to log them"
    yield CaptureProblem(f"{text}: a guest that uses a host address would not be noticed", remedy)


def _unassigned_ports(log: Log) -> Iterator[CaptureProblem]:
    """Since 1.6 no log category has unassigned ports of x86; the memory trace shows them in region `io`."""
    ports = [f"{c.name} BAR {b.index}" for c in log.machine.cards for b in c.bars if b.kind == "io"]
    if ports and not log.has("memory_read", "memory_write", "port_read", "port_write"):
        yield CaptureProblem(
            f"accesses to I/O ports that nothing answers are not logged ({', '.join(ports)}): a guest that uses the"
            " host's port address would not be noticed",
            advice.memory_tracing(log.version),
        )


def _ioeventfds(log: Log) -> Iterator[CaptureProblem]:
    if not log.has("ioeventfd"):
        return
    rows = log.events.filter(pl.col("event") == "ioeventfd").select(pl.col("detail").cast(pl.String), "address").head(3)
    places = ", ".join(f"{name}+{address or 0:#x}" for name, address in rows.iter_rows())
    yield CaptureProblem(
        f"{log.counts['ioeventfd']} ioeventfds were set up ({places}): further equal writes there are not logged",
        advice.no_ioeventfd(log.version),
    )


def _lost(log: Log) -> Iterator[CaptureProblem]:
    if log.has("lost"):
        yield CaptureProblem(
            f"the trace back end dropped {log.lost} records: an access pair across a gap cannot be trusted",
            "trace fewer events, or use the log back end with -D FILE, which waits instead of dropping",
        )
    if "prefix:syslog" in log.reading.hints:
        yield CaptureProblem(
            "the trace went through syslog, which drops lines beyond its rate without a mark in each of them",
            "-D FILE with the log back end, or RateLimitIntervalSec=0 in journald.conf",
        )


def _unreadable(log: Log) -> Iterator[CaptureProblem]:
    reading = log.reading
    if reading.torn:
        yield CaptureProblem(
            f"{reading.torn} lines are torn: two writers shared the file, or it was cut",
            "-D FILE of its own for the trace, one QEMU a file (-D qemu-%d.log)",
        )
    if reading.lines and reading.unrecognised * 100 > reading.lines:
        share = 100 * reading.unrecognised / reading.lines
        yield CaptureProblem(
            f"{reading.unrecognised} of {reading.lines} lines ({share:.0f} %) are of no known form",
            "leave the trace as QEMU writes it, without filters that change lines; report unknown forms",
        )


def _host_inventory(log: Log) -> Iterator[CaptureProblem]:
    missing = [c.name for c in log.machine.cards if not any(b.host is not None for b in c.bars)]
    if missing:
        given = f"{_given(log.reading.host)} without this card: " if log.reading.host else ""
        yield CaptureProblem(
            f"{', '.join(missing)}: the host's BAR addresses are not known: leaks and 1:1 placements cannot be told",
            f"{given}add the host's inventory of the same boot: {_INVENTORY}",
        )


def _guest_inventory(log: Log) -> Iterator[CaptureProblem]:
    missing = [c.name for c in log.machine.cards if c.bars and not any(_placed(b) for b in c.bars)]
    which = f"{_given(log.reading.guest)} without them: take" if log.reading.guest else "add"
    if missing:
        yield CaptureProblem(
            f"{', '.join(missing)}: the guest's BAR addresses are not known",
            f"{which} the monitor's `info pci` and `info mtree -f` of this run, or trace config space from the start",
        )


def _given(inventories: int) -> str:
    return "an inventory was given" if inventories == 1 else f"{inventories} inventories were given"


def _placed(bar: Bar) -> bool:
    return bar.guest is not None or any(p.address is not None for p in bar.placements)


def _contradictions(log: Log) -> Iterator[CaptureProblem]:
    for card in log.machine.cards:
        for contradiction in card.contradictions:
            yield CaptureProblem(
                f"{card.name}: {contradiction.text}",
                f"take the inventories in the same boot as the trace, after QEMU has started: {_INVENTORY}",
            )


def _msix_tables(log: Log) -> Iterator[CaptureProblem]:
    if "msix-table" in log.names:
        return
    tables = [t for card in log.machine.cards if (t := _table(card))]
    if tables:
        yield CaptureProblem(
            f"accesses to MSI-X tables are answered by QEMU and not logged ({', '.join(tables)})",
            advice.table_tracing(log.version),
        )


def _holes(log: Log) -> Iterator[CaptureProblem]:
    for card in log.machine.cards:
        for hole in holes(card, log.events):
            lines = " and ".join(str(line) for line in hole.lines[:4])
            table = ", most likely the MSI-X table" if may_have_table(card) else ""
            yield CaptureProblem(
                f"{card.name}: BAR {hole.bar} {hole.first:#x} to {hole.last:#x} is left out of what is mapped (lines"
                f" {lines}): QEMU answers there itself{table}, and accesses to it are not logged",
                advice.table_tracing(log.version),
            )


def _table(card: Card) -> str:
    msix = card.msix
    if msix is None or msix.table_bar is None or msix.table_offset is None:
        return ""
    last = f" to {msix.table_offset + 16 * msix.entries - 1:#x}" if msix.entries else ""
    return f"{card.name} BAR {msix.table_bar} {msix.table_offset:#x}{last}"


def _no_clock(log: Log) -> Iterable[CaptureProblem]:
    if log.events["time"].null_count() == len(log.events):
        yield CaptureProblem(
            "no line has a clock: rates and costs per second cannot be told", advice.clock(log.version)
        )
