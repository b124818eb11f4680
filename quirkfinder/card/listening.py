"""What VFIO's memory listener saw: the guest's memory map over time, and BARs in it where config accesses are missing.

QEMU prints a `region_add` for every range of the flat view: RAM and mapped parts of BARs with `[ram]`, everything
trapped as `SKIPPING` (hw/vfio/listener.c; hw/vfio/common.c before 10.1).  A BAR may be cut into several ranges by its
MSI-X table or by quirks; together they fill it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from quirkfinder.card.model import Placement, Span
from quirkfinder.card.rows import Row

_ADDS = {"listener_add": True, "listener_skip_add": False}
_DELETES = ("listener_del", "listener_skip_del")
#: Ranges of a PC that are no BARs although their sizes would fit: I/O APIC, HPET, local APIC (and MSI).
_CHIPSET = (0xFEC0_0000, 0xFED0_0000, 0xFEE0_0000)
_LOWEST_BAR = 0x10_0000
_PAGE = 0x1000


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the guest's memory map, `first`..`last`; `direct` where the guest reaches it without a trap."""

    first: int
    last: int
    direct: bool
    row: Row


class MemoryMap:
    """The ranges in force; feed it the listener's rows in order."""

    def __init__(self) -> None:
        self.ranges: dict[int, Range] = {}

    def feed(self, row: Row) -> Range | None:
        """One row; the range where it was an addition."""
        if row.address is None or row.value is None or row.value < row.address:
            return None
        if row.event in _ADDS:
            added = Range(row.address, row.value, _ADDS[row.event], row)
            self.ranges[row.address] = added
            return added
        if row.event in _DELETES:
            self.ranges.pop(row.address, None)
        return None

    def touches(self, row: Row, address: int | None) -> bool:
        """May feeding this row change whether a range holds the address?"""
        old = self.ranges.get(row.address) if row.address is not None else None
        if address is None or row.address is None:
            return False
        return row.address <= address <= (row.value or 0) or (old is not None and old.first <= address <= old.last)

    def covers(self, address: int) -> bool:
        """Does any range hold the address?"""
        at = self.ranges.get(address)
        return at is not None or any(r.first <= address <= r.last for r in self.ranges.values())

    def filled(self, first: int, size: int) -> bool:
        """Do ranges that begin at `first` fill exactly `size` bytes, without gap or overhang?"""
        at, end = first, first + size
        while at < end and (piece := self.ranges.get(at)) is not None:
            at = piece.last + 1
        return at == end


def bursts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The listener's rows in groups: one change of the map prints all its lines at once.

    `rows`: all map events in order; those of other kinds do not end a group.
    """
    group: list[Row] = []
    before = -1
    for row in rows:
        if group and row.row > before + 1:
            yield group
            group = []
        before = row.row
        if row.event in _ADDS or row.event in _DELETES:
            group.append(row)
    if group:
        yield group


def visible(
    placements: Sequence[Placement], rows: Iterable[Row], quiet: Callable[[int, int], bool]
) -> tuple[Placement, ...]:
    """Placements, cut where the listener shows that the guest cannot reach the BAR although its registers say so.

    That is so after a reset that left no line, and behind a bridge whose window is closed.  Only a range that was there
    and went is believed: not everything small appears in the listener's lines.  `quiet`: are there no accesses of the
    guest between two rows? An absence that nobody noticed (the guest asking for the size) is none.
    """
    current = MemoryMap()
    found: list[Placement] = []
    pending = list(placements)
    seen = covered = False
    asked: int | None = None  # the address that `covered` is about
    for burst in bursts(rows):
        while pending and pending[0].row <= burst[0].row:
            found.append(pending.pop(0))
            seen = False
        meant = _meant(placements, burst[0].row)
        touched = meant != asked
        for row in burst:
            touched = touched or current.touches(row, meant)
            current.feed(row)
        if not found:
            continue
        if touched:
            asked, covered = meant, meant is not None and current.covers(meant)
        there = covered
        if there and seen and found[-1].address is None:
            gone = found[-1]
            if quiet(gone.row, burst[0].row):
                found.pop()
            else:
                found.append(Placement(burst[0].row, meant, burst[0].position))
        elif meant is not None and not there and seen and found[-1].address is not None:
            found.append(Placement(burst[0].row, None, burst[0].position))
        seen = seen or there
    return (*found, *pending)


def _meant(placements: Sequence[Placement], row: int) -> int | None:
    """Where the registers place the BAR at a row."""
    found = None
    for placement in placements:
        if placement.row > row:
            break
        found = placement.address
    return found


@dataclass(frozen=True, slots=True)
class Stay:
    """An address at which a BAR of some size may have lain: placements from its first range to its removal."""

    address: int
    placements: tuple[Placement, ...]


def stays(rows: Sequence[Row], sizes: Iterable[int], start: int = 0) -> dict[int, list[Stay]]:
    """For every size in bytes the addresses whose ranges fill it exactly, by the order of their first appearance.

    Ranges added before row `start` (the device was not there yet) are not considered.
    """
    wanted = sorted({size for size in sizes if size >= _PAGE})
    current = MemoryMap()
    found: dict[int, dict[int, list[Placement]]] = {size: {} for size in wanted}
    for burst in bursts(rows):
        for row in burst:
            current.feed(row)
        for size in wanted:
            _close(found[size], current, size, burst[0])
            for row in burst:
                if row.row >= start and row.event in _ADDS and row.address is not None:
                    _open(found[size], current, size, row)
    return {size: [Stay(a, tuple(p)) for a, p in by_address.items()] for size, by_address in found.items()}


def in_turn(several: Sequence[Stay]) -> tuple[Placement, ...] | None:
    """The placements of a BAR that moved from one stay to the next; None where two were there at the same time."""
    steps = [(p.row, p.address is not None, p, s.address) for s in several for p in s.placements]
    steps.sort(key=lambda step: step[:2])
    merged: list[Placement] = []
    there: int | None = None
    for _, added, placement, address in steps:
        if added:
            if there is not None:
                return None
            there = address
        elif there == address:
            there = None
        merged.append(placement)
    return tuple(merged)


def _close(known: dict[int, list[Placement]], current: MemoryMap, size: int, row: Row) -> None:
    for address, placements in known.items():
        if placements[-1].address is not None and not current.filled(address, size):
            placements.append(Placement(row.row, None, row.position))


def _open(known: dict[int, list[Placement]], current: MemoryMap, size: int, row: Row) -> None:
    # A BAR lies at a multiple of its size: its first range may have been announced earlier than this one.
    address = (row.address or 0) // size * size
    if address < _LOWEST_BAR or address in _CHIPSET or not current.filled(address, size):
        return
    placements = known.setdefault(address, [])
    if not placements or placements[-1].address is None:
        placements.append(Placement(row.row, address, row.position))


def mapped_spans(rows: Iterable[Row], placements: Sequence[Placement], size: int) -> tuple[Span, ...]:
    """Offsets in a BAR that the guest reached without a trap at some time, from the `[ram]` ranges inside it."""
    direct: list[tuple[int, int]] = []
    for row in rows:
        if row.event != "listener_add" or row.address is None or row.value is None:
            continue
        base = _meant(placements, row.row)
        if base is not None and base <= row.address and row.value < base + size:
            direct.append((row.address - base, row.value - base))
    return joined_spans(direct, "mapped")


def joined_spans(ranges: Iterable[tuple[int, int]], name: str) -> tuple[Span, ...]:
    """Inclusive ranges as sorted spans, those that touch or overlap as one."""
    spans: list[Span] = []
    for first, last in sorted(ranges):
        if spans and first <= spans[-1].last + 1:
            spans[-1] = Span(spans[-1].first, max(spans[-1].last, last), name)
        else:
            spans.append(Span(first, last, name))
    return tuple(spans)


def final_map(rows: Iterable[Row]) -> list[Range]:
    """The ranges in force at the end, by address."""
    current = MemoryMap()
    for row in rows:
        current.feed(row)
    return sorted(current.ranges.values(), key=lambda r: r.first)
