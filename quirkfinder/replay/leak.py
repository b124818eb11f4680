"""A register that tells where a BAR is, as its quirk answers it."""

from dataclasses import dataclass

from quirkfinder.definition.model import Leak
from quirkfinder.events import VGA
from quirkfinder.replay.environment import Environment, Value, cut
from quirkfinder.replay.outcome import Read, Target, Written
from quirkfinder.replay.regions import Region


def leak_mask(leak: Leak) -> int:
    """The bits of the register that hold the address."""
    return leak.mask if leak.mask is not None else (1 << 8 * leak.size) - 1


def leak_value(leak: Leak, at: int, size: int, hardware: Value, env: Environment, *, host: bool = False) -> Value:
    """`size` bytes from byte `at` of the register, with the guest's (or the host's) address in it."""
    address = env.host_bar(leak.target_bar) if host else env.guest_bar(leak.target_bar)
    mask = leak_mask(leak) >> 8 * at
    keep = ((1 << 8 * size) - 1) & ~mask
    if address is None or (keep and hardware is None):
        return None
    return cut((((address >> leak.shift) >> 8 * at) & mask) | ((hardware or 0) & keep), size)


@dataclass(slots=True)
class LeakModel:
    """One leak register. The device sees a read only where bits of its own are part of the answer."""

    leak: Leak

    @property
    def name(self) -> str:
        return self.leak.name

    @property
    def space(self) -> int:
        return VGA if self.leak.vga else self.leak.bar or 0

    def reset(self) -> None:
        """It has no state."""

    def regions(self) -> list[Region]:
        limit = 8 if self.leak.size == 8 else 4
        return [Region(self.space, self.leak.offset, self.leak.size, limit)]

    def read(self, register: int, addr: int, size: int, env: Environment) -> Read:
        full = leak_mask(self.leak) == (1 << 8 * self.leak.size) - 1
        hardware = 0 if full else env.hardware_read(self.space, register + addr, size)
        return Read(leak_value(self.leak, addr, size, hardware, env), "leak", Target("leak", addr, self.leak))

    def write(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        if self.leak.write in ("forward", "both"):
            env.hardware_write(self.space, register + addr, size, value)
            return Written()
        return Written(swallowed=True, target=Target("leak", addr, self.leak), value=value)
