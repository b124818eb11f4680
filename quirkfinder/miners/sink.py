"""A sink before it is a finding."""

from dataclasses import dataclass, field
from typing import Any, Literal

MOST_SITES = 64  # an address at more places than this is data, not a register


@dataclass(frozen=True, slots=True)
class Sink:
    """Registers of one region that were given the same thing; `sites`: their offsets in bytes, ascending.

    `sure`: does more than one value at one place say so?  `evidence`: rows of the frame and what is to be seen there.
    """

    what: Literal["msi-address", "msi-data", "guest-bar"]
    sites: tuple[int, ...]
    sure: bool
    summary: str
    evidence: tuple[tuple[int, str], ...]
    more: dict[str, Any] = field(default_factory=dict)


def registers(count: int, region: int) -> str:
    """`a register of BAR0`, `3 registers of BAR0`."""
    return f"{'a register' if count == 1 else f'{count} registers'} of BAR{region}"
