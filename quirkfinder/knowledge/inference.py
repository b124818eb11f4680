"""Which QEMU wrote a log: told from what the lines look like and from texts that say so.

The reading stage keeps normalised events only, so it hands on *hints*, plain texts collected while it reads:

* `event:NAME`: a trace event of that name was seen (`event:vfio_region_skip`), including those it ignores;
* `prefix:KIND`: a line prefix was seen.  `dprintf` (`vfio: `), `pid` (`123@456.789012:`), `iso` (an ISO stamp with `Z`
  directly in front of a trace event or an `Invalid …` line), others (`none`, `syslog`, `ftrace`, …) say nothing;
* `wording:FEATURE`: a format feature was seen; the features are the keys of `[wording]` in `version_facts.toml`.

An unknown hint says nothing.  Texts are whatever lies beside the trace: libvirt's log, a monitor session, a command
line.  Statements of a version in texts weigh most, then the options of a command line, event names, prefixes, wordings,
events; one that does not fit those before it is kept as a doubt.

Sources: QEMU hw/vfio/trace-events of each release, system/memory.c, trace/ (see `version_facts.toml`).
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import polars as pl

from quirkfinder.knowledge.catalogue_file import catalogue
from quirkfinder.knowledge.command_line import CommandLine, read_command_line
from quirkfinder.knowledge.versions import NEWEST, OLDEST, Version, VersionRange

Claim = tuple[Version, Version | None, str]
_NUMBER = r"v?(\d{1,2}\.\d{1,2})(?:\.\d+)?(?![\d])"
_STATEMENTS = tuple(
    re.compile(pattern + _NUMBER, re.IGNORECASE)
    for pattern in (
        r"\bqemu version: ?",
        r"\bQEMU emulator version ",
        r"\bQEMU[ -](?:version )?",
        r"\bqemu-system-\w+ version ",
        r"\bqemu-kvm-(?:\d+:)?",
    )
)
_MACHINE = re.compile(r"(?:pc-i440fx|pc-q35|virt|pseries|s390-ccw-virtio)-(\d{1,2}\.\d{1,2})$")
#: Options only some releases take.
_OPTION_RELEASES = {
    "x-no-mmap": ("2.5", None),
    "x-mmap": ("2.3", "2.4"),
    "x-no-kvm-ioeventfd": ("3.0", None),
    "x-no-vfio-ioeventfd": ("3.0", None),
    "x-no-geforce-quirks": ("2.12", None),
    "x-msix-relocation": ("2.12", None),
}


@cache
def version_facts() -> dict[str, tuple[Version, Version | None]]:
    """Hint (`event:NAME`, `prefix:KIND`, `wording:FEATURE`) to the first and last release that prints it."""
    text = files("quirkfinder.knowledge").joinpath("version_facts.toml").read_text(encoding="utf-8")
    facts: dict[str, tuple[Version, Version | None]] = {}
    for kind, table in tomllib.loads(text).items():
        for name, releases in table.items():
            first, *last = (Version.parse(r) for r in releases.split())
            facts[f"{kind}:{name}"] = (first, last[0] if last else None)
    return facts


def infer_version(
    events: pl.DataFrame | None = None, hints: Iterable[str] = (), texts: Iterable[str] = ()
) -> VersionRange:
    """The releases that could have written a log with these events, hints and accompanying texts."""
    found = VersionRange(OLDEST, None)
    texts = tuple(texts)
    commands = [command for text in texts if (command := read_command_line(text)) is not None]
    options = [claim for command in commands for claim in _option_claims(command)]
    claims = [*_stated(texts), *options, *_hinted(hints), *(_shown(events) if events is not None else ())]
    for first, last, reason in claims:
        found = found.narrowed(max(first, OLDEST), last, reason)
    return found


def _stated(texts: Iterable[str]) -> Iterable[Claim]:
    for text in texts:
        versions = {Version.parse(m[1]) for pattern in _STATEMENTS for m in pattern.finditer(text)}
        plausible = sorted(v for v in versions if OLDEST <= v <= Version(NEWEST.major + 3, 99))
        if plausible:
            said = " and ".join(map(str, plausible))
            yield plausible[0], plausible[-1], f"a text beside the trace says QEMU {said}"


def _option_claims(command: CommandLine) -> Iterable[Claim]:
    """What the command line presupposes: a versioned machine type, options, devices and log items of some releases."""
    machine = _MACHINE.match(command.machine or "")
    if machine:
        yield Version.parse(machine[1]), None, f"machine type {command.machine}"
    if "invalid_mem" in command.log_items:
        yield Version(10, 0), None, "log item invalid_mem"
    for device in command.devices:
        if device.driver == "vfio-user-pci":
            yield Version(10, 1), None, "device vfio-user-pci"
        for name in device.properties:
            if name in _OPTION_RELEASES:
                first, last = _OPTION_RELEASES[name]
                yield Version.parse(first), Version.parse(last) if last else None, f"option {name}"


def _hinted(hints: Iterable[str]) -> Iterable[Claim]:
    order = ("event:", "prefix:", "wording:")
    facts = version_facts()
    known = sorted((h for h in hints if h in facts), key=lambda h: (order.index(h[: h.index(":") + 1]), h))
    for hint in known:
        kind, _, name = hint.partition(":")
        first, last = facts[hint]
        yield first, last, f"{kind} {name} ({VersionRange(first, last)})"


#: Kinds of events that only some releases print.
_KIND_RELEASES = {
    "unassigned_access": (Version(5, 2), Version(6, 1)),
    "user_memory": (Version(2, 12), None),
    "ioeventfd": (Version(3, 0), None),
    "msix_relocation": (Version(2, 12), None),
    "region_unmap": (Version(5, 2), None),
    "region_mmap": (Version(2, 6), None),
    "mmaps_enabled": (Version(2, 6), None),
    "emulated_id": (Version(2, 5), None),
}


def _shown(events: pl.DataFrame) -> Iterable[Claim]:
    """What normalised events alone still tell."""
    kinds = set(events["event"].unique().cast(pl.String).to_list())
    for kind, (first, last) in _KIND_RELEASES.items():
        if kind in kinds:
            yield first, last, f"{kind} lines ({VersionRange(first, last)})"
    valued = pl.col("value").is_not_null()
    regions = pl.col("event").is_in(["region_read", "region_write"])
    wide, data, latch = (
        events.lazy()
        .select(
            wide=((pl.col("size") == 8) & regions).any(),
            data=((pl.col("event") == "unassigned_write") & valued).any(),
            latch=((pl.col("event") == "quirk_latch") & valued).any(),
        )
        .collect()
        .row(0)
    )
    if wide:
        yield Version(2, 10), None, "8-byte accesses in one line (2.10 or newer)"
    if data:
        yield OLDEST, Version(5, 1), "unassigned writes with their data (up to 5.1)"
    if latch:
        yield Version(2, 5), None, "RTL8168 lines with values (2.5 or newer)"
    details = set(events.filter(pl.col("event").cast(pl.String).str.starts_with("quirk"))["detail"].unique().to_list())
    for quirk in catalogue():
        for name in quirk.names:
            if name.name in details:
                yield name.first, name.last, f"{name.name} ({VersionRange(name.first, name.last)})"
