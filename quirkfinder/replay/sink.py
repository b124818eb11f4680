"""Registers that take an address of the guest's view, as their quirk translates it."""

from dataclasses import dataclass

from quirkfinder.definition.model import Sink
from quirkfinder.replay.environment import Environment, Value
from quirkfinder.replay.outcome import Read, Written
from quirkfinder.replay.regions import Region


@dataclass(slots=True)
class SinkModel:
    """One sink. Sites of a window's data register have no regions of their own: the window asks `translate`."""

    sink: Sink

    @property
    def name(self) -> str:
        return self.sink.name

    @property
    def space(self) -> int:
        return self.sink.bar

    def reset(self) -> None:
        """It has no state."""

    def regions(self) -> list[Region]:
        """None for MSI messages: the host's are not to be had, so that QEMU cannot do it."""
        if self.sink.what in ("msi-address", "msi-data") or self.sink.window is not None:
            return []
        limit = 8 if self.sink.size == 8 else 4
        return [Region(self.space, site, self.sink.size, limit) for site in self.sink.sites]

    def read(self, register: int, addr: int, size: int, env: Environment) -> Read:
        hardware = env.hardware_read(self.space, register + addr, size)
        value = self.translate(hardware, size, env, to_host=False)
        return Read(value, "sink" if value != hardware else "device")

    def write(self, register: int, addr: int, size: int, value: Value, env: Environment) -> Written:
        translated = self.translate(value, size, env, to_host=True)
        env.hardware_write(self.space, register + addr, size, translated)
        return Written(value=translated, changed=translated != value)

    def translate(self, value: Value, size: int, env: Environment, *, to_host: bool) -> Value:
        """An address inside the range, seen from one side, as the other side has it."""
        sink = self.sink
        if sink.what == "rebase":
            guest, host, length = sink.guest_base, sink.host_base, sink.length
        elif sink.target_bar is not None:
            bar = sink.target_bar
            guest, host, length = env.guest_bar(bar), env.host_bar(bar), env.bar_size(bar)
        else:
            return value
        if value is None or guest is None or length is None:
            return None
        if size < sink.size or not host:
            return value
        start, end = (guest, host) if to_host else (host, guest)
        full = (1 << 8 * sink.size) - 1
        inside = (value - (start & full)) & full if sink.size == 8 else value - (start & full)
        return (inside + end) & full if 0 <= inside < length else value
