"""Windows as findings: targets in the contract's form, the lines that prove them, and what remains open."""

from typing import Any

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Flags, Ints, Words, offset_of, place_name, region_of
from quirkfinder.miners.claims import Scene, bar_words, claim, confidence, hexadecimal, register
from quirkfinder.miners.hardware import FULL_SIZE
from quirkfinder.miners.landing import landing_words, leaked_bars
from quirkfinder.miners.windows.readings import Window
from quirkfinder.miners.windows.registers import enable_registers, handshake_of
from quirkfinder.miners.windows.shape import MODULUS, Shape, shape_of
from quirkfinder.miners.windows.targets import CONFIG_SPACE, MSIX_TABLE, Target
from quirkfinder.miners.windows.uses import span_of

_DWORD = 4  # bytes
_LOWER = 0xFFFFFFF0  # what a memory BAR has of its address in the lower dword


def window_finding(scene: Scene, window: Window) -> Finding:
    """The finding for a proven window."""
    parameters = window_parameters(scene, window)
    live = live_bars(window)
    reaches = _reaches(window)
    needs = any(t.space in (CONFIG_SPACE, MSIX_TABLE) for t in window.targets)
    sure = scene.sure_of(live) or any(t.agreed is not None and t.agreed.sure for t in window.targets)
    against = sum(
        len(t.config.against) if t.config else t.agreed.contradictions if t.agreed else 0 for t in window.targets
    )
    address, data = place_name(window.pair.address), place_name(window.pair.data)
    rows, notes = _evidence_rows(scene, window)
    return claim(
        scene,
        "window",
        f"{address}/{data}",
        verdict="confirmed" if sure else "likely",
        confidence=confidence(window.proof, against, most=0.99 if sure else 0.85),
        needs_quirk=needs,
        summary=f"{address} selects what {data} reaches: {reaches}",
        parameters=parameters,
        evidence=scene.evidence(rows, notes),
        evidence_count=_proofs(window),
        reason=(
            f"through it the guest reads the host's config space, with the host addresses of {bar_words(live)}"
            + landing_words(parameters["leaks"])
            if live
            else "it reaches config space behind QEMU's back"
            if any(t.space == CONFIG_SPACE for t in window.targets)
            else "through it the guest reaches the interrupt table that QEMU keeps for it"
            if needs
            else "it reaches registers that the guest may use directly as well; " + _addresses_told(scene, window)
        ),
        doubt=(
            "it would be false if the agreeing values were copies that the card or its firmware keeps, or if "
            f"other registers than {address} chose what {data} returns"
        ),
    )


def _addresses_told(scene: Scene, window: Window) -> str:
    """Whether a dword that was read through the window, from wherever, is the host address of a BAR."""
    data = scene.registers.accesses.take(scene.registers.reads(window.pair.data))
    read = np.unique(data.value[data.size == _DWORD]) & ~np.uint64(15)
    told = [b.index for b in scene.card.bars if b.host and b.kind != "io" and np.uint64(b.host & _LOWER) in read]
    if not told:
        return "no host address came through it"
    return f"the host address of {bar_words(told)} was read through it as well, from where is not proven"


def window_parameters(scene: Scene, window: Window) -> dict[str, Any]:
    """`parameters` of the contract for a window."""
    pair = window.pair
    span = span_of(scene.registers, pair)
    data_size = max(pair.width or 0, _width(window))
    targets = _targets(scene, window, data_size)
    parameters: dict[str, Any] = {
        "region": region_name(region_of(pair.address)),
        "address": register(pair.address, 1 << (span - 1).bit_length()),
        "data": register(pair.data, data_size),
        "targets": targets,
    }
    if pair.parts:
        parameters["address_high"] = register(pair.parts[0], pair.address + span - pair.parts[0])
    if region_of(pair.data) != region_of(pair.address):
        parameters["data_region"] = region_name(region_of(pair.data))
    if enable := enable_registers(scene.registers, window):
        parameters["enable"] = enable
    increment = max((t.reach.increment for t in window.targets), default=0)
    if increment:
        parameters["increment"] = increment
        parameters["increment_on"] = next(t.reach.moved_by for t in window.targets if t.reach.increment)
    if window.delayed:
        parameters["delay"] = 1  # reads of the data register between an address and its answer
    if window.way is not None:
        parameters["way"] = window.way  # the other way has an address register of its own
    if window.commanded:
        parameters["commit"] = "address"  # data first, then the address as a command
    if window.flag:
        parameters["write_flag"] = hexadecimal(window.flag)  # of the address, no part of what it selects
    if pair.address == pair.data:
        parameters["handshake"] = handshake_of(scene.registers, window)
    if live := live_bars(window):
        parameters["leaks"] = leaked_bars(scene, live)
    return parameters


def _width(window: Window) -> int:
    """Bytes of the data register: as many as the proving accesses cover, wherever in it they begin."""
    uses = window.uses
    proving = np.isin(uses.data.row, np.concatenate([t.rows for t in window.targets]))
    covered = int((uses.sub + uses.data.size)[proving].max()) if proving.any() else 0
    return 1 << (covered - 1).bit_length() if covered else int(np.bincount(uses.data.size[uses.sub == 0]).argmax())


def live_bars(window: Window) -> list[int]:
    """The BARs whose host address came through the window."""
    return sorted({bar for t in window.targets if t.config for bar in t.config.live})


def _targets(scene: Scene, window: Window, width: int) -> list[dict[str, Any]]:
    shapes = [(t, _shape(scene, window, t, width)) for t in window.targets]
    result = []
    for target, shape in shapes:
        entry: dict[str, Any] = {
            "match": hexadecimal(shape.match),
            "mask": hexadecimal(shape.mask),
            "space": _space(target),
            "base": hexadecimal(shape.base),
        }
        if target.reach.scale != 1:
            entry["scale"] = target.reach.scale
        if target.mode is not None:
            entry["select"] = {
                "offset": hexadecimal(offset_of(target.mode.place)),
                "value": hexadecimal(target.mode.value),
                "mask": hexadecimal(target.mode.mask),
            }
        if entry not in result:
            result.append(entry)
    return result


def _space(target: Target) -> str:
    return {CONFIG_SPACE: "config", MSIX_TABLE: "msix-table"}.get(target.space) or region_name(target.space)


def _shape(scene: Scene, window: Window, target: Target, width: int) -> Shape:
    proven = target.members[_proving(window, target)]
    size = FULL_SIZE
    if target.space >= 0:
        bar = scene.card.bar(target.space)
        reached = (target.reach.of(window.uses)[proven] + target.delta) % MODULUS
        size = bar.size if bar is not None and bar.size else 1 << int(reached.max()).bit_length()
    return shape_of(_proving_addresses(window, target), target.reach.scale, target.delta, width, size)


def _proving(window: Window, target: Target) -> Flags:
    """Which of the target's members are proven by a value."""
    return np.isin(window.uses.data.row[target.members], target.rows)


def _proving_addresses(window: Window, target: Target) -> Words:
    members = target.members[_proving(window, target)]
    return window.uses.address[members if len(members) else target.members]


def _reaches(window: Window) -> str:
    words = {CONFIG_SPACE: "config space", MSIX_TABLE: "the MSI-X table"}
    names = [words.get(t.space, f"BAR{t.space}") for t in window.targets]
    names = list(dict.fromkeys(names))
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _proofs(window: Window) -> int:
    return sum(int(_proving(window, t).sum()) for t in window.targets)


def _evidence_rows(scene: Scene, window: Window) -> tuple[list[int], list[str]]:
    """Pairs of lines, address then data, a few for each target, and for memory the direct access that agrees."""
    rows: list[int] = []
    notes: list[str] = []
    share = max(1, 4 // len(window.targets))
    for target in window.targets:
        members = target.members[_proving(window, target)]
        for at in _telling(scene, window, target, members)[:share]:
            rows += [int(window.uses.address_row[at]), int(window.uses.data.row[at])]
            notes += ["the address", _what(scene, window, target, int(at))]
        if target.agreed and target.agreed.pairs:
            mapped = set(target.agreed.mapped_rows.tolist())
            for first, second in target.agreed.pairs[:share]:
                direct = second if first in mapped else first
                rows.append(direct)
                notes.append(f"the same value in BAR{target.space} directly")
    return rows, notes


def _telling(scene: Scene, window: Window, target: Target, members: Ints) -> Ints:
    """Members ordered so that host addresses come first, each location once."""
    position = (target.reach.of(window.uses)[members] + target.delta) % MODULUS
    if target.space >= 0:
        told = {row for pair in (target.agreed.pairs if target.agreed else ()) for row in pair}
        return members[np.isin(window.uses.data.row[members], list(told))]
    _, unique = np.unique(position, return_index=True)
    order = np.argsort(
        -(scene.hardware.bar[np.minimum(position[unique], FULL_SIZE - 1)] >= 0).astype(int), kind="stable"
    )
    return members[unique[order]]


def _what(scene: Scene, window: Window, target: Target, at: int) -> str:
    offset = int((target.reach.of(window.uses)[at] + target.delta) % MODULUS)
    if target.space == MSIX_TABLE:
        return f"MSI-X table+0x{offset:x}"
    if target.space != CONFIG_SPACE:
        return f"reaches BAR{target.space}+0x{offset:x}"
    bar = int(scene.hardware.bar[offset]) if offset < FULL_SIZE else -1
    return f"config offset 0x{offset:x}: the host address of BAR{bar}" if bar >= 0 else f"config offset 0x{offset:x}"


__all__ = ["window_finding", "window_parameters"]
