"""What a card can have: a door that leads somewhere, or a decoy that only looks like one.

A feature builds itself into the card, gives the guest a program (a generator that yields where another program may
run), and says afterwards what is true of it and how much of that the log can prove.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal, TypeVar

from .guests import Guest
from .hardware import Card, Function

T = TypeVar("T")
#: required: an analyser must say it.  wanted: it should, as likely at least.  allowed: true, but not provable.
Level = Literal["required", "wanted", "allowed"]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """A true statement in the contract's shape."""

    level: Level
    entry: Entry


@dataclass(frozen=True)
class Use:
    """A guest's access through a door, in terms of where it arrived."""

    space: str
    offset: int
    size: int
    value: int
    write: bool


@dataclass
class Known:
    """What log and inventories show, for judging what they can prove."""

    tells_host_bars: bool
    config: dict[int, set[int]]  # values each config byte was seen to have, outside QEMU's own fields
    direct: dict[tuple[int, int], set[int]]  # (BAR, byte offset): values read or written without any door
    unassigned: dict[int, int]  # BAR: logged unassigned accesses at its host address
    tells_guest_bars: bool = True
    tells_sizes: bool = True
    tells_messages: bool = True  # the guest's MSI address and data
    dumped_neighbours: int = 0  # bytes of other functions' config space that are shown

    def config_agreement(self, uses: Sequence[Use]) -> set[int]:
        """Offsets of the telling bytes that a door gave as config space has them."""
        return {
            use.offset + k
            for use in uses
            for k in range(use.size)
            if (byte := use.value >> 8 * k & 0xFF) not in (0, 0xFF) and byte in self.config.get(use.offset + k, ())
        }

    def direct_agreement(self, bar: int, uses: Sequence[Use]) -> int:
        """Distinct telling values at distinct offsets that the BAR shows without the door, too."""
        return len({(u.offset, u.value) for u in uses if is_telling(u) and self._shown(bar, u)})

    def _shown(self, bar: int, use: Use) -> bool:
        return all(use.value >> 8 * k & 0xFF in self.direct.get((bar, use.offset + k), ()) for k in range(use.size))

    def proves_config(self, uses: Sequence[Use]) -> bool:
        told = self.config_agreement(uses)
        body = [at for at in told if 0x10 <= at < 0x28 or at >= 0x40]  # what a burnt-in copy of the header has not
        return len(told) >= 8 and len({at // 4 for at in told}) >= 3 and len(body) >= 3

    def refutes_config(self, offset: int, value: int) -> bool:
        """Is the dword seen not to be what config space has there?"""
        return any(value >> 8 * k & 0xFF not in self.config.get(offset + k, {value >> 8 * k & 0xFF}) for k in range(4))

    def proves_bar(self, bar: int, uses: Sequence[Use]) -> bool:
        return self.direct_agreement(bar, uses) >= 4


def is_telling(use: Use) -> bool:
    """A value that does not turn up everywhere."""
    ones = (1 << 8 * use.size) - 1
    return use.value not in (0, ones) and (use.size < 2 or use.value > 0xFF)


def significant_bits(value: int) -> int:
    """Bits between the highest and the lowest one: how unlikely the value is by accident."""
    return value.bit_length() - (value & -value).bit_length() + 1 if value else 0


@dataclass
class Feature:
    """A door or a decoy of one card."""

    kind: ClassVar[str] = ""
    needs: ClassVar[frozenset[str]] = frozenset()
    is_door: ClassVar[bool] = True
    early: ClassVar[bool] = False  # wants a certain place: built before the others

    card: Card
    rng: Random
    evidence: float = 1.0
    places: list[tuple[int, int, int]] = field(default_factory=list)  # (region, first, last offset) it occupies
    uses: list[Use] = field(default_factory=list)

    def build(self) -> None:
        """Put the hardware into the card."""

    def run(self, guest: Guest) -> Iterator[None]:
        """The guest's program."""
        yield from ()

    def claims(self, known: Known) -> Iterator[Claim]:
        """What is true of this feature."""
        yield from ()

    def neighbour(self) -> Function | None:
        """The other function whose config space it shows."""
        return None

    # -- helpers -------------------------------------------------------------------------------------------------

    def thin(self, items: Sequence[T]) -> list[T]:
        """As many of the items as this card's evidence allows, in order, at least one."""
        count = max(1, round(len(items) * self.evidence)) if items else 0
        chosen = sorted(self.rng.sample(range(len(items)), count))
        return [items[k] for k in chosen]

    def occupy(self, role: str, length: int, align: int = 4, limit: int | None = None) -> tuple[int, int]:
        """(region, offset) of a free stretch in the region of that role."""
        region = self.card.roles[role]
        offset = self.card.regions[region].allocate(self.rng, length, align, limit)
        self.places.append((region, offset, offset + length - 1))
        return region, offset

    def beside(self, where: tuple[int, int], reach: int = 0x100) -> tuple[int, int]:
        """(region, offset) of a free register not far from a place."""
        region, near = where
        offset = self.card.regions[region].allocate_between(self.rng, 4, 4, near - reach, near + reach)
        self.places.append((region, offset, offset + 3))
        return region, offset

    def word(self) -> int:
        """A telling 32-bit value."""
        return self.rng.getrandbits(32) | 0x01010000


REGISTRY: dict[str, type[Feature]] = {}
F = TypeVar("F", bound=type[Feature])


def register(feature: F) -> F:
    """Make a feature available under its kind."""
    if not feature.kind or feature.kind in REGISTRY:
        raise ValueError(f"{feature.__name__}: its kind {feature.kind!r} is empty or taken")
    REGISTRY[feature.kind] = feature
    return feature
