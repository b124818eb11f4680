"""BARs that show another BAR: a fixed stretch, or a page that a bank register chooses."""

from collections.abc import Iterator

from ..features import Claim, Entry, Feature, Known, Use, register
from ..guests import Guest
from ..hardware import MASKS, Card, Register, region_word


class Alias:
    """A stretch of a region that is another region's, from an offset on."""

    def __init__(self, card: Card, region: int, at: int) -> None:
        self.card, self.region, self.at = card, region, at
        self.uses: list[Use] = []

    def read(self, offset: int, size: int) -> int:
        value = self.card.read(self.region, self.at + offset, size)
        self.uses.append(Use(f"bar{self.region}", self.at + offset, size, value, write=False))
        return value

    def write(self, offset: int, value: int, size: int) -> None:
        self.card.write(self.region, self.at + offset, value, size)
        self.uses.append(Use(f"bar{self.region}", self.at + offset, size, value & MASKS[size], write=True))


def alias_entry(region: int, offset: int, size: int, target: int, target_offset: int) -> Entry:
    return {
        "kind": "bar-alias", "region": region_word(region), "offset": offset, "size": size,
        "target_region": region_word(target), "target_offset": target_offset,
    }  # fmt: skip


@register
class BarAlias(Feature):
    """The I/O BAR shows the first registers of the memory BAR, or a memory BAR a stretch of another."""

    kind = "bar-alias"
    needs = frozenset({"ports"})
    early = True

    def build(self) -> None:
        card, rng = self.card, self.rng
        registers = card.roles["registers"]
        if rng.random() < 0.6:
            self.region, self.offset, self.size, self.at = card.roles["ports"], 0, 0x80, 0
        else:
            self.region, self.size = card.roles["memory"], 0x1000
            self.offset, self.at = rng.randrange(16) * 0x1000, rng.randrange(1, 15) * 0x1000
        card.regions[self.region].claim(self.offset, self.size)
        region = card.regions[registers]
        free = [k for k in range(self.at, self.at + self.size, 4) if region.is_free(k, 4)]
        self.plain = sorted(rng.sample(free, min(len(free), rng.randint(8, 14))))
        for at in self.plain:
            region.reserve(at, 4)
        self.alias = Alias(card, registers, self.at)
        self.uses = self.alias.uses
        card.regions[self.region].place(self.offset, self.size, self.alias)
        self.places.append((self.region, self.offset, self.offset + self.size - 1))

    def run(self, guest: Guest) -> Iterator[None]:
        registers, shift = self.card.roles["registers"], self.offset - self.at
        for at in self.thin(self.plain):
            value, style = self.word(), self.rng.random()
            if style < 0.4:
                guest.write(registers, at, value)
                guest.read(self.region, at + shift)
            elif style < 0.7:
                guest.write(self.region, at + shift, value)
                guest.read(registers, at)
            else:
                guest.read(self.region, at + shift)
                guest.read(registers, at)
            yield

    def claims(self, known: Known) -> Iterator[Claim]:
        registers = self.card.roles["registers"]
        entry = alias_entry(self.region, self.offset, self.size, registers, self.at)
        yield Claim("required" if known.proves_bar(registers, self.uses) else "allowed", entry)


class PagedWindow(Feature):
    """A bank register chooses which page of the memory BAR an aperture shows."""

    shift = 16
    needs = frozenset({"roomy"})
    early = True

    def build(self) -> None:
        card, rng = self.card, self.rng
        registers, memory = card.roles["registers"], card.roles["memory"]
        self.size = 1 << self.shift
        region = card.regions[registers]
        self.aperture = rng.choice(range(self.size, region.size, self.size))
        region.claim(self.aperture, self.size)
        self.places.append((registers, self.aperture, self.aperture + self.size - 1))
        self.bank = self.occupy("registers", 4)
        self.pages = rng.sample(range(min(card.bars[memory].size >> self.shift, 1000)), 5)
        card.regions[self.bank[0]].place(self.bank[1], 4, Register(write=self._select))
        self.view = Alias(card, memory, 0)
        self.uses = self.view.uses
        card.regions[registers].place(self.aperture, self.size, self.view)

    def _select(self, value: int) -> None:
        self.view.at = value << self.shift

    def run(self, guest: Guest) -> Iterator[None]:
        registers, memory = self.card.roles["registers"], self.card.roles["memory"]
        for page in self.thin(self.pages * self.rng.choice((1, 2))):
            guest.write(*self.bank, page)
            spots = [0, self.size - 4] if self.rng.random() < 0.5 else [0]
            spots += [self.rng.randrange(0, self.size, 4) for _ in range(self.rng.randint(2, 4))]
            for spot in spots:
                value, at = self.word(), (page << self.shift) + spot
                if self.rng.random() < 0.5:
                    guest.write(memory, at, value)
                    guest.read(registers, self.aperture + spot)
                else:
                    guest.write(registers, self.aperture + spot, value)
                    guest.read(memory, at)
            yield

    def claims(self, known: Known) -> Iterator[Claim]:
        registers, memory = self.card.roles["registers"], self.card.roles["memory"]
        used = sorted({u.offset >> self.shift for u in self.uses})
        proven = len(used) >= 2 and known.proves_bar(memory, self.uses)
        yield Claim("required" if proven else "allowed", {
            "kind": "paged-window", "region": region_word(registers), "bank": {"offset": self.bank[1], "size": 4},
            "offset": self.aperture, "size": self.size, "shift": self.shift, "target_region": region_word(memory),
        })  # fmt: skip
        for page in used:
            yield Claim("allowed", alias_entry(registers, self.aperture, self.size, memory, page << self.shift))
        target: Entry = {"match": 0, "mask": MASKS[4], "space": region_word(memory), "scale": 1 << self.shift}
        target |= {"ignored": 0, "required": False}
        # The same, said as windows of one register each.
        for spot in sorted({u.offset & self.size - 1 for u in self.uses}):
            yield Claim("allowed", {
                "kind": "window", "region": region_word(registers), "address": {"offset": self.bank[1], "size": 4},
                "data": {"offset": self.aperture + spot, "size": 4}, "targets": [{**target, "base": spot}],
            })  # fmt: skip


@register
class PagedBy64K(PagedWindow):
    """64 KiB pages."""

    kind = "paged-window-16"


@register
class PagedBy4K(PagedWindow):
    """4 KiB pages."""

    kind = "paged-window-12"
    shift = 12
