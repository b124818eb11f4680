"""The recomposition engine: a device's regions with quirks laid over them, as QEMU would put them together.

It answers accesses one at a time and knows nothing of traces; `Environment` is what stands behind the quirks.
"""

from dataclasses import dataclass

from quirkfinder.definition.model import QuirkDefinition
from quirkfinder.replay.environment import Environment, Value, part
from quirkfinder.replay.leak import LeakModel
from quirkfinder.replay.mirror import MirrorModel
from quirkfinder.replay.outcome import Read, Written
from quirkfinder.replay.regions import Overlay, Region, bar_limit
from quirkfinder.replay.sink import SinkModel
from quirkfinder.replay.window import WindowModel

Model = WindowModel | MirrorModel | LeakModel | SinkModel


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an access: which model got it, at which offset of the space, and what came of it."""

    model: Model | None
    offset: int
    size: int
    read: Read | None = None
    written: Written | None = None


class Engine:
    """The quirks of definitions over one device. `qemu` is the release whose splitting of accesses is followed."""

    def __init__(
        self, definitions: tuple[QuirkDefinition, ...], env: Environment, qemu: tuple[int, int] = (11, 1)
    ) -> None:
        self.env = env
        self.models: list[Model] = []
        self._overlay: Overlay[Model] = Overlay(bar_limit(qemu))
        for definition in definitions:
            self._add(definition)

    def _add(self, definition: QuirkDefinition) -> None:
        models: list[Model] = [WindowModel.of(definition, window) for window in definition.windows]
        models += [MirrorModel(mirror) for mirror in definition.mirrors]
        models += [LeakModel(leak) for leak in definition.leaks]
        models += [SinkModel(sink) for sink in definition.sinks]
        self.models += models
        for model in models:
            for region in model.regions():
                self._overlay.add(region, model)

    def regions(self) -> list[tuple[Region, Model]]:
        """Every quirk region and the model behind it."""
        return list(self._overlay.regions())

    def reset(self) -> None:
        """As after a reset of the device."""
        for model in self.models:
            model.reset()

    def read(self, space: int, offset: int, size: int) -> tuple[Value, list[Part]]:
        """What the guest gets for a read, and the parts QEMU splits it into."""
        value: Value = 0
        parts = []
        for piece in self._overlay.split(space, offset, size):
            if piece.region is None or piece.owner is None:
                read = Read(self.env.hardware_read(space, piece.address, piece.size))
            else:
                register = piece.region.offset
                read = piece.owner.read(register, piece.address - register, piece.size, self.env)
            parts.append(Part(piece.owner, piece.address, piece.size, read=read))
            shift = 8 * (piece.address - offset)
            value = None if value is None or read.value is None else value | (read.value << shift)
        return value, parts

    def write(self, space: int, offset: int, size: int, value: Value) -> list[Part]:
        """A write of the guest; the parts QEMU splits it into."""
        parts = []
        for piece in self._overlay.split(space, offset, size):
            written_value = part(value, piece.address - offset, piece.size)
            if piece.region is None or piece.owner is None:
                self.env.hardware_write(space, piece.address, piece.size, written_value)
                parts.append(Part(None, piece.address, piece.size, written=Written()))
                continue
            register = piece.region.offset
            written = piece.owner.write(register, piece.address - register, piece.size, written_value, self.env)
            parts.append(Part(piece.owner, piece.address, piece.size, written=written))
        return parts
