"""Small runs for tests: a card with one BAR whose host address a register tells, as QEMU 10 logs it."""

from pathlib import Path

NAME = "0000:01:00.0"


def log(
    *,
    device: int = 0x1234,
    vendor: int = 0xABCD,
    host: int = 0xF7000000,
    guest: int = 0xFEB00000,
    seed: int = 1,
    extra: str = "",
) -> str:
    """A log: the card starts, the guest places BAR0, reads its host address at BAR0+0x40, and uses it.

    Where host and guest address are the same the use reaches the BAR, otherwise nothing.  `seed` makes the values and
    so the recorded boot differ.
    """
    lines = [
        f"vfio_pci_read_config  ({NAME}, @0x0, len=0x4) 0x{device:x}{vendor:04x}",
        f'vfio_region_setup Device {NAME}, region 0 "{NAME} BAR 0", flags: 0x3, offset: 0x0, size: 0x1000',
        f"vfio_pci_read_config  ({NAME}, @0x2c, len=0x4) 0x{device:x}{vendor:04x}",
        f"vfio_pci_write_config  ({NAME}, @0x10, 0xffffffff, len=0x4)",
        f"vfio_pci_read_config  ({NAME}, @0x10, len=0x4) 0xfffff000",
        f"vfio_pci_write_config  ({NAME}, @0x10, 0x{guest:x}, len=0x4)",
        f"vfio_pci_write_config  ({NAME}, @0x4, 0x6, len=0x2)",
        *(f"vfio_region_write  ({NAME}:region0+0x{8 * i:x}, 0x{seed * 7 + i:x}, 4)" for i in range(5)),
        f"vfio_region_read  ({NAME}:region0+0x40, 4) = 0x{host:x}",
    ]
    for offset in (0x80, 0x84):
        if host == guest:
            lines.append(f"vfio_region_read  ({NAME}:region0+0x{offset:x}, 4) = 0x{seed:x}")
        else:
            lines.append(f"Invalid read at addr 0x{host + offset:X}, size 4, region '(null)', reason: rejected")
    return "\n".join([*lines, extra]).rstrip("\n") + "\n"


def lspci(*, device: int = 0x1234, vendor: int = 0xABCD, host: int = 0xF7000000) -> str:
    """The host's `lspci -vvnn` of the card."""
    return (
        f"01:00.0 Multimedia controller [0480]: Device [{vendor:04x}:{device:04x}] (rev 01)\n"
        f"\tSubsystem: Device [{vendor:04x}:{device:04x}]\n"
        "\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-\n"
        f"\tRegion 0: Memory at {host:08x} (32-bit, non-prefetchable) [size=4K]\n"
        "\tKernel driver in use: vfio-pci\n"
    )


def bundle(folder: Path, **card: int) -> Path:
    """A folder with the log and the host's inventory."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "qemu.log").write_text(log(**card))  # type: ignore[arg-type]  # extra is text and not given here
    known = {key: value for key, value in card.items() if key in ("device", "vendor", "host")}
    (folder / "lspci.txt").write_text(lspci(**known))
    return folder
