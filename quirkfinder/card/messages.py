"""The MSI messages a guest programmed over time. PCI Local Bus 3.0, section 6.8.1."""

from collections.abc import Iterable

from quirkfinder.card.model import ConfigSpace, MsiCapability
from quirkfinder.card.rows import Row

_CONTROL, _ADDRESS, _HIGH = 2, 4, 8
_ENABLE, _WIDE = 0x01, 0x80
_CAPABILITY = 0x05


def msi_offset(setup: Iterable[Row], guest: ConfigSpace, host: int | None) -> int | None:
    """Where the MSI capability lies: as QEMU says, as the host's listing says, or by the list in the guest's bytes."""
    for row in setup:
        if row.event == "msi_setup" and row.address is not None:
            return row.address
    return host if host is not None else capability_offset(guest, _CAPABILITY)


def capability_offset(config: ConfigSpace, identity: int) -> int | None:
    """Follow the capability list as far as its bytes are known."""
    offset = config.read(0x34, 1)
    for _ in range(48):
        if not offset or offset < 0x40:
            return None
        found, following = config.read(offset & 0xFC, 1), config.read((offset & 0xFC) + 1, 1)
        if found == identity:
            return offset & 0xFC
        offset = following
    return None


def msi_capability(
    offset: int, rows: Iterable[Row], sent: Iterable[Row], guest: ConfigSpace, wide: bool | None
) -> MsiCapability:
    """The messages in the order of their rows.

    `rows`: config accesses inside the capability.  `sent`: interrupts with their messages, used where the guest's
    programming is not in the log.  `wide`: 64-bit addresses; None where no inventory says so.
    """
    rows = list(rows)
    layout = wide if wide is not None else _is_wide(offset, rows, guest)
    data_at = offset + (12 if layout else 8)
    known = bytearray(0x18)
    seen: set[int] = set()
    messages: list[tuple[int, int, int]] = []
    for row in rows:
        if row.address is None or row.value is None or row.size is None or row.event != "config_write":
            continue
        start = row.address - offset
        for step in range(min(row.size, 0x18 - start)):
            known[start + step] = row.value >> 8 * step & 0xFF
            seen.add(start + step)
        control = start < _CONTROL + 2 and known[_CONTROL] & _ENABLE
        data = row.address <= data_at < row.address + row.size
        if not (control or data) or not {_ADDRESS, _ADDRESS + 3, data_at - offset} <= seen:
            continue
        message = _message(known, layout)
        if not messages or messages[-1][1:] != message:
            messages.append((row.row, *message))
    if not messages:
        messages = [(r.row, r.address, r.value) for r in sent if r.address is not None and r.value is not None]
    return MsiCapability(offset, tuple(messages))


def _message(known: bytearray, wide: bool) -> tuple[int, int]:
    high = int.from_bytes(known[_HIGH : _HIGH + 4], "little") << 32 if wide else 0
    at = 12 if wide else 8
    return int.from_bytes(known[_ADDRESS : _ADDRESS + 4], "little") | high, int.from_bytes(known[at : at + 2], "little")


def _is_wide(offset: int, rows: list[Row], guest: ConfigSpace) -> bool:
    """From the control word that the guest read, else from where it writes two bytes of data."""
    for row in rows:
        if row.event == "config_read" and row.address is not None and row.value is not None and row.size is not None:
            at = offset + _CONTROL - row.address
            if 0 <= at < row.size:
                return bool(row.value >> 8 * at & _WIDE)
    control = guest.read(offset + _CONTROL, 1)
    if control is not None:
        return bool(control & _WIDE)
    return any(row.event == "config_write" and row.address == offset + 12 for row in rows)
