"""Windows with operations of their own: enables, flags, sequences, auto-increment, other targets, VGA ports."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from quirkfinder.definition.model import Window, WindowMatch
from quirkfinder.definition.reach import Passage, passages
from quirkfinder.emission.context import CannotEmit, Job, Names, Piece, Place, place_of
from quirkfinder.emission.identifiers import comment
from quirkfinder.emission.probe import RegionLine, access_events, explanation, probe, probe_event
from quirkfinder.emission.texts import window_text
from quirkfinder.emission.window_access import Register, write_operations
from quirkfinder.emission.writer import Source


@dataclass(frozen=True, slots=True)
class WindowJob:
    """A window being written: its names, its place, its registers by offset."""

    job: Job
    window: Window
    names: Names
    place: Place
    registers: tuple[Register, ...]

    @property
    def spaces(self) -> set[str]:
        """What the address values reach, behind BARs as well: config, msix-table, leak."""
        found = {m.space for m in self.window.matches if not m.space.startswith("bar")}
        for match in self.window.matches:
            found |= {"leak" if p.leak else "config" for p in passages(self.job.definition, match)}
        return found

    @property
    def writable(self) -> tuple[str, ...]:
        """The targets that take writes in place of the device; none where the policy hands all of them on."""
        window = self.window
        if window.write == "forward" or (window.read_steps and not window.write_steps):
            return ()
        known = (("config", "CONFIG"), ("msix-table", "MSIX_TABLE"))
        return tuple(constant for space, constant in known if space in self.spaces)

    @property
    def emulates_writes(self) -> bool:
        """Is there an access that ends in a write to config space or the MSI-X table?"""
        strobe = self.window.strobe
        started = strobe is None or strobe.write_command is not None
        return bool(self.writable) and started and self.window.write in ("emulate", "both")


def special_window(job: Job, window: Window, names: Names) -> Piece:
    """A window in C with its own state and operations. Raises `CannotEmit`."""
    registers = _registers(window)
    place = place_of(window, [r.offset for r in registers])
    work = WindowJob(job, window, names, place, registers)
    if not work.spaces:
        raise CannotEmit("nothing that it reaches needs to be answered by QEMU")
    source = Source()
    source.lines(explanation(job.definition, *window_text(job.definition, window), window.evidence))
    _state(source, work)
    _decode(source, work)
    _targets(source, work)
    for register in registers:
        write_operations(source, work, register)
    _reset(source, work)
    _probe(source, work)
    shared = {"targets", "merge"} | ({"bar_address"} if "leak" in work.spaces else set())
    for space, helper in (("config", "config"), ("msix-table", "msix")):
        if space in work.spaces:
            shared |= {f"{helper}_read"} | ({f"{helper}_write"} if work.emulates_writes else set())
    call = f"{names.probe}(vdev);" if window.vga else f"{names.probe}(vdev, nr);"
    return Piece(source.text(), (probe_event(names), *access_events(names)), call, window.vga, frozenset(shared))


def _registers(window: Window) -> tuple[Register, ...]:
    """The registers by offset, each with everything it is. Raises `CannotEmit` where two overlap in part."""
    roles: dict[int, set[str]] = {}
    sizes: dict[int, int] = {}

    def add(offset: int, size: int, role: str) -> None:
        roles.setdefault(offset, set()).add(role)
        sizes[offset] = max(size, sizes.get(offset, 0))

    add(window.address_offset, window.address_size, "address")
    read = window.read_offset if window.read_offset is not None else window.data_offset
    write = window.write_offset if window.write_offset is not None else window.data_offset
    add(read, window.data_size, "read")
    add(write, window.data_size, "write")
    for condition in (*window.enable, *(m.select for m in window.matches if m.select)):
        add(condition.offset, condition.size, "condition")
    for step in (*window.read_steps, *window.write_steps):
        if step.role == "key":
            add(step.offset, step.size, "key")
    found = tuple(Register(o, sizes[o], frozenset(roles[o])) for o in sorted(roles))
    for one, two in pairwise(found):
        if one.offset + one.size > two.offset:
            raise CannotEmit(f"the registers at {one.offset:#x} and {two.offset:#x} overlap in part")
    return found


def _state(source: Source, work: WindowJob) -> None:
    window = work.window
    with source.block(f"typedef struct {work.names.type}", f"}} {work.names.type};"):
        source.line("VFIOPCIDevice *vdev;")
        source.line("uint32_t address;")
        source.line("bool addressed;")
        if window.strobe:
            source.line("uint32_t data;")
        if window.increment:
            source.line("uint32_t moved;")
        if window.read_steps:
            source.line("unsigned step;")
        source.lines(f"uint32_t {r.field};" for r in work.registers if "condition" in r.roles)
    source.line()


def _decode(source: Source, work: WindowJob) -> None:
    """The function that says what the address register selects."""
    window, names = work.window, work.names
    source.lines(comment("What the registers select, and the offset in it."))
    with source.function("int", names.function("decode"), f"const {names.type} *state", "uint32_t *offset"):
        strobe = f" & ~{window.strobe.mask:#x}U" if window.strobe else ""
        source.line(f"uint32_t value = state->address{strobe};")
        source.line()
        closed = ["!state->addressed"]
        closed += [f"(state->register_{c.offset:x} & {c.mask:#x}) != {c.value:#x}" for c in window.enable]
        with source.block("if (" + " ||\n        ".join(closed) + ")"):
            source.line(f"return {names.constant('HARDWARE')};")
        for match in window.matches:
            with source.block(f"if ({_condition(match)})"):
                source.lines(_offset(work, match))
        source.line(f"return {names.constant('HARDWARE')};")


def _condition(match: WindowMatch) -> str:
    free = match.mask | match.ignored
    test = f"(value & ~{free:#x}U) == {match.match:#x}"
    if match.select:
        select = match.select
        test += f" &&\n        (state->register_{select.offset:x} & {select.mask:#x}) == {select.value:#x}"
    return test


def _offset(work: WindowJob, match: WindowMatch) -> Iterator[str]:
    names = work.names
    reached = f"value & {match.mask:#x}"
    if match.scale != 1:
        reached = f"{match.scale} * ({reached})"
    if match.base:
        reached = f"{match.base:#x} + ({reached})" if match.scale == 1 else f"{match.base:#x} + {reached}"
    moved = " + state->moved" if work.window.increment else ""
    found = passages(work.job.definition, match)
    if match.space.startswith("bar") and not found:
        yield f"return {names.constant('HARDWARE')};"
        return
    yield f"*offset = ({reached}){moved};" if moved else f"*offset = {reached};"
    if not match.space.startswith("bar"):
        yield f"return {names.constant('CONFIG' if match.space == 'config' else 'MSIX_TABLE')};"
        return
    for passage in found:
        yield from _passage(work, passage)
    yield f"return {names.constant('HARDWARE')};"


def _passage(work: WindowJob, passage: Passage) -> Iterator[str]:
    lower = f"*offset >= {passage.first:#x} && " if passage.first else ""
    yield f"if ({lower}*offset <= {passage.last:#x}) {{"
    if passage.leak is not None:
        at = work.job.definition.leaks.index(passage.leak)
        yield f"    *offset -= {passage.first:#x};"
        yield f"    return {work.names.constant('LEAK')} + {at};"
    else:
        change = (passage.config_offset or 0) - passage.first
        if change:
            yield f"    *offset {'+' if change > 0 else '-'}= {abs(change):#x};"
        yield f"    return {work.names.constant('CONFIG')};"
    yield "}"


def _targets(source: Source, work: WindowJob) -> None:
    """Reads and writes of what is reached; the hardware's answer is handed in for what is not."""
    names = work.names
    with source.function(
        "uint64_t", names.function("target_read"), f"{names.type} *state", "int target", "uint32_t offset",
        "uint64_t data", "unsigned size",
    ):  # fmt: skip
        if "config" in work.spaces:
            with source.block(f"if (target == {names.constant('CONFIG')})"):
                source.line(f"return {names.shared('config_read')}(state->vdev, offset, size);")
        if "msix-table" in work.spaces:
            with source.block(f"if (target == {names.constant('MSIX_TABLE')})"):
                source.line(f"return {names.shared('msix_read')}(state->vdev, offset, size);")
        for leak in sorted({p.leak for m in work.window.matches for p in passages(work.job.definition, m) if p.leak},
                           key=lambda leak: work.job.definition.leaks.index(leak)):  # fmt: skip
            at = work.job.definition.leaks.index(leak)
            mask = leak.mask if leak.mask is not None else (1 << 8 * leak.size) - 1
            with source.block(f"if (target == {names.constant('LEAK')} + {at})"):
                address = f"{names.shared('bar_address')}(state->vdev, {leak.target_bar})"
                source.line(f"uint64_t mask = {mask:#x}ULL >> (offset * 8);")
                source.line(f"uint64_t address = {address} >> {leak.shift};")
                source.line()
                source.line("return (data & ~mask) | ((address >> (offset * 8)) & mask);")
        source.line("return data;")
    if not work.emulates_writes:
        return
    with source.function(
        "void", names.function("target_write"), f"{names.type} *state", "int target", "uint32_t offset",
        "uint64_t data", "unsigned size",
    ):  # fmt: skip
        for space, constant, helper in (("config", "CONFIG", "config"), ("msix-table", "MSIX_TABLE", "msix")):
            if space in work.spaces:
                with source.block(f"if (target == {names.constant(constant)})"):
                    source.line(f"{names.shared(f'{helper}_write')}(state->vdev, offset, data, size);")


def _reset(source: Source, work: WindowJob) -> None:
    names = work.names
    with source.function("void", names.function("reset"), "VFIOPCIDevice *vdev", "VFIOQuirk *quirk"):
        source.line(f"{names.type} *state = quirk->data;")
        source.line()
        source.line(f"*state = ({names.type}) {{ .vdev = vdev }};")


def _probe(source: Source, work: WindowJob) -> None:
    names, place = work.names, work.place
    reenters = "msix-table" in work.spaces
    regions = [
        RegionLine(
            names.function(f"{r.field}_ops"), "quirk->data", place.offset(r.offset), f"{r.size}",
            names.region.replace("-quirk", f"-{r.offset:x}-quirk"), reenters=reenters,
        )
        for r in work.registers
    ]  # fmt: skip
    state = [f"quirk->data = state = g_new0({names.type}, 1);", "state->vdev = vdev;"]
    end = max(r.offset + r.size for r in work.registers)
    variables = [f"{names.type} *state;"]
    probe(source, names, place, regions, state=state, variables=variables, end=end, reset=names.function("reset"))
