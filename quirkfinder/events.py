"""The one table every later stage reads: an event a row, whatever QEMU version and back end printed it.

The first columns are the contract users' scripts rely on (`PUBLIC_SCHEMA`); `detail` is ours and never leaves the
process through `convert`.  What the columns hold for each kind of event is said beside its name below.

Units: addresses and sizes in bytes, time in nanoseconds.  Sources of the line formats: QEMU `hw/vfio/trace-events`
(2.3 to 11.1), `hw/vfio_pci.c` and `hw/misc/vfio.c` (1.3 to 2.2), `system/memory.c`.
"""

from collections.abc import Callable, Iterable, Sequence

import polars as pl

ACCESSES = (
    "region_read",  # device, region 0..9, address = offset in the region, size, value
    "region_write",
    "config_read",  # device, region 7, address = offset in config space: what the *guest* gets, emulated bits merged
    "config_write",
    "vga_read",  # region 8, address = the absolute port (0x3b0..0x3df) or memory address (0xa0000..0xbffff)
    "vga_write",
    "rom_read",  # device, region 6, address = offset in the option ROM
    "memory_read",  # memory_region_ops: absolute guest address (up to QEMU 2.5 an offset), detail = region name
    "memory_write",
    "unassigned_read",  # nothing is mapped there: absolute guest-physical address; value only where the log has one
    "unassigned_write",
    "unassigned_access",  # QEMU 5.2 to 6.1 do not say the direction
    "invalid_read",  # refused by the region named in detail (size or alignment): address = offset in that region
    "invalid_write",
    "invalid_access",
    "failed_read",  # the host refused: the guest got all ones (reads) or nothing happened (writes)
    "failed_write",
    "quirk_read",  # what QEMU's own quirk gave the guest: detail = quirk name, value; address where the line has one
    "quirk_write",
    "quirk_latch",  # RTL8168: QEMU faked the flag bit, value = what the guest got
    "port_read",  # cpu_in/cpu_out: address = port
    "port_write",
)
MAP_EVENTS = (
    "region_setup",  # device, region, address = offset in the VFIO file, value = size in bytes, detail = flags in hex
    "region_mmap",  # detail = region name, address = first, value = last byte that the guest reaches without a trap
    "region_unmap",
    "mmaps_enabled",  # detail = region name, value = 0 or 1
    "listener_add",  # guest RAM or a mapped BAR: address = first, value = last guest address
    "listener_del",
    "listener_skip_add",  # trapped (a BAR, IOAPIC…): address = first, value = last guest address
    "listener_skip_del",
    "bar_map",  # pci_update_mappings_add: region = BAR, address = guest address, value = size, detail = device
    "bar_unmap",
    "user_memory",  # kvm_set_user_memory: address = guest address, value = size
    "iommu_map",  # iommu:map tracepoint: address = what the device uses, value = host address, detail = size in decimal
    "iommu_unmap",
    "emulated_id",  # region 7, address = config offset of the id, value: QEMU replaced it
)
DEVICE_EVENTS = (
    "device_attach",  # device; value = IOMMU group where printed
    "device_detach",
    "device_info",  # device; value = number of regions
    "reset",
    "msi_setup",  # device, address = offset of the MSI capability
    "msix_setup",  # device, region = table BAR, address = table offset, size null, value = entries; detail = cap offset
    "msix_relocation",  # device, region = BAR, address = offset
    "msi_interrupt",  # device, size null, address = message address, value = message data
    "interrupt",  # INTx raised, acknowledged, moved
    "vector",  # an MSI-X vector taken or released: value = vector
    "ioeventfd",  # detail = region name, address = offset, size, value = data matched: later equal writes are invisible
    "quirk_probe",  # a quirk of QEMU's own was switched on: device, detail = its name
    "quirk_state",  # detail = quirk name and state
    "dma_fault",  # the host's IOMMU refused the device: device, address
    "lost",  # the back end says that records were dropped: value = how many
)
#: Normalised over QEMU's history.
EVENTS = (*ACCESSES, *MAP_EVENTS, *DEVICE_EVENTS)

EventType = pl.Enum(EVENTS)

#: `convert` and `read_trace`: exactly these columns in this order.
PUBLIC_SCHEMA: dict[str, pl.DataType] = {
    "input": pl.UInt32(),  # position of the file in the inputs
    "line": pl.UInt64(),  # from 1
    "time": pl.Int64(),  # nanoseconds since the epoch, or since the first event
    "thread": pl.UInt32(),  # process or thread id of the prefix
    "event": EventType,
    "device": pl.Categorical(),  # the name in the log
    "region": pl.Int8(),  # 0..5 BARs, 6 ROM, 7 config, 8 VGA
    "address": pl.UInt64(),
    "size": pl.UInt8(),  # bytes
    "value": pl.UInt64(),
}
#: What the stages hand on: the public columns and `detail`, a word of the line that a column has no place for.
SCHEMA: dict[str, pl.DataType] = {**PUBLIC_SCHEMA, "detail": pl.Categorical()}

ROM, CONFIG, VGA = 6, 7, 8


def empty_events() -> pl.DataFrame:
    """A frame of `SCHEMA` without rows."""
    return pl.DataFrame(schema=SCHEMA)


#: All events of a log with the named columns, in frames of bounded size, input after input; may be asked repeatedly.
Frames = Callable[[Sequence[str]], Iterable[pl.DataFrame]]


def frames_of(events: "pl.DataFrame | Frames") -> Frames:
    """A frame of events as `Frames`; what is that already stays as it is."""
    if not isinstance(events, pl.DataFrame):
        return events
    return lambda columns: [events.select(columns)]


def region_name(region: int) -> str:
    """`bar0`..`bar5`, `rom`, `config`, `vga`; `region9` and up for device-specific ones."""
    return {ROM: "rom", CONFIG: "config", VGA: "vga"}.get(region, f"bar{region}" if region < ROM else f"region{region}")
