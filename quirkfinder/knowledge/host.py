"""Collects a card's host inventory from sysfs and procfs, in the shapes that lspci and the kernel give them.

No lspci is needed.  What is written is what the inventory stage reads: the card, the other functions of its slot and
the bridges above it, because a mirror may show their config space.  Reading config space beyond the first 64 bytes and
the addresses in /proc/iomem needs root; what could not be read is said in the result.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-1][0-9a-f])\.([0-7])")
_NAME = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]")
_USER_CONFIG = 64  # bytes an unprivileged reader gets


class CollectionError(Exception):
    """The device is not there, or nothing of it can be read or written."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The files written, and what is missing from them."""

    files: tuple[Path, ...]
    problems: tuple[str, ...]


def collect(
    device_address: str, out_dir: Path, *, sysfs: Path = Path("/sys"), procfs: Path = Path("/proc")
) -> Collected:
    """Writes `host-resource.txt`, `host-lspci-xxxx.txt`, `host-iomem.txt` and `host-ioports.txt` into `out_dir`.

    `device_address`: `dddd:bb:ss.f` or `bb:ss.f`.  Raises `CollectionError` where that is no address, where there is
    no such device, and where `out_dir` cannot be written.
    """
    address = _full_address(device_address)
    device = sysfs / "bus" / "pci" / "devices" / address
    if not device.is_dir():
        raise CollectionError(f"{device}: no such PCI device; `ls {sysfs}/bus/pci/devices` lists those there are")
    problems: list[str] = []
    files = {
        "host-resource.txt": _text(device / "resource", problems),
        "host-lspci-xxxx.txt": "\n".join(_dump(path, problems) for path in [device, *_related(device)]),
        "host-iomem.txt": _map(procfs / "iomem", problems),
        "host-ioports.txt": _map(procfs / "ioports", problems),
    }
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            if text:
                (out_dir / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CollectionError(f"{error.filename}: {error.strerror}; give a folder that can be written") from None
    return Collected(tuple(out_dir / name for name, text in files.items() if text), tuple(problems))


def _full_address(text: str) -> str:
    match = _ADDRESS.fullmatch(text.strip().lower())
    if match is None:
        raise CollectionError(f"{text!r} is not a PCI address: expected dddd:bb:ss.f, such as 0000:01:00.0")
    domain, bus, slot, function = match.groups()
    return f"{domain or '0000'}:{bus}:{slot}.{function}"


def _related(device: Path) -> Iterator[Path]:
    """The other functions of the slot, then the bridges above, nearest first."""
    slot = device.name.rpartition(".")[0]
    yield from sorted(p for p in device.parent.glob(f"{slot}.?") if p.name != device.name and _NAME.fullmatch(p.name))
    for parent in device.resolve().parents:
        if _NAME.fullmatch(parent.name) and parent.is_dir():
            yield parent


def _dump(device: Path, problems: list[str]) -> str:
    """A function as `lspci -nxxxx` prints it: address, class and ids, then 16 bytes of config space a line."""
    try:
        config = (device / "config").read_bytes()
    except OSError as error:
        problems.append(f"{device / 'config'}: {error.strerror}")
        return ""
    if len(config) <= _USER_CONFIG:
        problems.append(f"{device.name}: only {len(config)} bytes of config space; the rest needs root")
    words = [int.from_bytes(config[at : at + 2].ljust(2, b"\xff"), "little") for at in (0x0A, 0x00, 0x02)]
    lines = [f"{device.name} {words[0]:04x}: {words[1]:04x}:{words[2]:04x}"]
    lines += [f"{at:02x}: {config[at : at + 16].hex(' ')}" for at in range(0, len(config), 16)]
    return "\n".join(lines) + "\n"


def _map(path: Path, problems: list[str]) -> str:
    text = _text(path, problems)
    if text and not re.search(r"^\s*0*[1-9a-f][0-9a-f]*-|^\s*0+-0*[1-9a-f]", text, re.MULTILINE):
        problems.append(f"{path}: all addresses are zero; reading them needs root")
        return ""
    return text


def _text(path: Path, problems: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problems.append(f"{path}: {error.strerror}")
        return ""
