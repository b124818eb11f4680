"""A window as QEMU runs it: the same steps, in the same order, as the C that `emission` writes."""

from dataclasses import dataclass, field

from quirkfinder.definition.checks import registers
from quirkfinder.definition.model import QuirkDefinition, Window
from quirkfinder.definition.reach import is_plain_window, passages
from quirkfinder.definition.steps import transitions
from quirkfinder.events import VGA
from quirkfinder.replay.environment import Environment, Value, cut, merge
from quirkfinder.replay.leak import leak_value
from quirkfinder.replay.outcome import Read, Target, Written
from quirkfinder.replay.regions import Region
from quirkfinder.replay.sink import SinkModel


@dataclass(slots=True)
class WindowModel:
    """The state of one window. Registers are told apart by their offset."""

    definition: QuirkDefinition
    window: Window
    plain: bool = False
    address: Value = None
    addressed: bool = False
    enabled: Target | None = None  # plain windows decide when the address is written
    data: Value = 0
    moved: int = 0
    step: int = 0
    conditions: dict[int, Value] = field(default_factory=dict)
    sinks: list[SinkModel] = field(default_factory=list)  # what is written through the data register

    @classmethod
    def of(cls, definition: QuirkDefinition, window: Window) -> "WindowModel":
        sinks = [SinkModel(sink) for sink in definition.sinks if sink.window == window.name]
        return cls(definition, window, plain=is_plain_window(definition, window), sinks=sinks)

    @property
    def space(self) -> int:
        return VGA if self.window.vga else self.window.bar or 0

    @property
    def name(self) -> str:
        return self.window.name

    def reset(self) -> None:
        """As after a reset of the device; plain windows keep their state (QEMU 2.5 to 11.1 does not reset them)."""
        if not self.plain:
            self.address, self.addressed, self.data, self.moved, self.step = None, False, 0, 0, 0
            self.conditions.clear()

    def regions(self) -> list[Region]:
        found: dict[int, int] = {}
        for _, offset, size in registers(self.window):
            found[offset] = max(size, found.get(offset, 0))
        return [Region(self.space, offset, size) for offset, size in found.items()]

    @property
    def read_offset(self) -> int:
        return self.window.data_offset if self.window.read_offset is None else self.window.read_offset

    @property
    def write_offset(self) -> int:
        return self.window.data_offset if self.window.write_offset is None else self.window.write_offset

    # ---- what the address selects

    def decode(self) -> Target | None:
        """What the registers select; None for the device itself. Unknown registers select an unknown target."""
        if not self.addressed or any(not self._holds(c.offset, c.value, c.mask) for c in self.window.enable):
            return None
        if self.address is None:
            return Target("unknown", 0)
        value = self.address & ~(self.window.strobe.mask if self.window.strobe else 0)
        for match in self.window.matches:
            if value & ~(match.mask | match.ignored) & 0xFFFFFFFF != match.match:
                continue
            if match.select and not self._holds(match.select.offset, match.select.value, match.select.mask):
                continue
            offset = match.base + match.scale * (value & match.mask) + self.moved
            if not match.space.startswith("bar"):
                return Target("config" if match.space == "config" else "msix-table", offset)
            for passage in passages(self.definition, match):
                if passage.first <= offset <= passage.last:
                    if passage.leak is not None:
                        return Target("leak", offset - passage.first, passage.leak)
                    return Target("config", offset - passage.first + (passage.config_offset or 0))
            return None
        return None

    def reached(self) -> tuple[str, int, int] | None:
        """Space and offset that the address reaches, BARs included, and by which match: for checks with the trace."""
        if not self.addressed or self.address is None:
            return None
        value = self.address & ~(self.window.strobe.mask if self.window.strobe else 0)
        for at, match in enumerate(self.window.matches):
            if value & ~(match.mask | match.ignored) & 0xFFFFFFFF == match.match and (
                match.select is None or self._holds(match.select.offset, match.select.value, match.select.mask)
            ):
                return match.space, match.base + match.scale * (value & match.mask) + self.moved, at
        return None

    def _holds(self, offset: int, value: int, mask: int) -> bool:
        register = self.conditions.get(offset, 0)
        return register is not None and register & mask == value

    # ---- reads

    def read(self, register: int, addr: int, size: int, env: Environment) -> Read:
        """A read of a register: the device sees it, the answer may be another."""
        hardware = env.hardware_read(self.space, register + addr, size)
        if self.plain:
            answers = register == self.window.data_offset and self.enabled is not None
            return self._answer(self.enabled, 0, size, hardware, env) if answers else Read(hardware)
        target = self.decode()
        steps = [t for t in transitions(self.window) if t.access == "read" and t.offset == register]
        step, self.step = self.step, 0
        if self.window.strobe and register == self.window.address_offset and target is not None and addr == 0:
            latched = self._latched(target)
            if latched is not None:
                return Read(cut(latched, size), "latch", target)
        if register != self.read_offset or (self.window.read_steps and not steps):
            return Read(hardware)
        if steps and step != steps[0].state:
            return Read(hardware)
        sub = addr if self.window.sub_offset else 0
        result = Read(hardware) if target is None else self._answer(target, sub, size, hardware, env)
        self.moved += self.window.increment
        return result

    def _answer(self, target: Target | None, addr: int, size: int, hardware: Value, env: Environment) -> Read:
        assert target is not None
        offset = target.offset + addr
        match target.space:
            case "config":
                beyond = not self.plain and offset + size > env.config_size
                value = (1 << 8 * size) - 1 if beyond else env.config_read(offset, size)
            case "msix-table":
                value = env.msix_read(offset, size)
            case "leak":
                assert target.leak is not None
                value = leak_value(target.leak, offset, size, hardware, env)
            case "unknown":
                value = None
        return Read(value, target.space, Target(target.space, offset, target.leak))

    def _latched(self, target: Target) -> Value:
        """The address register with the flag as it is once the command is done; None: the device's own answer."""
        strobe = self.window.strobe
        if strobe is None or self.address is None or target.space == "unknown":
            return None
        command, done = self.address & strobe.mask, None
        if command == strobe.read_command:
            done = strobe.read_done
        elif command == strobe.write_command and self.window.write in ("emulate", "drop"):
            done = strobe.write_done
        return None if done is None else (self.address & ~strobe.mask) | done

    # ---- writes

    def write(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        """A write of a register: the device sees it unless the target is QEMU's."""
        if self.plain:
            return self._plain_write(register, addr, size, value, env)
        if self.window.read_steps:
            return self._step_write(register, addr, size, value, env)
        strobe = self.window.strobe
        if strobe is None and register == self.write_offset:
            written = self._emulated(self.decode(), addr if self.window.sub_offset else 0, size, value, env)
            if written.swallowed:
                return written
            self.moved += self.window.increment
        commits = strobe is not None and strobe.write_command is not None
        if commits and register == self.write_offset != self.window.address_offset:
            self.data = merge(self.data, addr, size, value)
        if register in self._condition_offsets():
            self.conditions[register] = merge(self.conditions.get(register, 0), addr, size, value)
        written = Written()
        if register == self.window.address_offset:
            self._take_address(addr, size, value)
            if commits and strobe is not None and self.address is not None:
                data = self.address if self.write_offset == self.window.address_offset else self.data
                if self.address & strobe.mask == strobe.write_command:
                    written = self._emulated(self.decode(), 0, min(self.window.data_size, 4), data, env)
        return written if written.swallowed else self._forward(register, addr, size, value, env)

    def _plain_write(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        if register == self.window.address_offset:
            env.hardware_write(self.space, register + addr, size, value)
            self.address, self.addressed = value, True
            target = self.decode()
            self.enabled = target if target is not None and target.space in ("config", "unknown") else None
            return Written()
        if self.enabled is None:
            return self._forward(register, addr, size, value, env)
        if self.enabled.space == "config":
            env.config_write(self.enabled.offset, size, value)
        return Written(swallowed=True, target=self.enabled, value=value)

    def _step_write(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        step, self.step = self.step, 0
        written = Written()
        for transition in transitions(self.window):
            if (transition.access, transition.offset) != ("write", register) or transition.state not in (0, step):
                continue
            key = transition.value
            if key is not None and (value is None or value & transition.mask != key):
                continue
            if transition.role == "data":
                written = self._emulated(self.decode(), addr if self.window.sub_offset else 0, size, value, env)
                self.moved += 0 if written.swallowed else self.window.increment
            else:
                self.step = transition.next
                if transition.role == "address":
                    self._take_address(addr, size, value)
            break
        return written if written.swallowed else self._forward(register, addr, size, value, env)

    def _forward(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        """The device sees the write; sinks translate what goes through the data register."""
        seen = value
        if register == self.write_offset:
            for sink in self.sinks:
                seen = sink.translate(seen, size, env, to_host=True)
        env.hardware_write(self.space, register + addr, size, seen)
        return Written(value=seen, changed=seen != value)

    def _emulated(self, target: Target | None, addr: int, size: int, value: Value, env: Environment) -> Written:
        """The write policy for a target that QEMU answers for; nothing happens for others."""
        policy = self.window.write
        if target is None or target.space not in ("config", "msix-table") or policy == "forward":
            return Written()
        offset = target.offset + addr
        if policy in ("emulate", "both"):
            if target.space == "config" and offset + size <= env.config_size:
                env.config_write(offset, size, value)
            elif target.space == "msix-table":
                env.msix_write(offset, size, value)
        swallowed = policy in ("emulate", "drop")
        if swallowed and self.window.increment:
            env.hardware_read(self.space, self.window.data_offset, size)
            self.moved += self.window.increment
        return Written(swallowed=swallowed, target=Target(target.space, offset), value=value)

    def _take_address(self, addr: int, size: int, value: Value) -> None:
        # A register narrower than four bytes leaves the rest of the word as it was: zero.
        old = self.address if self.addressed else 0
        self.address = merge(old, addr, size, value)
        self.addressed, self.moved = True, 0

    def _condition_offsets(self) -> set[int]:
        selects = (m.select for m in self.window.matches if m.select is not None)
        return {c.offset for c in (*self.window.enable, *selects)}
