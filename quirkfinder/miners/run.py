"""All miners in order, and who owns what: a leak seen through a window or a mirror is part of that finding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from quirkfinder.card.model import Card, Machine
from quirkfinder.findings import Finding
from quirkfinder.folding import Gaps
from quirkfinder.miners.accesses import Flags
from quirkfinder.miners.accidents import collision_findings, identity_findings
from quirkfinder.miners.aliases import alias_finding
from quirkfinder.miners.answered import with_answered
from quirkfinder.miners.banks import discover_banks
from quirkfinder.miners.claims import Scene, scene_of
from quirkfinder.miners.config_space import config_space_findings
from quirkfinder.miners.foreign import foreign_findings
from quirkfinder.miners.hardware import hardware_config, without_upper
from quirkfinder.miners.host_accesses import discover_strays, stray_findings
from quirkfinder.miners.indexed import indexed_findings
from quirkfinder.miners.leak_findings import leak_finding
from quirkfinder.miners.leaks import discover_leaks
from quirkfinder.miners.mirror_findings import mirror_finding
from quirkfinder.miners.mirrors import Mirror, discover_mirrors, mirror_at
from quirkfinder.miners.paging import paged_finding
from quirkfinder.miners.sinks import sink_findings
from quirkfinder.miners.unexplained import leftovers, unexplained_findings
from quirkfinder.miners.windows.discover import discover_windows
from quirkfinder.miners.windows.findings import window_finding
from quirkfinder.miners.windows.readings import Window
from quirkfinder.miners.windows.shape import MODULUS
from quirkfinder.miners.windows.targets import CONFIG_SPACE, Target

_DISPLAY = 0x03
_LOWER = (1 << 32) - 1
_LEAST_CONFIDENCE = 0.45


@dataclass(frozen=True, slots=True)
class Mined:
    """The findings, and the cards with the host addresses that only their own back doors told."""

    findings: tuple[Finding, ...]
    cards: tuple[Card, ...]


def mine(events: pl.DataFrame, machine: Machine, gaps: Gaps | None = None) -> Mined:
    """The findings of all cards of `machine`, in the order of the cards.

    `events`: the frame of `quirkfinder.events.SCHEMA` that the cards were built from; `gaps`: where events were left
    out of it, None for nowhere.
    """
    owner = _vga_owner(machine.cards)
    mined = [mine_card(scene_of(events, machine, card, with_vga=card is owner, gaps=gaps)) for card in machine.cards]
    scenes = [one.scene for one in mined]
    left = leftovers(events, frozenset(row for one in mined for row in one.explained))
    found = [list(one.findings) for one in mined]
    for at, finding in unexplained_findings(scenes, left):
        found[at].append(finding)
    return Mined(tuple(f for findings in found for f in findings), tuple(scene.card for scene in scenes))


@dataclass(frozen=True, slots=True)
class MinedCard:
    """One card's findings, the scene with what its doors told of the host, and the rows its findings explain.

    `explained`: rows of accesses to nothing; those are no card's own, so what is left is told once for all cards.
    """

    scene: Scene
    findings: tuple[Finding, ...]
    explained: frozenset[int]


def mine_card(scene: Scene) -> MinedCard:
    """What the miners find in one card."""
    windows, mirrors = _doors(scene)
    taught = with_learnt(scene, windows, mirrors)
    if taught is not scene:  # host addresses that no inventory gave: now every door shows what it tells
        scene = taught
        windows, mirrors = _doors(scene)
    owned = owned_accesses(scene, windows, mirrors)
    strays = discover_strays(scene)
    scene = replace(scene, touched={s.bar.index: int(s.rows[-1]) for s in strays if not s.swept})
    leaks = discover_leaks(scene, owned, strays)
    aliases, paged = discover_banks(scene, _window_accesses(scene, windows))
    doors = [window_finding(scene, w) for w in windows] + list(config_space_findings(scene))
    doors += [mirror_finding(scene, m) for m in mirrors]
    doors += [leak_finding(scene, leak) for leak in leaks]
    doors = with_answered(scene, _said(doors))
    others = [paged_finding(scene, p) for p in paged] + [alias_finding(scene, a) for a in aliases]
    registers = frozenset(place for w in windows for place in w.pair.registers) | {leak.place for leak in leaks}
    used = list(stray_findings(scene, strays, doors))
    foreign, explained = foreign_findings(scene, owned)
    found = [
        *doors,
        *others,
        *sink_findings(scene),
        *(finding for finding, _ in used),
        *foreign,
        *identity_findings(scene),
        *collision_findings(scene),
        *indexed_findings(scene, registers),
    ]
    rows = (int(row) for _, at in used for row in at)
    return MinedCard(scene, tuple(_said(found)), explained | frozenset(rows))


def _said(findings: Sequence[Finding]) -> list[Finding]:
    """What is likelier wrong than right is not said."""
    return [f for f in findings if f.confidence >= _LEAST_CONFIDENCE]


def _doors(scene: Scene) -> tuple[list[Window], list[Mirror]]:
    windows = discover_windows(scene.registers, scene.card, scene.hardware)
    mirrors = discover_mirrors(scene)
    mirrors += _behind(scene, windows, mirrors)
    own = [m for m in mirrors if m.function is None and m.bank is None]
    return [replace(w, targets=tuple(_unmirrored(w, t, own) for t in w.targets)) for w in windows], mirrors


def _behind(scene: Scene, windows: Sequence[Window], mirrors: Sequence[Mirror]) -> Iterator[Mirror]:
    """Mirrors in a BAR that windows reach both as config space and as part of that BAR."""
    known = [(m.region, m.start) for m in mirrors]
    for window in windows:
        for config in (t for t in window.targets if t.config is not None and t.mode is None):
            for memory in (t for t in window.targets if t.space >= 0 and t.reach == config.reach and t.mode is None):
                start = (memory.delta - config.delta) % MODULUS
                bar = scene.card.bar(memory.space)
                if bar is None or not bar.size or start >= bar.size or (memory.space, start) in known:
                    continue
                live = config.config.live if config.config is not None else ()
                if (mirror := mirror_at(scene, memory.space, start, live)) is not None:
                    known.append((memory.space, start))
                    yield mirror


def _unmirrored(window: Window, target: Target, mirrors: Sequence[Mirror]) -> Target:
    """A target that lies wholly in a config mirror is config space, seen through the mirror."""
    if target.agreed is None:
        return target
    proven = target.members[np.isin(window.uses.data.row[target.members], target.rows)]
    reached = (target.reach.of(window.uses)[proven] + target.delta) % MODULUS
    for mirror in mirrors:
        inside = (reached >= mirror.start) & (reached < mirror.start + mirror.size)
        if mirror.region == target.space and len(reached) and inside.all():
            delta = (target.delta - mirror.start + mirror.config_offset) % MODULUS
            return replace(target, space=CONFIG_SPACE, delta=delta)
    return target


def with_learnt(scene: Scene, windows: Sequence[Window], mirrors: Sequence[Mirror]) -> Scene:
    """The scene with the host addresses that doors told, where all of them tell the same; else the scene itself."""
    evidence = [t.config for w in windows for t in w.targets if t.config] + [
        m.evidence for m in mirrors if not m.function
    ]
    whole: dict[int, set[int]] = {}
    lower: dict[int, set[int]] = {}
    for one in evidence:
        for index, address in one.learnt:
            (lower if index in one.half else whole).setdefault(index, set()).add(address)
    learnt = {}
    for index in {*whole, *lower}:
        addresses, halves = whole.get(index, set()), lower.get(index, set())
        consistent = len({a & _LOWER for a in addresses} | halves) == 1 and len(addresses) <= 1
        if consistent:
            learnt[index] = next(iter(addresses or halves))
    if not learnt:
        return scene
    bars = tuple(
        replace(b, host=learnt[b.index]) if b.index in learnt and b.host is None else b for b in scene.card.bars
    )
    card = replace(scene.card, bars=bars)
    hardware = without_upper(hardware_config(card), [index for index in learnt if index not in whole])
    return replace(scene, card=card, hardware=hardware, learnt=frozenset(learnt))


def owned_accesses(scene: Scene, windows: Sequence[Window], mirrors: Sequence[Mirror]) -> Flags:
    """Accesses that a window or a mirror explains."""
    owned = _window_accesses(scene, windows)
    for mirror in mirrors:
        owned |= mirror.explains(scene.registers, scene.accesses)
    return owned


def _window_accesses(scene: Scene, windows: Sequence[Window]) -> Flags:
    registers = [place for w in windows for place in w.pair.registers]
    return scene.registers.mask(registers)


def _vga_owner(cards: Sequence[Card]) -> Card | None:
    """The card whose legacy VGA ports the trace shows: the only one, or the only display controller."""
    if len(cards) == 1:
        return cards[0]
    displays = [c for c in cards if c.class_code is not None and c.class_code >> 16 == _DISPLAY]
    return displays[0] if len(displays) == 1 else None
