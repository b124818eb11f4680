"""A random card from a seed: layout, features, a guest at work, the log QEMU would have written, and the truth."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from . import decoys, doors
from .boot import boot
from .captures import captured, choose_capture
from .dialects import Dialect, Version, bus_of, choose
from .features import REGISTRY, Feature
from .guests import Guest
from .hardware import Card, NoRoomError
from .inventories import Inventory, build, choose_plan
from .layout import build_card
from .logs import LogWriter
from .placement import Wishes
from .truth import assemble

__all__ = ["DECOYS", "DOORS", "RandomCard", "decoys", "doors", "make_card"]
DOORS = tuple(sorted(k for k, f in REGISTRY.items() if f.is_door))
DECOYS = tuple(sorted(k for k, f in REGISTRY.items() if not f.is_door))


@dataclass
class RandomCard:
    """A generated bundle and what is true of it."""

    seed: int
    doors: list[str]
    decoys: list[str]
    log_lines: list[str]
    truth: dict[str, Any]
    capture: str
    inventory: Inventory
    dialect: Dialect
    card: Card
    guest: Guest
    features: list[Feature] = field(default_factory=list)

    def write(self, folder: Path) -> Path:
        """The bundle as files: qemu.log, the inventories, truth.json. Returns the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "qemu.log").write_text("\n".join([*self.log_lines, ""]))
        for name, text in self.inventory.files.items():
            (folder / name).write_text(text)
        (folder / "truth.json").write_text(json.dumps(self.truth, indent=1))
        return folder


def choose_kinds(rng: Random) -> list[str]:
    """Some doors, one card in ten none, and several decoys."""
    count = rng.choices((0, 1, 2, 3), (10, 40, 35, 15))[0]
    chosen, others = rng.sample(DOORS, count), rng.sample(DECOYS, rng.randint(2, 6))
    if {"config-copy", "window-to-config-copy"} <= set(others):  # the same words twice: one looks like the other
        others.remove("config-copy")
    return [*chosen, *others, "initialisation"]


def wishes_of(kinds: Sequence[str]) -> Wishes:
    """What the features ask of the layout."""
    classes = [REGISTRY[k] for k in kinds]
    asked = {getattr(c, "wish", "") for c in classes}
    needs = frozenset().union(*(c.needs for c in classes))
    return Wishes(needs, "identity" in asked, "collision" in asked, "hidden" in asked)


def build_features(card: Card, rng: Random, kinds: Sequence[str], evidence: float) -> list[Feature]:
    """The features, built into the card; those that want a certain place first."""
    features = [REGISTRY[k](card, Random(rng.getrandbits(64)), evidence) for k in dict.fromkeys(kinds)]
    for feature in sorted(features, key=lambda f: not f.early):
        feature.build()
    return features


def run_programs(guest: Guest, features: list[Feature], rng: Random) -> None:
    """All programs at once: mostly one for a while, then another."""
    running: list[Iterator[None]] = [f.run(guest) for f in features]
    guest.card.change_status(rng)
    rng.shuffle(running)
    while running:
        program = rng.choice(running)
        guest.card.change_status(rng)
        for _ in range(rng.choice((1, 2, 4, 8, 16))):
            try:
                next(program)
            except StopIteration:
                running.remove(program)
                break


def make_card(
    seed: int,
    *,
    kinds: Sequence[str] | None = None,
    noise: float | None = None,
    evidence: float = 1.0,
    inventory: str | None = None,
    version: Version | None = None,
    capture: str | None = None,
) -> RandomCard:
    """A card and its log; the same for the same arguments.

    `kinds`: features by name (`DOORS`, `DECOYS`), else drawn.  `noise`: share of foreign log lines, 0 to 0.3 where not
    given.  `evidence`: share of each door's uses that the guest makes.  `inventory`: a plan of `inventories.PLANS`.
    `version`: of QEMU.  `capture`: what was recorded, one of `captures.CAPTURES`, else drawn.  Unknown kinds raise
    KeyError; a ValueError says that the kinds do not fit into one card.
    """
    for attempt in range(30):
        try:
            return _attempt(Random(f"{seed}/{attempt}"), seed, kinds, noise, evidence, inventory, version, capture)
        except NoRoomError:
            continue
    raise ValueError(f"seed {seed}: these kinds do not fit into one card: {kinds}")


def _attempt(
    rng: Random,
    seed: int,
    kinds: Sequence[str] | None,
    noise: float | None,
    evidence: float,
    plan: str | None,
    version: Version | None,
    capture: str | None,
) -> RandomCard:
    chosen = list(kinds) if kinds is not None else choose_kinds(rng)
    wishes = wishes_of(chosen)
    dialect = choose(rng, version)
    bus = bus_of(rng, dialect)
    card, place = build_card(rng, wishes, bus)
    features = build_features(card, rng, chosen, evidence)
    shown = build(rng, card, place, dialect, bus, plan or choose_plan(rng))
    guest = Guest(card, place, Random(rng.getrandbits(64)), wide_accesses=dialect.version >= (2, 10))
    guest.vga = "vga" in wishes.needs
    boot(guest, group=rng.randrange(1, 40))
    booted = len(guest.trace)
    run_programs(guest, features, rng)
    share = rng.choice((0.0, rng.uniform(0, 0.1), rng.uniform(0.1, 0.3))) if noise is None else noise
    recorded = capture or choose_capture(rng)
    trace = captured(guest.trace, booted, recorded, rng)
    lines = LogWriter(dialect, card, Random(rng.getrandbits(64)), share).write(trace)
    truth = {
        "run": f"random-{seed}",
        "card": "random card",
        "qemu": ".".join(map(str, dialect.version)),
        "inventory": shown.plan,
        "evidence": evidence,
        "capture": recorded,
        **assemble(guest, features, shown, dialect, trace, recorded),
    }
    door_kinds = [f.kind for f in features if f.is_door]
    decoy_kinds = [f.kind for f in features if not f.is_door]
    return RandomCard(seed, door_kinds, decoy_kinds, lines, truth, recorded, shown, dialect, card, guest, features)
