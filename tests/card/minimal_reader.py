"""A small reader of the lines that cards are built from: the tests of this stage stand on their own.

Only QEMU 2.10 and later, one event a line; the real reader is another stage and has its own tests.
"""

import re
from pathlib import Path

import polars as pl

from quirkfinder.events import CONFIG, ROM, SCHEMA, VGA

_PREFIX = re.compile(r"^(?:\d+@\d+\.\d+:|\d{4}-\d\d-\d\dT[\d:.]+Z )")
_H = r"0x([0-9a-f]+)"
_LINES: tuple[tuple[str, str, tuple[str, ...], dict[str, object]], ...] = (
    (
        rf"vfio_region_read +\((.*):region(\d+)\+{_H}, (\d+)\) = {_H}",
        "region_read",
        ("device", "#region", "address", "#size", "value"),
        {},
    ),
    (
        rf"vfio_region_write +\((.*):region(\d+)\+{_H}, {_H}, (\d+)\)",
        "region_write",
        ("device", "#region", "address", "value", "#size"),
        {},
    ),
    (
        rf"vfio_pci_read_config +\((.*), @{_H}, len={_H}\) {_H}",
        "config_read",
        ("device", "address", "size", "value"),
        {"region": CONFIG},
    ),
    (
        rf"vfio_pci_write_config +\((.*), @{_H}, {_H}, len={_H}\)",
        "config_write",
        ("device", "address", "value", "size"),
        {"region": CONFIG},
    ),
    (rf"vfio_vga_read +\({_H}, (\d+)\) = {_H}", "vga_read", ("address", "#size", "value"), {"region": VGA}),
    (rf"vfio_vga_write +\({_H}, {_H}, (\d+)\)", "vga_write", ("address", "value", "#size"), {"region": VGA}),
    (
        rf"vfio_rom_read +\((.*), {_H}, {_H}\) = {_H}",
        "rom_read",
        ("device", "address", "size", "value"),
        {"region": ROM},
    ),
    (
        rf'vfio_region_setup Device (.*), region (\d+) ".*", flags: {_H}, offset: {_H}, size: {_H}',
        "region_setup",
        ("device", "#region", "", "address", "value"),
        {},
    ),
    (
        rf"vfio_(?:pci_)?populate_device_config Device '(.*)' config: size: {_H}",
        "region_setup",
        ("device", "value"),
        {"region": CONFIG},
    ),
    (rf"vfio_region_mmap Region (.*) \[{_H} - {_H}\]", "region_mmap", ("detail", "address", "value"), {}),
    (rf"vfio_listener_region_add_ram region_add \[ram\] {_H} - {_H}", "listener_add", ("address", "value"), {}),
    (rf"vfio_listener_region_del region_del {_H} - {_H}", "listener_del", ("address", "value"), {}),
    (rf"vfio_listener_region\w*skip SKIPPING region_add {_H} - {_H}", "listener_skip_add", ("address", "value"), {}),
    (rf"vfio_listener_region\w*skip SKIPPING region_del {_H} - {_H}", "listener_skip_del", ("address", "value"), {}),
    (rf"vfio_msi_setup (.*) PCI MSI CAP @{_H}", "msi_setup", ("device", "address"), {}),
    (
        rf"vfio_msix_early_setup (.*) PCI MSI-X CAP @{_H}, BAR (\d), offset {_H}, entries (\d+)",
        "msix_setup",
        ("device", "+detail", "#region", "address", "#value"),
        {},
    ),
    (r"vfio_pci_reset +\((.*)\)", "reset", ("device",), {}),
    (r"Invalid read at addr 0x([0-9A-F]+), size (\d+), region '\(null\)'", "unassigned_read", ("address", "#size"), {}),
    (
        r"Invalid write at addr 0x([0-9A-F]+), size (\d+), region '\(null\)'",
        "unassigned_write",
        ("address", "#size"),
        {},
    ),
)
_COMPILED = [(re.compile(pattern), event, columns, fixed) for pattern, event, columns, fixed in _LINES]


def read_lines(text: str) -> pl.DataFrame:
    """The events of a log; lines of other kinds are left out."""
    rows: list[dict[str, object]] = []
    for number, line in enumerate(text.split("\n"), 1):
        body = _PREFIX.sub("", line)
        for pattern, event, columns, fixed in _COMPILED:
            if found := pattern.match(body):
                row: dict[str, object] = {"input": 0, "line": number, "event": event, **fixed}
                for column, word in zip(columns, found.groups(), strict=True):
                    name = column.lstrip("#+")
                    plain = column.startswith("+") or name in ("device", "detail")
                    if name:
                        row[name] = word if plain else int(word, 10 if column.startswith("#") else 16)
                rows.append(row)
                break
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)


def read_log(path: Path) -> pl.DataFrame:
    """`qemu.log` or `qemu.log.zst` of a bundle."""
    plain, packed = path / "qemu.log", path / "qemu.log.zst"
    if plain.exists():
        return read_lines(plain.read_text(errors="replace"))
    import io

    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed.read_bytes())) as stream:
        return read_lines(stream.read().decode(errors="replace"))
