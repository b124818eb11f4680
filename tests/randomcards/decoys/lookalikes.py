"""Decoys that pass the easy tests: the same values on both sides, or a header that agrees behind an index."""

from collections.abc import Iterator

from ..features import Claim, Known, register
from ..guests import Guest
from ..hardware import BAR_FIELDS, Storage
from ..shapes import Target
from .decoy import Decoy
from .indexed import Indexed


@register
class WindowToCopy(Indexed):
    """A window onto private memory that holds the config header as it was burnt in: ids agree, BARs do not."""

    kind = "window-to-config-copy"

    def target(self) -> Target:
        return Target("private", self.rng.choice((0, 0x4000, 0x10000)), 0xFF)

    def storage(self) -> Storage:
        storage, card = Storage(self.rng.getrandbits(32)), self.card
        self.stale = self.rng.random() < 0.5
        for k in range(0, 0x40, 4):
            bar = card.bars.get((k - 0x10) // 4) if k in BAR_FIELDS else None
            word = int.from_bytes(card.config.values[k : k + 4], "little")
            if k in BAR_FIELDS:
                word = (0xF0000000 | k << 16 | bar.flags) if bar and self.stale else 0
            storage.write(k, {0x4: 0, 0x30: 0, 0x34: 0, 0x3C: 0x100}.get(k, word), 4)
        return storage

    def run(self, guest: Guest) -> Iterator[None]:
        for k in (*range(0, 0x40, 4), *self.rng.sample(range(0x40, 0x100, 4), 8)):
            self.window.load(guest, self.window.targets[0], k)
            if k % 16 == 12:
                yield

    def claims(self, known: Known) -> Iterator[Claim]:
        if self.stale and not known.tells_host_bars:
            config = Target("config", self.window.targets[0].match, 0xFF)
            yield Claim("allowed", self.window.entry([config.entry()]))


@register
class DualProgramming(Decoy):
    """The driver writes a table to registers and, by index, to private ones: equal values, no path between."""

    kind = "dual-programming"
    looks_like = "window"

    def build(self) -> None:
        self.pair = Indexed(self.card, self.rng)
        self.pair.build()
        self.places += self.pair.places
        span = self.pair.window.targets[0].mask + 1
        self.table = self.occupy("registers", span, 0x100)

    def run(self, guest: Guest) -> Iterator[None]:
        window = self.pair.window
        target = window.targets[0]
        offsets = self.rng.sample(range(0, target.mask + 1, 4), self.rng.randint(6, 16))
        for at in offsets:
            value = self.word()
            guest.write(self.table[0], self.table[1] + at, value)
            window.store(guest, target, at, value)
            yield
        for at in self.rng.sample(offsets, 5):
            guest.read(self.table[0], self.table[1] + at)
            window.load(guest, target, at)
            yield


@register
class SavedConfig(Decoy):
    """The driver keeps a copy of config space in the card's memory, and reads it back."""

    kind = "saved-config"
    looks_like = "config-mirror"

    def build(self) -> None:
        self.where = self.occupy("memory", 0x100, 0x100)

    def run(self, guest: Guest) -> Iterator[None]:
        region, start = self.where
        for at in range(0, 0x40, 4):
            guest.write(region, start + at, guest.config_read(at))
        yield
        for at in self.rng.sample(range(0, 0x40, 4), 12):
            guest.read(region, start + at)
            yield
