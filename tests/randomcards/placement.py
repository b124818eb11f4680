"""Where host and guest put the BARs, and what else the guest has in its address space.

PCI Local Bus 3.0, section 6.2.5: a BAR lies at a multiple of its size.
"""

from dataclasses import dataclass, field
from random import Random

from .hardware import Bar, NoRoomError

TRIES = 500


@dataclass
class Wishes:
    """What the card's features ask of its layout."""

    needs: frozenset[str] = frozenset()
    identity: bool = False
    collision: bool = False
    hidden: bool = False  # a host BAR lies where the guest has RAM or another device


@dataclass
class Place:
    """The guest's memory map around the card: first and last address of each stretch and its name."""

    ram: list[tuple[int, int]] = field(default_factory=list)
    devices: list[tuple[int, int, str]] = field(default_factory=list)

    def occupied(self, first: int, last: int) -> bool:
        spans = self.ram + [(a, b) for a, b, _ in self.devices]
        return any(first <= b and a <= last for a, b in spans)


def _overlaps(first: int, size: int, others: list[tuple[int, int]]) -> bool:
    return any(first < b and a < first + size for a, b in others)


def place_on_host(rng: Random, bars: dict[int, Bar], high: bool) -> None:
    """Host addresses: naturally aligned, apart, as firmware spreads them."""
    taken: list[tuple[int, int]] = []
    for bar in bars.values():
        for _ in range(TRIES):
            if bar.kind == "io":
                at = rng.randrange(0x20, 0xF0) * 0x100
            elif bar.kind == "memory64" and high:
                base = rng.choice((0x38000000000, 0x4000000000, 0x6000000000, 0x38FFC0000000))
                at = base + rng.randrange(1, 0x400) * max(bar.size, 0x100000)
            else:
                at = rng.randrange(0x88000000, 0xFE000000 - bar.size)
            at = at // bar.size * bar.size
            if at and not _overlaps(at, bar.size, taken):
                break
        else:
            raise NoRoomError(f"no host address for BAR {bar.index}")
        bar.host = at
        taken.append((at, at + bar.size))


def place_in_guest(rng: Random, bars: dict[int, Bar], place: Place, wishes: Wishes) -> None:
    """Guest addresses, away from the host's but for the accidents that were wished for."""
    taken: list[tuple[int, int]] = []
    host = [(b.host, b.host + b.size) for b in bars.values()]
    fixed = _accidents(rng, bars, place, wishes)
    for index, at in fixed.items():
        bars[index].guest = at
        taken.append((at, at + bars[index].size))
    above = rng.random() < 0.3
    for bar in sorted(bars.values(), key=lambda b: -b.size):
        if bar.index in fixed:
            continue
        for _ in range(TRIES):
            if bar.kind == "io":
                at = rng.randrange(0xC0, 0xE0) * 0x100
            elif bar.kind == "memory64" and above:
                at = 0x800000000 + rng.randrange(64) * bar.size
            else:
                low = 0xC0000000 if bar.size >= 1 << 20 else 0xFD000000
                at = rng.randrange(low, 0xFEB00000) // bar.size * bar.size
                at = at if at >= 0xC0000000 else 0xC0000000
            clash = _overlaps(at, bar.size, taken) or _overlaps(at, bar.size, host)
            if not clash and (bar.kind == "io" or not place.occupied(at, at + bar.size - 1)):
                break
        else:
            raise NoRoomError(f"no guest address for BAR {bar.index}")
        bar.guest = at
        taken.append((at, at + bar.size))
    if rng.random() < 0.15:
        _firmware_places(rng, bars, taken + host, place)


def _firmware_places(rng: Random, bars: dict[int, Bar], taken: list[tuple[int, int]], place: Place) -> None:
    """Other addresses for the memory BARs below 4 GiB, until the operating system moves them."""
    for bar in bars.values():
        if not bar.is_memory or bar.size > 0x1000000 or bar.guest >> 32:
            continue
        for _ in range(100):
            at = rng.randrange(0xC0000000, 0xFE000000) // bar.size * bar.size
            if not _overlaps(at, bar.size, taken) and not place.occupied(at, at + bar.size - 1):
                bar.firmware = at
                taken.append((at, at + bar.size))
                break


def _accidents(rng: Random, bars: dict[int, Bar], place: Place, wishes: Wishes) -> dict[int, int]:
    fixed: dict[int, int] = {}
    memory = [b for b in bars.values() if b.is_memory and not place.occupied(b.host, b.host + b.size - 1)]
    if wishes.identity and memory:
        bar = rng.choice(memory)
        fixed[bar.index] = bar.host
        fixed.update({b.index: b.host for b in bars.values() if b.kind == "io" and rng.random() < 0.3})
    if wishes.collision:
        pairs = [
            (a, b)
            for a in bars.values()
            for b in memory
            if a.is_memory
            and a is not b
            and a.index not in fixed
            and b.index not in fixed
            and b.host % a.size == 0
            and (a.kind == "memory64" or b.host < 1 << 32)
            and a.size <= b.size
        ]
        if pairs:
            bar, other = rng.choice(pairs)
            fixed[bar.index] = other.host
    return fixed


def guest_place(rng: Random, bars: dict[int, Bar], wishes: Wishes) -> Place:
    """RAM and the other devices of the guest."""
    place = Place()
    low = rng.choice((0x20000000, 0x40000000, 0x60000000, 0x80000000))
    if wishes.hidden and rng.random() < 0.5:
        low = 0xC0000000
    place.ram.append((0, low - 1))
    if low >= 0x60000000:
        place.ram.append((0x100000000, 0x100000000 + rng.choice((0x40000000, 0x80000000)) - 1))
    place.devices += [
        (0xFEC00000, 0xFEC00FFF, "kvm-ioapic"),
        (0xFED00000, 0xFED003FF, "hpet"),
        (0xFEE00000, 0xFEEFFFFF, "kvm-apic-msi"),
        (0xFFFC0000, 0xFFFFFFFF, "pc.bios"),
        (0xFEBE0000, 0xFEBFFFFF, "e1000-mmio"),
    ]
    if wishes.hidden and low < 0xC0000000:
        bar = rng.choice([b for b in bars.values() if b.is_memory])
        place.devices.append((bar.host, bar.host + min(bar.size, 0x1000000) - 1, "ivshmem.bar2"))
    return place
