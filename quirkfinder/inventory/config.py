"""The bytes of a config space: identity, base address registers, the capabilities that matter here.

PCI Local Bus 3.0, section 6.1 (header), 6.2.5 (base address registers), 6.7 and 6.8 (capabilities); PCI-to-PCI Bridge
Architecture 1.2, section 3.2 (header type 1).
"""

from quirkfinder.inventory.facts import ROM, BridgeWindow, HostFunction, InventoryBar, MsiFacts, MsixFacts

_CAPABILITY_MSI, _CAPABILITY_EXPRESS, _CAPABILITY_MSIX = 0x05, 0x10, 0x11
_LARGEST_LIST = 48  # (256 - 64) / 4: a longer list can only be a loop


def decode_config(config: bytes, address: str | None = None, line: int = 0) -> HostFunction:
    """What a dump from offset 0 says. Sizes are not in it; registers past its end are left out.

    A register that reads 0 is either not there or holds no address: it is left out as well.
    """
    if len(config) < 16 or not any(config[:4].replace(b"\xff", b"")):
        asleep = len(config) >= 4 and config[:4] == b"\xff\xff\xff\xff"
        return HostFunction("config", address, config=config, asleep=asleep, line=line)
    bridge = config[0x0E] & 0x7F == 1
    offsets = _capabilities(config)
    subsystem = _word(config, 0x2C, 4) if config[0x0E] & 0x7F == 0 else None
    return HostFunction(
        "config",
        address,
        vendor=_word(config, 0, 2),
        device=_word(config, 2, 2),
        subvendor=None if subsystem is None else subsystem & 0xFFFF,
        subdevice=None if subsystem is None else subsystem >> 16,
        class_code=_word(config, 9, 3),
        bars=_bars(config, line),
        config=config,
        msi=_msi(config, offsets.get(_CAPABILITY_MSI)),
        msix=_msix(config, offsets.get(_CAPABILITY_MSIX)),
        express=offsets.get(_CAPABILITY_EXPRESS),
        is_bridge=bridge,
        secondary_bus=_word(config, 0x19, 1) if bridge else None,
        windows=_windows(config) if bridge else (),
        line=line,
    )


def _word(config: bytes, offset: int, size: int) -> int | None:
    piece = config[offset : offset + size]
    return int.from_bytes(piece, "little") if len(piece) == size else None


def _bars(config: bytes, line: int) -> tuple[InventoryBar, ...]:
    header = config[0x0E] & 0x7F
    count, rom_offset = {0: (6, 0x30), 1: (2, 0x38)}.get(header, (0, None))
    bars: list[InventoryBar] = []
    index = 0
    while index < count:
        low = _word(config, 0x10 + 4 * index, 4)
        if low is None:
            break
        bar, used = _bar(config, index, low, line)
        if bar is not None:
            bars.append(bar)
        index += used
    rom = None if rom_offset is None else _word(config, rom_offset, 4)
    if rom and rom != 0xFFFF_FFFF and rom & ~0x7FF:
        bars.append(InventoryBar(ROM, "rom", rom & ~0x7FF, disabled=not rom & 1, line=line))
    return tuple(bars)


def _bar(config: bytes, index: int, low: int, line: int) -> tuple[InventoryBar | None, int]:
    """The BAR at `index` and how many registers it takes."""
    if low in (0, 0xFFFF_FFFF):
        return None, 1
    command = _word(config, 4, 2) or 0
    if low & 1:
        base = low & ~3
        return InventoryBar(index, "io", base or None, None, None, not command & 1, unassigned=not base, line=line), 1
    wide = low & 6 == 4
    high = (_word(config, 0x14 + 4 * index, 4) or 0) if wide and index < 5 else 0
    base = (low & ~0xF) | high << 32
    bar = InventoryBar(
        index,
        "memory64" if wide else "memory32",
        base or None,
        None,
        bool(low & 8),
        disabled=not command & 2,
        unassigned=not base,
        line=line,
    )
    return bar, 2 if wide else 1


def _capabilities(config: bytes) -> dict[int, int]:
    """Capability id -> offset of the first one of that id."""
    found: dict[int, int] = {}
    if len(config) <= 0x34 or not config[6] & 0x10:
        return found
    offset = config[0x34] & 0xFC
    for _ in range(_LARGEST_LIST):
        if offset < 0x40 or offset + 1 >= len(config) or config[offset] == 0xFF:
            break
        found.setdefault(config[offset], offset)
        offset = config[offset + 1] & 0xFC
    return found


def _msi(config: bytes, offset: int | None) -> MsiFacts | None:
    control = None if offset is None else _word(config, offset + 2, 2)
    if offset is None or control is None:
        return None
    wide = bool(control & 0x80)
    return MsiFacts(
        offset,
        wide,
        bool(control & 1),
        _word(config, offset + 4, 8 if wide else 4),
        _word(config, offset + (12 if wide else 8), 2),
    )


def _msix(config: bytes, offset: int | None) -> MsixFacts | None:
    if offset is None:
        return None
    control, table, pba = _word(config, offset + 2, 2), _word(config, offset + 4, 4), _word(config, offset + 8, 4)
    if control is None or table is None or pba is None:
        return MsixFacts(offset)
    return MsixFacts(offset, (control & 0x7FF) + 1, table & 7, table & ~7, pba & 7, pba & ~7)


def _windows(config: bytes) -> tuple[BridgeWindow, ...]:
    """The windows of a bridge that are open (first below last). Bridge Architecture 1.2, section 3.2.5."""
    if len(config) < 0x34:
        return ()
    wide_io = config[0x1C] & 0xF == 1
    io_base = (config[0x1C] & 0xF0) << 8 | ((_word(config, 0x30, 2) or 0) << 16 if wide_io else 0)
    io_last = (config[0x1D] & 0xF0) << 8 | 0xFFF | ((_word(config, 0x32, 2) or 0) << 16 if wide_io else 0)
    memory, prefetchable = _word(config, 0x20, 4) or 0, _word(config, 0x24, 4) or 0
    high = prefetchable & 0xF == 1
    base_high, last_high = (_word(config, 0x28, 4) or 0, _word(config, 0x2C, 4) or 0) if high else (0, 0)
    windows = (
        BridgeWindow("io", io_base, io_last),
        BridgeWindow("memory", (memory & 0xFFF0) << 16, (memory & 0xFFF0_0000) | 0xF_FFFF),
        BridgeWindow(
            "prefetchable",
            (prefetchable & 0xFFF0) << 16 | base_high << 32,
            (prefetchable & 0xFFF0_0000) | 0xF_FFFF | last_high << 32,
        ),
    )
    # Registers that all read 0 describe a window at address 0: no bridge forwards that, it is a bridge without one.
    return tuple(w for w in windows if w.first < w.last and w.first)
