"""What stands behind the quirks: the device itself, the config space and the MSI-X table that QEMU keeps.

A value that is not known is None, and whatever is computed from it is None as well: the engine never guesses.
"""

from typing import Protocol

Value = int | None


class Environment(Protocol):
    """What an engine asks for. Offsets and sizes are bytes, spaces 0 to 5 are BARs, 8 are VGA ports."""

    config_size: int

    def hardware_read(self, space: int, offset: int, size: int) -> Value:
        """The device's own answer."""

    def hardware_write(self, space: int, offset: int, size: int, value: Value) -> None:
        """The device sees the write."""

    def config_read(self, offset: int, size: int) -> Value:
        """Config space as the guest has it."""

    def config_write(self, offset: int, size: int, value: Value) -> None:
        """A write to config space as the guest has it."""

    def msix_read(self, offset: int, size: int) -> Value:
        """The MSI-X table that QEMU keeps for the guest."""

    def msix_write(self, offset: int, size: int, value: Value) -> None:
        """A write to that table."""

    def guest_bar(self, bar: int) -> Value:
        """Where the guest has a BAR."""

    def host_bar(self, bar: int) -> Value:
        """Where the host has it."""

    def bar_size(self, bar: int) -> Value:
        """Its size in bytes."""


def cut(value: Value, size: int) -> Value:
    """The low `size` bytes."""
    return None if value is None else value & ((1 << 8 * size) - 1)


def part(value: Value, at: int, size: int) -> Value:
    """`size` bytes from byte `at` on."""
    return None if value is None else cut(value >> 8 * at, size)


def merge(old: Value, at: int, size: int, value: Value, width: int = 4) -> Value:
    """A register of `width` bytes after a write of `size` bytes at its byte `at`; one past its end replaces all."""
    if at + size > width:
        return cut(value, width)
    if value is None or (old is None and size < width):
        return None
    mask = ((1 << 8 * size) - 1) << 8 * at
    return ((old or 0) & ~mask) | ((value << 8 * at) & mask)
