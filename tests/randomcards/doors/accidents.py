"""Accidents of the layout: a BAR at its host address, a BAR on top of another's host address, hidden hits.

Their truth comes from the addresses themselves (`truth.placements`); the features only ask for the layout and give
the guest a reason to show it.
"""

from collections.abc import Iterator
from typing import ClassVar

from ..features import register
from ..guests import Guest
from ..hardware import Bar
from ..programs import use_address
from .leaks import WholeLeak


class Accident(WholeLeak):
    """A whole-address leak in a layout where using it does not end in an unassigned access."""

    wish: ClassVar[str] = ""

    def suspects(self) -> list[Bar]:
        return [b for b in self.card.bars.values() if b.is_memory]

    def bar(self) -> Bar:
        return self.rng.choice(self.suspects() or [b for b in self.card.bars.values() if b.is_memory])


@register
class Identity(Accident):
    """Guest and host address agree: the leaked address works, by accident."""

    kind = "identity-mapped-bar"
    wish = "identity"

    def suspects(self) -> list[Bar]:
        return [b for b in self.card.bars.values() if b.is_memory and b.guest == b.host]


@register
class Collision(Accident):
    """Another BAR of the card lies where the leaked address points."""

    kind = "address-collision"
    wish = "collision"

    def suspects(self) -> list[Bar]:
        bars = list(self.card.bars.values())
        return [b for b in bars if b.is_memory and any(o is not b and b.at_host(o.guest) for o in bars)]


@register
class HiddenHit(Accident):
    """Guest RAM or another device lies where the leaked address points: nothing is logged."""

    kind = "leak-into-ram-or-device"
    wish = "hidden"


@register
class HostAddressAccess(WholeLeak):
    """Many accesses at the leaked address, reads and writes."""

    kind = "host-address-access"

    def run(self, guest: Guest) -> Iterator[None]:
        self.read(guest)
        yield
        yield from use_address(guest, self.rng, self.leaked, max(1, round(self.rng.randint(6, 20) * self.evidence)))
