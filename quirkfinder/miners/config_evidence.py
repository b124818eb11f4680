"""Does what was read agree with config space?  The proof behind mirrors and windows to config space."""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Accesses, Flags, Ints
from quirkfinder.miners.hardware import HardwareConfig
from quirkfinder.miners.information import information, information_of

_MOST_LEARNT = 20.0  # bits that the alignment of an address can prove
_HEADER = 0x40
_SUBSYSTEM = 0x2C
_LEAST_BEHIND = 3


@dataclass(frozen=True, slots=True)
class ConfigEvidence:
    """How config space agrees with what was read, by dwords: distinct config offsets, each counted once."""

    bits: float
    fields: tuple[int, ...]  # dwords in which something informative agreed
    live: tuple[int, ...]  # BARs (or windows of a bridge) whose host address was read at its place
    against: tuple[int, ...]  # dwords that should stay put and disagreed
    rows: Ints  # rows of the agreeing reads
    learnt: tuple[tuple[int, int], ...] = ()  # (BAR, host address) that no inventory told and the card did
    half: tuple[int, ...] = ()  # BARs of these of whose address only the lower half was read

    @property
    def holds(self) -> bool:
        """A live field and another one, or the body of config space; with next to nothing against them."""
        enough = (len(self.live) >= 1 and len(self.fields) >= 2) or self.has_body
        return enough and len(self.against) * 5 <= len(self.fields)

    @property
    def resembles(self) -> bool:
        """Fields that firmware has no reason to keep side by side, and nothing against: enough for a window.

        Behind an address and a data register there is no plain copy of a header; images in flash or EEPROM hold the
        ids and the class, not the rest at its place, and nothing of what lies behind the header.
        """
        behind = sum(where >= _HEADER for where in self.fields)
        header = self.fields[:1] == (0,) and self.fields[-1] >= _SUBSYSTEM
        return len(self.fields) >= _LEAST_BEHIND and (header or behind >= _LEAST_BEHIND - 1) and not self.against

    @property
    def has_body(self) -> bool:
        """Ids, and several fields behind the header: a copy of the header, as firmware keeps it, has none of them."""
        behind = [where for where in self.fields if where >= _HEADER]
        return self.fields[:1] == (0,) and len(behind) >= _LEAST_BEHIND and not self.against


def config_evidence(
    data: Accesses, offset: Ints, hardware: HardwareConfig, reads: Ints, changed: Flags | None = None
) -> ConfigEvidence:
    """Compare the reads at positions `reads` with what config space holds at `offset` (-1: not in config space).

    `changed` marks reads of what the guest had written to before, which then need not agree any more: a BAR that is
    being sized, or given the guest's address.  None: told from the writes in `data`.
    """
    agreeing: dict[int, float] = {}
    against: set[int] = set()
    right: set[int] = set()  # bytes that agreed
    rows: list[Ints] = []
    changed = changed_before(offset >> 2, data.write) if changed is None else changed
    excused = changed | _while_closed(data, offset, hardware, reads)
    for size in (4, 2, 1):
        index = reads[(data.size[reads] == size) & (offset[reads] >= 0)]
        if not len(index):
            continue
        expected, known = hardware.read(offset[index], size)
        index, expected = index[known], expected[known]
        equal = data.value[index] == expected
        bits = information(expected, np.full(len(index), size, dtype=np.uint8))
        told = equal & (bits > 0)
        for where in np.unique(offset[index[equal]]).tolist():
            right.update(range(where, where + size))
        for where, worth in zip(offset[index[told]].tolist(), bits[told].tolist(), strict=True):
            agreeing[where] = max(worth, agreeing.get(where, 0.0))
        rows.append(data.row[index[told]])
        absent = data.value[index] == np.uint64((1 << (8 * size)) - 1)  # a door still closed reads all ones
        something = (bits > 0) | (data.value[index] != 0)
        wrong = ~equal & ~absent & ~excused[index] & hardware.steady[offset[index]] & something
        against.update((offset[index[wrong]] & ~3).tolist())
    learnt: dict[int, int] = {}
    half: list[int] = []
    reads = reads[~changed[reads]]
    for bar in hardware.open_bars:
        value, found = _dword(data, offset, reads, bar.offset)
        if value is None:
            continue
        if not bar.fits(value):
            against.add(bar.offset)
            continue
        upper = _dword(data, offset, reads, bar.offset + 4)[0] if bar.wide else None
        half += [bar.index] if bar.wide and upper is None else []
        learnt[bar.index] = (value & ~bar.flag_mask) | (upper or 0) << 32
        agreeing[bar.offset] = min(_MOST_LEARNT, float(bar.size.bit_length()))
        rows.append(data.row[found])
    live = {*_live(right, hardware), *(b.index for b in hardware.open_bars if b.index in learnt and b.size >= 256)}
    fields = tuple(sorted({where & ~3 for where in agreeing}))
    row = np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)
    return ConfigEvidence(
        sum(agreeing.values()),
        fields,
        tuple(sorted(live)),
        tuple(sorted(against)),
        row,
        tuple(sorted(learnt.items())),
        tuple(half),
    )


def changed_before(location: Ints, write: Flags) -> Flags:
    """Elements with a write to the same location before them; negative locations are none."""
    changed = np.zeros(len(location), dtype=np.bool_)
    written = np.flatnonzero(write & (location >= 0))
    if len(written):
        locations, first = np.unique(location[written], return_index=True)
        at = np.minimum(np.searchsorted(locations, location), len(locations) - 1)
        changed = (locations[at] == location) & (written[first[at]] < np.arange(len(location)))
    return changed


def _while_closed(data: Accesses, offset: Ints, hardware: HardwareConfig, reads: Ints) -> Flags:
    """Reads in a row that all gave zero, where one of them would tell something whenever the door is open."""
    closed = np.zeros(len(offset), dtype=np.bool_)
    inside = reads[(offset[reads] >= 0) & (data.size[reads] == 4)]
    expected, known = hardware.read(offset[inside], 4)
    telling = known & (expected != 0)
    open_ = np.unique(offset[inside[telling & (data.value[inside] == expected)]])
    empty = data.value[inside] == 0
    hidden = empty & telling & np.isin(offset[inside], open_)
    if hidden.any():
        run = np.cumsum(~empty)
        closed[inside] = empty & np.isin(run, run[hidden])
    return closed


def _dword(data: Accesses, offset: Ints, reads: Ints, where: int) -> tuple[int | None, Ints]:
    """The dword read at config offset `where`, put together from reads of any width, and the positions of those reads.

    None where bytes are missing or where different reads tell different things.
    """
    inside = reads[(offset[reads] >= where) & (offset[reads] + data.size[reads] <= where + 4)]
    told: dict[int, int] = {}
    keys = np.stack([offset[inside], data.size[inside].astype(np.int64), data.value[inside].astype(np.int64)])
    for start, size, value in np.unique(keys, axis=1).T.tolist():
        absent = value == (1 << (8 * size)) - 1
        for byte in range(size):
            part = (value >> (8 * byte)) & 0xFF
            if not absent and told.setdefault(start - where + byte, part) != part:
                return None, inside
    if sorted(told) != [0, 1, 2, 3]:
        return None, inside
    return sum(part << (8 * at) for at, part in told.items()), inside


def _live(right: set[int], hardware: HardwareConfig) -> tuple[int, ...]:
    """BARs of whose address the whole lower dword agreed and proves something: its upper word alone may be a leak."""
    found = []
    for owner in np.unique(hardware.bar[hardware.bar >= 0]).tolist():
        owned = np.flatnonzero(hardware.bar == owner)
        value = int.from_bytes(hardware.values[owned[:4]].tobytes(), "little")
        if all(int(byte) in right for byte in owned[:4]) and information_of(value, 4) > 0:
            found.append(owner)
    return tuple(found)
