"""Findings and cards as the tests need them."""

from quirkfinder.card.model import Bar, Card
from quirkfinder.findings.document import Evidence, Finding, Kind

DEVICE = "0000:01:00.0"
RADEON_BARS = (
    Bar(0, "memory64", 0x10000000, host=0xA0000000, guest=0xE0000000),
    Bar(2, "memory64", 0x20000, host=0xFE620000, guest=0xFEBC0000),
    Bar(4, "io", 0x100, host=0xE000, guest=0xC000),
)


def card(
    vendor: int = 0x1002, device: int = 0x68F9, class_code: int = 0x030000, bars: tuple[Bar, ...] = RADEON_BARS
) -> Card:
    return Card(DEVICE, DEVICE, vendor, device, class_code=class_code, bars=bars)


def finding(kind: Kind, **parameters: object) -> Finding:
    return Finding("f1", DEVICE, kind, "confirmed", 0.9, True, "", parameters, (Evidence(0, 1),), 1)


def window(region: str, address: int, data: int, *targets: tuple[int, int, str, int]) -> Finding:
    """A window finding; targets are (match, mask, space, base)."""
    return finding(
        "window",
        region=region,
        address={"offset": hex(address), "size": 4},
        data={"offset": hex(data), "size": 4},
        targets=[{"match": hex(m), "mask": hex(k), "space": s, "base": hex(b), "scale": 1} for m, k, s, b in targets],
    )


def mirror(region: str, offset: int, size: int, config_offset: int = 0, function: str | None = None) -> Finding:
    return finding(
        "config-mirror",
        region=region,
        offset=hex(offset),
        size=hex(size),
        config_offset=hex(config_offset),
        function=function,
    )


def leak(region: str, offset: int, bar: int, shift: int = 0, size: int = 4) -> Finding:
    return finding("address-leak", region=region, offset=hex(offset), size=size, bar=bar, shift=shift)
