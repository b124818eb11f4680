"""What an event is about: its family, its block in the family, and its content as one number.

Families share a budget: the accesses to one region of one device, the config accesses of a device, everything that
`memory_region_ops` lines show, accesses that nothing answered, and the events that say where things lie.  A block is
what is kept or left out together: registers that lie within 64 bytes of each other belong to one door as a rule.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quirkfinder.counting.owners import NO_VALUE, filled
from quirkfinder.events import EVENTS

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Family = tuple[str, str, int]  # kind, device, region (0 where the kind has none)

_NO_DEVICE = (1 << 32) - 1
BLOCK_BITS = 6
CELLS = 1 << 18  # blocks a family tells apart: 16 MiB of a region; those beyond share
MOST_FAMILIES = 48
COLUMNS = ("event", "device", "region", "address", "size", "value", "detail")

_REGION, _CONFIG, _MEMORY, _STRAY, _PLACES, _QUIRK = range(6)
KINDS = ("region", "config", "memory", "stray", "places")
_STARTS = {
    "region_read": _REGION,
    "region_write": _REGION,
    "rom_read": _REGION,
    "vga_": _REGION,
    "failed_": _REGION,
    "config_": _CONFIG,
    "memory_": _MEMORY,
    "port_": _MEMORY,
    "unassigned_": _STRAY,
    "invalid_": _STRAY,
    "quirk_read": _QUIRK,
    "quirk_write": _QUIRK,
    "quirk_latch": _QUIRK,
}
_KIND_OF = np.array(
    [next((k for start, k in _STARTS.items() if name.startswith(start)), _PLACES) for name in EVENTS], dtype=np.int8
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Columns as long as the frame.

    `slot`: family and block as one number; `stray`: nothing answered; `follows`: the row whose fate a row shares (an
    answer of a quirk that of the access), its own number else.
    """

    slot: Ints
    value: Words
    address: Words
    stray: Flags
    follows: Ints

    def at(self, rows: Ints) -> "Keys":
        """The keys of some rows, ascending, which hold every row that one of them follows."""
        follows = np.searchsorted(rows, self.follows[rows])
        return Keys(self.slot[rows], self.value[rows], self.address[rows], self.stray[rows], follows)


def mixed(words: Words) -> Words:
    """A bijection of 64-bit words that spreads every bit over all others (the finalizer of splitmix64)."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: Words = words ^ (words >> np.uint64(31))
    return out


def block_cell(address: Words | int) -> Words:
    """The cell of the block of a region that an offset lies in."""
    return np.asarray((np.asarray(address, dtype=np.uint64) >> np.uint64(BLOCK_BITS)) & np.uint64(CELLS - 1))


@dataclass(slots=True)
class Families:
    """Families by number, in the order of their first event; those beyond `MOST_FAMILIES` share the last number."""

    known: dict[Family, int] = field(default_factory=dict)

    def number(self, family: Family) -> int:
        """The number of a family, given out at its first sight."""
        if family not in self.known:
            self.known[family] = min(len(self.known), MOST_FAMILIES - 1)
        return self.known[family] if len(self.known) <= MOST_FAMILIES else self._bounded(family)

    def _bounded(self, family: Family) -> int:
        """Names in a log are hostile: a table of them must not grow with it."""
        number = self.known[family]
        if number == MOST_FAMILIES - 1 and len(self.known) > 64 * MOST_FAMILIES:
            del self.known[family]
        return number

    def keys(self, frame: pl.DataFrame) -> Keys:
        """The keys of a frame with `COLUMNS`; a column `slot` saves finding that out again."""
        codes = _codes(frame)
        kind = _KIND_OF[codes]
        follows = _followed(kind)
        if (kind == _QUIRK).any():
            kind = np.where(kind == _QUIRK, np.int8(_PLACES), kind)
        value, address = _words(frame["value"]), _words(frame["address"])
        if "slot" in frame.columns:
            slot = frame["slot"].to_numpy().astype(np.int64)
        else:
            slot = self._slots(frame, codes, kind, address)
        return Keys(slot, value, address, kind == _STRAY, follows)

    def _slots(self, frame: pl.DataFrame, codes: NDArray[np.uint8], kind: NDArray[np.int8], address: Words) -> Ints:
        cell = np.asarray(block_cell(address))
        others = np.flatnonzero(kind != _REGION)
        if len(others):
            # Only accesses to regions and config space are told apart by device.
            cell[others] = (address[others] >> np.uint64(2)) & np.uint64(CELLS - 1)
            rest = others[kind[others] > _CONFIG]
            few = frame[rest]
            hashes, _, index = _named(few["device"])
            with np.errstate(over="ignore"):
                places = mixed((address[rest] >> np.uint64(BLOCK_BITS)) * np.uint64(64) + codes[rest].astype(np.uint64))
            cell[rest] = mixed(places ^ hashes[index] ^ _details(few["detail"], kind[rest] >= _MEMORY)) % np.uint64(
                CELLS
            )
        return self._numbers(frame, kind) * CELLS + cell.astype(np.int64)

    def _numbers(self, frame: pl.DataFrame, kind: NDArray[np.int8]) -> Ints:
        """The family of each row."""
        device, regions = frame["device"], frame["region"].fill_null(0).to_numpy()
        own = np.where(kind <= _CONFIG, filled(device.to_physical(), _NO_DEVICE).astype(np.int64), _NO_DEVICE)
        packed = (own << 16) + (np.where(kind == _REGION, regions, 0).astype(np.int64) << 8) + kind
        starts = np.append(0, np.flatnonzero(packed[1:] != packed[:-1]) + 1) if len(packed) else np.zeros(0, np.int64)
        distinct, first, which = np.unique(packed[starts], return_index=True, return_inverse=True)
        numbers = np.zeros(len(distinct), dtype=np.int64)
        rows = starts[first]
        names = device.gather(rows.tolist()).cast(pl.String).fill_null("").to_list()
        for place in np.argsort(rows).tolist():  # in the order of the log, the same everywhere
            row = rows[place]
            known, region = kind[row] <= _CONFIG, int(regions[row]) if kind[row] == _REGION else 0
            numbers[place] = self.number((KINDS[kind[row]], names[place] if known else "", region))
        return np.repeat(numbers[which.reshape(-1)], np.diff(np.append(starts, len(packed))))


def contents(frame: pl.DataFrame) -> Words:
    """For each row of a frame with `COLUMNS` a hash of what is accessed how and with which value."""
    codes = _codes(frame)
    kind = np.where(_KIND_OF[codes] == _QUIRK, _PLACES, _KIND_OF[codes])
    hashes, _, index = _named(frame["device"])
    detail = _details(frame["detail"], kind >= _MEMORY)
    address, size, value = (_words(frame[name]) for name in ("address", "size", "value"))
    with np.errstate(over="ignore"):
        access = mixed(address * np.uint64(64) + codes.astype(np.uint64)) ^ hashes[index] ^ detail ^ mixed(size)
        return mixed(mixed(access) + mixed(value + np.uint64(1)))


def _codes(frame: pl.DataFrame) -> NDArray[np.uint8]:
    codes: NDArray[np.uint8] = frame["event"].to_physical().to_numpy()
    return codes


def _followed(kind: NDArray[np.int8]) -> Ints:
    """For the lines of a quirk the last access to a region before them; every other row follows itself."""
    position = np.arange(len(kind))
    quirk = kind == _QUIRK
    if not quirk.any():
        return position
    last = np.maximum.accumulate(np.where(kind == _REGION, position, -1))
    return np.where(quirk & (last >= 0), last, position)


def _words(column: pl.Series) -> Words:
    return np.asarray(filled(column.cast(pl.UInt64), NO_VALUE))


def _details(column: pl.Series, wanted: Flags) -> Words:
    """Hashes of the words in the wanted rows, 0 in the others."""
    out = np.zeros(len(column), dtype=np.uint64)
    at = np.flatnonzero(wanted)
    if len(at):
        hashes, _, index = _named(column[at])
        out[at] = hashes[index]
    return out


def _named(column: pl.Series) -> tuple[Words, list[str], Ints]:
    """Hashes of the distinct names, the names, and which one each row has; the same in every process."""
    codes = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 1
    end = int(codes.max(initial=0)) + 1
    first = _firsts(codes, end)
    texts = column.gather(first.tolist()).cast(pl.String).fill_null("").to_list()
    index = np.zeros(end, dtype=np.int64)
    index[codes[first]] = np.arange(len(first))
    hashes = np.array([zlib.crc32(t.encode()) << 32 | zlib.adler32(t.encode()) for t in texts], dtype=np.uint64)
    return mixed(hashes), texts, index[codes]


def _firsts(codes: Ints, end: int) -> Ints:
    """The first position of each of the codes that occur, by code; all are below `end`."""
    first = np.full(end, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first[first >= 0]
