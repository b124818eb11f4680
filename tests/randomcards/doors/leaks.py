"""Registers that tell a host address without being config space."""

from collections.abc import Iterator

from ..features import Claim, Feature, Known, Level, register, significant_bits
from ..guests import Guest
from ..hardware import MASKS, Bar, Register, region_word
from ..programs import use_address


class Leak(Feature):
    """A register that computes its value from a host BAR address."""

    size = 4
    shift = 0

    def bar(self) -> Bar:
        return self.rng.choice([b for b in self.card.bars.values() if b.is_memory])

    def value(self) -> int:
        """What the register holds."""
        return self.leaked.host >> self.shift & MASKS[self.size]

    def build(self) -> None:
        self.leaked = self.bar()
        self.where = self.occupy("registers", 4)
        block = Register(read=self._tell)
        self.card.regions[self.where[0]].place(self.where[1], 4, block)
        self.reads = 0

    def _tell(self) -> int:
        self.card.tainted.add(self.leaked.index)
        return self.value()

    def read(self, guest: Guest) -> None:
        value = guest.read(*self.where, self.size)
        self.reads += 1
        if self.reads == 1 and self.rng.random() < 0.3:
            self.echo(guest, value)

    def echo(self, guest: Guest, value: int) -> None:
        """The driver keeps the value in a scratch register: that one tells only what it was told."""
        where = self.occupy("registers", 4)
        guest.write(*where, value, self.size)
        guest.read(*where, self.size)

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.thin(range(self.rng.randint(2, 4))):
            self.read(guest)
            yield
            if self.rng.random() < 0.7:
                yield from use_address(guest, self.rng, self.leaked, self.rng.randint(2, 4))

    def level(self, known: Known) -> Level:
        """What the log can prove of a value this long."""
        if not known.tells_host_bars or not self.reads:
            return "allowed"
        bits = significant_bits(self.value())
        needed = 5 if self.shift == 0 and self.size == 4 else 11
        return "required" if bits >= needed else "wanted" if bits >= 5 else "allowed"

    def claims(self, known: Known) -> Iterator[Claim]:
        yield Claim(self.level(known), self.entry(self.where[1]))

    def entry(self, offset: int, size: int | None = None, shift: int | None = None) -> dict[str, object]:
        return {
            "kind": "address-leak", "region": region_word(self.where[0]), "offset": offset, "size": size or self.size,
            "bar": self.leaked.index, "shift": self.shift if shift is None else shift,
        }  # fmt: skip


@register
class WholeLeak(Leak):
    """The low 32 bits of the address, some with the flag bits of the BAR."""

    kind = "leak-whole"

    def build(self) -> None:
        super().build()
        self.flags = self.rng.choice((0, self.leaked.flags))

    def value(self) -> int:
        return super().value() | self.flags


@register
class WideLeak(Leak):
    """Both halves of a 64-bit address, in two registers."""

    kind = "leak-wide"
    needs = frozenset({"wide"})

    def bar(self) -> Bar:
        high = [b for b in self.card.bars.values() if b.host >> 32]
        return self.rng.choice(high) if high else super().bar()

    def build(self) -> None:
        self.leaked = self.bar()
        self.where = self.occupy("registers", 8, 8)
        self.card.regions[self.where[0]].place(self.where[1], 8, Register(read=self._tell, width=8))
        self.reads = 0

    def value(self) -> int:
        return self.leaked.host

    def read(self, guest: Guest) -> None:
        region, at = self.where
        guest.read(region, at)
        guest.read(region, at + 4)
        self.reads += 1

    def level(self, known: Known) -> Level:
        if not known.tells_host_bars or not self.reads:
            return "allowed"
        low = significant_bits(self.leaked.host & MASKS[4])
        return "required" if low >= 5 else "wanted"

    def claims(self, known: Known) -> Iterator[Claim]:
        yield Claim(self.level(known), self.entry(self.where[1], 4, 0))
        yield Claim("allowed", self.entry(self.where[1] + 4, 4, 32))  # may be said with the low half, as 8 bytes


@register
class HighHalf(WideLeak):
    """Only the upper 32 bits are read."""

    kind = "leak-high-half"

    def read(self, guest: Guest) -> None:
        guest.read(self.where[0], self.where[1] + 4)
        self.reads += 1

    def claims(self, known: Known) -> Iterator[Claim]:
        high = significant_bits(self.leaked.host >> 32)
        level: Level = "wanted" if high >= 9 and known.tells_host_bars else "allowed"
        yield Claim(level, self.entry(self.where[1] + 4, 4, 32))


@register
class ShiftedLeak(Leak):
    """The address in units of 256 bytes, 4 KiB or 64 KiB."""

    kind = "leak-shifted"

    def build(self) -> None:
        super().build()
        self.shift = self.rng.choice((8, 12, 16))


@register
class SwappedLeak(Leak):
    """The address with its bytes the other way round: the contract has no word for it."""

    kind = "leak-byte-swapped"

    def value(self) -> int:
        return int.from_bytes((self.leaked.host & MASKS[4]).to_bytes(4, "little"), "big")

    def level(self, known: Known) -> Level:
        level = super().level(known)
        return "wanted" if level == "required" else level


@register
class SplitLeak(Leak):
    """Low and high 16 bits in two registers."""

    kind = "leak-split-halves"
    size = 2

    def build(self) -> None:
        self.leaked = self.bar()
        self.step = self.rng.choice((2, 4))
        self.where = self.occupy("registers", 8, 8)
        region = self.card.regions[self.where[0]]
        region.place(self.where[1], 2, Register(read=lambda: self._half(0), width=2))
        region.place(self.where[1] + self.step, 2, Register(read=lambda: self._half(16), width=2))
        self.reads = 0

    def _half(self, shift: int) -> int:
        self.card.tainted.add(self.leaked.index)
        return self.leaked.host >> shift & 0xFFFF

    def read(self, guest: Guest) -> None:
        region, at = self.where
        guest.read(region, at, 2)
        guest.read(region, at + self.step, 2)
        self.reads += 1

    def claims(self, known: Known) -> Iterator[Claim]:
        bits = significant_bits(self.leaked.host >> 16 & 0xFFFF)
        level: Level = "wanted" if known.tells_host_bars and self.reads and bits >= 9 else "allowed"
        yield Claim(level, self.entry(self.where[1] + self.step, 2, 16))
        yield Claim("allowed", self.entry(self.where[1], 2, 0))


@register
class StolenMemory(Leak):
    """The host address of memory that is no BAR: true, and nothing the contract asks for."""

    kind = "leak-stolen-memory"

    def value(self) -> int:
        return 0x7C800000 + (self.where[1] << 8 & 0xF00000)

    def _tell(self) -> int:
        return self.value() | 1

    def run(self, guest: Guest) -> Iterator[None]:
        self.read(guest)
        yield
        for _ in range(self.rng.randint(0, 3)):
            guest.physical_read(self.value() + self.rng.randrange(0, 0x1000, 4))
            yield

    def claims(self, known: Known) -> Iterator[Claim]:
        yield Claim("allowed", {**self.entry(self.where[1]), "bar": None})


@register
class VgaByte(Leak):
    """A VGA port gives one byte of an I/O BAR's address: likely at most."""

    kind = "leak-vga-byte"
    needs = frozenset({"vga", "ports"})
    size = 1
    shift = 8

    def bar(self) -> Bar:
        return self.card.bars[self.card.roles["ports"]]

    def build(self) -> None:
        self.leaked = self.bar()
        port = self.rng.choice((0x3C3, 0x3CB, 0x3CD, 0x3BF, 0x3DB))
        self.card.region("vga").claim(port, 1)
        self.where = (self.card.roles["vga"], port)
        self.places.append((*self.where, port))
        self.card.region("vga").place(port, 1, Register(read=self._tell, width=1))
        self.reads = 0

    def run(self, guest: Guest) -> Iterator[None]:
        for _ in self.thin(range(4)):
            self.read(guest)
            guest.port_write((self.value() << 8) + 4 * self.rng.randrange(4), self.word(), 4)
            yield

    def level(self, known: Known) -> Level:
        return "wanted" if known.tells_host_bars and self.reads >= 2 else "allowed"
