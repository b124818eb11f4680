"""Mirrors, leak registers and sinks with operations of their own."""

from quirkfinder.definition.model import Leak, Mirror, Sink
from quirkfinder.emission.context import CannotEmit, Job, Names, Piece, place_of
from quirkfinder.emission.identifiers import comment
from quirkfinder.emission.probe import RegionLine, access_events, explanation, probe, probe_event
from quirkfinder.emission.texts import leak_text, mirror_text, sink_text
from quirkfinder.emission.writer import Source

_READ = ("void *opaque", "hwaddr addr", "unsigned size")
_WRITE = ("void *opaque", "hwaddr addr", "uint64_t data", "unsigned size")


def special_mirror(job: Job, mirror: Mirror, names: Names) -> Piece:
    """A mirror with a write policy of its own, or (7.2) one that does not begin at config offset 0."""
    source = Source()
    place = place_of(mirror, (), "vdev")
    source.lines(explanation(job.definition, *mirror_text(mirror), mirror.evidence))
    offset = f"addr + {mirror.config_offset:#x}" if mirror.config_offset else "addr"
    with source.function("uint64_t", names.function("read"), *_READ):
        source.line("VFIOPCIDevice *vdev = opaque;")
        source.line("uint64_t data;")
        source.line()
        source.lines(comment("The device sees the read, as it would without the quirk; its answer is the host's."))
        place.read(source, mirror.offset)
        source.line(f"data = {names.shared('config_read')}(vdev, {offset}, size);")
        source.call(f"trace_{names.trace('read')}", "vdev->vbasedev.name", offset, "data")
        source.line("return data;")
    with source.function("void", names.function("write"), *_WRITE):
        source.line("VFIOPCIDevice *vdev = opaque;")
        source.line(f"uint32_t offset = {offset};")
        emulate, forward = _policy(mirror.write)
        source.line(f"bool emulate = {emulate}, forward = {forward};")
        source.line()
        for exception in mirror.exceptions:
            first, end = exception.config_offset, exception.config_offset + exception.size
            lower = f"offset >= {first:#x} && " if first else ""
            with source.block(f"if ({lower}offset + size <= {end:#x})"):
                emulate, forward = _policy(exception.write)
                source.line(f"emulate = {emulate};")
                source.line(f"forward = {forward};")
        with source.block("if (emulate)"):
            source.line(f"{names.shared('config_write')}(vdev, offset, data, size);")
        with source.block("if (forward)"):
            place.write(source, mirror.offset)
        source.call(f"trace_{names.trace('write')}", "vdev->vbasedev.name", "offset", "data")
    _operations(source, names, ())
    region = RegionLine(names.function("ops"), "vdev", f"{mirror.offset:#x}", f"{mirror.size:#x}", names.region)
    probe(source, names, place, (region,), state=(), variables=(), end=mirror.offset + mirror.size)
    events = (probe_event(names), *access_events(names))
    shared = frozenset({"config_read", "config_write"})
    return Piece(source.text(), events, f"{names.probe}(vdev, nr);", vga=False, shared=shared)


def _policy(policy: str) -> tuple[str, str]:
    """emulate and forward as C constants."""
    return ("true" if policy in ("emulate", "both") else "false", "true" if policy in ("forward", "both") else "false")


def leak_register(job: Job, leak: Leak, names: Names) -> Piece:
    """A register that tells where a BAR is: the guest's place instead of the host's."""
    source = Source()
    place = place_of(leak, (leak.offset,), "vdev")
    full = (1 << 8 * leak.size) - 1
    mask = leak.mask if leak.mask is not None else full
    source.lines(explanation(job.definition, *leak_text(leak), leak.evidence))
    with source.function("uint64_t", names.function("read"), *_READ):
        source.line("VFIOPCIDevice *vdev = opaque;")
        source.line(f"uint64_t data = {names.shared('bar_address')}(vdev, {leak.target_bar});")
        if mask != full:
            source.line("uint64_t hardware;")
        source.line()
        if leak.shift:
            source.line(f"data >>= {leak.shift};")
        source.line(f"data = (data & {mask:#x}ULL) >> (addr * 8);")
        if mask != full:
            place.read(source, leak.offset, "hardware = ")
            source.line(f"data |= hardware & ~({mask:#x}ULL >> (addr * 8));")
        source.call(f"trace_{names.trace('read')}", "vdev->vbasedev.name", "addr", "data")
        source.line("return data;")
    emulates, forwards = leak.write in ("emulate", "both"), leak.write in ("forward", "both")
    if emulates and not forwards:
        raise CannotEmit("a write to the register has no place in config space; use forward or drop")
    with source.function("void", names.function("write"), *_WRITE):
        source.line("VFIOPCIDevice *vdev = opaque;")
        source.line()
        if forwards:
            place.write(source, leak.offset)
        source.call(f"trace_{names.trace('write')}", "vdev->vbasedev.name", "addr", "data")
    _operations(source, names, (8,) if leak.size == 8 else ())
    region = RegionLine(names.function("ops"), "vdev", place.offset(leak.offset), f"{leak.size}", names.region)
    probe(source, names, place, (region,), state=(), variables=(), end=leak.offset + leak.size)
    call = f"{names.probe}(vdev);" if leak.vga else f"{names.probe}(vdev, nr);"
    events = (probe_event(names), *access_events(names))
    return Piece(source.text(), events, call, leak.vga, frozenset({"bar_address"}))


def sink_registers(job: Job, sink: Sink, names: Names) -> Piece:
    """Registers that take the guest address of a BAR: the device gets the host's. Raises `CannotEmit` for others."""
    if sink.what != "guest-bar" or sink.target_bar is None or sink.window is not None:
        raise CannotEmit(_CANNOT.get(sink.what, "the sites are a window's data register"))
    source = Source()
    place = place_of(sink, (), "site->vdev")
    source.lines(explanation(job.definition, *sink_text(sink), sink.evidence))
    with source.block(f"typedef struct {names.type}", f"}} {names.type};"):
        source.lines(("VFIOPCIDevice *vdev;", "hwaddr offset;", "uint64_t host;"))
    source.line()
    _move(source, sink, names)
    with source.function("uint64_t", names.function("read"), *_READ):
        source.line(f"{names.type} *site = opaque;")
        place.read(source, "site->offset", "uint64_t data = ")
        source.line(f"uint64_t guest = {names.shared('bar_address')}(site->vdev, {sink.target_bar});")
        source.line()
        source.line(f"data = {names.function('move')}(site, data, site->host, guest, size);")
        source.call(f"trace_{names.trace('read')}", "site->vdev->vbasedev.name", "site->offset", "data")
        source.line("return data;")
    with source.function("void", names.function("write"), *_WRITE):
        source.line(f"{names.type} *site = opaque;")
        source.line(f"uint64_t guest = {names.shared('bar_address')}(site->vdev, {sink.target_bar});")
        source.line()
        source.line(f"data = {names.function('move')}(site, data, guest, site->host, size);")
        place.write(source, "site->offset")
        source.call(f"trace_{names.trace('write')}", "site->vdev->vbasedev.name", "site->offset", "data")
    _operations(source, names, (sink.size,) if sink.size == 8 else ())
    regions = [
        RegionLine(names.function("ops"), f"&site[{at}]", f"site[{at}].offset", f"{sink.size}", f"{names.region}-{at}")
        for at in range(len(sink.sites))
    ]
    state = [f"quirk->data = site = g_new0({names.type}, {len(sink.sites)});"]
    for at, offset in enumerate(sink.sites):
        state += [f"site[{at}].vdev = vdev;", f"site[{at}].offset = {offset:#x};"]
        state.append(f"site[{at}].host = {names.shared('host_address')}(vdev, {sink.target_bar});")
    end = max(sink.sites) + sink.size
    probe(source, names, place, regions, state=state, variables=[f"{names.type} *site;"], end=end)
    events = (probe_event(names), *access_events(names))
    shared = frozenset({"bar_address", "host_address"})
    return Piece(source.text(), events, f"{names.probe}(vdev, nr);", vga=False, shared=shared)


_CANNOT = {
    "msi-address": "QEMU has no way to learn the host's MSI message address; the kernel does not hand it out",
    "msi-data": "QEMU has no way to learn the host's MSI message data; the kernel does not hand it out",
    "rebase": "the addresses are those of one machine; a quirk would have to learn them where it runs",
}


def _move(source: Source, sink: Sink, names: Names) -> None:
    source.lines(comment("An address inside the BAR, seen from one side, as the other side has it."))
    with source.function(
        "uint64_t", names.function("move"), f"{names.type} *site", "uint64_t data", "uint64_t from", "uint64_t to",
        "unsigned size",
    ):  # fmt: skip
        source.line(f"uint64_t length = site->vdev->bars[{sink.target_bar}].region.size;")
        source.line()
        with source.block(f"if (size < {sink.size} || !site->host)"):
            source.line("return data;")
        if sink.size == 4:
            source.line("from = (uint32_t)from;")
        source.line("return data - from < length ? data - from + to : data;")


def _operations(source: Source, names: Names, wide: tuple[int, ...]) -> None:
    with source.block(f"static const MemoryRegionOps {names.function('ops')} =", "};"):
        source.line(f".read = {names.function('read')},")
        source.line(f".write = {names.function('write')},")
        source.line(".endianness = DEVICE_LITTLE_ENDIAN,")
        for size in wide:
            source.line(f".valid.max_access_size = {size},")
            source.line(f".impl.max_access_size = {size},")
    source.line()
