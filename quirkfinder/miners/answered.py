"""Doors that QEMU's own quirks stand in: their lines name place and config offset, whatever the card would have said.

Up to 2.4 an enabled quirk does not touch the card, so that no value of the card's is in the log; the config access that
the quirk made stands right before its line and tells where in config space the door leads.  Such a door is handled.
Source: vfio_generic_window_quirk_read and vfio_generic_quirk_read of QEMU hw/misc/vfio.c 1.6 to 2.2 and
hw/vfio/pci-quirks.c 2.3 and 2.4; the generic reads of hw/vfio/pci-quirks.c 2.5 and newer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from quirkfinder.card import rows_of_card
from quirkfinder.events import CONFIG, region_name
from quirkfinder.findings import Finding
from quirkfinder.findings.document import Kind
from quirkfinder.miners.accesses import Flags, Ints, Words
from quirkfinder.miners.claims import Scene, claim, hexadecimal
from quirkfinder.miners.windows.shape import MODULUS, shape_of

_KINDS = ("region_read", "region_write", "config_read", "quirk_read")
_PLAIN, _EXTENDED = 256, 4096
_LEAST = 2  # distinct config offsets that make a door of a register
_CONFIDENCE = 0.85
_SHOWN = 6
_DOUBT = "QEMU answers here in the card's place: what the card itself would show is not in the log"


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads that a quirk answered with config space, one element each, in the order of the trace.

    `row` of the quirk's line; `region` and `offset` of the access; `config`: the offset in config space; `address_row`,
    `address`, `value`: the write to the same region before it (row -1: none).
    """

    row: Ints
    region: Ints
    offset: Ints
    size: Ints
    config: Ints
    address_row: Ints
    address: Ints
    value: Words

    def take(self, index: Ints | Flags) -> "Answers":
        """The elements at `index`, in that order."""
        return Answers(
            self.row[index],
            self.region[index],
            self.offset[index],
            self.size[index],
            self.config[index],
            self.address_row[index],
            self.address[index],
            self.value[index],
        )


def with_answered(scene: Scene, doors: Sequence[Finding]) -> list[Finding]:
    """The doors, and those that only the lines of QEMU's own quirks tell; a known window may gain a target."""
    found = list(doors)
    if not (scene.events["event"] == "quirk_read").any():
        return found
    answers = _answers(scene)
    for region in np.unique(answers.region).tolist():
        here = answers.take(answers.region == region)
        start = here.offset - here.config
        mirrored = np.isin(start, [s for s in np.unique(start).tolist() if _several(here, start == s, here.offset)])
        for begin in np.unique(start[mirrored]).tolist():
            mirror = _mirror(scene, here.take(start == begin), begin)
            if not any(_overlap(mirror, other) for other in found):
                found.append(mirror)
        for window in _windows(scene, here.take(~mirrored)):
            same = next((at for at, other in enumerate(found) if _same_registers(window, other)), None)
            if same is None:
                found.append(window)
            else:
                found[same] = _joined(found[same], window)
    return found


def _answers(scene: Scene) -> Answers:
    frame = (
        scene.events.lazy()
        .with_row_index("row")
        .filter(pl.col("event").is_in(_KINDS) & rows_of_card(scene.machine, scene.card))
        .filter((pl.col("region") < 6) | (pl.col("region") == CONFIG) | (pl.col("event") == "quirk_read"))
        .select("row", pl.col("event").cast(pl.String), "region", "address", "size", "value")
        .collect()
    )
    kind = frame["event"].to_numpy()
    row, region, offset, size = (
        frame[name].cast(pl.Int64).fill_null(-1).to_numpy() for name in ("row", "region", "address", "size")
    )
    value = frame["value"].fill_null(0).to_numpy()
    at = np.flatnonzero(kind == "quirk_read")
    at = at[at >= 2]
    at = at[
        (kind[at - 1] == "config_read") & (value[at - 1] == value[at]) & frame["value"].is_not_null().to_numpy()[at]
    ]
    raw = (kind[at - 2] == "region_read") & (size[at - 2] == size[at - 1])
    named = region[at] >= 0
    # 1.5 read the card first and may give the offset within the quirk; there the card's own line tells the place.
    same = (region[at - 2] == region[at]) & ((offset[at - 2] ^ offset[at]) & 0xFF == 0)
    other = raw & named & same & (offset[at - 2] != offset[at])
    kept = (named & ~other) | (raw & ~named)
    at, place = at[kept], np.where(named, at, at - 2)[kept]
    before = np.full(len(at), -1)
    for number in np.unique(region[place]).tolist():
        writes = np.flatnonzero((kind == "region_write") & (region == number))
        mine = np.flatnonzero(region[place] == number)
        before[mine] = np.concatenate([[-1], writes])[np.searchsorted(writes, at[mine])]
    address_row = np.where(before >= 0, row[before], -1)
    return Answers(
        row[at], region[place], offset[place], size[at - 1], offset[at - 1], address_row, offset[before], value[before]
    )


def _several(answers: Answers, mask: Flags, what: Ints) -> bool:
    return len(np.unique(what[mask])) >= _LEAST and len(np.unique(answers.config[mask])) >= _LEAST


def _mirror(scene: Scene, answers: Answers, start: int) -> Finding:
    first, last = int(answers.config.min()), int((answers.config + answers.size).max())
    size = (_PLAIN if last <= _PLAIN else _EXTENDED) if first == 0 else last - first
    region = region_name(int(answers.region[0]))
    where = f"{region}+{hexadecimal(start + first)}"
    return _claimed(
        scene,
        "config-mirror",
        where,
        answers,
        f"{where} is a copy of config space that QEMU's own quirk answers",
        {
            "region": region,
            "offset": hexadecimal(start + first),
            "size": hexadecimal(size),
            "config_offset": hexadecimal(first),
            "function": None,
            "leaks": [],
        },
    )


def _windows(scene: Scene, answers: Answers) -> Iterator[Finding]:
    """Windows: one data register, and one register before it whose value keeps its distance from the config offset."""
    answers = answers.take(answers.address_row >= 0)
    data = answers.offset & ~3
    delta = (answers.config - (answers.offset & 3) - answers.value.astype(np.int64)) % MODULUS
    keys = np.stack([data, answers.address, delta])
    for where, address, distance in np.unique(keys, axis=1).T.tolist():
        members = (data == where) & (answers.address == address) & (delta == distance)
        if address != where and _several(answers, members, answers.value.astype(np.int64)):
            yield _window(scene, answers.take(members), address, where, distance)


def _window(scene: Scene, answers: Answers, address: int, data: int, delta: int) -> Finding:
    region, width = region_name(int(answers.region[0])), int(answers.size.max())
    shape = shape_of(answers.value, 1, delta, width, _EXTENDED)
    target = {name: hexadecimal(getattr(shape, name)) for name in ("match", "mask", "base")}
    names = tuple(f"{region}+{hexadecimal(offset)}" for offset in (address, data))
    return _claimed(
        scene,
        "window",
        "/".join(names),
        answers,
        f"{names[0]} selects what {names[1]} reaches: config space, where QEMU's own quirk answers",
        {
            "region": region,
            "address": {"offset": hexadecimal(address), "size": 4},
            "data": {"offset": hexadecimal(data), "size": width},
            "targets": [{**target, "space": "config"}],
            "leaks": [],
        },
    )


def _claimed(scene: Scene, kind: Kind, key: str, answers: Answers, summary: str, parameters: dict[str, Any]) -> Finding:
    first = np.sort(np.unique(answers.config, return_index=True)[1])[:_SHOWN]
    rows, notes = [], []
    for at in first.tolist():
        if kind == "window":
            rows.append(int(answers.address_row[at]))
            notes.append("the address")
        rows.append(int(answers.row[at]))
        notes.append(f"QEMU's quirk answers with config offset {hexadecimal(int(answers.config[at]))}")
    return claim(
        scene,
        kind,
        key,
        verdict="likely",
        confidence=_CONFIDENCE,
        needs_quirk=False,
        summary=summary,
        parameters=parameters,
        evidence=scene.evidence(rows, notes),
        evidence_count=len(answers.row),
        reason="QEMU's own quirk answers these reads from the guest's config space",
        doubt=_DOUBT,
    )


def _overlap(mirror: Finding, other: Finding) -> bool:
    """Is `other` the same mirror, or one that takes part of the same range?"""
    if other.kind != "config-mirror" or other.parameters["region"] != mirror.parameters["region"]:
        return False
    (a, m), (b, n) = ((int(f.parameters["offset"], 16), int(f.parameters["size"], 16)) for f in (mirror, other))
    return a < b + n and b < a + m


def _same_registers(window: Finding, other: Finding) -> bool:
    if other.kind != "window":
        return False
    same = all(window.parameters[name]["offset"] == other.parameters[name]["offset"] for name in ("address", "data"))
    return same and window.parameters["region"] == other.parameters["region"]


def _joined(known: Finding, window: Finding) -> Finding:
    """A window of which other targets are known, with the one that the quirk answers."""
    if any(target["space"] == "config" for target in known.parameters["targets"]):
        return known
    targets = [*window.parameters["targets"], *known.parameters["targets"]]
    return replace(
        known,
        summary=f"{known.summary}, and config space, where QEMU's own quirk answers",
        parameters={**known.parameters, "targets": targets},
        evidence=(*window.evidence[: len(window.evidence) // 2], *known.evidence)[: len(known.evidence)],
        evidence_count=known.evidence_count + window.evidence_count,
        reason=f"{known.reason}; {window.reason}",
    )
