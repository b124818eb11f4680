"""Rules between the keys of a definition: masks that cannot match, registers that overlap, sizes that cannot be."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from quirkfinder.definition.errors import DefinitionError, nearest
from quirkfinder.definition.model import (
    Condition,
    Leak,
    Match,
    Mirror,
    QuirkDefinition,
    Sink,
    Step,
    Window,
    WindowMatch,
)

_PAGE = 0x1000
#: VGA ports (PCI-to-PCI Bridge Architecture 1.2, section 3.2.5.4)
_VGA_FIRST, _VGA_LAST = 0x3B0, 0x3DF


def check(definition: QuirkDefinition) -> None:
    """Raises `DefinitionError` at the first rule that the definition breaks."""
    _match(definition.match)
    seen: dict[str, str] = {}
    for path, mechanism in _paths(definition):
        if mechanism.name in seen:
            raise DefinitionError(f"'{mechanism.name}' is already the name of {seen[mechanism.name]}", f"{path}.name")
        seen[mechanism.name] = path
    for at, window in enumerate(definition.windows):
        _window(window, f"window[{at}]")
    for at, mirror in enumerate(definition.mirrors):
        _mirror(mirror, f"mirror[{at}]")
    for at, leak in enumerate(definition.leaks):
        _leak(leak, f"leak[{at}]")
    for at, sink in enumerate(definition.sinks):
        _sink(sink, f"sink[{at}]", definition)
    _overlaps(definition)


def registers(window: Window) -> tuple[tuple[str, int, int], ...]:
    """Every register of a window as (what it is, offset in bytes, width in bytes), each place once."""
    found = {("address", window.address_offset): window.address_size, ("data", window.data_offset): window.data_size}
    for what, offset in (("data", window.read_offset), ("data", window.write_offset)):
        if offset is not None:
            found.setdefault((what, offset), window.data_size)
    for condition in (*window.enable, *(m.select for m in window.matches if m.select is not None)):
        found.setdefault(("condition", condition.offset), condition.size)
    for step in (*window.read_steps, *window.write_steps):
        if step.role == "key":
            found[("key", step.offset)] = max(step.size, found.get(("key", step.offset), 0))
    return tuple((what, offset, size) for (what, offset), size in found.items())


def _match(match: Match) -> None:
    if match.device == "any" and not match.reason:
        raise DefinitionError(
            "any device of the vendor needs a reason: say why all of them have the door", "match.reason"
        )
    if match.class_code is not None and match.class_code & ~match.class_mask:
        wanted = match.class_code & match.class_mask
        raise DefinitionError(f"bits outside class_mask never match; {wanted:#x} would be right", "match.class")
    indexes = [bar.index for bar in match.bars]
    if len(set(indexes)) != len(indexes):
        raise DefinitionError("a BAR is listed twice", "match.bars")


def _window(window: Window, path: str) -> None:
    _place(window.bar, window.vga, registers(window), path)
    if not window.matches:
        raise DefinitionError("a window needs at least one match", f"{path}.matches")
    for at, match in enumerate(window.matches):
        _window_match(match, window, f"{path}.matches[{at}]")
    for (first, one), (second, two) in combinations(enumerate(window.matches), 2):
        if one.select == two.select and _both_match(one, two):
            value = one.match | two.match
            text = f"address value {value:#x} selects this and matches[{first}]; make the masks disjoint"
            raise DefinitionError(text, f"{path}.matches[{second}]")
    for at, condition in enumerate(window.enable):
        _condition(condition, f"{path}.enable[{at}]")
    _strobe(window, path)
    _steps(window.read_steps, "read", window, f"{path}.read_steps")
    _steps(window.write_steps, "write", window, f"{path}.write_steps")
    if window.strobe and (window.read_steps or window.write_steps):
        raise DefinitionError("a window has a strobe or steps, not both", f"{path}.strobe")
    if window.write_steps and not window.read_steps:
        raise DefinitionError("steps of a write need steps of a read beside them", f"{path}.read_steps")
    if not window.strobe and not window.read_steps:
        _no_common_bytes(registers(window), path)


def _window_match(match: WindowMatch, window: Window, path: str) -> None:
    for name, other in (("mask", match.mask), ("ignored", match.ignored)):
        if match.match & other:
            right = match.match & ~other
            raise DefinitionError(f"bits of {name} in match never match; {right:#x} would be right", f"{path}.match")
    if match.mask & match.ignored:
        raise DefinitionError("bits are both in mask and in ignored", f"{path}.ignored")
    limit = (1 << (8 * window.address_size)) - 1
    if (match.match | match.mask) & ~limit:
        raise DefinitionError(f"the address register has {8 * window.address_size} bits only", f"{path}.match")
    if match.space == "config" and match.base + match.scale * match.mask > 0xFFF:
        raise DefinitionError("reaches beyond the 0x1000 bytes of config space; make the mask narrower", f"{path}.mask")
    if window.strobe and match.match & window.strobe.mask:
        right = match.match & ~window.strobe.mask
        raise DefinitionError(f"bits of the strobe are not part of match; {right:#x} would be right", f"{path}.match")
    if match.select is not None:
        _condition(match.select, f"{path}.select")


def _condition(condition: Condition, path: str) -> None:
    limit = (1 << (8 * condition.size)) - 1
    mask = condition.mask & limit
    if condition.value & ~mask:
        text = f"bits outside mask never match; {condition.value & mask:#x} would be right"
        raise DefinitionError(text, f"{path}.value")


def _strobe(window: Window, path: str) -> None:
    strobe = window.strobe
    if strobe is None:
        return
    for name in ("read_command", "write_command", "read_done", "write_done"):
        value = getattr(strobe, name)
        if value is not None and value & ~strobe.mask:
            text = f"bits outside mask never match; {value & strobe.mask:#x} would be right"
            raise DefinitionError(text, f"{path}.strobe.{name}")
    if strobe.read_command == strobe.write_command:
        raise DefinitionError("the same as read_command: which of the two would it be?", f"{path}.strobe.write_command")


def _steps(steps: Sequence[Step], access: str, window: Window, path: str) -> None:
    if not steps:
        return
    for at, step in enumerate(steps):
        if step.role == "key" and step.value is None:
            raise DefinitionError("a key needs its value", f"{path}[{at}].value")
        if step.role == "key" and (step.value or 0) & ~step.mask:
            raise DefinitionError("bits outside mask never match", f"{path}[{at}].value")
        if step.role == "address" and (step.access, step.offset) != ("write", window.address_offset):
            raise DefinitionError("the address step writes the window's address register", f"{path}[{at}]")
        if step.role == "key" and step.access == "read":
            raise DefinitionError("a key is written; reads are not part of a sequence", f"{path}[{at}].access")
    roles = [step.role for step in steps]
    if roles.count("address") != 1 or roles.count("data") != 1 or roles[-1] != "data":
        raise DefinitionError("a sequence has one address step and ends with its one data step", path)
    if steps[-1].access != access:
        raise DefinitionError(f"the data step of these steps is a {access}", f"{path}[{len(steps) - 1}].access")


def _mirror(mirror: Mirror, path: str) -> None:
    if mirror.config_offset + mirror.size > _PAGE:
        right = _PAGE - mirror.config_offset
        text = f"config space ends at 0x1000; no more than {right:#x} would be right"
        raise DefinitionError(text, f"{path}.size")
    for at, exception in enumerate(mirror.exceptions):
        last = exception.config_offset + exception.size
        if not mirror.config_offset <= exception.config_offset < last <= mirror.config_offset + mirror.size:
            raise DefinitionError("lies outside the mirror", f"{path}.exceptions[{at}].config_offset")


def _leak(leak: Leak, path: str) -> None:
    _place(leak.bar, leak.vga, (("register", leak.offset, leak.size),), path)
    if leak.mask is not None and leak.mask >> (8 * leak.size):
        raise DefinitionError(f"the register has {8 * leak.size} bits only", f"{path}.mask")


def _sink(sink: Sink, path: str, definition: QuirkDefinition) -> None:
    if not sink.sites:
        raise DefinitionError("a sink needs at least one register", f"{path}.sites")
    if (sink.what == "guest-bar") != (sink.target_bar is not None):
        raise DefinitionError("belongs to what = 'guest-bar' and only there", f"{path}.target_bar")
    rebase = (sink.guest_base, sink.host_base, sink.length)
    if (sink.what == "rebase") != all(part is not None for part in rebase) or (
        sink.what != "rebase" and any(part is not None for part in rebase)
    ):
        raise DefinitionError("guest_base, host_base and length belong to what = 'rebase'", f"{path}.what")
    names = [window.name for window in definition.windows]
    if sink.window is not None and sink.window not in names:
        raise DefinitionError(f"no window of that name{nearest(sink.window, names)}", f"{path}.window")


def _place(bar: int | None, vga: bool, found: Sequence[tuple[str, int, int]], path: str) -> None:
    if (bar is not None) == vga:
        raise DefinitionError("exactly one of bar and vga = true says where the registers are", f"{path}.bar")
    for what, offset, size in found:
        if vga and not _VGA_FIRST <= offset <= offset + size - 1 <= _VGA_LAST + 3:
            raise DefinitionError(f"the {what} register {offset:#x} is no VGA port (0x3b0 to 0x3df)", path)


def _both_match(one: WindowMatch, two: WindowMatch) -> bool:
    """Is there an address value that selects both? A target inside a later, wider one is no clash: order decides."""
    free_one, free_two = one.mask | one.ignored, two.mask | two.ignored
    return (one.match ^ two.match) & ~(free_one | free_two) == 0 and free_one & ~free_two != 0


def _no_common_bytes(found: Sequence[tuple[str, int, int]], path: str) -> None:
    for (what, offset, size), (other, start, length) in combinations(found, 2):
        if offset < start + length and start < offset + size:
            raise DefinitionError(f"the {what} register overlaps the {other} register at {max(offset, start):#x}", path)


def _overlaps(definition: QuirkDefinition) -> None:
    """Two quirks on the same bytes of a region: which of them would answer?"""
    for (path, where, one), (other, here, two) in combinations(_extents(definition), 2):
        if where == here and one[0] < two[0] + two[1] and two[0] < one[0] + one[1]:
            text = f"its bytes at {max(one[0], two[0]):#x} of {where} belong to {path} already"
            raise DefinitionError(text, other)


def _extents(definition: QuirkDefinition) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for path, mechanism in _paths(definition):
        where = "VGA" if getattr(mechanism, "vga", False) else f"BAR {mechanism.bar}"
        match mechanism:
            case Window():
                seen: list[tuple[int, int]] = []
                for _, offset, size in registers(mechanism):
                    if not any(offset < o + s and o < offset + size for o, s in seen):
                        seen.append((offset, size))
                        yield f"{path}", where, (offset, size)
            case Mirror() | Leak():
                yield path, where, (mechanism.offset, mechanism.size)
            case Sink():
                if mechanism.window is None:
                    yield from ((path, where, (site, mechanism.size)) for site in mechanism.sites)


def _paths(definition: QuirkDefinition) -> Iterator[tuple[str, Window | Mirror | Leak | Sink]]:
    keys: tuple[tuple[str, Sequence[Window | Mirror | Leak | Sink]], ...] = (
        ("window", definition.windows),
        ("mirror", definition.mirrors),
        ("leak", definition.leaks),
        ("sink", definition.sinks),
    )
    for key, items in keys:
        yield from ((f"{key}[{at}]", item) for at, item in enumerate(items))
