"""The environment of a replay: the device's answers are the trace's, config space is the guest's at that moment."""

from dataclasses import dataclass, field

from quirkfinder.card.model import Card
from quirkfinder.replay.accesses import Access
from quirkfinder.replay.environment import Value, part
from quirkfinder.replay.guest import GuestConfig


@dataclass(slots=True)
class TraceEnvironment:
    """Set `access` to what is being replayed before the engine is asked."""

    card: Card
    config: GuestConfig
    access: Access | None = None
    msix: dict[int, int] = field(default_factory=dict)
    msix_written: list[tuple[int, int, Value]] = field(default_factory=list)  # of the access being replayed
    answered: tuple[int, Value] = (0, None)  # size and value of the device's last answer

    @property
    def config_size(self) -> int:
        return self.config.size

    @config_size.setter
    def config_size(self, size: int) -> None:
        self.config.size = size

    def hardware_read(self, space: int, offset: int, size: int) -> Value:
        access, value = self.access, None
        if access is not None and access.kind == "read" and access.space == space:
            inside = access.offset <= offset and offset + size <= access.offset + access.size
            value = part(access.value, offset - access.offset, size) if inside else None
        self.answered = (size, value)
        return value

    def hardware_write(self, space: int, offset: int, size: int, value: Value) -> None:
        """The trace has it already."""

    def config_read(self, offset: int, size: int) -> Value:
        # A door to config space asks the device first: its answer is right for what nobody emulates.
        for bar in range(6):
            self._place(bar)
        length, value = self.answered
        self.answered = (0, None)
        return self.config.read(offset, size, value if length == size else None)

    def config_write(self, offset: int, size: int, value: Value) -> None:
        self.config.written(offset, size, value)

    def msix_read(self, offset: int, size: int) -> Value:
        found = [self.msix.get(offset + at) for at in range(size)]
        if any(byte is None for byte in found):
            return None
        return int.from_bytes(bytes(byte for byte in found if byte is not None), "little")

    def msix_write(self, offset: int, size: int, value: Value) -> None:
        self.msix_written.append((offset, size, value))
        for at in range(size):
            if value is None:
                self.msix.pop(offset + at, None)
            else:
                self.msix[offset + at] = value >> 8 * at & 0xFF

    def guest_bar(self, bar: int) -> Value:
        self._place(bar)
        return self.config.bar_address(bar)

    def _place(self, bar: int) -> None:
        """Where the listings and the rest of the log say that the guest has the BAR at this moment."""
        known = self.card.bar(bar)
        if known is None:
            return
        placed = known.guest_at(self.access.row) if self.access is not None else None
        address = placed if placed is not None else known.guest
        if address is not None:
            self.config.place_bar(bar, address)

    def host_bar(self, bar: int) -> Value:
        known = self.card.bar(bar)
        return known.host if known is not None else None

    def bar_size(self, bar: int) -> Value:
        known = self.card.bar(bar)
        return known.size if known is not None else None
