"""Where tracing itself changes what happens: polling, split accesses, a framebuffer that floods the log."""

from collections.abc import Iterator

import polars as pl

from quirkfinder.counting import Counts, count
from quirkfinder.events import region_name
from quirkfinder.findings.document import CaptureProblem
from quirkfinder.knowledge.versions import Version, VersionRange

_SPLITS = 16  # neighbouring 4-byte halves, without a single 8-byte access
_FLOOD_ACCESSES, _FLOOD_SHARE = 1_000_000, 0.9
_WHOLE_SINCE = Version(2, 10)


def distortions(events: pl.DataFrame | Counts, version: VersionRange) -> Iterator[CaptureProblem]:
    """Problems of timing and width that every trace of trapped BARs has, where this one shows them.

    `events`: a frame of `events.SCHEMA`, or the counts of a log.
    """
    counts = count(events) if isinstance(events, pl.DataFrame) else events
    yield from _polls(counts)
    yield from _splits(counts, version)
    yield from _flood(counts)


def _polls(counts: Counts) -> Iterator[CaptureProblem]:
    """Long runs of one read with one answer: the driver waits, and each round costs the trap's time."""
    runs = list(counts.polls.items())
    if runs:
        places = ", ".join(f"{region_name(r)}+{a:#x} ({n} times)" for (_, r, a), n in runs[:3])
        yield CaptureProblem(
            f"the driver polls with the same answer: {places}. A trap takes about 20 microseconds, so waits last longer"
            " and time-outs come earlier than without tracing",
            "compare with a run that is not traced before relying on order or timing around these reads",
        )


def _splits(counts: Counts, version: VersionRange) -> Iterator[CaptureProblem]:
    """Up to 2.9 QEMU hands a 64-bit access on as two of 32 bits, the low half first."""
    if version.last is None or version.last >= _WHOLE_SINCE or counts.wide:
        return
    if counts.halves >= _SPLITS:
        yield CaptureProblem(
            f"{counts.halves} pairs of neighbouring 4-byte accesses may be 8-byte ones: QEMU {version} splits them, in"
            " the log and for the card",
            f"trace with QEMU {_WHOLE_SINCE} or newer, which hands 8-byte accesses on whole",
        )


def _flood(counts: Counts) -> Iterator[CaptureProblem]:
    accesses = counts.events.get("region_read", 0) + counts.events.get("region_write", 0)
    if accesses < _FLOOD_ACCESSES or not counts.accesses:
        return
    (_, region), count_there = max(counts.accesses.items(), key=lambda item: item[1])
    share = count_there / accesses
    if share >= _FLOOD_SHARE:
        yield CaptureProblem(
            f"{share:.0%} of {accesses} accesses go to {region_name(region)}, most likely a framebuffer",
            f"log into a pipe and drop it: grep -v --line-buffered ':region{region}+'",
        )
