"""Which of QEMU's own quirks were at work in a trace, and which accesses they answered.

QEMU logs the card's answer first and what the guest got instead after it: `region_read`, then (from 2.5 on) the config
access the quirk made, then `quirk_read` or `quirk_latch` with the value the guest saw.  A miner that looks at the first
line alone takes a host address for a leak that was already mended.  Where the lines stand between the eras:

* 1.5: quirks read the card and then replaced the answer: both lines.
* 1.6 to 2.4: an enabled window or mirror did not touch the card: the quirk's line stands alone; the NVIDIA VGA quirk
  read the card too.  RTL8168 lines carry no value up to 2.4.
* 2.5 and newer: every read touches the card first; port 0x3c3 alone is answered without it.

Source: QEMU hw/vfio_pci.c 1.5, hw/misc/vfio.c 1.6 to 2.2, hw/vfio/pci-quirks.c 2.3 to 10.2.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quirkfinder.card.model import Position
from quirkfinder.events import EVENTS, EventType, Frames, frames_of
from quirkfinder.knowledge.catalogue import Quirk, name_key
from quirkfinder.knowledge.catalogue_file import catalogue

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
_PORT = re.compile(r"(?:^|[^0-9a-f])(?:0x)?(3[bcd][0-9a-f])(?:$|[^0-9a-f])")
_QUIRK_EVENTS = ("quirk_probe", "quirk_read", "quirk_write", "quirk_latch", "quirk_state")
#: Lines that name a memory region: a quirk's region in them proves that it was there.
_NAMING_EVENTS = ("ioeventfd", "memory_read", "memory_write", "invalid_read", "invalid_write", "invalid_access")
_SETUP_EVENTS = ("region_setup", "device_attach", "device_info", "msi_setup", "msix_setup", "quirk_probe")
_VGA_EVENTS = ("vga_read", "vga_write")
_SPEAKING = np.array([e in {*_QUIRK_EVENTS, *_NAMING_EVENTS, *_SETUP_EVENTS, *_VGA_EVENTS} for e in EVENTS])
_COLUMNS = ("input", "line", "event", "device", "detail")
_MOST_PARTS = 256
_EVIDENCE = 5  # lines kept to show for each quirk


@dataclass(frozen=True, slots=True)
class Sightings:
    """How often a quirk showed itself and the first lines that say so; `probe`: one of them is its probe line.

    `shared` is set where the only sign is a probe line that stands for other quirks as well.
    """

    count: int
    positions: tuple[Position, ...]
    probe: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """What a trace says of QEMU's quirks.

    `sightings`: by (device, quirk id), the device None where the line names none.  `foreign`: quirk names that the
    catalogue does not know (somebody's own).  `started`: devices whose start-up is in the log, so that a missing probe
    line means something.  `vga`: VGA accesses reached a device, so x-vga was on.
    """

    sightings: dict[tuple[str | None, str], Sightings] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    started: frozenset[str] = frozenset()
    vga: bool = False

    def of(self, device: str, quirk: str) -> Sightings | None:
        """What was seen of the quirk for the device; lines that name no device count for every one."""
        return self.sightings.get((device, quirk)) or self.sightings.get((None, quirk))


def quirk_activity(events: pl.DataFrame | Frames) -> Activity:
    """Reads events (`quirkfinder.events.SCHEMA`) once for everything that `Activity` holds."""
    reader = ActivityReader()
    for frame in frames_of(events)(_COLUMNS):
        reader.add(frame)
    return reader.finish()


@dataclass(slots=True)
class ActivityReader:
    """`quirk_activity` of a log as it is read.  Call `add` for frames in their order, `finish` once."""

    _parts: list[pl.DataFrame] = field(default_factory=list)
    _started: set[str] = field(default_factory=set)
    _vga: bool = False

    def add(self, frame: pl.DataFrame) -> None:
        """Takes the events that follow."""
        codes = frame["event"].to_physical().to_numpy()
        rows = np.flatnonzero(_SPEAKING[codes])
        if not len(rows):
            return
        few = frame.select(_COLUMNS)[rows]
        self._parts.append(_lines(few))
        if len(self._parts) > _MOST_PARTS:
            self._parts = [_together(self._parts)]
        seen = few.lazy().filter(pl.col("event").is_in(_SETUP_EVENTS)).select("device").unique().collect()
        self._started |= set(seen["device"].drop_nulls().cast(pl.String))
        self._vga = self._vga or bool(few["event"].is_in(_VGA_EVENTS).any())

    def end_input(self) -> None:
        """What comes next is of another input."""

    def finish(self) -> Activity:
        """What all of them say."""
        if not self._parts:
            return Activity()
        sightings, foreign = _sightings(_together(self._parts))
        return Activity(sightings, foreign, frozenset(self._started), self._vga)


def _together(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """What `_lines` told of several frames, as of one."""
    places = (pl.col(name).explode().drop_nulls().head(_EVIDENCE) for name in ("input", "line"))
    return pl.concat(parts).group_by("device", "detail", "event", maintain_order=True).agg(pl.sum("count"), *places)


def _sightings(lines: pl.DataFrame) -> tuple[dict[tuple[str | None, str], Sightings], tuple[str, ...]]:
    """By device and quirk what was seen of it, and the names that are no quirk's of QEMU."""
    sightings: dict[tuple[str | None, str], Sightings] = {}
    foreign: list[str] = []
    for device, name, kind, count, inputs, numbers in lines.iter_rows():
        latch = name is None and kind == "quirk_latch"  # only one quirk has it
        quirks = catalogue().named("rtl8168" if latch else name or "", probe=kind == "quirk_probe")
        if not quirks and name is not None:
            foreign.append(name)
        positions = tuple(Position(i, n) for i, n in zip(inputs, numbers, strict=True))
        for quirk in quirks:
            new = Sightings(count, positions, kind == "quirk_probe", kind == "quirk_probe" and _is_shared(quirk, name))
            key = (device, quirk.id)
            sightings[key] = _joined(sightings[key], new) if key in sightings else new
    return sightings, tuple(dict.fromkeys(foreign))


def _lines(events: pl.DataFrame) -> pl.DataFrame:
    """By device, name and kind of event: how many lines speak of a quirk, and where the first of them are."""
    names = events["detail"].unique().drop_nulls().cast(pl.String).to_list()
    regions = [n for n in names if any(r.role == "region" for q in catalogue().named(n) for r in q.names)]
    event, detail = pl.col("event"), pl.col("detail").cast(pl.String)
    return (
        events.lazy()
        .filter(event.is_in(_QUIRK_EVENTS) | (event.is_in(_NAMING_EVENTS) & pl.col("detail").is_in(regions)))
        .group_by(pl.col("device").cast(pl.String), detail.alias("detail"), event.cast(pl.String), maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("input").head(_EVIDENCE), pl.col("line").head(_EVIDENCE))
        .collect()
    )


def _is_shared(quirk: Quirk, name: str) -> bool:
    return any(n.role == "shared" and n.key == name_key(name) for n in quirk.names)


def _joined(a: Sightings, b: Sightings) -> Sightings:
    positions = tuple(sorted({*a.positions, *b.positions}, key=lambda p: (p.input, p.line)))[:_EVIDENCE]
    return Sightings(a.count + b.count, positions, a.probe or b.probe, a.shared and b.shared)


def handled_rows(events: pl.DataFrame) -> pl.Series:
    """True for each `region_read` and `vga_read` whose answer the guest did not get, because a quirk replaced it.

    A boolean series named `handled`, as long as `events`, whose rows must be in the order of the log.  Writes are never
    marked: where a quirk swallows one there is no raw line, and where there is one the card received it.
    """
    marked = np.zeros(len(events), dtype=np.bool_)
    marked[_answers(events)[1]] = True
    return pl.Series("handled", marked)


def guest_values(events: pl.DataFrame) -> pl.Series:
    """The `value` column as the guest saw it: the quirk's answer in the rows that `handled_rows` marks (UInt64)."""
    quirks, raws = _answers(events)
    values = events["value"]
    if not len(quirks):
        return values
    answers = values.gather(pl.Series(quirks))
    known = answers.is_not_null()
    return values.scatter(pl.Series(raws).filter(known), answers.filter(known))


def answering_names(events: pl.DataFrame) -> pl.Series:
    """The name, as the log has it, of the quirk that answered a read; null where none did.

    A string series as long as `events`: in the raw reads that `handled_rows` marks, and in the quirks' own lines where
    they say which register was read (up to 2.4, where no raw line stands beside them).
    """
    names = events["detail"].cast(pl.String)
    alone = (events["event"] == "quirk_read") & events["region"].is_not_null()
    quirks, raws = _answers(events)
    placed = pl.select(pl.when(alone).then(names).alias("name"))["name"]
    return placed.scatter(pl.Series(raws), names.gather(pl.Series(quirks)).fill_null("fake latch"))


def answers_of(events: pl.DataFrame) -> dict[Position, Position]:
    """Where a read that a quirk answered stands in the log, and the quirk's line that says what the guest got."""
    quirks, raws = _answers(events)
    raw, quirk = (events.select("input", "line")[rows.tolist()].rows() for rows in (raws, quirks))
    return {Position(*a): Position(*b) for a, b in zip(raw, quirk, strict=True)}


def quirk_config_rows(events: pl.DataFrame) -> pl.Series:
    """True for each config access that a quirk made on the guest's behalf: a boolean series named `internal`.

    It is the config line right before a quirk's line of the same device, direction and value (2.3 and newer).
    """
    marked = np.zeros(len(events), dtype=np.bool_)
    codes = _codes(events)
    for quirk_kind, config_kind in (("quirk_read", "config_read"), ("quirk_write", "config_write")):
        rows = np.flatnonzero(codes == EVENTS.index(quirk_kind))
        for _, quirks, own in _streams(events, rows, np.ones(len(events), dtype=np.bool_)):
            before = own[np.searchsorted(own, quirks) - 1]
            pairs = (before < quirks) & (codes[before] == EVENTS.index(config_kind))
            quirks, before = quirks[pairs], before[pairs]
            same = events["value"].gather(pl.Series(before)).eq_missing(events["value"].gather(pl.Series(quirks)))
            marked[before[same.to_numpy()]] = True
    return pl.Series("internal", marked)


def _answers(events: pl.DataFrame) -> tuple[Rows, Rows]:
    """Row pairs: a quirk's answer and the raw read it replaces."""
    codes = _codes(events)
    is_answer = np.isin(codes, [EVENTS.index(e) for e in ("quirk_read", "quirk_latch")])
    answers = np.flatnonzero(is_answer)
    if not len(answers):
        return answers, answers
    ports = _ports(events, answers)
    pairs = [
        _bar_answers(events, codes, is_answer, answers[ports == 0]),
        _vga_answers(events, codes, answers[ports != 0], ports[ports != 0]),
    ]
    quirks, raws = (np.concatenate([p[side] for p in pairs]) for side in (0, 1))
    return quirks, raws


def _bar_answers(events: pl.DataFrame, codes: NDArray[np.uint8], is_answer: Mask, answers: Rows) -> tuple[Rows, Rows]:
    """The last access line of the same device before the answer, if it is a read of the place the answer speaks of."""
    # A line without a value (RTL8168 up to 2.4) stands for an access that never reached the card.
    answers = answers[events["value"].gather(pl.Series(answers)).is_not_null().to_numpy()]
    stops = is_answer | np.isin(codes, [EVENTS.index(e) for e in ("region_read", "region_write", "quirk_write")])
    quirks, raws = _last_before(events, answers, stops)
    read = codes[raws] == EVENTS.index("region_read")
    return _same_place(events, quirks[read], raws[read])


def _same_place(events: pl.DataFrame, quirks: Rows, raws: Rows) -> tuple[Rows, Rows]:
    """Up to 2.4 an answer names BAR and offset (1.5 an offset within the quirk): then they have to agree."""
    region, address = events["region"], events["address"]
    named = region.gather(pl.Series(quirks))
    agrees = named.is_null() | (
        (named == region.gather(pl.Series(raws)))
        & ((address.gather(pl.Series(quirks)) & 0xFF) == (address.gather(pl.Series(raws)) & 0xFF)).fill_null(True)
    )
    keep = agrees.fill_null(True).to_numpy()
    return quirks[keep], raws[keep]


def _vga_answers(
    events: pl.DataFrame, codes: NDArray[np.uint8], answers: Rows, ports: NDArray[np.int64]
) -> tuple[Rows, Rows]:
    """VGA lines name no device: the last one of the input counts, if it is a read of the very port."""
    port_of = dict(zip(answers.tolist(), ports.tolist(), strict=True))
    stops = np.isin(codes, [EVENTS.index(e) for e in ("vga_read", "vga_write")])
    stops[answers] = True
    quirks, raws = _last_before(events, answers, stops, by_device=False)
    wanted = np.array([port_of[q] for q in quirks.tolist()], dtype=np.int64)
    there = events["address"].gather(pl.Series(raws)).fill_null(0).to_numpy().astype(np.int64)
    keep = (codes[raws] == EVENTS.index("vga_read")) & (there == wanted)
    return quirks[keep], raws[keep]


def _last_before(events: pl.DataFrame, rows: Rows, stops: Mask, by_device: bool = True) -> tuple[Rows, Rows]:
    """For each of `rows` the last marked row before it in its stream (input and device); rows without one are left."""
    found: list[tuple[Rows, Rows]] = []
    for _, own, stream in _streams(events, rows, stops, by_device):
        place = np.searchsorted(stream, own) - 1
        found.append((own[place >= 0], stream[place[place >= 0]]))
    if not found:
        return rows[:0], rows[:0]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _streams(
    events: pl.DataFrame, rows: Rows, marked: Mask, by_device: bool = True
) -> list[tuple[tuple[int, int], Rows, Rows]]:
    """Splits `rows` and the marked rows by input and device; a row without device looks at the whole input."""
    if not len(rows):
        return []
    inputs = events["input"].to_numpy()
    devices = events["device"].to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    keys = np.unique(np.stack([inputs[rows], devices[rows] if by_device else np.full(len(rows), -1)], axis=1), axis=0)
    streams: list[tuple[tuple[int, int], Rows, Rows]] = []
    for file, device in keys.tolist():
        here = inputs == file
        own = rows[here[rows] & ((devices[rows] == device) if by_device else True)]
        stream = np.flatnonzero(here & marked & ((devices == device) if device >= 0 else True))
        streams.append(((file, device), own, stream))
    return streams


def _ports(events: pl.DataFrame, rows: Rows) -> NDArray[np.int64]:
    """The VGA port in the name of each quirk line, 0 where it is about a BAR."""
    names = events["detail"].gather(pl.Series(rows)).cast(pl.String)
    port = {n: int(m[1], 16) if n and (m := _PORT.search(n)) else 0 for n in names.unique().to_list()}
    return np.array([port[n] for n in names.to_list()], dtype=np.int64)


def _codes(events: pl.DataFrame) -> NDArray[np.uint8]:
    """The event column as positions in `EVENTS`."""
    column = events["event"]
    if column.dtype != EventType:
        column = column.cast(EventType)
    codes: NDArray[np.uint8] = column.to_physical().cast(pl.UInt8).to_numpy()
    return codes
