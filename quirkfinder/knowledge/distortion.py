"""Where tracing itself changes what happens: polling, split accesses, a framebuffer that floods the log."""

from collections.abc import Iterator

import polars as pl

from quirkfinder.events import region_name
from quirkfinder.findings.document import CaptureProblem
from quirkfinder.knowledge.versions import Version, VersionRange

_POLL = 100  # equal reads in a row
_SPLITS = 16  # neighbouring 4-byte halves, without a single 8-byte access
_FLOOD_ACCESSES, _FLOOD_SHARE = 1_000_000, 0.9
_WHOLE_SINCE = Version(2, 10)


def distortions(events: pl.DataFrame, version: VersionRange) -> Iterator[CaptureProblem]:
    """Problems of timing and width that every trace of trapped BARs has, where this one shows them."""
    accesses = (
        events.lazy()
        .filter(pl.col("event").is_in(["region_read", "region_write"]))
        .select(pl.col("event").cast(pl.String), pl.col("device").cast(pl.String), "region", "address", "size", "value")
        .collect()
    )
    if len(accesses):
        yield from _polls(accesses)
        yield from _splits(accesses, version)
        yield from _flood(accesses)


def _polls(accesses: pl.DataFrame) -> Iterator[CaptureProblem]:
    """Long runs of one read with one answer: the driver waits, and each round costs the trap's time."""
    same = ["device", "region", "address", "value"]
    reads = accesses.filter(pl.col("event") == "region_read")
    runs = (
        reads.with_columns(run=pl.struct(same).rle_id())
        .group_by("run", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("device", "region", "address").first())
        .filter(pl.col("count") >= _POLL)
        .group_by("device", "region", "address", maintain_order=True)
        .agg(pl.col("count").max())
        .sort("count", descending=True)
    )
    if len(runs):
        places = ", ".join(f"{region_name(r)}+{a:#x} ({n} times)" for _, r, a, n in runs.head(3).iter_rows())
        yield CaptureProblem(
            f"the driver polls with the same answer: {places}. A trap takes about 20 microseconds, so waits last longer"
            " and time-outs come earlier than without tracing",
            "compare with a run that is not traced before relying on order or timing around these reads",
        )


def _splits(accesses: pl.DataFrame, version: VersionRange) -> Iterator[CaptureProblem]:
    """Up to 2.9 QEMU hands a 64-bit access on as two of 32 bits, the low half first."""
    if version.last is None or version.last >= _WHOLE_SINCE or (accesses["size"] == 8).any():
        return
    low = accesses.lazy().with_columns(
        next_event=pl.col("event").shift(-1),
        next_device=pl.col("device").shift(-1),
        next_region=pl.col("region").shift(-1),
        next_address=pl.col("address").shift(-1),
        next_size=pl.col("size").shift(-1),
    )
    halves = low.filter(
        (pl.col("size") == 4)
        & (pl.col("next_size") == 4)
        & (pl.col("address") % 8 == 0)
        & (pl.col("next_address") == pl.col("address") + 4)
        & (pl.col("next_region") == pl.col("region"))
        & pl.col("next_device").eq_missing(pl.col("device"))
        & (pl.col("next_event") == pl.col("event"))
    )
    count = halves.select(pl.len()).collect().item()
    if count >= _SPLITS:
        yield CaptureProblem(
            f"{count} pairs of neighbouring 4-byte accesses may be 8-byte ones: QEMU {version} splits them, in the log"
            " and for the card",
            f"trace with QEMU {_WHOLE_SINCE} or newer, which hands 8-byte accesses on whole",
        )


def _flood(accesses: pl.DataFrame) -> Iterator[CaptureProblem]:
    if len(accesses) < _FLOOD_ACCESSES:
        return
    top = accesses.group_by("device", "region").len().sort("len", descending=True).row(0, named=True)
    share = top["len"] / len(accesses)
    if share >= _FLOOD_SHARE:
        yield CaptureProblem(
            f"{share:.0%} of {len(accesses)} accesses go to {region_name(top['region'])}, most likely a framebuffer",
            f"log into a pipe and drop it: grep -v --line-buffered ':region{top['region']}+'",
        )
