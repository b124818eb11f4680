"""What the parts of a C quirk share: names, the region a mechanism lies in, and accesses to the device itself."""

from collections.abc import Iterable
from dataclasses import dataclass

from quirkfinder.definition.model import Leak, Mirror, QuirkDefinition, Sink, Window
from quirkfinder.emission.identifiers import region_name, type_name, words
from quirkfinder.emission.versions import Version
from quirkfinder.emission.writer import Source

Mechanism = Window | Mirror | Leak | Sink
#: VGA I/O ranges as VFIO has them (hw/vfio/pci.c): first port, last port, the index of the region
_VGA_RANGES = ((0x3B0, 0x3BB, "QEMU_PCI_VGA_IO_LO"), (0x3C0, 0x3DF, "QEMU_PCI_VGA_IO_HI"))


class CannotEmit(ValueError):  # noqa: N818 - named for the outcome it stands for
    """A mechanism that QEMU's interface of that version cannot express; the text says why."""


@dataclass(frozen=True, slots=True)
class Names:
    """The identifiers of one mechanism."""

    prefix: str  # of the definition: functions that its quirks share
    stem: str  # of the mechanism
    type: str
    region: str

    def function(self, what: str) -> str:
        return f"vfio_{self.stem}_{what}"

    def shared(self, what: str) -> str:
        return f"vfio_{self.prefix}_{what}"

    def constant(self, what: str) -> str:
        return f"VFIO_{self.prefix.upper()}_{what}"

    @property
    def probe(self) -> str:
        return f"vfio_probe_{self.stem}_quirk"

    def trace(self, what: str) -> str:
        return f"vfio_quirk_{self.stem}_{what}"


def names_of(definition: QuirkDefinition, mechanism: Mechanism) -> Names:
    """All identifiers of a mechanism, from the two names of the definition."""
    return Names(
        prefix=words(definition.name),
        stem=words(definition.name, mechanism.name),
        type=type_name(definition.name, mechanism.name),
        region=region_name(definition.name, mechanism.name),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mechanism's registers are, as C expressions. `base` is subtracted from offsets (VGA ports)."""

    region: str  # what is handed to vfio_region_read or vfio_vga_read
    container: str  # the MemoryRegion pointer that quirk regions are laid over
    quirks: str  # the list a quirk is inserted into
    access: str  # "vfio_region" or "vfio_vga"
    base: int
    bar: int | None

    def read(self, source: Source, offset: int | str, head: str = "", *, at_byte: str = "addr + ") -> None:
        """Write the read of the device's own register; `head` is what its answer is assigned to."""
        source.call(f"{head}{self.access}_read", self.region, f"{at_byte}{self.offset(offset)}", "size")

    def write(self, source: Source, offset: int | str, value: str = "data") -> None:
        """Write the write of the device's own register."""
        source.call(f"{self.access}_write", self.region, f"addr + {self.offset(offset)}", value, "size")

    def offset(self, offset: int | str) -> str:
        """An offset in the region that the quirk is laid over."""
        return f"{offset - self.base:#x}" if isinstance(offset, int) else offset


def place_of(mechanism: Mechanism, offsets: Iterable[int], device: str = "state->vdev") -> Place:
    """The place of registers at these offsets. Raises `CannotEmit` where VGA ports lie in no region or in two."""
    if not getattr(mechanism, "vga", False):
        bar = mechanism.bar
        assert bar is not None
        region = f"{device}->bars[{bar}].region"
        return Place(f"&{region}", f"vdev->bars[{bar}].region.mem", f"vdev->bars[{bar}].quirks", "vfio_region", 0, bar)
    found = {rng for rng in _VGA_RANGES for offset in offsets if rng[0] <= offset <= rng[1]}
    if len(found) != 1 or not all(any(first <= o <= last for first, last, _ in found) for o in offsets):
        raise CannotEmit("its ports are not all in one of QEMU's VGA regions (0x3b0 to 0x3bb, 0x3c0 to 0x3df)")
    ((first, _, index),) = found
    region = f"vga->region[{index}]"
    return Place(f"&{device}->{region}", f"&vdev->{region}.mem", f"vdev->{region}.quirks", "vfio_vga", first, None)


@dataclass(frozen=True, slots=True)
class Piece:
    """One mechanism in C: the functions with their comment, the trace events, and the call for the set-up function."""

    code: str
    trace_events: tuple[str, ...]
    call: str
    vga: bool
    shared: frozenset[str]  # helpers of the definition that it needs


@dataclass(frozen=True, slots=True)
class Job:
    """A definition being written for a version."""

    definition: QuirkDefinition
    version: Version
