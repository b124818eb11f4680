"""What becomes of an access that a quirk region gets."""

from dataclasses import dataclass
from typing import Literal

from quirkfinder.definition.model import Leak
from quirkfinder.replay.environment import Value

Source = Literal["device", "config", "msix-table", "leak", "latch", "sink", "unknown"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is reached behind the quirk: the space and the offset in it."""

    space: Literal["config", "msix-table", "leak", "unknown"]
    offset: int
    leak: Leak | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The answer to a read, where it is from, and what was reached."""

    value: Value
    source: Source = "device"
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A write: `swallowed` where the device does not see it, `target` and `value` what it became instead."""

    swallowed: bool = False
    target: Target | None = None
    value: Value = None
    changed: bool = False  # the device sees another value than the guest wrote
