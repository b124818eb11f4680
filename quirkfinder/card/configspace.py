"""Config spaces byte by byte: what the guest saw last, and what a dump of the host says.

PCI Local Bus 3.0, section 6.1: which registers of the header a write does not change.
"""

import polars as pl

from quirkfinder.card.model import EMPTY_CONFIG, ConfigSpace
from quirkfinder.card.rows import kinds, numbered

#: Registers that ignore what is written (ids, class, header type, pointer) or clear the bits that are (status).
_READ_ONLY = ((0x00, 0x04), (0x06, 0x0C), (0x0E, 0x0F), (0x2C, 0x30), (0x34, 0x35), (0x3D, 0x3E))
_LARGEST = 4096


def guest_config(events: pl.DataFrame, device: str | None) -> ConfigSpace:
    """The last value of every byte of the config space that the guest read or wrote.

    Its base address registers hold guest addresses: QEMU emulates them.  Writes to read-only registers do not count.
    """
    mine = pl.col("device").eq_missing(pl.lit(device))
    accesses = (
        numbered(events)
        .filter(kinds(("config_read", "config_write")) & mine & pl.col("value").is_not_null())
        .filter(pl.col("address") < _LARGEST)
        .select("row", "address", "size", "value", kinds(("config_write",)).alias("written"))
        # Most of a long trace polls a few registers: the last access of each kind to a place is all that counts.
        .unique(["address", "size", "written"], keep="last")
    )
    pieces = [
        accesses.filter(pl.col("size") > step).select(
            "row",
            (pl.col("address") + step).alias("offset"),
            ((pl.col("value") // (1 << 8 * step)) % 256).alias("byte"),
            "written",
        )
        for step in range(4)
    ]
    ignored = pl.any_horizontal([pl.col("offset").is_between(first, end - 1) for first, end in _READ_ONLY])
    last = (
        pl.concat(pieces)
        .filter((pl.col("offset") < _LARGEST) & ~(pl.col("written") & ignored))
        .group_by("offset")
        .agg(pl.col("byte").sort_by("row").last())
        .collect()
    )
    return config_space(dict(last.iter_rows()))


def config_space(known: dict[int, int]) -> ConfigSpace:
    """Bytes by offset as a config space of the smallest standard size that holds them."""
    if not known:
        return EMPTY_CONFIG
    size = next(length for length in (64, 256, _LARGEST) if max(known) < length)
    values, flags = bytearray(size), bytearray(size)
    for offset, byte in known.items():
        values[offset], flags[offset] = byte, 1
    return ConfigSpace(bytes(values), bytes(flags))


def host_config(config: bytes) -> ConfigSpace:
    """A dump from offset 0 (`lspci -x`, `-xxx`, `-xxxx`)."""
    return config_space(dict(enumerate(config[:_LARGEST])))
