"""Host or guest: whose functions the listings show, and which of them the devices of the log are."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from quirkfinder.card.draft import Draft
from quirkfinder.card.guests import is_guest_listing
from quirkfinder.card.hosts import Function, Statement, contradictions, join_functions, nameless
from quirkfinder.card.matching import Traits, match_host, place_nameless
from quirkfinder.card.model import Contradiction, Position
from quirkfinder.inventory.facts import BarKind, Facts, GuestFunction, HostFunction, InventoryBar, ResourceSpan
from quirkfinder.inventory.parse import to_guest_function
from quirkfinder.inventory.resources import is_function_address
from quirkfinder.inventory.text import full_address

_ID_NAMES = ("vendor id", "device id", "subsystem vendor id", "subsystem id")


@dataclass(slots=True)
class Sides:
    """The listings after it is clear what each shows."""

    facts: list[Facts]
    functions: list[Function]
    matched: dict[str, Function]  # by the device's name in the log
    traits: dict[str, Traits]
    notes: list[str] = field(default_factory=list)
    machine_contradictions: list[Contradiction] = field(default_factory=list)
    rivals: dict[str, list[Function]] = field(default_factory=dict)

    def neighbours(self) -> list[Function]:
        """Functions of the host that are no device of the log."""
        cards = {id(function) for function in self.matched.values()}
        return [f for f in self.functions if id(f) not in cards and f.address is not None]

    def bars(self, draft: Draft) -> dict[int, InventoryBar]:
        """The host's BARs of a device; `lspci -v` and /proc/iomem number none, so sizes decide there."""
        function = self.matched.get(draft.name)
        found = {} if function is None else function.bars()
        loose = [] if function is None else function.unnumbered()
        address = function.address if function is not None else self.traits[draft.name].address
        loose += [
            InventoryBar(None, "unknown", span.first, span.last - span.first + 1, line=span.line)
            for span in self._resources(address)
        ]
        traits = self.traits[draft.name]
        for bar in loose:
            if bar.address in {known.address for known in found.values()}:
                continue
            fitting = [i for i, size in traits.sizes.items() if size == bar.size and not _known(found.get(i))]
            rivals = [other for other in loose if other.size == bar.size and other.address != bar.address]
            if len(fitting) == 1 and not rivals:
                known = found.get(fitting[0])
                numbered = replace(bar, index=fitting[0])
                found[fitting[0]] = numbered if known is None else replace(known, address=bar.address, size=bar.size)
        return found

    def _resources(self, address: str | None) -> list[ResourceSpan]:
        return [
            span
            for one in self.facts
            for span in (*one.memory, *one.ports)
            if address is not None and span.name == address
        ]

    def contradictions(self, draft: Draft) -> list[Contradiction]:
        """What the listings say against one another and against the log, about one device."""
        function = self.matched.get(draft.name)
        rivals = self.rivals.get(draft.name, [])
        found = []
        if rivals:
            names = ", ".join(str(f.address) for f in rivals)
            text = f"{draft.name} fits several functions of the host ({names}): its host addresses are not known"
            found.append(Contradiction(text, tuple(s.position for f in rivals for s in f.statements)))
        if function is None:
            return found
        found += contradictions(function)
        for mine, theirs, what in zip(self.traits[draft.name].identity, function.identity, _ID_NAMES, strict=True):
            if mine is not None and theirs is not None and mine != theirs:
                text = f"{draft.name}: the {what} is 0x{mine:04x} in the log and 0x{theirs:04x} in the host's inventory"
                found.append(Contradiction(text, tuple(s.position for s in function.statements)))
        return found + self._moved_resources(draft, function)

    def _moved_resources(self, draft: Draft, function: Function) -> list[Contradiction]:
        """/proc/iomem shows a resource of the same function and size at another address: a listing of another boot."""
        spans = self._resources(function.address)
        found = []
        for index, bar in function.bars().items():
            if bar.address is None or bar.size is None or index >= 6 or bar.disabled:
                continue
            alike = [s for s in spans if s.last - s.first + 1 == bar.size]
            if len(alike) == 1 and alike[0].first != bar.address and not _shows(function, alike[0]):
                source = next(one.input for one in self.facts if alike[0] in (*one.memory, *one.ports))
                text = (
                    f"{draft.name}: /proc/iomem has BAR{index} at 0x{alike[0].first:x}, the other listings of the host"
                    f" at 0x{bar.address:x}: they are of different boots"
                )
                found.append(Contradiction(text, (Position(source, max(alike[0].line, 1)),)))
        return found


def _known(bar: InventoryBar | None) -> bool:
    return bar is not None and bar.address is not None


def _shows(function: Function, span: ResourceSpan) -> bool:
    return any(bar.address == span.first for bar in function.bars().values())


def sort_out(drafts: Sequence[Draft], facts: Sequence[Facts]) -> Sides:
    """Match the devices of the log with the host's functions; move listings made in the guest to the guest's side."""
    traits = {draft.name: draft.traits() for draft in drafts}
    moved, notes = _guest_listings(list(traits.values()), list(facts))
    functions = join_functions(moved)
    loose, owned = place_nameless(nameless(moved), functions, list(traits.values()))
    functions += _in_resources(moved, {f.address for f in functions})
    sides = Sides(moved, functions, {}, traits, [*notes, *loose])
    for name, device in traits.items():
        match = match_host(device, functions)
        function = match.function or owned.get(name)
        if function is not None:
            sides.matched[name] = function
        if match.rivals:
            sides.rivals[name] = match.rivals
        sides.notes += [] if function is not None and match.function is None else match.notes
    return sides


def _in_resources(facts: Sequence[Facts], listed: set[str | None]) -> list[Function]:
    """Functions that only /proc/iomem or /proc/ioports show, with their BARs but without indexes."""
    found: dict[str, Function] = {}
    for one in facts:
        bars: dict[str, list[InventoryBar]] = {}
        # Memory does not say how wide its register is.
        kinds: list[tuple[ResourceSpan, BarKind]] = [(s, "unknown") for s in one.memory]
        kinds += [(s, "io") for s in one.ports]
        for span, kind in kinds:
            if is_function_address(span.name) and full_address(span.name) not in listed:
                bar = InventoryBar(None, kind, span.first, span.last - span.first + 1, line=span.line)
                bars.setdefault(full_address(span.name), []).append(bar)
        for address, shown in bars.items():
            function = HostFunction("resource", address, bars=tuple(shown), line=shown[0].line)
            found.setdefault(address, Function(address)).statements.append(Statement(function, one.input))
    return [found[address] for address in sorted(found)]


def _guest_listings(traits: list[Traits], facts: list[Facts]) -> tuple[list[Facts], list[str]]:
    """Functions of host listings that show guest addresses become functions of the guest."""
    notes: list[str] = []
    functions = join_functions(facts)
    for function in functions:
        device = is_guest_listing(function, traits, functions)
        if device is None:
            continue
        notes.append(
            f"the listing of {function.address} shows the addresses that the guest gave {device.name}: it was made in"
            " the guest and is used as such"
        )
        facts = [_moved(one, function.statements) for one in facts]
    return facts, notes


def _moved(one: Facts, statements: list[Statement]) -> Facts:
    inside = [s.function for s in statements if s.input == one.input and s.function in one.functions]
    if not inside:
        return one
    guest: list[GuestFunction] = [to_guest_function(f) for f in inside]
    rest = tuple(f for f in one.functions if f not in inside)
    return replace(one, functions=rest, guest_functions=(*one.guest_functions, *guest))
