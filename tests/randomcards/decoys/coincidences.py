"""Values that agree with config space or an address by design or by chance, and still lead nowhere."""

from collections.abc import Iterator

from ..features import Claim, Known, register
from ..guests import Guest
from ..hardware import BAR_FIELDS, MASKS, Register, Storage, region_word
from .decoy import Decoy


@register
class BurntInCopy(Decoy):
    """The config header as it left the factory: ids and class agree, BAR fields are zero or stale."""

    kind = "config-copy"
    looks_like = "config-mirror"

    def build(self) -> None:
        self.block = Storage(0, blank=True)
        self.at = self.install(0x40, self.block, align=0x40)
        self.stale = self.rng.random() < 0.5
        values = self.card.config.values
        for k in range(0, 0x40, 4):
            word = int.from_bytes(values[k : k + 4], "little")
            if k in BAR_FIELDS:
                bar = self.card.bars.get((k - 0x10) // 4)
                word = (0xF0000000 | k << 16 | bar.flags) if self.stale and bar else 0
            self.block.write(k, {0x4: 0, 0x30: 0, 0x34: 0, 0x3C: 0x100}.get(k, word), 4)

    def run(self, guest: Guest) -> Iterator[None]:
        for k in range(0, 0x40, 4):
            guest.read(self.region, self.at + k)
            if k % 16 == 12:
                yield

    def claims(self, known: Known) -> Iterator[Claim]:
        if self.stale and not known.tells_host_bars:  # nothing tells stale addresses from real ones
            yield Claim("allowed", {
                "kind": "config-mirror", "region": region_word(self.region), "offset": self.at, "size": 0x100,
                "config_offset": 0,
            })  # fmt: skip


@register
class ByteCoincidence(Decoy):
    """Registers of which one byte equals a byte of a BAR's address."""

    kind = "byte-coincidence"
    looks_like = "address-leak"

    def build(self) -> None:
        bar = self.rng.choice([b for b in self.card.bars.values() if b.is_memory])
        byte = bar.host >> 24 & 0xFF
        shapes = (byte, byte << 8 | 0x11, byte << 24 | self.rng.getrandbits(23) | 1, byte << 16 | 0x20)
        self.values = [value for value in shapes if (value ^ bar.host) & MASKS[4]]
        _, self.at = self.occupy("registers", 4 * len(self.values), 16)
        region = self.card.regions[self.region]
        for k, value in enumerate(self.values):
            region.place(self.at + 4 * k, 4, Register(value))

    def run(self, guest: Guest) -> Iterator[None]:
        for k in range(len(self.values)):
            guest.read(self.region, self.at + 4 * k, self.rng.choice((4, 4, 1)))
            yield


@register
class IdRegisters(Decoy):
    """The vendor and device id in a revision block, as many cards have it; nothing of config space around."""

    kind = "id-registers"
    looks_like = "config-mirror"

    def build(self) -> None:
        values = self.card.config.values
        ids = int.from_bytes(values[0:4], "little")
        _, self.at = self.occupy("registers", 16, 16)
        region = self.card.regions[self.region]
        words = [ids, self.rng.getrandbits(32), values[8] << 24 | 0x11, self.rng.getrandbits(16)]
        for k, value in enumerate(words):
            region.place(self.at + 4 * k, 4, Register(value))

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.repeated(1, 3):
            for k in range(0, 16, 4):
                guest.read(self.region, self.at + k)
            yield


@register
class CopyLoop(Decoy):
    """The guest copies counters of one BAR into another: the same values, and no path between them."""

    kind = "copy-loop"
    looks_like = "bar-alias"

    def build(self) -> None:
        self.count = self.rng.randrange(1 << 20)
        self.at = self.install(4, Register(read=self._tick))
        self.where = self.occupy("memory", 0x100, 0x100)

    def _tick(self) -> int:
        self.count += self.rng.randrange(1 << 16)
        return self.count

    def run(self, guest: Guest) -> Iterator[None]:
        region, start = self.where
        for k in self.repeated(10, 60):
            guest.write(region, start + 4 * k, guest.read(self.region, self.at))
            if k % 8 == 0:
                yield
        for k in range(0, 10, 3):
            guest.read(region, start + 4 * k)
        yield
