"""Two runs of a card side by side, one that works and one that does not: what differs, the earliest first.

Left out is what differs between any two runs: time, how often something was polled, where BARs lie.  Addresses inside
a BAR are compared by the place they stand for (`guest bar2+0x10`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from quirkfinder.corpus import columns
from quirkfinder.corpus.cards import DOORS
from quirkfinder.corpus.mining import read_partial
from quirkfinder.corpus.partial import Partial, RunDevice
from quirkfinder.corpus.profile import RegisterUse
from quirkfinder.corpus.store import Store
from quirkfinder.corpus.work import examine
from quirkfinder.errors import UsageError


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind`: `finding`, `outcome`, `only-good`, `only-bad` or `value`.

    `good_line`, `bad_line`: where it first shows, 0 where it does not.
    """

    kind: str
    subject: str
    statement: str
    good_line: int
    bad_line: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences: findings and outcomes first, then accesses in the order of the run that has them.

    `same`: how many registers were used alike; `device`: as the run that does not work names it.
    """

    device: str
    good: str
    bad: str
    same: int
    differences: tuple[Difference, ...]


def compare(good: str | Path, bad: str | Path) -> Comparison:
    """Compares two bundles or logs. Raises what `quirkfinder.analyze` raises, UsageError where they share no card."""
    return _compared(str(good), examine(good), str(bad), examine(bad))


def compare_mined(store: str | Path, good: str, bad: str) -> Comparison:
    """Compares two runs of a store by their names there, without reading the logs again."""
    opened = Store.open(store)
    return _compared(good, _mined(opened, good), bad, _mined(opened, bad))


def _mined(store: Store, name: str) -> tuple[Partial, list[RegisterUse]]:
    from quirkfinder.findings.checking import nearest

    digests = dict(store.table("runs").select("run", "digest").rows())
    if name not in digests:
        close = nearest(name, list(digests))
        raise UsageError(f"the store has no run {name}", f"is {close} meant?" if close else "")
    data = pl.read_parquet(store.partial(digests[name]), columns=["registers"])
    uses = [columns.restore(RegisterUse, row) for row in data["registers"][0].to_list()]
    return read_partial(store, digests[name]), cast("list[RegisterUse]", uses)


Examined = tuple[Partial, list[RegisterUse]]


def _compared(good_name: str, good: Examined, bad_name: str, bad: Examined) -> Comparison:
    pair = _pair(good[0].devices, bad[0].devices)
    if pair is None:
        raise UsageError(
            f"{good_name} and {bad_name} share no card", "compare two runs of one card, with its inventories"
        )
    first, second = pair
    one = {_key(use): use for use in good[1] if use.device in (first.name, "")}
    other = {_key(use): use for use in bad[1] if use.device in (second.name, "")}
    accesses = [*_only("only-good", one, other), *_only("only-bad", other, one)]
    values = [d for key in one.keys() & other.keys() if (d := _values(one[key], other[key])) is not None]
    ordered = sorted([*accesses, *values], key=lambda d: (d.bad_line or d.good_line, d.kind, d.subject))
    differences = [*_outcomes(first, good[0], second, bad[0]), *_findings(first, good[0], second, bad[0]), *ordered]
    same = len(one.keys() & other.keys()) - len(values)
    return Comparison(second.name, good_name, bad_name, same, tuple(differences))


def _pair(good: Sequence[RunDevice], bad: Sequence[RunDevice]) -> tuple[RunDevice, RunDevice] | None:
    """The devices to compare: of the same ids, else the only ones whose BARs are alike, else of the same name."""
    pairs = [(one, other) for one in good for other in bad]
    tests = (
        lambda one, other: one.vendor is not None and (one.vendor, one.device) == (other.vendor, other.device),
        lambda one, other: bool(_shape(one)) and _shape(one) == _shape(other),
        lambda one, other: one.name == other.name,
    )
    for test in tests:
        found = [pair for pair in pairs if test(*pair)]
        if found:
            return found[0]
    return None


def _shape(device: RunDevice) -> list[tuple[int, str, int | None]]:
    return [(bar.index, bar.kind, bar.size) for bar in device.bars if bar.size]


def _key(use: RegisterUse) -> tuple[str, str, int, str]:
    return use.event, use.region, use.address, use.detail


def _place(use: RegisterUse) -> str:
    where = f"{use.region}+{use.address:#x}" if use.region else f"{use.address:#x}" if use.address else ""
    return " ".join(part for part in (use.event, use.detail, where, "(page)" if use.page else "") if part)


Uses = dict[tuple[str, str, int, str], RegisterUse]


def _only(kind: str, has: Uses, lacks: Uses) -> Iterable[Difference]:
    for key, use in has.items():
        if key in lacks or use.event.startswith("unassigned") or use.event == "memory_read":
            continue  # stray accesses have moved addresses: they are compared by BAR
        shown = f", value {', '.join(use.values)}" if use.values else ""
        good_line, bad_line = (use.line, 0) if kind == "only-good" else (0, use.line)
        yield Difference(kind, _place(use), f"{use.accesses} times{shown}", good_line, bad_line)


def _values(good: RegisterUse, bad: RegisterUse) -> Difference | None:
    """A register that gave or took other values; streams differ in any two runs and are left out."""
    if good.more or bad.more or _tells_where_bars_are(bad):
        return None
    missing = [value for value in good.values if not _among(value, bad.values)]
    added = [value for value in bad.values if not _among(value, good.values)]
    told = [f"only in the good run: {', '.join(missing)}"] if missing else []
    told += [f"only in the bad run: {', '.join(added)}"] if added else []
    return Difference("value", _place(bad), "; ".join(told), good.line, bad.line) if told else None


def _among(value: str, others: Sequence[str]) -> bool:
    """The same number, or the same place in a BAR that lies elsewhere in the other run."""
    raw, _, place = value.partition(" ")
    return any(raw == other.partition(" ")[0] or (place and place == other.partition(" ")[2]) for other in others)


def _tells_where_bars_are(use: RegisterUse) -> bool:
    """A base address register (PCI 3.0 section 6.2.5): the BARs' places are compared as outcomes."""
    return use.region == "config" and (0x10 <= use.address < 0x28 or 0x30 <= use.address < 0x34)


def _outcomes(good: RunDevice, first: Partial, bad: RunDevice, second: Partial) -> Iterable[Difference]:
    """Host addresses that one run reaches or misses and the other does not."""
    for bar in sorted({bar.index for device in (good, bad) for bar in device.bars if bar.index < 6}):
        said = [_fate(device, partial, bar) for device, partial in ((good, first), (bad, second))]
        if said[0][0] != said[1][0]:
            statement = f"good: {said[0][0]}; bad: {said[1][0]}"
            yield Difference("outcome", f"BAR{bar}", statement, said[0][1], said[1][1])


def _fate(device: RunDevice, partial: Partial, index: int) -> tuple[str, int]:
    missed = [t for t in partial.touches if t.missed and (t.device, t.bar) == (device.name, index)]
    if missed:
        return "accesses to its host address reach nothing", missed[0].line
    for bar in device.bars:
        if bar.index == index and bar.host and bar.host == bar.guest:
            return "host and guest address are the same", bar.told_line
    return "no access to its host address is logged", 0


def _findings(good: RunDevice, first: Partial, bad: RunDevice, second: Partial) -> Iterable[Difference]:
    """Doors that one of the runs shows."""
    kinds = (*DOORS, "host-address-access", "identity-mapped-bar", "address-collision")
    one, other = (
        {
            (f.kind, f.id.split("/", 2)[-1]): f
            for f in partial.findings
            if f.device == device.name and f.verdict != "benign" and f.kind in kinds
        }
        for device, partial in ((good, first), (bad, second))
    )
    for key in sorted(one.keys() ^ other.keys()):
        finding = one.get(key) or other[key]
        line = min((evidence.line for evidence in finding.evidence), default=0)
        where = "only the good run" if key in one else "only the bad run"
        yield Difference(
            "finding",
            finding.id,
            f"{where} shows it: {finding.summary}",
            line if key in one else 0,
            0 if key in one else line,
        )
