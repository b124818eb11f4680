"""A small writer of event frames: the log lines these tests need, in QEMU's notation since 1.5.

It is not the reader under `quirkfinder.reading` on purpose: these tests look at what follows from events, whatever
turned lines into them.
"""

import re
from typing import Any

import polars as pl

from quirkfinder.events import CONFIG, SCHEMA, VGA

_FIELDS = {
    "device": r"(?P<device>.+)",
    "detail": r"(?P<detail>\S+)",
    "region": r"(?P<region>\d+)",
    "address": r"0x(?P<address>[0-9a-fA-F]+)",
    "size": r"(?P<size>\d)",
    "hexsize": r"0x(?P<hexsize>[0-9a-f]+)",
    "value": r"0x(?P<value>[0-9a-f]+)",
}
_SHAPES = (
    ("region_read", r"vfio_region_read +\({device}:region{region}\+{address}, {size}\) = {value}"),
    ("region_write", r"vfio_region_write +\({device}:region{region}\+{address}, {value}, {size}\)"),
    ("config_read", r"vfio_pci_read_config +\({device}, @{address}, len={hexsize}\) {value}"),
    ("config_write", r"vfio_pci_write_config +\({device}, @{address}, {value}, len={hexsize}\)"),
    ("vga_read", r"vfio_vga_read +\({address}, {size}\) = {value}"),
    ("vga_write", r"vfio_vga_write +\({address}, {value}, {size}\)"),
    ("quirk_latch", r"(?P<detail>vfio_quirk_rtl8168_fake_latch) {device} {value}"),
    ("quirk_read", r"(?P<detail>vfio_quirk_rtl8168_msix_read) {device} MSI-X table read\[{address}\]: {value}"),
    ("quirk_write", r"(?P<detail>vfio_quirk_rtl8168_msix_write) {device} MSI-X table write\[{address}\]: {value}"),
    ("quirk_read", r"vfio_quirk_generic_window_data_read {device} {detail} {value}"),
    ("quirk_write", r"vfio_quirk_generic_window_(?:address|data)_write {device} {detail} {value}"),
    ("quirk_read", r"vfio_quirk_generic_mirror_read {device} {detail} {address}: {value}"),
    ("quirk_write", r"vfio_quirk_generic_mirror_write {device} {detail} {address}: {value}"),
    ("quirk_read", r"(?P<detail>vfio_quirk_ati_3c3_read) {device} {value}"),
    ("quirk_read", r"(?P<detail>vfio_quirk_nvidia_3d0_read)  \({device}, @{address}, len={hexsize}\) {value}"),
    ("quirk_state", r"(?P<detail>vfio_quirk_\w+_state) {device} \w+"),
    ("quirk_probe", r"(?P<detail>vfio_quirk_\w+_probe) {device}"),
    (
        "region_setup",
        r'vfio_region_setup Device {device}, region {region} "[^"]*", flags: {detail}, \S+ \S+ size: {value}',
    ),
    ("region_mmap", r"vfio_region_mmap Region (?P<detail>.+) \[{address} - {value}\]"),
    ("listener_add", r"vfio_listener_region_add_ram region_add \[ram\] {address} - {value} \[.*\]"),
    ("listener_skip_add", r"vfio_listener_region_skip SKIPPING region_add {address} - {value}"),
    ("msi_setup", r"vfio_msi_setup {device} PCI MSI CAP @{address}"),
    ("ioeventfd", r"vfio_ioeventfd_init {detail}\+{address}\[{size}\]:{value} vfio:\d"),
    ("unassigned_read", r"Invalid read at addr {address}, size {size}, region '\(null\)', reason: rejected"),
    ("unassigned_write", r"Invalid write at addr {address}, size {size}, region '\(null\)', reason: rejected"),
    # 1.5 to 2.2
    ("region_read", r"vfio: vfio_bar_read\({device}:BAR{region}\+{address}, {size}\) = {value}"),
    ("region_write", r"vfio: vfio_bar_write\({device}:BAR{region}\+{address}, {value}, {size}\)"),
    ("quirk_read", r"vfio: (?P<detail>vfio-[a-z0-9-]+) read\({device}:BAR{region}\+{address}, {size}\) = {value}"),
    ("quirk_read", r"vfio: (?P<detail>\w+_quirk_read)\({device}:BAR{region}\+{address}, {size}\) = {value}"),
    ("quirk_read", r"vfio: (?P<detail>vfio_ati_4010_quirk_read)\(BAR{region}\+{address}\) = {value}"),
    ("quirk_read", r"vfio: (?P<detail>vfio_\w+_quirk_read)\({address}, {size}\) = {value}"),
    ("vga_read", r"vfio: vfio_vga_read\({address}, {size}\) = {value}"),
    ("quirk_latch", r"vfio: (?P<detail>vfio-rtl8168-window-quirk) fake read\({device}\)"),
    ("quirk_read", r"vfio: (?P<detail>vfio-rtl8168-window-quirk) MSI-X table read\({device}\)"),
    ("quirk_probe", r"vfio: (?P<detail>Enabled .+ quirk.*for device) {device}"),
)
_COMPILED = [(event, re.compile(shape.format(**_FIELDS))) for event, shape in _SHAPES]
_STAMP = re.compile(r"(\d+)\.(\d{6}) ")


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Events from rows with any of the columns; `line` counts where it is not given, `input` is 0."""
    full = [dict.fromkeys(SCHEMA) | {"input": 0, "line": i + 1} | row for i, row in enumerate(rows)]
    return pl.DataFrame(full, schema=SCHEMA)


def row(line: str) -> dict[str, Any] | None:
    """One line as columns; None where the shapes above do not have it. `12.345678 ` in front is a time in seconds."""
    stamp = _STAMP.match(line)
    line = line[stamp.end() :] if stamp else line
    for event, pattern in _COMPILED:
        match = pattern.fullmatch(line)
        if match is None:
            continue
        values: dict[str, Any] = {"event": event}
        for column, text in match.groupdict().items():
            if column in ("device", "detail"):
                values[column] = text
            else:
                values[column.removeprefix("hex")] = int(text, 10 if column in ("region", "size") else 16)
        if stamp:
            values["time"] = int(stamp[1]) * 10**9 + int(stamp[2]) * 1000
        family = event.split("_")[0]
        return values | ({"region": CONFIG} if family == "config" else {"region": VGA} if family == "vga" else {})
    return None


def events(text: str) -> pl.DataFrame:
    """Events of the lines of `text`; lines without one keep their number."""
    rows = [(number, row(line.strip())) for number, line in enumerate(text.splitlines(), 1)]
    return frame([values | {"line": number} for number, values in rows if values is not None])
