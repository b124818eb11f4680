"""Random functions whose BARs do not overlap and lie where hardware could put them."""

from hypothesis import strategies as st

from tests.inventory.render import ROM, Bar, Function


@st.composite
def bar_sets(draw: st.DrawFn, roms: bool = True) -> tuple[Bar, ...]:
    """BARs by index; 64-bit ones leave the next index free."""
    bars = []
    at32, at64, at_port = draw(st.integers(1, 0x10)) << 28, draw(st.integers(1, 0x100)) << 34, 0x1000
    index = 0
    while index < 6:
        kind = draw(st.sampled_from(("none", "io", "memory32", "memory64")))
        if kind == "memory64" and index == 5:
            kind = "memory32"
        if kind == "io":
            size = 1 << draw(st.integers(2, 8))
            bars.append(Bar(index, "io", at_port, size))
            at_port += 0x100
        elif kind == "memory32":
            size = 1 << draw(st.integers(4, 20))
            bars.append(Bar(index, "memory32", at32 & 0xFFFF_FFFF or 0x8000_0000, size, draw(st.booleans())))
            at32 += 0x10_0000
        elif kind == "memory64":
            size = 1 << draw(st.integers(4, 34))
            bars.append(Bar(index, "memory64", at64, size, draw(st.booleans())))
            at64 += 1 << 35
            index += 1
        index += 1
    if roms and draw(st.booleans()):
        bars.append(Bar(ROM, "rom", 0x7F00_0000, 1 << draw(st.integers(11, 20))))
    return tuple(bars)


_IDS = st.integers(1, 0xFFFE)


@st.composite
def functions(draw: st.DrawFn, roms: bool = True) -> Function:
    """One function at any address."""
    bus, device, number = draw(st.integers(0, 255)), draw(st.integers(0, 31)), draw(st.integers(0, 7))
    bars = draw(bar_sets(roms=roms))
    memory = [bar for bar in bars if bar.kind.startswith("memory") and bar.size >= 0x1000]
    msix = None
    with_table = draw(st.booleans())
    if memory and with_table:
        msix = (draw(st.integers(1, 64)), draw(st.sampled_from(memory)).index, 0x0, 0x800)
    return Function(
        f"0000:{bus:02x}:{device:02x}.{number:x}",
        draw(_IDS),
        draw(_IDS),
        draw(_IDS),
        draw(_IDS),
        draw(st.integers(0, 0xFF)) << 16 | draw(st.integers(0, 0xFFFF)),
        bars,
        msix,
    )
