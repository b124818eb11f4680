"""A trace boiled down to what a comparison and a join need: registers with their values, a sketch, stray accesses.

Everything is bounded: a log of any length gives at most some thousand rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from quirkfinder.card.model import Bar, Card
from quirkfinder.corpus.partial import Word
from quirkfinder.events import region_name

#: Distinct addresses of one region above which it is memory (a frame buffer) and kept by page.
MOST_REGISTERS = 4096
PAGE = 4096
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


def register_uses(events: pl.DataFrame, cards: tuple[Card, ...]) -> list[RegisterUse]:
    """The rows for all devices of a trace, ordered by first line; events without a device count too."""
    found: list[RegisterUse] = []
    names = {card.name: card for card in cards}
    frame = events.lazy().select(
        pl.col("device").cast(pl.String).fill_null(""),
        pl.col("event").cast(pl.String),
        pl.col("region").fill_null(-1),
        "address",
        pl.col("detail").cast(pl.String).fill_null(""),
        "value",
        "input",
        "line",
    )
    frame = frame.filter(~pl.col("event").str.contains("listener_|user_memory|bar_(un)?map|interrupt|msi_interrupt"))
    wide = (
        frame.group_by("device", "region")
        .agg(pl.col("address").n_unique() > MOST_REGISTERS)
        .rename({"address": "page"})
    )
    paged = frame.join(wide, on=["device", "region"]).with_columns(
        pl.when("page").then(pl.col("address") // PAGE * PAGE).otherwise("address").alias("address")
    )
    keys = ["device", "event", "region", "address", "detail", "page"]
    grouped = (
        paged.group_by(keys)
        .agg(
            pl.len().alias("accesses"),
            pl.col("input").first(),
            pl.col("line").first(),
            pl.col("value").drop_nulls().unique(maintain_order=True).head(MOST_VALUES + 1).alias("values"),
        )
        .sort("input", "line", *keys)
        .head(16 * MOST_REGISTERS)
        .collect()
    )
    for row in grouped.iter_rows(named=True):
        card = names.get(row["device"])
        # The mapping of a BAR moves with the machine: its addresses say nothing about the card's state.
        kept = [] if row["page"] else [symbol(value, card) for value in row["values"][:MOST_VALUES]]
        found.append(
            RegisterUse(
                device=row["device"],
                event=row["event"],
                region="" if row["region"] < 0 else region_name(row["region"]),
                address=row["address"] or 0,
                detail=row["detail"],
                accesses=row["accesses"],
                file=row["input"],
                line=row["line"],
                values=tuple(dict.fromkeys(kept)),
                more=not row["page"] and len(row["values"]) > MOST_VALUES,
                page=row["page"],
            )
        )
    return found


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
