"""What the log alone says of one device, before any listing is looked at."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import polars as pl

from quirkfinder.card import rows as extraction
from quirkfinder.card.configspace import guest_config
from quirkfinder.card.matching import Traits
from quirkfinder.card.model import BarKind, ConfigSpace, Placement
from quirkfinder.card.registers import HeaderReader
from quirkfinder.card.rows import UNNAMED, Row
from quirkfinder.events import CONFIG, ROM

_BARS = range(ROM)


@dataclass(slots=True)
class Draft:
    """One device as the log shows it. `key`: its value in the column `device` (None where the log has no name)."""

    name: str
    key: str | None
    sizes: dict[int, int]  # region -> bytes; the last time VFIO reported it
    config_size: int | None
    rows: list[Row]  # its map and device events
    accesses: list[Row]  # its accesses to the command register and the base address registers
    header: HeaderReader
    config: ConfigSpace
    placements: dict[int, list[Placement]]
    emulated: set[int] = field(default_factory=set)  # config offsets of ids that QEMU replaced
    begun: frozenset[int] = frozenset()  # guest addresses at which memory or a mapped BAR was seen to begin
    relocated: bool = False  # QEMU moved the MSI-X table: a BAR is larger for the guest than on the host

    @property
    def identity(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Vendor, device, subsystem vendor and subsystem as the guest reads them; all ones is no id."""
        return (self._id(0x00), self._id(0x02), self._id(0x2C), self._id(0x2E))

    def _id(self, offset: int) -> int | None:
        value = self.config.read(offset, 2)
        return None if value == 0xFFFF else value

    def traits(self) -> Traits:
        """What listings are compared with. Ids that QEMU replaced say nothing about the hardware."""
        offsets = (0x00, 0x02, 0x2C, 0x2E)
        real = [
            None if offset in self.emulated else value for offset, value in zip(offsets, self.identity, strict=True)
        ]
        sizes = {index: size for index, size in self.sizes.items() if index in _BARS}
        if not any(sizes.values()):
            sizes = {index: size for index in _BARS if (size := self.header.size(index)) is not None}
        if self.relocated:
            sizes = {}
        return Traits(
            self.name,
            (real[0], real[1], real[2], real[3]),
            sizes,
            {i: k for i, k in self.header.kinds.items() if i != ROM and not self.header.is_upper(i)},
            {i: a for i in _BARS if (a := self.last_address(i)) is not None},
            self.begun,
        )

    def last_address(self, index: int) -> int | None:
        """The last address the guest gave a BAR."""
        return next((p.address for p in reversed(self.placements.get(index, ())) if p.address is not None), None)


def read_drafts(events: pl.DataFrame) -> tuple[list[Draft], list[Row]]:
    """All devices of the log in the order of their first event, and all map events of the log."""
    names, nameless = extraction.device_names(events)
    map_rows, header_rows = extraction.map_rows(events), extraction.header_rows(events)
    mapped = extraction.mapped_sizes(map_rows)
    keys: list[str | None] = [*names, *(name for name in mapped if name not in names)]
    if nameless and len(keys) != 1:
        keys.append(None)
    by_device: dict[str | None, list[Row]] = defaultdict(list)
    for row in map_rows:
        by_device[row.device].append(row)
    config: dict[str | None, list[Row]] = defaultdict(list)
    for row in header_rows:
        config[row.device].append(row)
    machine_resets = [row for row in by_device[None] if row.event == "reset"]
    drafts = []
    for key in keys:
        alone = len(keys) == 1
        mine = sorted([*by_device[key], *machine_resets], key=lambda r: r.row) if key is not None else by_device[None]
        accesses = [*config[key], *(config[None] if alone and key is not None else [])]
        mine = _without_silent_resets(events, mine, accesses)
        drafts.append(_draft(events, key, mine, accesses, mapped.get(key or "", {})))
    begun = frozenset(row.address for row in map_rows if row.event == "listener_add" and row.address is not None)
    for draft in drafts:
        draft.begun = begun
    _follow_bar_maps(events, drafts, [row for row in map_rows if row.event in ("bar_map", "bar_unmap")])
    return drafts, map_rows


def _without_silent_resets(events: pl.DataFrame, rows: list[Row], accesses: list[Row]) -> list[Row]:
    """Without the resets after which the log shows accesses of the guest, but none by which it placed the BARs again.

    Config space is not traced there, so that the registers are not known; the listener and listings may tell.
    """
    last = max((row.row for row in accesses), default=-1)
    resets = [row.row for row in rows if row.event == "reset" and row.row > last]
    silent = {
        first
        for first, following in pairwise([*resets, events.height])
        if not accesses or not extraction.quiet(events, first, following)
    }
    return [row for row in rows if row.row not in silent]


def _draft(
    events: pl.DataFrame, key: str | None, rows: list[Row], accesses: list[Row], mapped: dict[int, int]
) -> Draft:
    setups = any(row.event == "region_setup" for row in rows)
    sizes: dict[int, int] = {} if setups or accesses else dict(mapped)
    for row in rows:
        if row.event == "region_setup" and row.region is not None and row.value is not None:
            sizes[row.region] = row.value
    header = _read_header(sizes, rows, accesses, {})
    return Draft(
        name=UNNAMED if key is None else key,
        key=key,
        sizes=sizes,
        config_size=sizes.get(CONFIG) or None,
        rows=rows,
        accesses=accesses,
        header=header,
        config=guest_config(events, key),
        placements=settled(events, header),
        emulated={row.address for row in rows if row.event == "emulated_id" and row.address is not None},
        relocated=any(row.event == "msix_relocation" for row in rows),
    )


def _read_header(
    sizes: dict[int, int], rows: Sequence[Row], accesses: Sequence[Row], kinds: dict[int, BarKind]
) -> HeaderReader:
    switched = any(row.address is not None and row.address < 6 for row in accesses)
    header = HeaderReader(sizes, kinds, switched=switched)
    steps = [row for row in rows if row.event in ("reset", "bar_map", "bar_unmap")]
    for row in sorted([*steps, *accesses], key=lambda r: r.row):
        header.feed(row)
    return header


def settled(events: pl.DataFrame, header: HeaderReader) -> dict[int, list[Placement]]:
    """The placements of every BAR, without the addresses that only lasted between two writes of one move.

    A 64-bit address is written in two halves, a byte at a time in four pieces: what stands between them, with no access
    of the guest in between, was never meant.
    """
    found: dict[int, list[Placement]] = {}
    for index, register in header.registers.items():
        if not register.moved or header.is_upper(index):
            continue
        kept: list[Placement] = []
        for at, (placement, row) in enumerate(register.moved):
            following = register.moved[at + 1] if at + 1 < len(register.moved) else None
            if following is not None and _is_step(row, following[1]):
                both = placement.address is not None and following[0].address is not None
                if both and extraction.quiet(events, placement.row, following[0].row):
                    continue
            if not kept or kept[-1].address != placement.address:
                kept.append(placement)
        found[index] = kept
    return found


def _is_step(row: Row, following: Row) -> bool:
    """Could two writes be pieces of one address?"""
    pieces = row.event == following.event == "config_write" and row.address != following.address
    return pieces and min(row.address or 0, following.address or 0) >= 0x10


def _follow_bar_maps(events: pl.DataFrame, drafts: list[Draft], rows: list[Row]) -> None:
    """QEMU's own word on mappings names the device in its way: told apart by which BARs of which size it has."""
    by_detail: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        by_detail[row.detail].append(row)
    for draft in drafts:
        mine = [d for d, found in by_detail.items() if _is_device(draft, d, found, alone=len(drafts) == 1)]
        if len(mine) != 1 or (draft.key is None and len(drafts) > 1):
            continue
        draft.rows = sorted([*(r for r in draft.rows if r.event not in ("bar_map", "bar_unmap")), *by_detail[mine[0]]])
        draft.header = _read_header(draft.sizes, draft.rows, draft.accesses, {})
        draft.placements = settled(events, draft.header)


def _is_device(draft: Draft, detail: str | None, rows: list[Row], *, alone: bool) -> bool:
    shown = {row.region: row.value for row in rows if row.region is not None and row.region in _BARS}
    sizes = {index: size for index, size in draft.sizes.items() if index in _BARS and size}
    if not sizes:
        return alone and bool(detail) and str(detail).startswith("vfio")
    return bool(shown) and all(sizes.get(index) == size for index, size in shown.items())


def learn_kinds(events: pl.DataFrame, draft: Draft, kinds: dict[int, BarKind]) -> Draft:
    """The draft with the kinds of BARs that only a listing shows: the kind decides which bit enables a BAR."""
    unknown = [i for i, r in draft.header.registers.items() if r.value is not None and i not in draft.header.kinds]
    if not any(index in kinds for index in unknown):
        return draft
    header = _read_header(draft.sizes, draft.rows, draft.accesses, {i: kinds[i] for i in unknown if i in kinds})
    return replace(draft, header=header, placements=settled(events, header))
