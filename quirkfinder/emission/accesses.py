"""Accesses that exercise each quirk of a definition: targets, policies, steps, and what lies beside them."""

from collections.abc import Iterator
from dataclasses import dataclass

from quirkfinder.definition.model import Leak, Mirror, QuirkDefinition, Sink, Step, Window, WindowMatch
from quirkfinder.events import VGA

_DWORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Access:
    """One access of the guest; `value` is None for a read."""

    quirk: str
    space: int
    offset: int
    size: int
    value: int | None = None


def accesses(definition: QuirkDefinition) -> Iterator[Access]:
    """All accesses of a definition's vectors, in order."""
    for mechanism in definition.mechanisms:
        match mechanism:
            case Window():
                yield from _window(mechanism)
            case Mirror():
                yield from _mirror(mechanism)
            case Leak():
                yield from _leak(mechanism)
            case Sink():
                yield from _sink(mechanism)


def _space(mechanism: Window | Leak) -> int:
    return VGA if mechanism.vga else mechanism.bar or 0


def _window(window: Window) -> Iterator[Access]:
    yield from _uses(window, window.matches[0])  # before the enables are set
    for condition in window.enable:
        yield Access(window.name, _space(window), condition.offset, condition.size, condition.value)
    for match in window.matches:
        if match.select:
            select = match.select
            yield from _uses(window, match)
            yield Access(window.name, _space(window), select.offset, select.size, select.value)
        yield from _uses(window, match)
    for condition in window.enable[:1]:
        yield Access(window.name, _space(window), condition.offset, condition.size, ~condition.value & condition.mask)
        yield from _uses(window, window.matches[-1])


def _values(window: Window, match: WindowMatch) -> list[int]:
    """Address values in and beside the target."""
    limit = (1 << 8 * window.address_size) - 1
    inside = [match.match | (offset & match.mask) for offset in (0, 4, 0x10, 0x24, 0x3C, 0x100, match.mask & ~3)]
    beside = [(match.match ^ (match.mask + 1)) & limit, match.match | match.ignored]
    return list(dict.fromkeys([*inside, *beside]))


def _uses(window: Window, match: WindowMatch) -> Iterator[Access]:
    for at, value in enumerate(_values(window, match)):
        if window.read_steps:
            yield from _by_steps(window, value, at)
        elif window.strobe:
            yield from _by_strobe(window, value, at)
        else:
            yield from _directly(window, value, at)


def _directly(window: Window, value: int, at: int) -> Iterator[Access]:
    space = _space(window)
    read = window.data_offset if window.read_offset is None else window.read_offset
    write = window.data_offset if window.write_offset is None else window.write_offset
    yield Access(window.name, space, window.address_offset, window.address_size, value)
    yield Access(window.name, space, read, window.data_size)
    yield Access(window.name, space, window.address_offset, window.address_size)
    if window.data_size >= 4:
        yield Access(window.name, space, read, 2)
        yield Access(window.name, space, read + 2, 2)
        yield Access(window.name, space, read + 1, 1)
    # Never a BAR's register: the vectors' own addresses would move.
    if at in (1, 4):
        yield Access(window.name, space, write, min(window.data_size, 4), 0x01020304 * (at + 1) & _full(window))
        yield Access(window.name, space, read, window.data_size)
    yield Access(window.name, space, window.address_offset, 1, value & 0xFF)
    yield Access(window.name, space, read, window.data_size)


def _full(window: Window) -> int:
    return (1 << 8 * min(window.data_size, 4)) - 1


def _by_strobe(window: Window, value: int, at: int) -> Iterator[Access]:
    space, strobe = _space(window), window.strobe
    assert strobe is not None
    read = window.data_offset if window.read_offset is None else window.read_offset
    write = window.data_offset if window.write_offset is None else window.write_offset
    plain = value & ~strobe.mask
    yield Access(window.name, space, window.address_offset, window.address_size, plain | strobe.read_command)
    yield Access(window.name, space, window.address_offset, window.address_size)
    yield Access(window.name, space, read, min(window.data_size, 4))
    if at in (1, 4):
        command = strobe.write_command if strobe.write_command is not None else strobe.mask ^ strobe.read_command
        if write != window.address_offset:
            yield Access(window.name, space, write, min(window.data_size, 4), 0x11223300 + at)
        yield Access(window.name, space, window.address_offset, window.address_size, plain | command)
        yield Access(window.name, space, window.address_offset, window.address_size)
        yield Access(window.name, space, window.address_offset, window.address_size, plain | strobe.read_command)
        yield Access(window.name, space, read, min(window.data_size, 4))


def _by_steps(window: Window, value: int, at: int) -> Iterator[Access]:
    sequences = [window.read_steps]
    if window.write_steps and at in (1, 4):
        sequences += [window.write_steps, window.read_steps]
    for steps in sequences:
        yield from (_step(window, step, value) for step in steps)
    # A sequence that is broken off, and one with a step too few.
    yield from (_step(window, step, value) for step in window.read_steps[:-2])
    yield Access(window.name, _space(window), window.data_offset, min(window.data_size, 4))
    yield Access(window.name, _space(window), window.data_offset, min(window.data_size, 4))


def _step(window: Window, step: Step, value: int) -> Access:
    written = {"key": step.value, "address": value, "data": 0x55667788}[step.role]
    size = step.size
    if step.access == "read":
        return Access(window.name, _space(window), step.offset, size)
    return Access(window.name, _space(window), step.offset, size, (written or 0) & ((1 << 8 * size) - 1))


def _mirror(mirror: Mirror) -> Iterator[Access]:
    for offset in (0, 4, 0x10, 0x2C, 0x3C, mirror.size - 4):
        if offset + 4 <= mirror.size:
            yield Access(mirror.name, mirror.bar, mirror.offset + offset, 4)
            yield Access(mirror.name, mirror.bar, mirror.offset + offset + 2, 2)
            yield Access(mirror.name, mirror.bar, mirror.offset + offset + 3, 1)
    if mirror.size >= 8:
        yield Access(mirror.name, mirror.bar, mirror.offset, 8)
    for exception in mirror.exceptions:
        at = mirror.offset + exception.config_offset - mirror.config_offset
        yield Access(mirror.name, mirror.bar, at, 1, 0xFF)
        if at % 4 == 0 and exception.config_offset + 4 <= mirror.config_offset + mirror.size:
            yield Access(mirror.name, mirror.bar, at, 4, 0x01020304)
    if mirror.config_offset == 0 and mirror.size >= 8:
        yield Access(mirror.name, mirror.bar, mirror.offset + 4, 2, 0x107)
        yield Access(mirror.name, mirror.bar, mirror.offset + 4, 4)


def _leak(leak: Leak) -> Iterator[Access]:
    space = _space(leak)
    size = 1
    while size <= leak.size:
        for at in range(0, leak.size, size):
            yield Access(leak.name, space, leak.offset + at, size)
        size *= 2
    yield Access(leak.name, space, leak.offset, min(leak.size, 4), 0x5A)


def _sink(sink: Sink) -> Iterator[Access]:
    guest = 0xE0000000 + (sink.target_bar or 0) * 0x1000000
    for site in sink.sites:
        for value in (guest, guest + 0xFFFFC, guest + 0x100000, 0, _DWORD):
            yield Access(sink.name, sink.bar, site, sink.size, value)
        yield Access(sink.name, sink.bar, site, 2, 0x1234)
        yield Access(sink.name, sink.bar, site, sink.size)
