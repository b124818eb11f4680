"""The functions of the host, joined from every listing that shows them; what disagrees is said.

Where listings differ, the kernel's (`resource`) is believed before lspci's text and that before the bytes of the
registers: the kernel knows what it decodes, the registers may read 0 or all ones while the card sleeps.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from quirkfinder.card.model import Contradiction, Position
from quirkfinder.events import ROM
from quirkfinder.inventory.facts import Facts, HostFunction, InventoryBar

#: Where the kernel places the ROM of the card it booted with: a copy in RAM. The register holds another address.
_SHADOW = 0xC_0000
_TRUST = {"resource": 0, "lspci": 1, "config": 2, "info pci": 1}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one listing says of one function."""

    function: HostFunction
    input: int

    @property
    def position(self) -> Position:
        return Position(self.input, max(self.function.line, 1))


@dataclass(slots=True)
class Function:
    """One PCI function with all statements about it, the most trusted first."""

    address: str | None
    statements: list[Statement] = field(default_factory=list)

    def first(self, name: str) -> int | None:
        """The first statement's value of a number that is not None."""
        return next((v for s in self.statements if (v := getattr(s.function, name)) is not None), None)

    @property
    def name(self) -> str:
        return next((s.function.name for s in self.statements if s.function.name), "")

    @property
    def config(self) -> bytes:
        return max((s.function.config for s in self.statements), key=len, default=b"")

    @property
    def driver(self) -> str | None:
        return next((s.function.driver for s in self.statements if s.function.driver), None)

    @property
    def is_bridge(self) -> bool:
        return any(s.function.is_bridge for s in self.statements)

    @property
    def asleep(self) -> bool:
        return any(s.function.asleep for s in self.statements)

    @property
    def identity(self) -> tuple[int | None, int | None, int | None, int | None]:
        """Vendor, device, subsystem vendor, subsystem."""
        return self.first("vendor"), self.first("device"), self.first("subvendor"), self.first("subdevice")

    def bars(self) -> dict[int, InventoryBar]:
        """The numbered BARs, each with the most trusted address, size and kind that any statement has."""
        joined: dict[int, InventoryBar] = {}
        for _, bar in self.bar_statements():
            index = bar.index
            if index is None:
                continue
            shown = replace(bar, address=None, size=None) if index == ROM and bar.address == _SHADOW else bar
            known = joined.get(index)
            joined[index] = shown if known is None else _completed(known, shown)
        return joined

    def unnumbered(self) -> list[InventoryBar]:
        """BARs of `lspci -v`, which prints no index, that no numbered statement has."""
        addresses = {bar.address for bar in self.bars().values()}
        return [bar for _, bar in self.bar_statements() if bar.index is None and bar.address not in addresses]

    def bar_statements(self) -> Iterator[tuple[Statement, InventoryBar]]:
        for statement in self.statements:
            for bar in statement.function.bars:
                yield statement, bar


def _completed(known: InventoryBar, other: InventoryBar) -> InventoryBar:
    """What the more trusted statement leaves open, from the other one."""
    return replace(
        known,
        kind=other.kind if known.kind == "unknown" else known.kind,
        address=other.address if known.address is None else known.address,
        size=other.size if known.size is None else known.size,
        prefetchable=other.prefetchable if known.prefetchable is None else known.prefetchable,
    )


def join_functions(facts: Sequence[Facts]) -> list[Function]:
    """Every function of the host's listings that names its address, by address."""
    by_address: dict[str, Function] = {}
    for one in facts:
        for function in one.functions:
            if function.address is not None:
                joined = by_address.setdefault(function.address, Function(function.address))
                joined.statements.append(Statement(function, one.input))
    for function_of in by_address.values():
        function_of.statements.sort(key=_trust)
    return [by_address[address] for address in sorted(by_address)]


def nameless(facts: Sequence[Facts]) -> list[Statement]:
    """Statements that do not say whose they are: sysfs `resource` files, dumps without a heading."""
    return [Statement(f, one.input) for one in facts for f in one.functions if f.address is None]


def _trust(statement: Statement) -> int:
    return _TRUST[statement.function.source]


def attach(statement: Statement, function: Function) -> None:
    """Add a statement to the function it turned out to be about."""
    function.statements.append(statement)
    function.statements.sort(key=_trust)


def agreement(statement: HostFunction, function: Function) -> tuple[int, int]:
    """How many BAR addresses of a nameless statement equal the function's, and how many differ."""
    bars = function.bars()
    same = different = 0
    for bar in statement.bars:
        other = bars.get(bar.index) if bar.index is not None else None
        if other is None or bar.address is None or other.address is None:
            continue
        sized_alike = None in (bar.size, other.size) or bar.size == other.size
        agrees = bar.address == other.address and sized_alike
        same, different = same + agrees, different + (not agrees)
    known = (statement.vendor, statement.device)
    if None not in known and None not in function.identity[:2]:
        different += known != function.identity[:2]
    return same, different


def contradictions(function: Function) -> list[Contradiction]:
    """Statements about one function that cannot all be right."""
    found = [*_asleep(function)]
    for name, word in (("vendor", "vendor id"), ("device", "device id"), ("subdevice", "subsystem id")):
        values = [(s.position, v) for s in function.statements if (v := getattr(s.function, name)) is not None]
        found += _differing(f"{function.address}: the {word}", values, "04x")
    indexes = sorted({bar.index for _, bar in function.bar_statements() if bar.index is not None})
    for index in indexes:
        found += _bar_contradictions(function, index)
    return found


def _bar_contradictions(function: Function, index: int) -> Iterator[Contradiction]:
    what = f"{function.address}: the {'option ROM' if index == ROM else f'BAR{index}'}'s"
    bars = [
        (Position(s.input, max(b.line, 1)), b)
        for s, b in function.bar_statements()
        if b.index == index and not (index == ROM and b.address == _SHADOW)
    ]
    # A virtual BAR is one whose register differs from what the kernel knows: lspci has said so already.
    if not any(bar.virtual for _, bar in bars):
        yield from _differing(f"{what} host address", [(p, b.address) for p, b in bars if b.address is not None], "x")
    yield from _differing(f"{what} size", [(p, b.size) for p, b in bars if b.size is not None], "x")
    kinds = {b.kind for _, b in bars if b.kind != "unknown"}
    if len(kinds) > 1:
        yield Contradiction(f"{what} kind is {' and '.join(sorted(kinds))}", tuple(p for p, _ in bars))


def _asleep(function: Function) -> Iterator[Contradiction]:
    """Listings that show a card which did not answer."""
    positions = tuple(s.position for s in function.statements if s.function.asleep)
    if positions:
        text = f"{function.address} answered with all ones when it was listed: it slept or was gone"
        yield Contradiction(text, positions)
    dumped = [s for s in function.statements if s.function.source == "config" and not s.function.asleep]
    told = [b for s, b in function.bar_statements() if s.function.source != "config" and b.address and b.index != 6]
    if told and dumped and all(len(s.function.config) >= 0x28 for s in dumped):
        empty = [s for s in dumped if not any(s.function.config[0x10:0x28])]
        if empty:
            text = (
                f"{function.address}: every base address register reads 0 in the dump although the kernel lists"
                " addresses: the card lost its configuration (reset or power saving)"
            )
            yield Contradiction(text, tuple(s.position for s in empty))


def _differing(what: str, values: Sequence[tuple[Position, int]], spelling: str) -> Iterator[Contradiction]:
    distinct = list(dict.fromkeys(value for _, value in values))
    if len(distinct) > 1:
        said = " and ".join(f"0x{value:{spelling}}" for value in distinct)
        yield Contradiction(f"{what} is {said} in different listings", tuple(p for p, _ in values))


def overlaps(functions: Sequence[Function]) -> Iterator[Contradiction]:
    """BARs of the host that lie on top of one another: one of the listings is of another boot."""
    for memory in (True, False):
        ranges = _ranges(functions, memory)
        for (_, last, name, owner), (first, _, other, second) in pairwise(ranges):
            if first <= last:
                positions = (*(s.position for s in owner.statements), *(s.position for s in second.statements))
                yield Contradiction(f"{name} and {other} overlap at host address 0x{first:x}", positions)


def _ranges(functions: Iterable[Function], memory: bool) -> list[tuple[int, int, str, Function]]:
    found = []
    for function in functions:
        for index, bar in function.bars().items():
            if bar.address is not None and bar.size and index != 6 and (bar.kind != "io") == memory:
                found.append((bar.address, bar.address + bar.size - 1, f"{function.address} BAR{index}", function))
    return sorted(found, key=lambda entry: entry[:3])
