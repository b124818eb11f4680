"""Where tracing itself changes what happens: polling, split accesses, a framebuffer that floods the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from quirkfinder.events import Frames, frames_of, region_name
from quirkfinder.findings.document import CaptureProblem
from quirkfinder.knowledge.versions import Version, VersionRange

_POLL = 100  # equal reads in a row
_SPLITS = 16  # neighbouring 4-byte halves, without a single 8-byte access
_FLOOD_ACCESSES, _FLOOD_SHARE = 1_000_000, 0.9
_COLUMNS = ("event", "device", "region", "address", "size", "value")
_SAME = ["device", "region", "address", "value"]
Place = tuple[str | None, int, int]  # device, region, offset
_WHOLE_SINCE = Version(2, 10)


def distortions(events: pl.DataFrame | Frames, version: VersionRange) -> Iterator[CaptureProblem]:
    """Problems of timing and width that every trace of trapped BARs has, where this one shows them.

    `events`: a frame of `events.SCHEMA`, or all of a long log one after the other.
    """
    seen = _Seen()
    for frame in frames_of(events)(_COLUMNS):
        seen.add(frame.lazy().filter(pl.col("event").is_in(["region_read", "region_write"])).collect())
    if seen.accesses:
        yield from _polls(seen)
        yield from _splits(seen, version)
        yield from _flood(seen)


@dataclass(slots=True)
class _Seen:
    """What the checks need of all accesses to regions, with memory for the places polled at only."""

    accesses: int = 0
    halves: int = 0
    wide: bool = False
    by_region: dict[tuple[str | None, int], int] = field(default_factory=dict)
    polls: dict[Place, int] = field(default_factory=dict)
    _run: tuple[tuple[object, ...], int] | None = None
    _last: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Takes the accesses that follow."""
        if not frame.height:
            return
        self.accesses += frame.height
        self.wide |= bool((frame["size"] == 8).any())
        for device, region, count in frame.group_by("device", "region").len().iter_rows():
            self.by_region[device, region] = self.by_region.get((device, region), 0) + count
        self._add_runs(frame.filter(pl.col("event") == "region_read"))
        joined = frame if self._last is None else pl.concat([self._last, frame])
        self.halves += _halves(joined)
        self._last = frame.tail(1)

    def _add_runs(self, reads: pl.DataFrame) -> None:
        """Equal reads in a row; a run may go on in the next frame."""
        if not reads.height:
            return
        changed = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in _SAME)
        starts = reads.select(changed.alias("changed"))["changed"].to_numpy().copy()
        starts[0] = True
        at = np.flatnonzero(starts)
        lengths = np.diff(np.append(at, reads.height))
        first, last = reads.select(_SAME).row(0), reads.select(_SAME).row(-1)
        if self._run is not None:
            if self._run[0] == first:
                lengths[0] += self._run[1]
            else:
                self._take(*self._run)
        for index in np.flatnonzero(lengths[:-1] >= _POLL).tolist():
            self._take(reads.select(_SAME).row(int(at[index])), int(lengths[index]))
        self._run = (last, int(lengths[-1]))

    def _take(self, key: tuple[object, ...], length: int) -> None:
        if length >= _POLL:
            place: Place = key[:3]  # type: ignore[assignment]  # the columns of _SAME
            self.polls[place] = max(self.polls.get(place, 0), length)

    def longest(self) -> list[tuple[Place, int]]:
        """The places that are polled, those with the longest run first."""
        if self._run is not None:
            self._take(*self._run)
        return sorted(self.polls.items(), key=lambda item: -item[1])


def _polls(seen: _Seen) -> Iterator[CaptureProblem]:
    """Long runs of one read with one answer: the driver waits, and each round costs the trap's time."""
    runs = seen.longest()
    if runs:
        places = ", ".join(f"{region_name(r)}+{a:#x} ({n} times)" for (_, r, a), n in runs[:3])
        yield CaptureProblem(
            f"the driver polls with the same answer: {places}. A trap takes about 20 microseconds, so waits last longer"
            " and time-outs come earlier than without tracing",
            "compare with a run that is not traced before relying on order or timing around these reads",
        )


def _halves(accesses: pl.DataFrame) -> int:
    """How many accesses of four bytes are followed by one of the four bytes behind."""
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
    return int(halves.select(pl.len()).collect().item())


def _splits(seen: _Seen, version: VersionRange) -> Iterator[CaptureProblem]:
    """Up to 2.9 QEMU hands a 64-bit access on as two of 32 bits, the low half first."""
    if version.last is None or version.last >= _WHOLE_SINCE or seen.wide:
        return
    if seen.halves >= _SPLITS:
        yield CaptureProblem(
            f"{seen.halves} pairs of neighbouring 4-byte accesses may be 8-byte ones: QEMU {version} splits them, in"
            " the log and for the card",
            f"trace with QEMU {_WHOLE_SINCE} or newer, which hands 8-byte accesses on whole",
        )


def _flood(seen: _Seen) -> Iterator[CaptureProblem]:
    if seen.accesses < _FLOOD_ACCESSES:
        return
    (_, region), count = max(seen.by_region.items(), key=lambda item: item[1])
    share = count / seen.accesses
    if share >= _FLOOD_SHARE:
        yield CaptureProblem(
            f"{share:.0%} of {seen.accesses} accesses go to {region_name(region)}, most likely a framebuffer",
            f"log into a pipe and drop it: grep -v --line-buffered ':region{region}+'",
        )
