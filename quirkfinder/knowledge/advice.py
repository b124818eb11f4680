"""QEMU's options for tracing a passed-through device, by release: the one place that knows when which came and went.

Each function takes the releases that may be meant and says what fits all of them, naming the alternatives where the
range spans a change.  Sources: QEMU hw/vfio/pci.c (properties), util/log.c and system/memory.c (log items), trace/
(back ends and prefixes), 1.3 to 11.1.
"""

from quirkfinder.knowledge.versions import OLDEST, Version, VersionRange

#: (first, last, text): releases of each way.
_Ways = tuple[tuple[Version, Version | None, str], ...]

_NO_MAP: _Ways = (
    (Version(2, 5), None, "x-no-mmap=on on the device"),
    (Version(2, 3), Version(2, 4), "x-mmap=off on the device"),
    (
        OLDEST,
        Version(2, 2),
        "VFIO_ALLOW_MMAP set to 0 in QEMU's hw/misc/vfio.c (hw/vfio_pci.c up to 1.4) and a rebuild",
    ),
)
_UNASSIGNED: _Ways = (
    (Version(10, 0), None, "-d invalid_mem"),
    (Version(5, 2), Version(9, 2), "-d guest_errors"),
    (OLDEST, Version(5, 1), "DEBUG_UNASSIGNED defined in QEMU's memory.c (exec.c up to 1.5) and a rebuild"),
)
_CLOCK: _Ways = (
    (Version(6, 0), None, "-msg timestamp=on"),
    (
        Version(2, 3),
        Version(5, 2),
        "QEMU's own stderr or log back end, whose lines carry a clock (another tool took it off)",
    ),
    (OLDEST, Version(2, 2), "a tool that stamps each line, such as `ts -m '%.s'`, between QEMU and the file"),
)
_TRACE: _Ways = (
    (Version(2, 3), None, "-trace 'vfio_*'"),
    (OLDEST, Version(2, 2), "DEBUG_VFIO defined in QEMU's hw/misc/vfio.c (hw/vfio_pci.c up to 1.4) and a rebuild"),
)
_MEMORY: _Ways = (
    (Version(6, 1), None, "-trace 'memory_region_ops_*' (the region is named in each line)"),
    (Version(1, 6), Version(6, 0), "-trace 'memory_region_ops_*' (regions are told apart by their mr pointer only)"),
    (OLDEST, Version(1, 5), "DEBUG_UNUSED_IOPORT defined in QEMU's ioport.c and a rebuild"),
)
_IOEVENTFD: _Ways = (
    (Version(3, 0), None, "x-no-kvm-ioeventfd=on,x-no-vfio-ioeventfd=on on the device"),
    (OLDEST, Version(2, 12), "nothing: QEMU up to 2.12 has no ioeventfd for passed-through devices"),
)


def _for(ways: _Ways, version: VersionRange) -> str:
    fitting = [way for way in ways if version.overlaps(way[0], way[1])] or list(ways[:1])
    if len(fitting) == 1:
        return fitting[0][2]
    return "; ".join(f"{text} ({VersionRange(first, last)})" for first, last, text in fitting)


def no_mapping(version: VersionRange) -> str:
    """How to keep QEMU from mapping BARs into the guest."""
    return _for(_NO_MAP, version)


def unassigned_log(version: VersionRange) -> str:
    """How to have accesses to memory that nothing answers logged."""
    return _for(_UNASSIGNED, version)


def clock(version: VersionRange) -> str:
    """How to get a time on each line."""
    return _for(_CLOCK, version)


def tracing(version: VersionRange) -> str:
    """How to have the accesses of passed-through devices logged."""
    return _for(_TRACE, version)


def memory_tracing(version: VersionRange) -> str:
    """How to see accesses that the memory core or its catch-all regions answer, ports among them."""
    return _for(_MEMORY, version)


def table_tracing(version: VersionRange) -> str:
    """How to see what the guest does to its MSI-X table, which QEMU answers."""
    return f"{_for(_MEMORY[:2], version)}; or x-msix-relocation=barN on the device (2.12 or newer)"


def no_ioeventfd(version: VersionRange) -> str:
    """How to keep repeated writes in the log."""
    return _for(_IOEVENTFD, version)


def log_items(version: VersionRange) -> tuple[str, ...]:
    """The items of `-d` that this QEMU takes and that are of use; an unknown item makes QEMU print a list and exit."""
    items = ["guest_errors", "unimp"] if version.first >= Version(1, 6) else []
    return (*items, "invalid_mem") if version.first >= Version(10, 0) else tuple(items)
