"""A trace boiled down to what a comparison and a join need: registers with their values, a sketch, stray accesses.

Everything is bounded: a log of any length gives at most some thousand rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quirkfinder.card.model import Bar, Card
from quirkfinder.corpus.partial import Word
from quirkfinder.events import EVENTS, region_name

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


def mixed(values: Words) -> Words:
    """A bijection of 64-bit words that spreads every bit over all others (the finalizer of splitmix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = values ^ (values >> np.uint64(31))
    return mixed


def boot_of(events: pl.DataFrame) -> str:
    """A name for the recorded events: the same for the same log, however it was packed or renamed."""
    total = np.zeros(1, dtype=np.uint64)
    columns = ("line", "event", "region", "address", "size", "value")
    with np.errstate(over="ignore"):
        row = np.zeros(events.height, dtype=np.uint64)
        for name in columns:
            column = events[name].to_physical() if name == "event" else events[name]
            row = mixed(row * np.uint64(3) + _words(column))
        total[0] = row.sum(dtype=np.uint64) + np.uint64(events.height)
    return f"{int(mixed(total)[0]):016x}"


def _words(column: pl.Series) -> Words:
    words: Words = column.cast(pl.UInt64).fill_null(0x9E3779B97F4A7C15).to_numpy()
    return words


def sketch(accesses: pl.DataFrame) -> tuple[int, ...]:
    """The `SKETCH` smallest hashes of the (kind, region, address) among reads and writes of a device's regions.

    Two sketches tell how alike two sets of registers are (Broder's bottom-k), whatever the order and the counts.
    """
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


def register_uses(events: pl.DataFrame, cards: tuple[Card, ...]) -> list[RegisterUse]:
    """The rows for all devices of a trace, ordered by first line; events without a device count too."""
    names = {card.name: card for card in cards}
    return [_use(row, names.get(row["device"] or "")) for row in _grouped(events).iter_rows(named=True)]


def _grouped(events: pl.DataFrame) -> pl.DataFrame:
    """One row a register: the keys of `RegisterUse`, accesses, first input and line, first distinct values."""
    frame = (
        events.lazy()
        .with_row_index("row")
        .filter(~pl.col("event").is_in(_OF_THE_MACHINE))
        .select("row", "device", "event", pl.col("region").fill_null(-1), "address", "detail", "value")
    )
    wide = (
        frame.group_by("device", "region")
        .agg((pl.col("address").n_unique() > MOST_REGISTERS).alias("page"))
        .filter("page")
    )
    paged = frame.join(wide, on=["device", "region"], how="left", nulls_equal=True).with_columns(
        pl.col("page").fill_null(False),
        pl.when("page").then(pl.col("address") // PAGE * PAGE).otherwise("address").alias("address"),
        pl.when("page").then(None).otherwise("value").alias("value"),
    )
    keys = ["device", "event", "region", "address", "detail", "page"]
    # Values first, by themselves: a list of all values of a register would be as long as the log.
    once = paged.group_by(*keys, "value").agg(pl.len().alias("accesses"), pl.col("row").min())
    registers = once.group_by(keys).agg(
        pl.col("accesses").sum(),
        pl.col("row").min(),
        pl.col("value").sort_by("row").drop_nulls().head(MOST_VALUES + 1).alias("values"),
    )
    kept = registers.sort("row", *keys).head(MOST_ROWS).collect()
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
