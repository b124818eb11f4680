"""What envytools' demmio makes of a Linux mmiotrace of an NVIDIA card, as VFIO region lines (rnn/demmio.c).

Its lines name registers; what they access is BAR0 (`MMIO`) or BAR1 (`FB`).  Accesses through other apertures come
without the place that the driver used: they are known and say nothing.  Cards are numbered, not named.
"""

import re

from quirkfinder.reading.named import Translate, since_epoch

#: Tells the format: `[0] 83.144600 MMIO32 R 0x088010 0xfd000000 PBUS.PCI.BAR0 => 0xfd000000`; older ones have no time.
MMIO = re.compile(
    rb"^\[(?P<card>\d{1,3})\] (?:(?P<seconds>\d{1,9})\.(?P<micro>\d{6}),? )?MMIO(?P<bits>8|16|32|64) (?P<kind>[RW]) "
    rb"0x(?P<address>[0-9a-f]{1,16}) 0x(?P<value>[0-9a-f]{1,16})(?: .*)?$"
)
_MEMORY = re.compile(
    rb"^\[(?P<card>\d{1,3})\] (?:(?P<seconds>\d{1,9})\.(?P<micro>\d{6}),? )?FB(?P<bits>8|16|32|64) "
    rb"(?:0x)?(?P<address>[0-9a-f]{1,16}) (?P<kind><=|=>) (?:0x)?(?P<value>[0-9a-f]{1,16})$"
)
_IGNORED = re.compile(
    rb"^(?:\[\d{1,3}\] (?:\d+\.\d{6},? )?(?:RAMIN|MEM|CRTC|I2C|PRAMIN|BAR)\w* .*|SLEEP \d+(?:\.\d+)? ?ms|PCIDEV .*)$"
)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def demmio_text() -> Translate:
    """A translation; time counts from the first access."""
    first: int | None = None

    def translate(line: bytes) -> bytes:
        nonlocal first
        text = _COLOUR.sub(b"", line).strip()
        match, bar = MMIO.match(text), 0
        if match is None:
            match, bar = _MEMORY.match(text), 1
        if match is None:
            return b"" if _IGNORED.match(text) else line
        stamp = b""
        if match["seconds"] is not None:
            time = int(match["seconds"]) * 1_000_000_000 + int(match["micro"]) * 1000
            first = time if first is None else first
            stamp = since_epoch(max(0, time - first))
        place = b"(card%b:region%d+0x%x, " % (match["card"], bar, int(match["address"], 16))
        size = int(match["bits"]) // 8
        if match["kind"] in {b"R", b"=>"}:
            return stamp + b"vfio_region_read  %b%d) = 0x%b" % (place, size, match["value"])
        return stamp + b"vfio_region_write  %b0x%b, %d)" % (place, match["value"], size)

    return translate
