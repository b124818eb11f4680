"""The columns of a frame as arrays, which device and region each row belongs to, and the runs of rows of one owner."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Owner = tuple[str | None, int]  # device, None where a line names none; region, NO_REGION where it names none
NO_REGION = -1
#: Stands for a value that a line does not give.
NO_VALUE = 0x9E3779B97F4A7C15
_NO_DEVICE = (1 << 32) - 1
_REGION_BITS = 8


@dataclass(frozen=True, slots=True)
class Arrays:
    """Rows of events in the order of the log.

    `code`: positions in `events.EVENTS`; `owner`: device and region as one number, good within a frame; `address` and
    `size`: 0 for null; `value`: `NO_VALUE` for null; `names`: of the devices, by the number they have in `owner`.
    """

    code: NDArray[np.uint8]
    owner: Ints
    address: Words
    size: NDArray[np.uint8]
    value: Words
    names: dict[int, str | None]

    def __len__(self) -> int:
        return len(self.code)

    def at(self, rows: Ints) -> "Arrays":
        """Some of the rows."""
        return Arrays(
            self.code[rows], self.owner[rows], self.address[rows], self.size[rows], self.value[rows], self.names
        )


def arrays(frame: pl.DataFrame) -> Arrays:
    """The columns of a frame of `events.SCHEMA` that has rows."""
    device = frame["device"]
    owner = filled(device.to_physical(), _NO_DEVICE).astype(np.int64)
    changes = np.append(0, np.flatnonzero(owner[1:] != owner[:-1]) + 1)
    codes, first = np.unique(owner[changes], return_index=True)
    names = device.gather(changes[first].tolist()).cast(pl.String()).to_list()
    owner <<= _REGION_BITS
    owner += filled(frame["region"], NO_REGION)
    owner += 1
    return Arrays(
        frame["event"].to_physical().to_numpy(),
        owner,
        filled(frame["address"], 0),
        filled(frame["size"], 0),
        filled(frame["value"], NO_VALUE),
        dict(zip(codes.tolist(), names, strict=True)),
    )


def owned_by(owner: Ints, rows: Flags, region: int) -> Ints:
    """The numbers with the region of some rows replaced."""
    return np.where(rows, (owner >> _REGION_BITS << _REGION_BITS) + region + 1, owner)


@dataclass(frozen=True, slots=True)
class Runs:
    """Consecutive rows of one owner: where each run starts, how long it is, and its position in `owners`; `numbers`:
    what the owners are in `Arrays.owner`."""

    starts: Ints
    lengths: Ints
    which: Ints
    numbers: Ints
    owners: list[Owner]

    def spread(self, of_owner: NDArray[Any]) -> NDArray[Any]:
        """A number of each owner in every row."""
        return np.repeat(of_owner[self.which], self.lengths)

    def sums(self) -> Ints:
        """How many rows each owner has."""
        out = np.zeros(len(self.owners), dtype=np.int64)
        np.add.at(out, self.which, self.lengths)
        return out


def runs(owner: Ints, names: dict[int, str | None]) -> Runs:
    """The runs of rows with the same number; `names`: as in `Arrays`."""
    starts = np.append(0, np.flatnonzero(owner[1:] != owner[:-1]) + 1)
    numbers, which = np.unique(owner[starts], return_inverse=True)
    devices = [names[code] for code in (numbers >> _REGION_BITS).tolist()]
    regions = (numbers & ((1 << _REGION_BITS) - 1)) - 1
    lengths = np.diff(np.append(starts, len(owner)))
    return Runs(starts, lengths, which.reshape(-1), numbers, list(zip(devices, regions.tolist(), strict=True)))


def filled(column: pl.Series, missing: int) -> NDArray[Any]:
    """A column of numbers, with something in place of null."""
    return (column.fill_null(missing) if column.null_count() else column).to_numpy()
