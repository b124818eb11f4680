"""A window as a feature: placement, a driver that reads config space or registers through it, and its truth."""

from collections.abc import Iterator

from ..features import Claim, Entry, Feature, Known, Use
from ..guests import Guest
from ..hardware import MASKS
from ..programs import config_offsets, told_bars, use_address
from ..shapes import Shape, Target
from ..windowing import Window


class WindowDoor(Feature):
    """The general case; kinds override `shape` and `targets`, a few also the program."""

    #: Where address and data lie: roles tried in this order.
    roles: tuple[str, ...] = ("ports", "registers")

    def shape(self) -> Shape:
        return Shape()

    def targets(self) -> list[Target]:
        return [self.config_target()]

    # -- building ------------------------------------------------------------------------------------------------

    def config_mask(self) -> int:
        """0xff, or 0xfff where the card has extended config space and the window reaches it."""
        return 0xFFF if self.card.config.size > 256 and self.rng.random() < 0.5 else 0xFF

    def config_target(self, select: int | None = None) -> Target:
        match = self.rng.choice((0, 0x4000, 0x1800, 0x88000, 0x10000, 0xF000, 0x80000000, 0x3F0000))
        mask = 0xFF if match == 0x1800 else self.config_mask()
        return Target("config", match, mask, select=select)

    def role(self) -> str:
        have = [r for r in self.roles if r in self.card.roles]
        return self.rng.choice(have)

    def build(self) -> None:
        self.form = self.shape()
        self.window = Window(self.card, self.rng, self.targets(), self.form, self.uses)
        self.place(self.role())
        if self.rng.random() < 0.25:
            self.spots = [self.occupy("registers", 4) for _ in range(4)]
            self.window.distract = self.distract
        self.window.install()

    def distract(self, guest: Guest) -> None:
        """Something else comes between address and data: an interrupt handler, another thread."""
        for _ in range(self.rng.choice((0, 0, 1, 3))):
            spot = self.rng.choice(self.spots)
            if self.rng.random() < 0.5:
                guest.read(*spot)
            else:
                guest.write(*spot, self.rng.getrandbits(32))

    def place(self, role: str) -> None:
        """Address and data side by side, in either order, or a little apart; the other registers near them."""
        window, rng = self.window, self.rng
        limit = 0x1000 if role == "registers" and rng.random() < 0.5 else None
        region, first = self.occupy(role, 8, 8, limit)
        window.address, window.data = (region, first), (region, first + 4)
        style = rng.random()
        if style < 0.25:
            window.address, window.data = window.data, window.address
        elif style < 0.4:
            window.data = self.beside(window.address)
        if window.shape.mode:
            window.mode = self.beside(window.address)
        if window.shape.command:
            window.command = self.beside(window.address)
        window.switches = [self.beside(window.address) for _ in window.shape.switches]

    # -- the guest's program -------------------------------------------------------------------------------------

    def run(self, guest: Guest) -> Iterator[None]:
        self.window.arm(guest)
        for target in self.window.targets:
            if target.space == "config":
                yield from self.read_config(guest, target)
            elif target.space.startswith("bar"):
                yield from self.reach_bar(guest, target)

    def read_config(self, guest: Guest, target: Target) -> Iterator[None]:
        size = self.window.shape.data_size
        offsets = config_offsets(self.card, self.rng, target.base + target.scale * (target.mask + 1), size)
        words: dict[int, int] = {}
        for offset in self.thin(offsets):
            value = self.window.load(guest, target, offset, size)
            at, shift = offset & ~3, 8 * (offset & 3)
            words[at] = words.get(at, 0) | (value & MASKS[size]) << shift
            yield
        if self.rng.random() < 0.3:
            yield from self.write_config(guest, target)
        if self.rng.random() < 0.7:
            for bar in told_bars(self.card, words):
                yield from use_address(guest, self.rng, bar, self.rng.randint(2, 5))

    def write_config(self, guest: Guest, target: Target) -> Iterator[None]:
        """Write a scratch field through the window; the guest's config space shows it afterwards."""
        scratch = sorted(k for k in self.card.config.writable if k >= 0x40 and k % 4 == 0)
        for offset in self.rng.sample(scratch, min(2, len(scratch))):
            if offset <= target.mask and self.window.shape.data_size == 4:
                self.window.store(guest, target, offset, self.word())
                guest.config_read(offset)
                yield

    def plain(self, target: Target, count: int) -> list[int]:
        """Registers behind the target that nothing else uses."""
        bar = int(target.space[3:])
        region = self.card.regions[bar]
        span = min(region.size, target.base + target.scale * (target.mask + 1))
        if target.base:
            return [region.allocate_between(self.rng, 4, 4, target.base, span) for _ in range(count)]
        return [region.allocate(self.rng, 4, 4, span) for _ in range(count)]

    def reach_bar(self, guest: Guest, target: Target) -> Iterator[None]:
        bar, size = int(target.space[3:]), min(4, self.window.shape.data_size)
        for offset in self.thin(self.plain(target, self.rng.randint(8, 14))):
            self.both_ways(guest, target, bar, offset, size)
            yield

    def both_ways(self, guest: Guest, target: Target, bar: int, offset: int, size: int) -> None:
        """Written on one side, read on the other; or read on both."""
        style, value = self.rng.random(), self.word() & MASKS[size]
        if style < 0.4:
            guest.write(bar, offset, value, size)
            self.window.load(guest, target, offset, size)
        elif style < 0.7:
            self.window.store(guest, target, offset, value, size)
            guest.read(bar, offset, size)
        else:
            guest.read(bar, offset, size)
            self.window.load(guest, target, offset, size)

    # -- truth ---------------------------------------------------------------------------------------------------

    def proven(self, target: Target, known: Known) -> bool:
        """Can the log prove this target?"""
        uses = [u for u in self.uses if u.space == target.space and self._reaches(target, u)]
        if target.space == "config":
            return known.proves_config(uses)
        return target.space.startswith("bar") and known.proves_bar(int(target.space[3:]), uses)

    @staticmethod
    def _reaches(target: Target, use: Use) -> bool:
        return target.base <= use.offset < target.base + target.scale * (target.mask + 1)

    def claims(self, known: Known) -> Iterator[Claim]:
        entries: list[Entry] = [t.entry(self.proven(t, known)) for t in self.window.targets]
        found = any(e["required"] for e in entries)
        yield Claim("required" if found else "allowed", self.window.entry(entries))
