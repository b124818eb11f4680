"""What happens on a read and on a write of each register of a window, in C."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quirkfinder.definition.steps import Transition, transitions
from quirkfinder.emission.identifiers import comment
from quirkfinder.emission.writer import Source

if TYPE_CHECKING:  # the job is made of registers, so the import would be a circle
    from quirkfinder.emission.window import WindowJob


_NAME = "state->vdev->vbasedev.name"


@dataclass(frozen=True, slots=True)
class Register:
    """A register and all it is: address, read (data comes back), write (data goes in), condition, key."""

    offset: int
    size: int
    roles: frozenset[str]

    @property
    def field(self) -> str:
        return f"register_{self.offset:x}"


def write_operations(source: Source, work: "WindowJob", register: Register) -> None:
    """Read function, write function and MemoryRegionOps of a register."""
    names = work.names
    with source.function("uint64_t", names.function(f"{register.field}_read"), *_parameters("read")):
        _read(source, work, register)
    with source.function("void", names.function(f"{register.field}_write"), *_parameters("write")):
        _write(source, work, register)
    with source.block(f"static const MemoryRegionOps {names.function(f'{register.field}_ops')} =", "};"):
        source.line(f".read = {names.function(f'{register.field}_read')},")
        source.line(f".write = {names.function(f'{register.field}_write')},")
        source.line(".endianness = DEVICE_LITTLE_ENDIAN,")
    source.line()


def _parameters(access: str) -> tuple[str, ...]:
    return ("void *opaque", "hwaddr addr", *(("uint64_t data",) if access == "write" else ()), "unsigned size")


def _read(source: Source, work: "WindowJob", register: Register) -> None:
    window, names = work.window, work.names
    source.line(f"{names.type} *state = opaque;")
    work.place.read(source, register.offset, "uint64_t data = ")
    reads_back = window.strobe and "address" in register.roles
    steps = [t for t in transitions(window) if t.access == "read" and t.offset == register.offset]
    answers = "read" in register.roles and (not window.read_steps or steps)
    if answers or reads_back:
        source.line("uint32_t offset = 0;")
        source.line(f"int target = {names.function('decode')}(state, &offset);")
    if steps:
        source.line("unsigned step = state->step;")
    source.line()
    if window.read_steps:
        source.line("state->step = 0;")
    if reads_back:
        _read_back(source, work)
    if answers and steps:
        with source.block(f"if (step == {steps[0].state})"):
            _answer(source, work)
    elif answers:
        _answer(source, work)
    source.line("return data;")


def _answer(source: Source, work: "WindowJob") -> None:
    """The read of what is reached, in place of the device's answer."""
    names = work.names
    sub = " + addr" if work.window.sub_offset else ""
    with source.block(f"if (target != {names.constant('HARDWARE')})"):
        source.call(f"data = {names.function('target_read')}", "state", "target", f"offset{sub}", "data", "size")
        source.call(f"trace_{names.trace('read')}", _NAME, f"offset{sub}", "data")
    if work.window.increment:
        source.line(f"state->moved += {work.window.increment};")


def _read_back(source: Source, work: "WindowJob") -> None:
    """The completion flag, as the device would show it once it is done."""
    strobe, names = work.window.strobe, work.names
    assert strobe is not None
    cases = [(strobe.read_command, strobe.read_done)]
    if strobe.write_command is not None and work.window.write in ("emulate", "drop"):
        cases.append((strobe.write_command, strobe.write_done))
    with source.block(f"if (target != {names.constant('HARDWARE')} && addr == 0)"):
        for command, done in cases:
            if done is not None:
                with source.block(f"if ((state->address & {strobe.mask:#x}) == {command:#x})"):
                    source.line(f"return (state->address & ~{strobe.mask:#x}U) | {done:#x};")


def _write(source: Source, work: "WindowJob", register: Register) -> None:
    window, names = work.window, work.names
    source.line(f"{names.type} *state = opaque;")
    if window.read_steps:
        _write_steps(source, work, register)
        return
    commits = window.strobe is not None and window.strobe.write_command is not None and bool(work.writable)
    at_once = window.strobe is None and "write" in register.roles and bool(work.writable)
    if at_once or (commits and "address" in register.roles):
        source.line("uint32_t offset = 0;")
        source.line("int target;")
    source.line()
    if at_once:
        source.line(f"target = {names.function('decode')}(state, &offset);")
        _emulated_write(source, work)
    if window.strobe is None and "write" in register.roles and window.increment:
        source.line(f"state->moved += {window.increment};")
    if commits and "write" in register.roles and window.write_offset != window.address_offset:
        _merge(source, work, "data")
    if "condition" in register.roles:
        _merge(source, work, register.field)
    if "address" in register.roles:
        _address_write(source, work)
        if commits:
            _commit(source, work)
    work.place.write(source, register.offset)


def _merge(source: Source, work: "WindowJob", field: str) -> None:
    source.call(f"state->{field} = {work.names.shared('merge')}", f"state->{field}", "addr", "data", "size")


def _address_write(source: Source, work: "WindowJob") -> None:
    _merge(source, work, "address")
    source.line("state->addressed = true;")
    if work.window.increment:
        source.line("state->moved = 0;")


def _commit(source: Source, work: "WindowJob") -> None:
    """The write command in the address word: the data was written before."""
    window, names = work.window, work.names
    strobe = window.strobe
    assert strobe is not None
    value = "state->address" if window.write_offset == window.address_offset else "state->data"
    command = f"(state->address & {strobe.mask:#x}) == {strobe.write_command:#x}"
    source.line(f"target = {names.function('decode')}(state, &offset);")
    with source.block(f"if ({_writable(work)} &&\n        {command})"):
        _emulate(source, work, value, f"{min(window.data_size, 4)}")


def _writable(work: "WindowJob") -> str:
    """The test for a target that takes writes."""
    tests = [f"target == {work.names.constant(name)}" for name in work.writable]
    return tests[0] if len(tests) == 1 else f"({' || '.join(tests)})"


def _emulated_write(source: Source, work: "WindowJob") -> None:
    """A write to the data register while something is selected that QEMU answers for."""
    with source.block(f"if ({_writable(work)})"):
        if work.window.sub_offset:
            source.line("offset += addr;")
        _emulate(source, work, "data", "size")


def _emulate(source: Source, work: "WindowJob", value: str, size: str) -> None:
    """The write policy for a target that QEMU answers for."""
    window, names = work.window, work.names
    if window.write in ("emulate", "both"):
        source.call(f"{names.function('target_write')}", "state", "target", "offset", value, size)
    if window.write != "forward":
        source.call(f"trace_{names.trace('write')}", _NAME, "offset", value)
    if window.write in ("emulate", "drop"):
        if window.increment:
            source.lines(comment("The device has to move on as well: a read does that and changes nothing else."))
            work.place.read(source, window.data_offset, at_byte="")
            source.line(f"state->moved += {window.increment};")
        source.line("return;")


def _write_steps(source: Source, work: "WindowJob", register: Register) -> None:
    """A sequence: every access either takes it one step on or starts it anew."""
    mine = [t for t in transitions(work.window) if t.access == "write" and t.offset == register.offset]
    if work.writable and any(t.role == "data" for t in mine):
        source.line("uint32_t offset = 0;")
        source.line("int target;")
    if any(t.state for t in mine):
        source.line("unsigned step = state->step;")
    source.line()
    source.line("state->step = 0;")
    for at, transition in enumerate(mine):
        source.line(f"{'} else if' if at else 'if'} ({_step_test(transition)}) {{")
        with source.deeper():
            if transition.role != "data":
                source.line(f"state->step = {transition.next};")
            if transition.role == "address":
                _address_write(source, work)
            if transition.role == "data":
                _data_step(source, work)
    if mine:
        source.line("}")
    work.place.write(source, register.offset)


def _data_step(source: Source, work: "WindowJob") -> None:
    if work.writable:
        source.line(f"target = {work.names.function('decode')}(state, &offset);")
        _emulated_write(source, work)
    else:
        source.lines(comment("The device takes the data."))
    if work.window.increment:
        source.line(f"state->moved += {work.window.increment};")


def _step_test(transition: Transition) -> str:
    value = "" if transition.value is None else f"(data & {transition.mask:#x}) == {transition.value:#x}"
    if transition.state == 0:
        return value or "true"
    return f"step == {transition.state}" + (f" && {value}" if value else "")
