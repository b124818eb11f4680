"""A window behind VGA ports, opened by a sequence of keys."""

from collections.abc import Iterator

from ..features import Claim, Feature, Known, Level, Use, register
from ..guests import Guest
from ..hardware import MASKS, VGA_REGION, Register
from ..programs import config_offsets, told_bars, use_address
from ..shapes import Target


@register
class VgaHandshake(Feature):
    """Key port and data port: open key, address, read or write key, data, as one port carries all but the keys."""

    kind = "vga-handshake"
    needs = frozenset({"vga"})

    def build(self) -> None:
        card, rng = self.card, self.rng
        pairs = [(k, d) for k, d in ((0x3B4, 0x3B0), (0x3CE, 0x3D8), (0x3D2, 0x3DC), (0x3BA, 0x3B2))]
        self.key, self.port = rng.choice(pairs)
        vga = card.region("vga")
        vga.claim(self.key, 2)
        vga.claim(self.port, 4)
        self.codes = rng.sample([c for c in range(0x100, 0xFFF) if c & 0xFF not in (0x38,)], 3)
        self.target = Target("config", rng.choice((0x1800, 0x4000, 0x100, 0x88000)), 0xFF)
        self.state, self.value = "closed", 0
        vga.place(self.key, 2, Register(write=self._key, width=2))
        vga.place(self.port, 4, Register(read=self._read, write=self._write))
        self.places += [(VGA_REGION, self.key, self.key + 1), (VGA_REGION, self.port, self.port + 3)]

    def _key(self, code: int) -> None:
        steps = {self.codes[0]: "select", self.codes[1]: "read", self.codes[2]: "write"}
        self.state = steps.get(code, "closed")

    def _read(self) -> int:
        at = self.target.reached(self.value, None)
        if self.state != "read" or at is None:
            return 0
        value = self.card.config.read(at, 4)
        self.uses.append(Use("config", at, 4, value, write=False))
        return value

    def _write(self, value: int) -> None:
        at = self.target.reached(self.value, None)
        if self.state == "select":
            self.value = value
        elif self.state == "write" and at is not None:
            self.card.config.write(at, value, 4)
            self.uses.append(Use("config", at, 4, value, write=True))

    def run(self, guest: Guest) -> Iterator[None]:
        words: dict[int, int] = {}
        for offset in self.thin(config_offsets(self.card, self.rng, 0x100)):
            self._open(guest, offset, self.codes[1])
            words[offset] = guest.read(VGA_REGION, self.port) & MASKS[4]
            yield
        scratch = sorted(k for k in self.card.config.writable if k >= 0x40 and k % 4 == 0)
        for offset in scratch[:1]:
            self._open(guest, offset, self.codes[2])
            guest.write(VGA_REGION, self.port, self.word())
            guest.config_read(offset)
            yield
        for bar in told_bars(self.card, words):
            yield from use_address(guest, self.rng, bar, self.rng.randint(1, 4))

    def _open(self, guest: Guest, offset: int, code: int) -> None:
        guest.write(VGA_REGION, self.key, self.codes[0], 2)
        guest.write(VGA_REGION, self.port, self.target.address(offset))
        guest.write(VGA_REGION, self.key, code, 2)

    def claims(self, known: Known) -> Iterator[Claim]:
        proven = known.proves_config(self.uses)
        level: Level = "required" if proven else "allowed"
        register_at = {"offset": self.port, "size": 4}
        yield Claim(level, {
            "kind": "window", "region": "vga", "address": register_at, "data": register_at,
            "targets": [self.target.entry(proven)],
        })  # fmt: skip
