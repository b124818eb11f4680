"""The accesses a guest program could make to settle a finding: reads and writes with what they must give.

A probe reads where reading is enough and writes only what selects something (an address register, a bank register),
because a register that is not what it seems may do anything when written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from quirkfinder.findings.document import DeviceRecord, Finding, Findings
from quirkfinder.rendering import words


@dataclass(frozen=True, slots=True)
class Step:
    """One access. `region` and `offset` as in the contract, `size` in bytes, `value` what is written."""

    action: Literal["read", "write"]
    region: str
    offset: int
    size: int
    value: int | None = None
    note: str = ""

    def __str__(self) -> str:
        written = "" if self.value is None else f" {self.value:#x}"
        access = f"{self.action:<5} {self.region} {self.offset:#x} {self.size}{written}"
        return f"{access:<38} # {self.note}" if self.note else access


def probe(document: Findings, finding: Finding) -> list[Step]:
    """The shortest list of accesses that settles the finding; empty where none from inside the guest can."""
    make = _PROBES.get(finding.kind)
    device = next((d for d in document.devices if d.name == finding.device), None)
    return make(finding.parameters, device) if make else []


def _window(p: dict[str, Any], device: DeviceRecord | None) -> list[Step]:
    address, data = p.get("address", {}), p.get("data", {})
    region, data_region = words.plain(p.get("region")), words.plain(p.get("data_region", p.get("region")))
    place, width = _number(address.get("offset")), _size(address.get("size"))
    read_at, read_size = _number(data.get("offset")), _size(data.get("size"))
    if place == read_at and region == data_region:
        return []  # one register for both: the handshake says how, and it is the card's own
    steps = _enabling(region, words.objects(p.get("enable")))
    for target in words.objects(p.get("targets")):
        select = target.get("select")
        steps += _enabling(region, [select]) if isinstance(select, dict) else []
        for offset in _offsets(target, read_size):
            value = _number(target.get("match")) | offset
            reached = _number(target.get("base")) + _number(target.get("scale", 1)) * offset
            space = words.plain(target.get("space"))
            direct = f"{words.region(space)} at {reached:#x}"
            steps.append(Step("write", region, place, width, value, f"selects {direct}"))
            steps.append(Step("read", data_region, read_at, read_size, None, _expected(space, reached, device)))
            if space.startswith("bar"):
                steps.append(Step("read", space, reached, read_size, None, "the same place directly: the same value"))
    return steps


def _enabling(region: str, conditions: list[dict[str, Any]]) -> list[Step]:
    return [
        Step(
            "write",
            words.plain(condition.get("region", region)),
            _number(condition.get("offset")),
            4,
            _number(condition.get("value")),
            f"opens it (only the bits {words.plain(condition.get('mask'))} count)",
        )
        for condition in conditions
    ]


def _offsets(target: dict[str, Any], size: int) -> list[int]:
    """Two offsets inside the target; in config space the ids and the first BAR, which differs from guest to host."""
    mask = _number(target.get("mask"))
    wanted = [0x0, 0x10] if target.get("space") == "config" else [0x0, mask & ~(size - 1)]
    return list(dict.fromkeys(offset for offset in wanted if offset & ~mask == 0)) or [0]


def _expected(space: str, offset: int, device: DeviceRecord | None) -> str:
    if space != "config":
        return "remember the value"
    bars = {0x10 + 4 * bar.index: bar for bar in device.bars if bar.index < 6} if device else {}
    bar = bars.get(offset)
    if bar is not None and bar.host is not None:
        return f"must be the host's BAR{bar.index}, {bar.host:#x} and its flag bits"
    if offset == 0 and device is not None and None not in (device.vendor, device.device):
        return f"must be 0x{device.device:04x}{device.vendor:04x}, device and vendor id"
    return f"must be what lspci -xxxx on the host shows at {offset:#x}"


def _config_mirror(p: dict[str, Any], device: DeviceRecord | None) -> list[Step]:
    region, start, shift = words.plain(p.get("region")), _number(p.get("offset")), _number(p.get("config_offset"))
    last = start + _number(p.get("size")) - 4
    steps = []
    for offset in (0x0, 0x10, 0x2C):
        if start <= start + offset - shift <= last:
            note = _expected("config", offset, device)
            steps.append(Step("read", region, start + offset - shift, 4, None, note))
    return steps


def _bar_alias(p: dict[str, Any], _device: DeviceRecord | None) -> list[Step]:
    here, there, length = _number(p.get("offset")), _number(p.get("target_offset")), _number(p.get("size"))
    steps = []
    for offset in dict.fromkeys((0, max(length // 2 & ~3, 0), max(length - 4 & ~3, 0))):
        steps.append(Step("read", words.plain(p.get("region")), here + offset, 4, None, "remember the value"))
        steps.append(Step("read", words.plain(p.get("target_region")), there + offset, 4, None, "must be the same"))
    return steps


def _paged_window(p: dict[str, Any], _device: DeviceRecord | None) -> list[Step]:
    bank, region = p.get("bank"), words.plain(p.get("region"))
    bank = bank if isinstance(bank, dict) else {"offset": bank}
    mask, shift = _number(p.get("mask")) or 1, _number(p.get("shift"))
    steps = []
    for page in (0, 1):
        value = page * (mask & -mask)
        reached = value << min(shift, 63) if shift >= 0 else value >> min(-shift, 63)
        where = words.plain(bank.get("region", region))
        size = _size(bank.get("size"))
        steps.append(Step("write", where, _number(bank.get("offset")), size, value, f"chooses page {page}"))
        steps.append(Step("read", region, _number(p.get("offset")), 4, None, "remember the value"))
        steps.append(Step("read", words.plain(p.get("target_region")), reached, 4, None, "must be the same"))
    return steps


def _address_leak(p: dict[str, Any], device: DeviceRecord | None) -> list[Step]:
    size, shift = _size(p.get("size")), _number(p.get("shift"))
    bar = next((b for b in device.bars if b.index == p.get("bar")), None) if device else None
    note = "must follow the BAR's host address"
    if bar is not None and bar.host is not None:
        told = bar.host >> min(shift, 64) & (1 << 8 * size) - 1
        note = f"{told:#x} in this run; must change with BAR{bar.index} elsewhere on the host"
    return [Step("read", words.plain(p.get("region")), _number(p.get("offset")), size, None, note)]


_PROBES: dict[str, Callable[[dict[str, Any], DeviceRecord | None], list[Step]]] = {
    "window": _window,
    "config-mirror": _config_mirror,
    "bar-alias": _bar_alias,
    "paged-window": _paged_window,
    "address-leak": _address_leak,
}


def _number(value: object) -> int:
    """A number of the document, 0 where it is none: a probe is a proposal, and shows all it does."""
    return words.number(value) or 0


def _size(value: object) -> int:
    size = words.number(value)
    return size if size in (1, 2, 4, 8) else 4
