"""A trace boiled down to what a comparison and a join need: registers with their values, a sketch, stray accesses.

Everything is bounded: a log of any length gives at most some thousand rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from quirkfinder.card.model import Bar, Card
from quirkfinder.corpus.partial import Word
from quirkfinder.events import EVENTS, Frames, frames_of, region_name
from quirkfinder.folding.keys import mixed

#: Distinct addresses of one region above which it is memory (a frame buffer) and kept by page.
MOST_REGISTERS = 4096
PAGE = 4096
#: Registers and pages of a run that are kept, those that it touched first.
MOST_ROWS = 16 * MOST_REGISTERS
#: Distinct values of a register that are kept; of more only the fact.
MOST_VALUES = 8
#: Hashes in a sketch: the estimate of a likeness is off by about 1 / sqrt(SKETCH).
SKETCH = 256

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RegisterUse:
    """How a run used a register: `accesses` of kind `event` at `address` of `region`, the first at line `line`.

    `region`: `bar0`… `config`, empty where the event has none.  `detail`: the event's own word (a quirk's name).
    `values`: the first distinct values in the order of the log, those inside a BAR followed by where they would point:
    `0xfebc0010 guest bar2+0x10`; `more`: there were others.  `page`: the row stands for a page, not a register.
    """

    device: str
    event: str
    region: str
    address: Word
    detail: str
    accesses: int
    file: int
    line: int
    values: tuple[str, ...]
    more: bool
    page: bool


def boot_of(events: pl.DataFrame | Frames) -> str:
    """A name for the recorded events: the same for the same log, however it was packed or renamed."""
    total = np.zeros(1, dtype=np.uint64)
    columns = ("line", "event", "region", "address", "size", "value")
    with np.errstate(over="ignore"):
        for frame in frames_of(events)(columns):
            row = np.zeros(frame.height, dtype=np.uint64)
            for name in columns:
                column = frame[name].to_physical() if name == "event" else frame[name]
                row = mixed(row * np.uint64(3) + _words(column))
            total += row.sum(dtype=np.uint64) + np.uint64(frame.height)
    return f"{int(mixed(total)[0]):016x}"


def _words(column: pl.Series) -> Words:
    words: Words = column.cast(pl.UInt64).fill_null(0x9E3779B97F4A7C15).to_numpy()
    return words


@dataclass(slots=True)
class RegionProfile:
    """How many reads and writes a region of a device had, and the `SKETCH` smallest hashes of their (kind, region,
    address): two such sketches tell how alike two sets of registers are (Broder's bottom-k)."""

    accesses: int = 0
    sketch: tuple[int, ...] = ()


def region_profiles(events: pl.DataFrame | Frames) -> dict[tuple[str, int], RegionProfile]:
    """By device (empty where the log names none) and region (-1 where it names none), from one pass over the events."""
    profiles: dict[tuple[str, int], RegionProfile] = {}
    for frame in frames_of(events)(("event", "device", "region", "address")):
        accesses = frame.filter(pl.col("event").is_in(["region_read", "region_write"]))
        for (device, region), part in accesses.group_by("device", "region"):
            key = ("" if device is None else str(device), -1 if region is None else int(str(region)))
            profile = profiles.setdefault(key, RegionProfile())
            profile.accesses += part.height
            both = {*profile.sketch, *(_sketch(part) if region is not None else ())}
            profile.sketch = tuple(sorted(both)[:SKETCH])
    return profiles


def _sketch(accesses: pl.DataFrame) -> tuple[int, ...]:
    touched = (
        accesses.lazy()
        .filter(pl.col("address").is_not_null())
        .select(
            pl.col("address")
            | (pl.col("region").cast(pl.UInt64) * (1 << 56))
            | ((pl.col("event") == "region_write").cast(pl.UInt64) * (1 << 63))
        )
        .unique()
        .collect()
        .to_series()
    )
    return tuple(int(v) for v in np.sort(mixed(touched.to_numpy()))[:SKETCH])


def likeness(one: Iterable[int], other: Iterable[int]) -> float:
    """How alike the register sets behind two sketches are: shared registers over all registers, 0..1."""
    first, second = set(one), set(other)
    union = sorted(first | second)[:SKETCH]
    both = first & second
    return sum(1 for value in union if value in both) / len(union) if union else 0.0


#: Kinds of events that say where things lie or when interrupts came, which differs between any two runs.
_OF_THE_MACHINE = [*(event for event in EVENTS if event.startswith("listener_")), "user_memory", "bar_map", "bar_unmap"]
_OF_THE_MACHINE += ["interrupt", "msi_interrupt"]


def register_uses(events: pl.DataFrame, cards: tuple[Card, ...], frames: Frames | None = None) -> list[RegisterUse]:
    """The rows for all devices of a trace, ordered by first line; events without a device count too.

    `frames`: all events, where `events` is a part of a long log: registers and values are those of the part, accesses
    are counted over all.
    """
    names = {card.name: card for card in cards}
    grouped = _grouped(events, frames)
    return [_use(row, names.get(row["device"] or "")) for row in grouped.iter_rows(named=True)]


def _of_registers(frame: pl.LazyFrame) -> pl.LazyFrame:
    columns = ("device", "event", pl.col("region").fill_null(-1), "address", "detail", "value")
    return frame.filter(~pl.col("event").is_in(_OF_THE_MACHINE)).select(cs.by_name("row", require_all=False), *columns)


def _paged(frame: pl.LazyFrame, wide: pl.LazyFrame) -> pl.LazyFrame:
    """With pages in place of the addresses of memory, and no values there."""
    return frame.join(wide, on=["device", "region"], how="left", nulls_equal=True).with_columns(
        pl.col("page").fill_null(False),
        pl.when("page").then(pl.col("address") // PAGE * PAGE).otherwise("address").alias("address"),
        pl.when("page").then(None).otherwise("value").alias("value"),
    )


_KEYS = ["device", "event", "region", "address", "detail", "page"]


def _recounted(kept: pl.DataFrame, wide: pl.DataFrame, frames: Frames) -> pl.DataFrame:
    """With the accesses of all events to the registers of `kept`."""
    own = kept.lazy().select(_KEYS)
    counts = [
        _paged(_of_registers(frame.lazy()), wide.lazy())
        .join(own, on=_KEYS, how="semi", nulls_equal=True)
        .group_by(_KEYS)
        .agg(pl.len().alias("accesses"))
        .collect()
        for frame in frames(("device", "event", "region", "address", "detail", "value"))
    ]
    summed = pl.concat(counts).group_by(_KEYS).agg(pl.sum("accesses"))
    return kept.drop("accesses").join(summed, on=_KEYS, how="left", nulls_equal=True, maintain_order="left")


def _grouped(events: pl.DataFrame, frames: Frames | None) -> pl.DataFrame:
    """One row a register: the keys of `RegisterUse`, accesses, first input and line, first distinct values."""
    frame = _of_registers(events.lazy().with_row_index("row"))
    wide = (
        frame.group_by("device", "region")
        .agg((pl.col("address").n_unique() > MOST_REGISTERS).alias("page"))
        .filter("page")
        .collect()
    )
    paged = _paged(frame, wide.lazy())
    keys = _KEYS
    # Values first, by themselves: a list of all values of a register would be as long as the log.
    once = paged.group_by(*keys, "value").agg(pl.len().alias("accesses"), pl.col("row").min())
    registers = once.group_by(keys).agg(
        pl.col("accesses").sum(),
        pl.col("row").min(),
        pl.col("value").sort_by("row").drop_nulls().head(MOST_VALUES + 1).alias("values"),
    )
    kept = registers.sort("row", *keys).head(MOST_ROWS).collect()
    if frames is not None:
        kept = _recounted(kept, wide, frames)
    places = events.select("input", "line")[kept["row"].to_list()] if kept.height else events.select("input", "line")
    return kept.hstack(places.head(kept.height)).with_columns(pl.col("device", "event", "detail").cast(pl.String))


def _use(row: dict[str, Any], card: Card | None) -> RegisterUse:
    return RegisterUse(
        device=row["device"] or "",
        event=row["event"],
        region="" if row["region"] < 0 else region_name(row["region"]),
        address=row["address"] or 0,
        detail=row["detail"] or "",
        accesses=row["accesses"],
        file=row["input"],
        line=row["line"],
        values=tuple(symbol(value, card) for value in row["values"][:MOST_VALUES]),
        more=len(row["values"]) > MOST_VALUES,
        page=row["page"],
    )


def symbol(value: int, card: Card | None) -> str:
    """A value as text; one that could point into a BAR also by where: `0xfebc0004 guest bar2+0x4`."""
    for bar in card.bars if card is not None else ():
        for side, base in (("guest", bar.guest), ("host", bar.host)):
            if base and bar.size and bar.size > 0xFF and _points(value, base, bar):
                offset = value - (base & 0xFFFFFFFF if value < base else base)
                return f"0x{value:x} {side} bar{bar.index}+0x{offset:x}"
    return f"0x{value:x}"


def _points(value: int, base: int, bar: Bar) -> bool:
    """Does the value, or the lower half of an address that it may be, lie in the BAR?"""
    size = bar.size or 0
    low = base & 0xFFFFFFFF
    return value > 0xFFFF and (base <= value < base + size or low <= value < low + size)
