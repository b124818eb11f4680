"""A copy of config space inside a BAR, as its quirk answers it."""

from dataclasses import dataclass

from quirkfinder.definition.model import Mirror, WritePolicy
from quirkfinder.replay.environment import Environment, Value
from quirkfinder.replay.outcome import Read, Target, Written
from quirkfinder.replay.regions import Region


@dataclass(slots=True)
class MirrorModel:
    """One mirror. Reads touch the device, whose answer is dropped."""

    mirror: Mirror

    @property
    def name(self) -> str:
        return self.mirror.name

    @property
    def space(self) -> int:
        return self.mirror.bar

    def reset(self) -> None:
        """It has no state."""

    def regions(self) -> list[Region]:
        """No region for the config space of another function: the quirk cannot be written."""
        if self.mirror.function is not None:
            return []
        return [Region(self.space, self.mirror.offset, self.mirror.size)]

    def policy(self, offset: int, size: int) -> WritePolicy:
        """What becomes of a write to `size` bytes of config space at `offset`; of two exceptions the later one."""
        policy = self.mirror.write
        for exception in self.mirror.exceptions:
            first = exception.config_offset
            if first <= offset and offset + size <= first + exception.size:
                policy = exception.write
        return policy

    def read(self, register: int, addr: int, size: int, env: Environment) -> Read:
        env.hardware_read(self.space, register + addr, size)
        offset = addr + self.mirror.config_offset
        beyond = offset + size > env.config_size
        value = (1 << 8 * size) - 1 if beyond else env.config_read(offset, size)
        return Read(value, "config", Target("config", offset))

    def write(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        offset = addr + self.mirror.config_offset
        policy = self.policy(offset, size)
        if policy in ("emulate", "both") and offset + size <= env.config_size:
            env.config_write(offset, size, value)
        if policy in ("forward", "both"):
            env.hardware_write(self.space, register + addr, size, value)
            return Written()
        return Written(swallowed=True, target=Target("config", offset), value=value)
