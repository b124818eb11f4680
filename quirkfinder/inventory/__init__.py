"""Host and guest listings to facts: `lspci`, sysfs, /proc/iomem, the QEMU monitor, QEMU's command line."""

from quirkfinder.inventory.facts import (
    BridgeWindow,
    Facts,
    GuestDevice,
    GuestFunction,
    HostFunction,
    InventoryBar,
    MsiFacts,
    MsixFacts,
    MtreeSpan,
    ResourceSpan,
    Role,
)
from quirkfinder.inventory.parse import as_guest, parse, quoted
from quirkfinder.inventory.recognise import recognise

__all__ = [
    "BridgeWindow",
    "Facts",
    "GuestDevice",
    "GuestFunction",
    "HostFunction",
    "InventoryBar",
    "MsiFacts",
    "MsixFacts",
    "MtreeSpan",
    "ResourceSpan",
    "Role",
    "as_guest",
    "parse",
    "quoted",
    "recognise",
]
