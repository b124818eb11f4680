"""The unit of work: one bundle or log to its partial, in this process, in another, or on another machine.

What goes out and what comes back are plain values (paths, bytes of Parquet), so that any
`concurrent.futures.Executor` can carry them.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from quirkfinder import __version__, reading
from quirkfinder.analysis import Study, study
from quirkfinder.card.model import Card
from quirkfinder.corpus import profile, strays
from quirkfinder.corpus.columns import plain, schema, to_parquet
from quirkfinder.corpus.partial import (
    PARTIAL_SCHEMA,
    Partial,
    RunBar,
    RunDevice,
    RunFile,
    Sighting,
    Touch,
    Unassigned,
)
from quirkfinder.corpus.profile import RegisterUse
from quirkfinder.errors import QuirkfinderError
from quirkfinder.events import region_name
from quirkfinder.inputs import Source

_QUOTE = 400


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be read. `path`: a folder or a log; `files`: all files it consists of; `known`: of their content,
    SHA-256 by path, where it need not be read for that; `finished`: where partials that exist lie, None: nowhere."""

    path: str
    files: tuple[str, ...]
    known: tuple[tuple[str, str], ...] = ()
    finished: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job. `parquet`: the partial, None where it exists already or there is none; `problem`: why;
    `lasting`: the same content would fail again; `failures`: files that could be read in part; `version`: of the
    analysis."""

    path: str
    digest: str
    sha256: tuple[tuple[str, str], ...]
    parquet: bytes | None = None
    problem: str = ""
    failures: tuple[str, ...] = ()
    events: int = 0
    process: int = 0
    lasting: bool = True
    version: str = __version__


def bundle_digest(sha256: Iterable[str]) -> str:
    """The name of a run's partial: its files' content whatever their order, and the version of the analysis."""
    text = "\n".join([PARTIAL_SCHEMA, __version__, *sorted(sha256)])
    return hashlib.sha256(text.encode()).hexdigest()


def run_job(job: Job) -> Outcome:
    """Reads a run. Raises nothing: what goes wrong is told in the outcome."""
    digest, sums, lasting = "", dict(job.known), True
    try:
        for file in job.files:
            if file not in sums:
                with Path(file).open("rb") as content:
                    sums[file] = hashlib.file_digest(content, "sha256").hexdigest()
        digest = bundle_digest(sums[file] for file in job.files)
        outcome = Outcome(job.path, digest, tuple(sorted(sums.items())), process=os.getpid())
        if job.finished is not None and Path(job.finished, f"{digest}.parquet").exists():
            return outcome
        partial, uses = examine(job.path, digest)
        return replace(outcome, parquet=encode(partial, uses), events=partial.events, failures=partial.failures)
    except QuirkfinderError as error:
        problem = error.message
    except OSError as error:
        lasting, problem = False, f"{error.filename or job.path}: {error.strerror or error}"
    except MemoryError:
        lasting, problem = False, f"{job.path}: not enough memory to analyse it"
    except Exception as error:  # one bad input never stops the rest; what it was is told
        problem = f"{job.path}: the analysis failed: {type(error).__name__}: {error}"
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # polars' own, which is no Exception
            raise
        problem = f"{job.path}: the analysis failed: {error}"
    return Outcome(job.path, digest, tuple(sorted(sums.items())), problem=problem, process=os.getpid(), lasting=lasting)


def examine(path: str | Path, digest: str = "") -> tuple[Partial, list[RegisterUse]]:
    """The partial of a bundle or log, and how it used each register. Raises what `quirkfinder.analyze` raises."""
    result = study(path)
    document, events, cards = result.document, result.events, result.machine.cards
    qemu = document.statistics.get("qemu", {})
    stray = strays.unassigned(events)
    traces = [record for record in document.inputs if record.role == "trace"]
    quoting = _Quoting(result)
    told = {card.name: strays.told_rows(events, card) for card in cards}
    touches = [(card, touch) for card in cards for touch in strays.touched(events, card, stray, told[card.name])]
    pages = strays.pages(events, stray)
    quoting.want([*(row for rows in told.values() for row in rows.values()), *(t.row for _, t in touches)])
    quoting.want(page.row for page in pages)
    profiles = profile.region_profiles(result.frames)
    partial = Partial(
        digest=digest,
        boot=profile.boot_of(result.frames),
        version=document.version,
        size=sum(Path(record.path).stat().st_size for record in document.inputs),
        lines=sum(record.lines for record in traces),
        events=sum(record.events for record in traces),
        unrecognised=sum(record.unrecognised for record in traces),
        files=tuple(
            RunFile(Path(r.path).name, r.role, r.format, r.sha256, r.lines, r.events, r.unrecognised)
            for r in document.inputs
        ),
        devices=tuple(_device(card, profiles, told[card.name], quoting) for card in cards),
        findings=document.findings,
        capture=document.capture,
        touches=tuple(Touch(card.name, t.bar, t.offset, t.missed, *quoting.quoted(t.row)) for card, t in touches),
        unassigned=tuple(_page(page, cards, events, quoting) for page in pages),
        sightings=tuple(
            Sighting(str(s["device"]), str(s["quirk"]), int(s["count"]))
            for s in document.statistics.get("quirks", {}).get("sightings", [])
        ),
        failures=tuple(str(failure) for failure in document.statistics.get("failures", [])),
        qemu_first=qemu.get("first") or "",
        qemu_last=qemu.get("last") or "",
    )
    whole = events.height == partial.events
    return partial, profile.register_uses(events, cards, None if whole else result.frames)


class _Quoting:
    """Texts of lines, read in one pass over each file when the first is asked for."""

    def __init__(self, result: Study) -> None:
        self._events = result.events.select("input", "line")
        self._inputs = result.document.inputs
        self._wanted: dict[int, set[int]] = {}
        self._texts: dict[int, dict[int, str]] | None = None

    def want(self, rows: Iterable[int]) -> None:
        for row in rows:
            source, line = self._events.row(row)
            self._wanted.setdefault(source, set()).add(line)

    def place(self, row: int) -> tuple[int, int]:
        source, line = self._events.row(row)
        return int(source), int(line)

    def quoted(self, row: int) -> tuple[int, int, str]:
        """Position of the file, line and text; the row must have been asked for with `want`."""
        if self._texts is None:
            self._texts = {
                source: reading.lines(Source(path, Path(path), "trace"), lines)
                for source, lines in self._wanted.items()
                for path in (self._inputs[source].path,)
            }
        source, line = self.place(row)
        return source, line, self._texts.get(source, {}).get(line, "")[:_QUOTE]


def _device(
    card: Card, profiles: dict[tuple[str, int], profile.RegionProfile], told: dict[int, int], quoting: _Quoting
) -> RunDevice:
    none = profile.RegionProfile()
    bars = []
    for bar in card.bars:
        file, line, text = quoting.quoted(told[bar.index]) if bar.index in told else (None, 0, "")
        mapped = sum(span.last - span.first + 1 for span in bar.mapped)
        sketch = profiles.get((card.name, bar.index), none).sketch
        bars.append(RunBar(bar.index, bar.kind, bar.size, bar.host, bar.guest, mapped, file, line, text, sketch))
    return RunDevice(
        name=card.name,
        bars=tuple(bars),
        host_address=card.host_address,
        vendor=card.vendor,
        device=card.device,
        subvendor=card.subvendor,
        subdevice=card.subdevice,
        class_code=card.class_code,
        accesses=sum(one.accesses for (name, _), one in profiles.items() if name == card.name),
        contradictions=tuple(contradiction.text for contradiction in card.contradictions),
    )


def _page(page: strays.PageRow, cards: Sequence[Card], events: pl.DataFrame, quoting: _Quoting) -> Unassigned:
    device, bar = strays.owner(cards, page.space, page.page)
    file, line, text = quoting.quoted(page.row)
    source, source_line = "", 0
    if page.source is not None:
        region, address = events["region"][page.source], events["address"][page.source]
        source = f"{region_name(8 if region is None else region)}+0x{address or 0:x}"
        source_line = quoting.place(page.source)[1]
    return Unassigned(
        page.page, page.space, page.accesses, page.writes, device, bar, file, line, text, source, source_line
    )


def encode(partial: Partial, uses: Sequence[RegisterUse]) -> bytes:
    """A Parquet file of one row: the fields of `Partial`, and the list `registers` of `RegisterUse`."""
    columns = {**schema(Partial), "registers": pl.List(pl.Struct(schema(RegisterUse)))}
    row = {**plain(partial), "registers": [plain(use) for use in uses]}
    return to_parquet(pl.DataFrame([row], schema=columns, orient="row"))
