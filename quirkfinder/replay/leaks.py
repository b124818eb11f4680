"""Host addresses that reads give the guest, and the accesses to nowhere that follow from them."""

from quirkfinder.card.model import Bar, Card
from quirkfinder.replay.accesses import Access
from quirkfinder.replay.environment import Value
from quirkfinder.replay.report import MOST, Leaked, Unassigned

#: an address below is no place of a BAR that anyone could tell from a small number
_LEAST = 0x1000


class LeakCount:
    """Counts reads that show a host address, without and with the quirks."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self._bars = {
            bar.host: bar
            for bar in card.bars
            if bar.host is not None and bar.host >= _LEAST and bar.index < 6 and bar.host != bar.guest
        }
        self.before = self.after = 0
        self.remaining: list[Leaked] = []
        self._first: tuple[dict[int, int], dict[int, int]] = ({}, {})  # BAR -> first row that showed it
        self._stray: list[tuple[int, int]] = []  # row, BAR

    def shown(self) -> list[int]:
        """Values (without the four flag bits) that show a host address."""
        return sorted({base & ~0xF & mask for base in self._bars for mask in (0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF)} - {0})

    def read(self, access: Access, before: Value, after: Value) -> None:
        """A read of the guest, with the answer it got and the one it would get."""
        leaked, leaks = self._bar(before, access.size), self._bar(after, access.size)
        if leaked is not None:
            self.before += 1
            self._first[0].setdefault(leaked.index, access.row)
        if leaks is not None:
            self.after += 1
            self._first[1].setdefault(leaks.index, access.row)
            if len(self.remaining) < MOST:
                self.remaining.append(Leaked(leaks.index, access.input, access.line, after or 0))

    def unassigned(self, row: int, address: int) -> None:
        """The guest touched a place where it has nothing."""
        for bar in self._bars.values():
            if bar.is_memory and bar.host_contains(address):
                self._stray.append((row, bar.index))
                return

    def avoided(self) -> tuple[Unassigned, ...]:
        """For each BAR the stray accesses, and those that the guest would have had no address for."""
        without, with_quirks = self._first
        found = []
        for index in sorted({bar for _, bar in self._stray}):
            rows = [row for row, bar in self._stray if bar == index]
            told = [row for row in rows if without.get(index, row) < row]
            kept = [row for row in told if with_quirks.get(index, row) < row]
            found.append(Unassigned(index, len(rows), len(told) - len(kept)))
        return tuple(found)

    def notes(self) -> tuple[str, ...]:
        """What this count cannot know."""
        if not any(bar.host is not None for bar in self.card.bars):
            return ("no host addresses are known: without a host inventory leaks cannot be counted",)
        same = [f"BAR{bar.index}" for bar in self.card.bars if bar.host is not None and bar.host == bar.guest]
        return (f"{', '.join(same)}: the guest has it where the host has it",) if same else ()

    def _bar(self, value: Value, size: int) -> Bar | None:
        if value is None or size < 2:
            return None
        for base, bar in self._bars.items():
            flags = 0xF if bar.is_memory else 0x3
            if value & ~flags == base & ((1 << 8 * size) - 1) and (size >= 4 or not bar.is_memory):
                return bar
        return None
