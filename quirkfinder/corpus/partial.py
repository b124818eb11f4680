"""What one run contributes to a corpus: everything the joins need, and nothing of the log that they do not.

A *partial* is the result of one unit of work.  It depends on the content of the run's files and on the analysis, not on
when, where or beside what it was made, so that partials can be made anywhere and put together in any order.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from quirkfinder.findings import CaptureProblem, Finding

#: Changes when partials change their meaning: older ones are then made again.
PARTIAL_SCHEMA = "quirkfinder.partial/1"
#: An integer of 64 bits without a sign: addresses and hashes.
Word = Annotated[int, "unsigned"]


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of the run. `name`: without its folder; `sha256`: of its bytes on disk."""

    name: str
    role: str
    format: str
    sha256: str
    lines: int
    events: int
    unrecognised: int


@dataclass(frozen=True, slots=True)
class RunBar:
    """A BAR in this run: size and addresses in bytes; `mapped`: bytes of it that the guest reaches unseen.

    `told_*`: the first read through which the guest saw the BAR's host address (None, 0, "" where it never did).
    `sketch`: smallest hashes of the registers that were touched, see `profile.sketch`.
    """

    index: int
    kind: str
    size: Word | None
    host: Word | None
    guest: Word | None
    mapped: Word = 0
    told_file: int | None = None
    told_line: int = 0
    told_text: str = ""
    sketch: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDevice:
    """A device of the run. `accesses`: to its regions, as far as they were logged."""

    name: str
    bars: tuple[RunBar, ...]
    host_address: str | None = None
    vendor: int | None = None
    device: int | None = None
    subvendor: int | None = None
    subdevice: int | None = None
    class_code: int | None = None
    accesses: int = 0
    contradictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Touch:
    """An access at an offset of a BAR's *host* range: `missed` (unassigned) or, where host and guest agree, a hit."""

    device: str
    bar: int
    offset: Word
    missed: bool
    file: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Unassigned:
    """Accesses to one page (4096 bytes) where the guest has nothing.

    `device`, `bar`: whose host address it is (empty, -1: nobody's).  `source`: the register whose value led there
    (`bar2+0x100`, empty where no earlier value did), read at line `source_line`.
    """

    page: Word
    space: str
    accesses: int
    writes: int
    device: str
    bar: int
    file: int
    line: int
    text: str
    source: str = ""
    source_line: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """Lines that show one of QEMU's own quirks at work."""

    device: str
    quirk: str
    count: int


@dataclass(frozen=True, slots=True)
class Partial:
    """One run. `digest`: of the content of its files; `boot`: of its events, the same for a copy packed otherwise.

    `size`: bytes on disk; `qemu_first`, `qemu_last`: releases that could have written the log, empty where not known.
    """

    digest: str
    boot: str
    version: str
    size: int
    lines: int
    events: int
    unrecognised: int
    files: tuple[RunFile, ...]
    devices: tuple[RunDevice, ...]
    findings: tuple[Finding, ...]
    capture: tuple[CaptureProblem, ...] = ()
    touches: tuple[Touch, ...] = ()
    unassigned: tuple[Unassigned, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    failures: tuple[str, ...] = ()
    qemu_first: str = ""
    qemu_last: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A partial under the names that its bundles have in the corpus; more than one where copies were mined."""

    names: tuple[str, ...]
    partial: Partial

    @property
    def name(self) -> str:
        return self.names[0]

    def named(self, names: tuple[str, ...]) -> "Run":
        return replace(self, names=tuple(sorted(set(names))))
