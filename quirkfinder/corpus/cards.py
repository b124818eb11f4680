"""Runs to cards: which devices of which runs are the same card.

Vendor and device id make a card.  A device whose ids nobody knows is a card of its own.  Two ids are one card where a
card was shown under a vendor that is not its own (an emulator's or a test's): the subsystem ids, class and BARs are the
same, and so are at least two confirmed doors; cards of different vendors do not agree in all that.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from quirkfinder.corpus.partial import Run, RunDevice
from quirkfinder.findings import Finding

#: Kinds that are a property of the card, not of the machine around it.
DOORS = ("window", "config-mirror", "bar-alias", "paged-window", "address-leak", "address-sink")
_SHARED_DOORS = 2


@dataclass(frozen=True, slots=True)
class Observation:
    """A device in a run. `owner`: its ids as finding ids have them, `unknown` where not known."""

    run: Run
    device: RunDevice
    findings: tuple[Finding, ...]

    @property
    def owner(self) -> str:
        vendor, device = self.device.vendor, self.device.device
        return "unknown" if vendor is None or device is None else f"{vendor:04x}:{device:04x}"

    @property
    def key(self) -> str:
        """What card this is, before ids are taken together."""
        return self.owner if self.owner != "unknown" else f"unknown ({self.run.name}, {self.device.name})"

    @property
    def subsystem(self) -> str:
        """`174b:3000`; empty where not known."""
        vendor, device = self.device.subvendor, self.device.subdevice
        return "" if vendor is None or device is None else f"{vendor:04x}:{device:04x}"

    @property
    def host_map(self) -> tuple[tuple[int, int | None], ...]:
        """Where the BARs are on the host; a value that agrees in two different maps agrees twice."""
        return tuple((bar.index, bar.host) for bar in self.device.bars if bar.index < 6)

    @property
    def configuration(self) -> tuple[object, ...]:
        """The machine: BARs on both sides, and the releases of QEMU it could be."""
        partial = self.run.partial
        places = tuple((bar.index, bar.host, bar.guest) for bar in self.device.bars)
        return places, partial.qemu_first, partial.qemu_last

    @property
    def shape(self) -> tuple[tuple[int, str, int | None], ...]:
        """Index, kind and size of the BARs."""
        return tuple((bar.index, bar.kind, bar.size) for bar in self.device.bars if bar.index < 6)


@dataclass(frozen=True, slots=True)
class CardRuns:
    """A card and all that was seen of it, in the order of the runs' names."""

    card: str
    ids: tuple[str, ...]
    joined: str
    observations: tuple[Observation, ...]


def key_of(finding: Finding) -> str:
    """The id without the card: `bar4+0x0/bar4+0x4`."""
    return finding.id.split("/", 2)[-1]


def distinct_boots(runs: Iterable[Run]) -> list[Run]:
    """One run for each boot, in the order of the names: of copies the one with most inventories beside it."""
    boots: dict[str, list[Run]] = {}
    for run in runs:
        boots.setdefault(run.partial.boot, []).append(run)
    kept = []
    for copies in boots.values():
        best = min(copies, key=lambda run: (-_inventories(run), run.name, run.partial.digest))
        others = [name for run in copies for name in run.names if run is not best]
        kept.append(Run((best.name, *sorted({*best.names[1:], *others})), best.partial))
    return sorted(kept, key=lambda run: (run.name, run.partial.digest))


def _inventories(run: Run) -> int:
    return sum(file.role in ("host", "guest") for file in run.partial.files)


def group(runs: Iterable[Run]) -> list[CardRuns]:
    """The cards of these boots, ordered by name."""
    by_key: dict[str, list[Observation]] = {}
    for run in runs:
        for device in run.partial.devices:
            own = tuple(f for f in run.partial.findings if f.device == device.name)
            seen = Observation(run, device, own)
            by_key.setdefault(seen.key, []).append(seen)
    taken = _aliases(by_key)
    cards: dict[str, list[str]] = {}
    for key in by_key:
        cards.setdefault(taken[key], []).append(key)
    return sorted((_card(keys, by_key) for keys in cards.values()), key=lambda card: card.card)


def _card(keys: list[str], by_key: dict[str, list[Observation]]) -> CardRuns:
    """The card of these ids, named for the id that most boots show."""
    ids = sorted(keys, key=lambda key: (-len(by_key[key]), key))
    seen = [observation for key in ids for observation in by_key[key]]
    joined = ""
    if len(ids) > 1:
        first = by_key[ids[0]][0]
        joined = f"the same subsystem {first.subsystem}, class, BARs and doors under {' and '.join(ids)}"
    return CardRuns(
        ids[0], tuple(ids), joined, tuple(sorted(seen, key=lambda o: (o.run.name, o.run.partial.digest, o.device.name)))
    )


def _aliases(by_key: dict[str, list[Observation]]) -> dict[str, str]:
    """Each id to the first of those that are the same card."""
    keys = sorted(by_key)
    leader = {key: key for key in keys}
    described = {key: _description(by_key[key]) for key in keys}
    alike: dict[object, list[str]] = {}
    for key in keys:
        if described[key] is not None:
            alike.setdefault(described[key], []).append(key)
    doors = {key: _confirmed(by_key[key]) for group in alike.values() if len(group) > 1 for key in group}
    for candidates in alike.values():
        for i, one in enumerate(candidates):
            for other in candidates[i + 1 :]:
                if one[:4] != other[:4] and len(doors[one] & doors[other]) >= _SHARED_DOORS:
                    first, second = sorted((_lead(leader, one), _lead(leader, other)))
                    leader[second] = first
    return {key: _lead(leader, key) for key in keys}


def _lead(leader: dict[str, str], key: str) -> str:
    while leader[key] != key:
        key = leader[key]
    return key


def _description(seen: list[Observation]) -> object | None:
    """Subsystem, class and BARs, where all observations of the id know them and agree; else None."""
    found = {(o.subsystem, o.device.class_code, o.shape) for o in seen}
    if len(found) != 1 or seen[0].owner == "unknown":
        return None
    subsystem, class_code, shape = found.pop()
    own = subsystem == seen[0].owner or not subsystem.strip("0:")
    return None if own or class_code is None or len(shape) < 2 else (subsystem, class_code, shape)


def _confirmed(seen: list[Observation]) -> set[tuple[str, str]]:
    return {(f.kind, key_of(f)) for o in seen for f in o.findings if f.kind in DOORS and f.verdict == "confirmed"}
