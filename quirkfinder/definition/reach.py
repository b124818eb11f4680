"""What a window reaches once the device's other quirks are taken into account.

A window into a BAR also reaches the mirrors and leak registers that lie there.  The emitter and the replay both ask
here, so that they cannot disagree about it.
"""

from dataclasses import dataclass

from quirkfinder.definition.model import Leak, Mirror, QuirkDefinition, Window, WindowMatch


@dataclass(frozen=True, slots=True)
class Passage:
    """Offsets `first`..`last` of a match's space lead on to config space (`config_offset` at `first`) or to a leak."""

    first: int
    last: int
    config_offset: int | None = None
    leak: Leak | None = None


def passages(definition: QuirkDefinition, match: WindowMatch) -> tuple[Passage, ...]:
    """The mirrors and leaks of the BAR that a match reaches, as far as its mask lets it reach them."""
    if not match.space.startswith("bar"):
        return ()
    bar = int(match.space[3:])
    first, last = match.base, match.base + match.scale * match.mask
    found = [
        Passage(mirror.offset, mirror.offset + mirror.size - 1, config_offset=mirror.config_offset)
        for mirror in definition.mirrors
        if _emulated(mirror, bar)
    ]
    found += [
        Passage(leak.offset, leak.offset + leak.size - 1, leak=leak)
        for leak in definition.leaks
        if leak.bar == bar and not leak.vga
    ]
    return tuple(passage for passage in found if passage.first <= last and first <= passage.last)


def select(window: Window, address: int) -> tuple[WindowMatch, ...]:
    """The matches that an address value selects, in order; conditions on other registers are the caller's."""
    value = address & ~(window.strobe.mask if window.strobe else 0)
    return tuple(m for m in window.matches if value & ~(m.mask | m.ignored) == m.match)


def _emulated(mirror: Mirror, bar: int) -> bool:
    return mirror.bar == bar and mirror.function is None


def is_plain_window(definition: QuirkDefinition, window: Window) -> bool:
    """Do QEMU's own window operations do what the definition says?

    They know one address and one data register of up to four bytes, config space as target without base or scale, and
    writes that end in config space; a write of part of the address register counts as all of it, and every byte of the
    data register reads as the first (QEMU 2.5 to 11.1, hw/vfio/pci-quirks.c).
    """
    special = (
        window.vga, window.sub_offset, window.increment, window.enable, window.strobe, window.read_steps,
        window.write_steps, window.read_offset is not None, window.write_offset is not None,
        window.write != "emulate", window.data_size > 4, window.address_size != 4,
    )  # fmt: skip
    return not any(special) and all(
        (m.space == "config" and (m.base, m.scale, m.ignored) == (0, 1, 0) and m.select is None)
        or (m.space.startswith("bar") and m.select is None and not passages(definition, m))
        for m in window.matches
    )
