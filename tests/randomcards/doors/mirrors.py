"""Copies of config space inside a BAR: the card's own, a companion's, the bridge's above."""

from collections.abc import Iterator

from ..features import Claim, Entry, Feature, Known, Level, Use, register
from ..guests import Guest
from ..hardware import MASKS, ConfigSpace, Function, region_word
from ..programs import config_offsets, told_bars, use_address


class MirrorBlock:
    """A stretch of a BAR that is config space. `at`: the config offset of its first byte."""

    def __init__(self, config: ConfigSpace, at: int = 0) -> None:
        self.config, self.at = config, at
        self.uses: list[Use] = []

    def read(self, offset: int, size: int) -> int:
        value = self.config.read(self.at + offset, size)
        self.uses.append(Use("config", self.at + offset, size, value, write=False))
        return value

    def write(self, offset: int, value: int, size: int) -> None:
        self.config.write(self.at + offset, value, size)
        self.uses.append(Use("config", self.at + offset, size, value & MASKS[size], write=True))


def mirror_entry(where: tuple[int, int], size: int, config_offset: int = 0, function: str | None = None) -> Entry:
    return {
        "kind": "config-mirror", "region": region_word(where[0]), "offset": where[1], "size": size,
        "config_offset": config_offset, "function": function,
    }  # fmt: skip


class Mirror(Feature):
    """The general case; kinds say how long it is and how wide the driver reads."""

    width: int = 4
    role = "registers"
    #: Bytes of ordinary registers on both sides that the driver reads, too: the evidence that the copy ends there.
    margins: tuple[int, int] = (0, 0)

    def length(self) -> int:
        return 0x100

    def config_offset(self) -> int:
        return 0

    def source(self) -> ConfigSpace:
        return self.card.config

    def build(self) -> None:
        self.size = self.length()
        align = self.rng.choice((self.size, 0x100, 0x40))
        before, after = self.margins
        region, start = self.occupy(self.role, before + self.size + after, align)
        self.where = (region, start + before)
        self.around: dict[int, int] = {}  # what lies where config space would go on
        self.block = MirrorBlock(self.source(), self.config_offset())
        self.uses = self.block.uses
        self.card.regions[self.where[0]].place(self.where[1], self.size, self.block)

    def offsets(self) -> list[int]:
        first = self.config_offset()
        every = config_offsets(self.card, self.rng, first + self.size, self.width)
        return [k for k in every if k >= first]

    def run(self, guest: Guest) -> Iterator[None]:
        words: dict[int, int] = {}
        region, start = self.where
        before, after = self.margins
        for at in (*range(start - before, start, 4), *range(start + self.size, start + self.size + after, 4)):
            value = self.word()
            guest.write(region, at, value)
            guest.read(region, at)
            self.around[at - start + self.block.at] = value
            if self.rng.random() < 0.5:
                guest.config_read(at - start + self.block.at)
        for offset in self.thin(self.offsets()):
            value = guest.read(region, start + offset - self.block.at, self.width)
            self._collect(words, offset, value)
            yield
        if self.rng.random() < 0.7 and self.neighbour() is None:
            for bar in told_bars(self.card, words):
                yield from use_address(guest, self.rng, bar, self.rng.randint(2, 5))

    def _collect(self, words: dict[int, int], offset: int, value: int) -> None:
        """Put what was read together to dwords."""
        for k in range(self.width):
            at = offset + k
            words[at & ~3] = words.get(at & ~3, 0) | (value >> 8 * k & 0xFF) << 8 * (at & 3)

    def claims(self, known: Known) -> Iterator[Claim]:
        level: Level = "required" if known.proves_config(self.uses) else "allowed"
        first, last = self.config_offset(), self.config_offset() + self.size
        region, start = self.where
        if not any(at < first and known.refutes_config(at, v) for at, v in self.around.items()):
            start, first = start - first, 0
        if last < 0x100 and not any(at >= last and known.refutes_config(at, v) for at, v in self.around.items()):
            last = 0x100  # nothing shows that it ends before
        yield Claim(level, mirror_entry((region, start), last - first, first))


@register
class ConfigMirror(Mirror):
    """256 bytes of config space somewhere in the register BAR."""

    kind = "config-mirror"

    def run(self, guest: Guest) -> Iterator[None]:
        yield from super().run(guest)
        scratch = sorted(k for k in self.card.config.writable if k >= 0x40 and k % 4 == 0)
        for offset in self.rng.sample(scratch, min(len(scratch), 2)):
            guest.write(self.where[0], self.where[1] + offset, self.word())
            guest.config_read(offset)
            yield


@register
class SmallMirror(Mirror):
    """Only the 64 bytes of the header."""

    kind = "config-mirror-64"
    margins = (0, 0x20)

    def length(self) -> int:
        return 0x40


@register
class ExtendedMirror(Mirror):
    """All 4096 bytes, and the driver reads beyond 0xff."""

    kind = "config-mirror-4096"
    needs = frozenset({"extended"})

    def length(self) -> int:
        return 0x1000


@register
class MirrorInBytes(Mirror):
    """Read a byte at a time."""

    kind = "config-mirror-bytes"
    width = 1


@register
class MirrorInWords(Mirror):
    """Read a word at a time."""

    kind = "config-mirror-words"
    width = 2


@register
class MirrorInQwords(Mirror):
    """Read 8 bytes at a time (two of 4 before QEMU 2.10)."""

    kind = "config-mirror-qwords"
    width = 8

    def offsets(self) -> list[int]:
        return sorted({k & ~7 for k in super().offsets()})


@register
class PartialMirror(Mirror):
    """A copy that starts in the middle of config space: the BARs and what follows."""

    kind = "config-mirror-partial"
    margins = (0x10, 0x20)

    def length(self) -> int:
        return 0x70

    def config_offset(self) -> int:
        return 0x10


class NeighbourMirror(Mirror):
    """Config space of another function: found only where the host's inventory shows that function."""

    bridge = False

    def neighbour(self) -> Function:
        return next(f for f in self.card.neighbours if f.is_bridge == self.bridge)

    def source(self) -> ConfigSpace:
        return self.neighbour().config

    def offsets(self) -> list[int]:
        values = self.source().values
        return [k for k in range(0, 0x100, 4) if any(values[k : k + 4]) and self.rng.random() < 0.8]

    def claims(self, known: Known) -> Iterator[Claim]:
        told = {u.offset for u in self.uses if u.value not in (0, 0xFFFFFFFF) and u.offset < known.dumped_neighbours}
        shown = len(told) >= 5
        yield Claim("required" if shown else "allowed", mirror_entry(self.where, 0x100, 0, self.neighbour().address))


@register
class CompanionMirror(NeighbourMirror):
    """The audio function beside a graphics card, for example."""

    kind = "config-mirror-companion"


@register
class BridgeMirror(NeighbourMirror):
    """The bridge above the card."""

    kind = "config-mirror-bridge"
    bridge = True
