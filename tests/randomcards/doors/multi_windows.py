"""Windows that come in twos, lie across BARs, or reach their target by a detour."""

from collections.abc import Iterator
from dataclasses import replace

from ..features import Claim, Known, Level, Use, register
from ..guests import Guest
from ..hardware import region_word
from ..programs import config_offsets
from ..shapes import Shape, Target
from ..windowing import Window
from .aliases import Alias
from .mirrors import MirrorBlock, mirror_entry
from .window_door import WindowDoor


@register
class TwoBars(WindowDoor):
    """The I/O BAR shows the first registers of a memory BAR: the same pair can be worked through both."""

    kind = "window-two-bars"
    needs = frozenset({"ports"})
    early = True

    def place(self, role: str) -> None:
        registers, ports = self.card.roles["registers"], self.card.roles["ports"]
        self.card.regions[ports].claim(0, 0x80)
        offset = self.card.regions[registers].allocate(self.rng, 8, 8, 0x80)
        self.places += [(registers, offset, offset + 7), (ports, 0, 0x7F)]
        self.window.address, self.window.data = (registers, offset), (registers, offset + 4)
        self.alias = Alias(self.card, registers, 0)
        self.card.regions[ports].place(0, 0x80, self.alias)

    def load_elsewhere(self, guest: Guest, target: Target, offset: int) -> None:
        """The same read through the other BAR."""
        ports = self.card.roles["ports"]
        guest.write(ports, self.window.address[1], target.address(offset))
        guest.read(ports, self.window.data[1])

    def read_config(self, guest: Guest, target: Target) -> Iterator[None]:
        for offset in self.thin(config_offsets(self.card, self.rng, target.mask + 1)):
            if self.rng.random() < 0.5:
                self.load_elsewhere(guest, target, offset)
            else:
                self.window.load(guest, target, offset)
            yield

    def claims(self, known: Known) -> Iterator[Claim]:
        ports = region_word(self.card.roles["ports"])
        mostly_there = sum(not use.write for use in self.alias.uses) * 2 > len(self.uses)
        for claim in super().claims(known):
            here, there = claim.entry, {**claim.entry, "region": ports}
            if mostly_there:  # the end that was used more is the one to find
                here, there = there, here
            yield Claim(claim.level, here)
            yield Claim("allowed", {**there, "targets": _optional(claim)})
        yield Claim("allowed", {
            "kind": "bar-alias", "region": ports, "offset": 0, "size": 0x80,
            "target_region": region_word(self.card.roles["registers"]), "target_offset": 0,
        })  # fmt: skip


def _optional(claim: Claim) -> list[dict[str, object]]:
    return [{**t, "required": False} for t in claim.entry["targets"]]


@register
class SplitBars(WindowDoor):
    """The address register in one BAR, the data register in another: the contract has no shape for it."""

    kind = "window-across-bars"
    needs = frozenset({"ports"})

    def place(self, role: str) -> None:
        self.window.address = self.occupy("ports", 4)
        self.window.data = self.occupy("registers", 4)

    def claims(self, known: Known) -> Iterator[Claim]:
        entry = self.window.entry([t.entry() for t in self.window.targets])
        for region in (self.window.address[0], self.window.data[0]):
            yield Claim("allowed", {**entry, "region": region_word(region)})


@register
class Interleaved(WindowDoor):
    """Two windows worked at the same time: both addresses, then both data registers."""

    kind = "windows-interleaved"

    def build(self) -> None:
        super().build()
        first, self.window = self.window, Window(self.card, self.rng, [self.other_target()], Shape(), [])
        self.place("registers")
        self.window.install()
        self.window, self.second = first, self.window

    def other_target(self) -> Target:
        bar = self.card.roles["memory"]
        return Target(f"bar{bar}", 0, self.card.bars[bar].size - 1)

    def run(self, guest: Guest) -> Iterator[None]:
        config, behind = self.window.targets[0], self.second.targets[0]
        bar, span = int(behind.space[3:]), config.mask + 1
        plain = self.plain(behind, 16)
        pairs = list(zip(config_offsets(self.card, self.rng, span), plain, strict=False))
        for offset, register_at in self.thin(pairs):
            guest.write(bar, register_at, self.word())
            self.window.choose(guest, config, offset)
            self.second.choose(guest, behind, register_at)
            order = [self.window, self.second]
            self.rng.shuffle(order)
            for window in order:
                guest.read(*window.data)
            yield

    def claims(self, known: Known) -> Iterator[Claim]:
        yield from super().claims(known)
        target = self.second.targets[0]
        proven = known.proves_bar(int(target.space[3:]), self.second.uses)
        yield Claim("required" if proven else "allowed", self.second.entry([target.entry(proven)]))


@register
class ThroughMirror(WindowDoor):
    """A window onto a BAR that holds a copy of config space: config space by a detour."""

    kind = "window-to-mirror"

    def targets(self) -> list[Target]:
        bar = self.card.roles["registers"]
        return [Target(f"bar{bar}", 0, self.card.bars[bar].size - 1)]

    def build(self) -> None:
        super().build()
        self.mirror = self.occupy("registers", 0x100, 0x100)
        self.block = MirrorBlock(self.card.config)
        self.seen: list[Use] = []  # what was read of it without the window
        self.card.regions[self.mirror[0]].place(self.mirror[1], 0x100, self.block)

    def reach_bar(self, guest: Guest, target: Target) -> Iterator[None]:
        bar, start = self.mirror
        for offset in self.thin(config_offsets(self.card, self.rng, 0x100)):
            if self.rng.random() < 0.6:
                guest.read(bar, start + offset)
                self.seen.append(self.block.uses[-1])
            self.window.load(guest, target, start + offset)
            yield
        yield from super().reach_bar(guest, target)

    def claims(self, known: Known) -> Iterator[Claim]:
        yield from super().claims(known)
        level: Level = "required" if known.proves_config(self.seen) else "allowed"
        yield Claim(level, mirror_entry(self.mirror, 0x100))


@register
class MsixTable(WindowDoor):
    """Busy bit, byte enables, and behind the window the MSI-X table, which QEMU never shows."""

    kind = "window-msix-table"
    needs = frozenset({"msix"})

    def shape(self) -> Shape:
        return Shape(flag=31, enables=12)

    def targets(self) -> list[Target]:
        return [Target("msix-table", self.rng.choice((0x10000, 0x20000)), 0xFFF, ignored=0x8000F000)]

    def run(self, guest: Guest) -> Iterator[None]:
        card, target = self.card, self.window.targets[0]
        for entry in range(card.table_entries):  # the host's kernel has programmed the vectors
            card.table.write(16 * entry, 0xFEE00000 | self.rng.randrange(1, 0x3F) << 4 | 8, 4)
            card.table.write(16 * entry + 12, 0, 4)
        steps = [(entry, word) for entry in range(card.table_entries) for word in (0, 4, 8)]
        for entry, word in self.thin(steps[: 3 * self.rng.randint(4, 8)]):
            self.window.load(guest, target, 16 * entry + word)
            if word != 4:
                value = 0xFEE00000 | self.rng.choice((0, 0x1000)) if word == 0 else 0x4020 + entry
                self.window.store(guest, target, 16 * entry + word, value)
            yield

    def claims(self, known: Known) -> Iterator[Claim]:
        told = {u.offset for u in self.uses if u.offset % 16 == 0 and u.value >> 20 == 0xFEE}
        level: Level = "wanted" if len(told) >= 4 else "allowed"
        target = self.window.targets[0]
        behind = replace(target, space=f"bar{self.card.table_bar}", base=self.card.table_offset)
        yield Claim(level, self.window.entry([target.entry(), behind.entry()]))
        region, site = self.window.data
        for what in ("msi-address", "msi-data"):  # the table's words, as a sink of messages
            entry = {"kind": "address-sink", "region": region_word(region), "what": what, "sites": [site]}
            yield Claim("allowed", entry)
