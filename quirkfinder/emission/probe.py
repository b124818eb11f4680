"""The tail that every quirk has: the probe function that lays its regions over the BAR, and the comment before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from quirkfinder.definition.model import Evidence, QuirkDefinition
from quirkfinder.emission.context import Names, Place
from quirkfinder.emission.identifiers import comment
from quirkfinder.emission.writer import Source


@dataclass(frozen=True, slots=True)
class RegionLine:
    """A memory region of a quirk: which operations, where, how many bytes, and the name `info mtree` shows."""

    ops: str
    opaque: str
    offset: str
    size: str
    name: str
    pointer: str | None = None  # a field of the state that QEMU's own operations expect to hold the region
    reenters: bool = False


def probe(
    source: Source,
    names: Names,
    place: Place,
    regions: Sequence[RegionLine],
    *,
    state: Sequence[str],
    variables: Sequence[str],
    end: int,
    refuse: Sequence[str] = (),
    reset: str | None = None,
) -> None:
    """The probe function.

    `state` are statements that fill in `quirk->data`, `end` is the BAR size that is needed, `refuse` are further
    conditions under which the quirk stays away.
    """
    parameters = ("VFIOPCIDevice *vdev",) if place.bar is None else ("VFIOPCIDevice *vdev", "int nr")
    with source.function("void", names.probe, *parameters):
        source.line("VFIOQuirk *quirk;")
        source.lines(variables)
        source.line()
        _guard(source, names, place, end, refuse)
        source.line()
        source.line(f"quirk = vfio_quirk_alloc({len(regions)});")
        source.lines(state)
        for at, region in enumerate(regions):
            source.line()
            _region(source, place, region, at)
        source.line()
        if reset:
            source.line(f"quirk->reset = {reset};")
        source.call("QLIST_INSERT_HEAD", f"&{place.quirks}", "quirk", "next")
        source.line()
        source.line(f"trace_{names.trace('probe')}(vdev->vbasedev.name);")


def _guard(source: Source, names: Names, place: Place, end: int, refuse: Sequence[str]) -> None:
    """Return early unless it is the device and its BAR is there and large enough."""
    tests = [f"nr != {place.bar}"] if place.bar is not None else []
    tests.append(f"!{names.shared('is')}(vdev)")
    tests.append("!vdev->vga" if place.bar is None else f"vdev->bars[nr].region.size < {end:#x}")
    tests += refuse
    for at, test in enumerate(tests[:-1]):
        source.line(f"{'    ' if at else 'if ('}{test} ||")
    with source.block(f"    {tests[-1]})"):
        source.line("return;")


def _region(source: Source, place: Place, region: RegionLine, at: int) -> None:
    memory = f"&quirk->mem[{at}]"
    if region.pointer:
        source.line(f"{region.pointer} = {memory};")
    source.call(
        "memory_region_init_io",
        memory,
        "OBJECT(vdev)",
        f"&{region.ops}",
        region.opaque,
        f'"{region.name}"',
        region.size,
    )
    if region.reenters:
        source.lines(comment("It is served by another region of this device: without this QEMU refuses that."))
        source.line(f"quirk->mem[{at}].disable_reentrancy_guard = true;")
    source.call("memory_region_add_subregion_overlap", place.container, region.offset, memory, "1")


def explanation(definition: QuirkDefinition, title: str, paragraphs: Sequence[str], evidence: Evidence) -> list[str]:
    """The block comment a maintainer wants: what is exposed, what was seen, how sure, what was not seen."""
    match = definition.match
    device = "any device" if match.device == "any" else f"{match.device:04x}"
    text: list[str | list[str]] = [f"{match.vendor:04x}:{device}, {title}", *paragraphs]
    if match.device == "any":
        text.append(f"Any device of the vendor: {match.reason}")
    if evidence.lines:
        text += ["From a trace without the quirk:", list(evidence.lines)]
    told = [
        f"{evidence.count} accesses speak for it" if evidence.count else "No count of the accesses that speak for it",
        f"verdict {evidence.verdict or 'none'}, confidence {evidence.confidence:.2f}",
        f"replay: {evidence.verification}",
    ]
    text.append("; ".join(told) + ".")
    if evidence.not_seen:
        text.append("Open: " + "; ".join(evidence.not_seen))
    return comment(*text)


def probe_event(names: Names) -> str:
    return f'{names.trace("probe")}(const char *name) "%s"'


def access_events(names: Names) -> tuple[str, str]:
    """Trace events for quirks with operations of their own."""
    return tuple(
        f'{names.trace(what)}(const char *name, uint64_t addr, uint64_t data) "%s 0x%"PRIx64": 0x%"PRIx64'
        for what in ("read", "write")
    )  # type: ignore[return-value]  # two words make two events
