"""Quirks that QEMU's own mechanisms serve: the config window and the config mirror."""

from quirkfinder.definition.model import Mirror, Window
from quirkfinder.emission.context import Job, Names, Piece, place_of
from quirkfinder.emission.probe import RegionLine, explanation, probe, probe_event
from quirkfinder.emission.texts import mirror_text, window_text
from quirkfinder.emission.writer import Source


def mirror_is_plain(job: Job, mirror: Mirror) -> bool:
    """Does the generic mirror do it? Before 10.0 it has no `config_offset`."""
    offset_works = mirror.config_offset == 0 or job.version.mirror_has_config_offset
    return offset_works and mirror.write == "emulate" and not mirror.exceptions


def plain_window(job: Job, window: Window, names: Names) -> Piece:
    """An instance of VFIOConfigWindowQuirk."""
    source = Source()
    place = place_of(window, ())
    configs = [m for m in window.matches if m.space == "config"]
    source.lines(explanation(job.definition, *window_text(job.definition, window), window.evidence))
    state = [
        "quirk->data = window = g_malloc0(sizeof(*window) +",
        f"                                 {len(configs)} * sizeof(VFIOConfigWindowMatch));",
        "window->vdev = vdev;",
        f"window->address_offset = {window.address_offset:#x};",
        f"window->data_offset = {window.data_offset:#x};",
        f"window->nr_matches = {len(configs)};",
    ]
    for at, match in enumerate(configs):
        # The generic operations do not look at the size of config space, so the mask must.
        mask = f"MIN({match.mask:#x}, vdev->config_size - 1)" if match.mask > 0xFF else f"{match.mask:#x}"
        state += [f"window->matches[{at}].match = {match.match:#x};", f"window->matches[{at}].mask = {mask};"]
    state.append("window->bar = nr;")
    address = RegionLine(
        "vfio_generic_window_address_quirk", "window", "window->address_offset", f"{window.address_size}",
        names.region.replace("-quirk", "-address-quirk"), "window->addr_mem",
    )  # fmt: skip
    data = RegionLine(
        "vfio_generic_window_data_quirk", "window", "window->data_offset", f"{window.data_size}",
        names.region.replace("-quirk", "-data-quirk"), "window->data_mem",
    )  # fmt: skip
    end = max(window.address_offset + window.address_size, window.data_offset + window.data_size)
    variables = ["VFIOConfigWindowQuirk *window;"]
    probe(source, names, place, (address, data), state=state, variables=variables, end=end)
    return Piece(source.text(), (probe_event(names),), f"{names.probe}(vdev, nr);", vga=False, shared=frozenset())


def plain_mirror(job: Job, mirror: Mirror, names: Names) -> Piece:
    """An instance of VFIOConfigMirrorQuirk."""
    source = Source()
    place = place_of(mirror, ())
    source.lines(explanation(job.definition, *mirror_text(mirror), mirror.evidence))
    state = [
        "quirk->data = mirror = g_malloc0(sizeof(*mirror));",
        "mirror->vdev = vdev;",
        f"mirror->offset = {mirror.offset:#x};",
        "mirror->bar = nr;",
    ]
    size = f"{mirror.size:#x}"
    if mirror.config_offset + mirror.size > 0x100:
        size = f"MIN({mirror.size:#x}, vdev->config_size - {mirror.config_offset:#x})"
    if mirror.config_offset:
        state.insert(3, f"mirror->config_offset = {mirror.config_offset:#x};")
    region = RegionLine(
        "vfio_generic_mirror_quirk", "mirror", "mirror->offset", size, names.region, "mirror->mem"
    )  # fmt: skip
    variables = ["VFIOConfigMirrorQuirk *mirror;"]
    refuse = (f"vdev->config_size <= {mirror.config_offset:#x}",) if mirror.config_offset >= 0x100 else ()
    end = mirror.offset + mirror.size
    probe(source, names, place, (region,), state=state, variables=variables, end=end, refuse=refuse)
    return Piece(source.text(), (probe_event(names),), f"{names.probe}(vdev, nr);", vga=False, shared=frozenset())
