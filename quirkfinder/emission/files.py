"""The files of an emitted change, by name. All text that is written comes from here; nothing is written here."""

from quirkfinder.emission.change import LICENSE, Change
from quirkfinder.emission.identifiers import words


def files_of(change: Change) -> dict[str, str]:
    """File names and contents of a change, in the order in which a maintainer applies them; empty where it is."""
    if change.is_empty:
        return {}
    files = {}
    if change.defines:
        files["include-hw-pci-pci_ids.h"] = _c(*change.defines)
    name = words(change.definition.name).replace("_", "-")
    files["hw-vfio-trace-events"] = "\n".join(("# pci-quirks.c", *change.trace_events)) + "\n"
    files["hw-vfio-pci-quirks.c"] = f"{LICENSE}\n\n{change.functions}"
    files["hw-vfio-pci-quirks-setup.c"] = _setup(change.bar_calls, change.vga_calls)
    if change.version.separate_file:
        bar, vga = change.setup_names
        files[f"hw-vfio-quirk-{name}.c"] = change.alone()
        files["hw-vfio-pci-quirks.h"] = _c(*change.prototypes)
        files["hw-vfio-meson.build"] = f"vfio_ss.add(when: 'CONFIG_VFIO_PCI', if_true: files('quirk-{name}.c'))\n"
        bars = (f"{bar}(vdev, nr);",) if change.bar_calls else ()
        ports = (f"{vga}(vdev);",) if change.vga_calls else ()
        files["hw-vfio-pci-quirks-setup-alone.c"] = _setup(bars, ports)
    return files


def _setup(bar_calls: tuple[str, ...], vga_calls: tuple[str, ...]) -> str:
    lines = []
    for function, calls in (("vfio_bar_quirk_setup", bar_calls), ("vfio_vga_quirk_setup", vga_calls)):
        if calls:
            lines += [f"    /* in {function}() */", *(f"    {call}" for call in calls)]
    return _c(*lines)


def _c(*lines: str) -> str:
    return "\n".join((LICENSE, "", *lines)) + "\n"
