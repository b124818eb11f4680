"""Functions that several quirks of one definition use: the match, config space, the MSI-X table, BAR addresses."""

from collections.abc import Callable, Iterable

from quirkfinder.definition.model import Match, QuirkDefinition
from quirkfinder.emission.identifiers import comment, vendor_define, words
from quirkfinder.emission.writer import Source

_PDEV = "PCIDevice *pdev = PCI_DEVICE(vdev);"


def shared_code(definition: QuirkDefinition, needed: Iterable[str]) -> str:
    """The C of the helpers named in `needed`, in an order in which each is defined before it is used."""
    source = Source()
    prefix = words(definition.name)
    wanted = set(needed)
    _match(source, definition.match, prefix)
    for name, write in _HELPERS.items():
        if name in wanted:
            write(source, prefix)
    return source.text()


def _match(source: Source, match: Match, prefix: str) -> None:
    define, _ = vendor_define(match.vendor)
    device = "PCI_ANY_ID" if match.device == "any" else f"0x{match.device:04x}"
    tests = [f"vfio_pci_is(vdev, {define}, {device})"]
    if match.subvendor is not None:
        tests.append(f"vdev->sub_vendor_id == 0x{match.subvendor:04x}")
    if match.subdevice is not None:
        tests.append(f"vdev->sub_device_id == 0x{match.subdevice:04x}")
    if match.class_code is not None:
        code = "pci_get_long(PCI_DEVICE(vdev)->config + PCI_CLASS_REVISION) >> 8"
        tests.append(f"(({code}) & {match.class_mask:#x}) == {match.class_code:#x}")
    for bar in match.bars:
        entry = f"vdev->bars[{bar.index}]"
        kinds = {"io": f"{entry}.ioport", "memory64": f"{entry}.mem64", "memory32": f"!{entry}.mem64"}
        if bar.kind != "io":
            tests.append(f"!{entry}.ioport")
        tests += [kinds[bar.kind], f"{entry}.region.size >= {bar.size:#x}"]
    source.lines(
        comment("The devices with these back doors; every BAR that a quirk below relies on is of the right kind.")
    )
    with source.function("bool", f"vfio_{prefix}_is", "VFIOPCIDevice *vdev"):
        for at, test in enumerate(tests):
            lead = "return " if at == 0 else "       "
            source.line(f"{lead}{test}{';' if at == len(tests) - 1 else ' &&'}")


def _targets(source: Source, prefix: str) -> None:
    upper = prefix.upper()
    source.lines(comment("What an address value reaches."))
    with source.block("enum", "};"):
        source.lines(f"VFIO_{upper}_{name}," for name in ("HARDWARE", "CONFIG", "MSIX_TABLE", "LEAK"))
    source.line()


def _merge(source: Source, prefix: str) -> None:
    source.lines(comment("A register after a write of size bytes at its byte addr."))
    with source.function(
        "uint32_t", f"vfio_{prefix}_merge", "uint32_t old", "hwaddr addr", "uint64_t data", "unsigned size"
    ):
        with source.block("if (addr + size > sizeof(old))"):
            source.line("return data;")
        source.line("return deposit32(old, addr * 8, size * 8, data);")


def _config_read(source: Source, prefix: str) -> None:
    source.lines(comment("Config space as the guest has it. An offset it does not have reads as all ones."))
    with source.function(
        "uint64_t", f"vfio_{prefix}_config_read", "VFIOPCIDevice *vdev", "uint32_t offset", "unsigned size"
    ):
        with source.block("if (offset + size > vdev->config_size)"):
            source.line("return UINT64_MAX;")
        source.line("return vfio_pci_read_config(PCI_DEVICE(vdev), offset, size);")


def _config_write(source: Source, prefix: str) -> None:
    source.lines(comment("A write to config space as the guest has it. Lost where there is no such offset."))
    with (
        source.function(
            "void",
            f"vfio_{prefix}_config_write",
            "VFIOPCIDevice *vdev",
            "uint32_t offset",
            "uint64_t data",
            "unsigned size",
        ),
        source.block("if (offset + size <= vdev->config_size)"),
    ):
        source.line("vfio_pci_write_config(PCI_DEVICE(vdev), offset, data, size);")


def _msix_has(source: Source, prefix: str) -> None:
    source.lines(
        comment("The MSI-X table that QEMU keeps for the guest; outside of it reads are 0 and writes are lost.")
    )
    with source.function("bool", f"vfio_{prefix}_msix_has", "PCIDevice *pdev", "uint32_t offset", "unsigned size"):
        source.line("return (pdev->cap_present & QEMU_PCI_CAP_MSIX) &&")
        source.line("       offset + size <= pdev->msix_entries_nr * PCI_MSIX_ENTRY_SIZE;")


def _msix_access(source: Source, prefix: str, access: str) -> None:
    reads = access == "read"
    parameters = ["VFIOPCIDevice *vdev", "uint32_t offset", *([] if reads else ["uint64_t data"]), "unsigned size"]
    with source.function("uint64_t" if reads else "void", f"vfio_{prefix}_msix_{access}", *parameters):
        source.line(_PDEV)
        if reads:
            source.line("uint64_t value = 0;")
        source.line()
        with source.block(f"if (vfio_{prefix}_msix_has(pdev, offset, size))"):
            source.call(
                f"memory_region_dispatch_{access}", "&pdev->msix_table_mmio", "offset", "&value" if reads else "data",
                "size_memop(size) | MO_LE", "MEMTXATTRS_UNSPECIFIED",
            )  # fmt: skip
        if reads:
            source.line("return value;")


def _msix_read(source: Source, prefix: str) -> None:
    _msix_has(source, prefix)
    _msix_access(source, prefix, "read")


def _msix_write(source: Source, prefix: str) -> None:
    _msix_access(source, prefix, "write")


def _bar_address(source: Source, prefix: str) -> None:
    source.lines(comment("Where the guest has a BAR."))
    with source.function("uint64_t", f"vfio_{prefix}_bar_address", "VFIOPCIDevice *vdev", "int bar"):
        source.line(_PDEV)
        source.line("uint32_t offset = PCI_BASE_ADDRESS_0 + bar * 4;")
        source.line("uint64_t address = vfio_pci_read_config(pdev, offset, 4);")
        source.line()
        with source.block("if (address & PCI_BASE_ADDRESS_SPACE_IO)"):
            source.line("return address & PCI_BASE_ADDRESS_IO_MASK;")
        with source.block("if (bar < 5 && (address & PCI_BASE_ADDRESS_MEM_TYPE_64))"):
            source.line("address |= (uint64_t)vfio_pci_read_config(pdev, offset + 4, 4) << 32;")
        source.line("return address & ~0xfULL;")


def _host_address(source: Source, prefix: str) -> None:
    source.lines(
        comment(
            "Where the host has a BAR. Only while the device is being set up: later the kernel answers with what the "
            "guest wrote. 0 where it cannot be told."
        )
    )
    with source.function("uint64_t", f"vfio_{prefix}_host_address", "VFIOPCIDevice *vdev", "int bar"):
        source.line("off_t offset = vdev->config_offset + PCI_BASE_ADDRESS_0 + bar * 4;")
        source.line("uint32_t low, high = 0;")
        source.line()
        with source.block("if (pread(vdev->vbasedev.fd, &low, sizeof(low), offset) != sizeof(low))"):
            source.line("return 0;")
        source.line("low = le32_to_cpu(low);")
        with source.block("if (low & PCI_BASE_ADDRESS_SPACE_IO)"):
            source.line("return low & PCI_BASE_ADDRESS_IO_MASK;")
        source.line("if (bar < 5 && (low & PCI_BASE_ADDRESS_MEM_TYPE_64) &&")
        with source.block("    pread(vdev->vbasedev.fd, &high, sizeof(high), offset + 4) != sizeof(high))"):
            source.line("return 0;")
        source.line("return ((uint64_t)le32_to_cpu(high) << 32) | (low & ~0xfU);")


_HELPERS: dict[str, Callable[[Source, str], None]] = {
    "targets": _targets,
    "merge": _merge,
    "config_read": _config_read,
    "config_write": _config_write,
    "msix_read": _msix_read,
    "msix_write": _msix_write,
    "bar_address": _bar_address,
    "host_address": _host_address,
}
