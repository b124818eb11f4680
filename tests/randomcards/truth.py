"""What is true of a card, in the shape the scorer reads: from what was built, what happened, and what the log shows.

Features say what they are.  This module adds what follows from it (a window onto a BAR that holds a mirror reaches
config space, too; a door in an aliased stretch exists twice) and what only the addresses and the trace tell (leaks,
accesses at host addresses, accidents of the layout, sinks).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from .closure import close
from .dialects import Dialect
from .features import Claim, Entry, Feature, Known, Level, significant_bits
from .guests import Event, Guest
from .hardware import MASKS, Card, region_word
from .inventories import Inventory

RANK: dict[Level, int] = {"required": 0, "wanted": 1, "allowed": 2}


def known_from(guest: Guest, trace: list[Event], inventory: Inventory, dialect: Dialect, capture: str) -> Known:
    """Everything the log and the inventories show, as a judge of evidence needs it."""
    booted = capture in ("full", "lossy")
    addressed = bool({"host-lspci.txt", "host-lspci-xxxx.txt"} & set(inventory.files))
    # By its ids or BAR sizes, else by its address: something must say which of the host's functions it is.
    named = booted or (addressed and dialect.device.startswith("0000:"))
    config: dict[int, set[int]] = defaultdict(set)
    for offset, byte in inventory.config.items() if named else ():
        config[offset].add(byte)
    direct: dict[tuple[int, int], set[int]] = defaultdict(set)
    lost: dict[int, int] = defaultdict(int)
    for event in trace:
        if event.kind.startswith("unassigned") and dialect.unassigned:
            for bar in guest.card.bars.values():
                lost[bar.index] += bar.is_memory and bar.at_host(event.offset)
        if event.kind == "config_read":
            for k in range(event.size):
                if not guest.is_emulated(event.offset + k):
                    config[event.offset + k].add(event.value >> 8 * k & 0xFF)
        elif event.kind in ("read", "write"):
            for k in range(event.size):
                direct[event.region, event.offset + k].add(event.value >> 8 * k & 0xFF)
    return Known(
        tells_host_bars=inventory.tells_host_bars and named,
        config=config,
        direct=direct,
        unassigned=lost,
        tells_guest_bars=booted or bool({"guest-info-pci.txt", "guest-info-mtree.txt"} & set(inventory.files)),
        tells_sizes=booted or bool({"host-lspci.txt", "host-resource.txt"} & set(inventory.files)),
        tells_messages=capture != "regions",
        dumped_neighbours=inventory.dump if named else 0,
    )


def host_accesses(guest: Guest, known: Known) -> Iterator[Claim]:
    """The guest used host addresses; two logged lines and a known host address prove it."""
    for bar in sorted(guest.dereferenced):
        if not guest.card.bars[bar].is_memory:
            yield Claim("allowed", {"kind": "host-address-access", "bar": bar, "space": "io"})
            continue
        lines = known.unassigned.get(bar, 0)
        proven = lines >= 2 and known.tells_host_bars and known.tells_sizes
        level: Level = "required" if proven else "allowed"
        yield Claim(level, {"kind": "host-address-access", "bar": bar, "space": "memory", "count": lines})


def placements(card: Card, known: Known) -> Iterator[Claim]:
    """BARs at their host address, and BARs where another one lives on the host."""
    level: Level = "required" if known.tells_host_bars and known.tells_guest_bars else "allowed"
    for bar in card.bars.values():
        if bar.guest == bar.host:
            entry = {"kind": "identity-mapped-bar", "bar": bar.index, "address": bar.guest, "size": bar.size}
            yield Claim(level, entry)
        for other in card.bars.values():
            apart = bar.guest + bar.size <= other.host or other.host + other.size <= bar.guest
            if other is not bar and bar.is_memory == other.is_memory and not apart:
                at = max(bar.guest, other.host)
                entry = {"kind": "address-collision", "guest_bar": bar.index, "host_bar": other.index, "address": at}
                yield Claim(level if known.tells_sizes else "allowed", entry)


def sinks(guest: Guest, trace: list[Event], features: Iterable[Feature], known: Known) -> Iterator[Claim]:
    """Every register into which an address of the guest's went, by region and by what it was."""
    wanted = {getattr(f, "deliberate", "") for f in features}
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    values: dict[tuple[int, str], set[int]] = defaultdict(set)
    doubtful: set[tuple[int, str]] = set()
    told_of = {"msi-address": known.tells_messages, "guest-bar": known.tells_guest_bars}
    for event in trace:
        for what, certain in _address_words(guest, event):
            found[event.region, what].append(event.offset)
            values[event.region, what].add(event.value)
            if not certain:
                doubtful.add((event.region, what))
    for (region, what), hits in sorted(found.items()):
        sites = sorted(set(hits))
        strong = (what == "msi-address" and len(sites) >= 3) or (what == "guest-bar" and len(hits) >= 2)
        plain = (region, what) not in doubtful and len(values[region, what]) == 1
        sure = strong and plain and what in wanted and told_of[what]
        entry = {"kind": "address-sink", "region": region_word(region), "what": what, "sites": sites}
        yield Claim("required" if sure else "allowed", entry)


def _address_words(guest: Guest, event: Event) -> Iterator[tuple[str, bool]]:
    """What a written value is to the guest, and whether it is that beyond doubt."""
    value = event.value
    if event.kind != "write" or event.size < 2 or not value:
        return
    address, data = guest.msi_message or (0, 0)
    if value == address or value >> 20 == 0xFEE:
        yield "msi-address", value == address
    if value == data:
        yield "msi-data", False
    for bar in guest.card.bars.values():
        low = bar.guest & MASKS[4]
        if bar.is_memory and low and value & ~0xF in (low, bar.guest):
            yield "guest-bar", bar.guest == low == value and significant_bits(low) >= 9


def told(guest: Guest) -> Iterator[Claim]:
    """Every register a host address was read from, whatever the way it came."""
    for region, offset, bar in sorted(guest.leaks):
        word = region_word(region)
        yield Claim("allowed", {"kind": "address-leak", "region": word, "offset": offset, "bar": bar, "shift": 0})


def assemble(
    guest: Guest, features: list[Feature], inventory: Inventory, dialect: Dialect, trace: list[Event], capture: str
) -> dict[str, Any]:
    """The truth of the card: required findings, allowed ones, decoys, and which door each belongs to."""
    known = known_from(guest, trace, inventory, dialect, capture)
    labelled = [(f.kind, claim) for f in features for claim in f.claims(known)]
    for claims in (
        host_accesses(guest, known),
        placements(guest.card, known),
        sinks(guest, trace, features, known),
        told(guest),
    ):
        labelled += [(claim.entry["kind"], claim) for claim in claims]
    entries = [{**claim.entry, "door": door, "level": claim.level} for door, claim in labelled]
    entries = close(guest.card, entries)
    entries.sort(key=lambda e: RANK[e["level"]])
    return {
        "findings": [e for e in entries if e["level"] == "required"],
        "allowed": [e for e in entries if e["level"] != "required"],
        "decoys": [],
        "innocents": [innocent(f) for f in features if not f.is_door and f.places],
        "doors": [{"kind": f.kind, "uses": len(f.uses)} for f in features if f.is_door],
    }


def innocent(feature: Feature) -> Entry:
    """Where a decoy lies and what it tempts one to claim."""
    places = [{"region": region_word(r), "first": a, "last": b} for r, a, b in feature.places]
    return {"id": feature.kind, "looks_like": getattr(feature, "looks_like", ""), "places": places}
