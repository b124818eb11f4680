"""A definition as a change to QEMU: which text goes into which file, for one version."""

from dataclasses import dataclass, field

from quirkfinder.definition.model import Leak, Mirror, QuirkDefinition, Sink, Window
from quirkfinder.definition.reach import is_plain_window
from quirkfinder.emission.context import CannotEmit, Job, Mechanism, Piece, names_of
from quirkfinder.emission.identifiers import comment, vendor_define, words
from quirkfinder.emission.plain import mirror_is_plain, plain_mirror, plain_window
from quirkfinder.emission.registers import leak_register, sink_registers, special_mirror
from quirkfinder.emission.shared import shared_code
from quirkfinder.emission.versions import Version
from quirkfinder.emission.window import special_window
from quirkfinder.emission.writer import Source

LICENSE = "/* SPDX-License-Identifier: GPL-2.0-or-later */"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mechanism of a definition that could not be written for this version, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """Fragments by the file of QEMU they belong to, and `alone`: the same as one file, where the version allows it.

    `functions` goes before vfio_vga_quirk_setup() in hw/vfio/pci-quirks.c; `bar_calls` into vfio_bar_quirk_setup(),
    `vga_calls` into vfio_vga_quirk_setup(); `trace_events` at the end of hw/vfio/trace-events; `defines` into
    include/hw/pci/pci_ids.h.
    """

    definition: QuirkDefinition
    version: Version
    functions: str
    bar_calls: tuple[str, ...]
    vga_calls: tuple[str, ...]
    trace_events: tuple[str, ...]
    defines: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    pieces: tuple[Piece, ...] = field(default=(), repr=False)

    @property
    def is_empty(self) -> bool:
        return not self.pieces

    @property
    def setup_names(self) -> tuple[str, str]:
        """The two functions that the file of its own offers: for BARs and for VGA ports."""
        prefix = words(self.definition.name)
        return f"vfio_{prefix}_bar_quirks", f"vfio_{prefix}_vga_quirks"

    @property
    def prototypes(self) -> tuple[str, ...]:
        """Declarations for pci-quirks.h, where the quirks are a file of their own."""
        bar, vga = self.setup_names
        found = (f"void {bar}(VFIOPCIDevice *vdev, int nr);",) if self.bar_calls else ()
        return (*found, f"void {vga}(VFIOPCIDevice *vdev);") if self.vga_calls else found

    def alone(self) -> str:
        """All functions as hw/vfio/quirk-NAME.c. Raises `CannotEmit` where the version's types are private."""
        if not self.version.separate_file:
            raise CannotEmit("before 10.0 the window and mirror types are private to pci-quirks.c")
        source = Source()
        source.lines(comment(_headline(self.definition), "SPDX-License-Identifier: GPL-2.0-or-later"))
        source.line()
        includes = (
            "qemu/osdep.h",
            "qemu/bitops.h",
            "exec/memop.h",
            "hw/pci/msix.h",
            "hw/pci/pci_ids.h",
            "pci.h",
            "pci-quirks.h",
            "trace.h",
        )
        for name in includes:
            source.line(f'#include "{name}"')
        source.line()
        define, where = vendor_define(self.definition.match.vendor)
        if where == "pci-quirks.c":
            source.line(_define(define, self.definition.match.vendor))
            source.line()
        source.lines(self.functions.rstrip("\n").split("\n"))
        source.line()
        bar, vga = self.setup_names
        for name, calls, parameters in (
            (bar, self.bar_calls, ("VFIOPCIDevice *vdev", "int nr")),
            (vga, self.vga_calls, ("VFIOPCIDevice *vdev",)),
        ):
            if calls:
                with source.function("void", name, *parameters, static=False):
                    source.lines(calls)
        return source.text()


def change_of(definition: QuirkDefinition, version: Version) -> Change:
    """Every mechanism of the definition as C for that version."""
    job = Job(definition, version)
    pieces: list[Piece] = []
    refusals: list[Refusal] = []
    for mechanism in definition.mechanisms:
        try:
            pieces.append(_piece(job, mechanism))
        except CannotEmit as error:
            refusals.append(Refusal(mechanism.name, str(error)))
    shared = shared_code(definition, {name for piece in pieces for name in piece.shared}) if pieces else ""
    define, where = vendor_define(definition.match.vendor)
    return Change(
        definition=definition,
        version=version,
        functions="\n".join([shared, *(piece.code for piece in pieces)]) if pieces else "",
        bar_calls=tuple(piece.call for piece in pieces if not piece.vga),
        vga_calls=tuple(piece.call for piece in pieces if piece.vga),
        trace_events=tuple(event for piece in pieces for event in piece.trace_events),
        defines=() if where else (_define(define, definition.match.vendor),),
        refusals=tuple(refusals),
        pieces=tuple(pieces),
    )


def _piece(job: Job, mechanism: Mechanism) -> Piece:
    names = names_of(job.definition, mechanism)
    match mechanism:
        case Window():
            write = plain_window if is_plain_window(job.definition, mechanism) else special_window
            if write is plain_window and not any(m.space == "config" for m in mechanism.matches):
                raise CannotEmit("nothing that it reaches needs to be answered by QEMU")
            return write(job, mechanism, names)
        case Mirror():
            if mechanism.function is not None:
                raise CannotEmit("it shows the config space of another function, which this device does not have")
            return (plain_mirror if mirror_is_plain(job, mechanism) else special_mirror)(job, mechanism, names)
        case Leak():
            return leak_register(job, mechanism, names)
        case Sink():
            return sink_registers(job, mechanism, names)


def _define(name: str, vendor: int) -> str:
    return f"#define {name} 0x{vendor:04x}"


def _headline(definition: QuirkDefinition) -> str:
    match = definition.match
    device = "any device" if match.device == "any" else f"{match.device:04x}"
    return f"Back doors of {match.vendor:04x}:{device}"
