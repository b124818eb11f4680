"""Linux mmiotrace of a native driver as VFIO region lines: a run on the host itself, to compare a guest's run with.

Lines: kernel/trace/trace_mmiotrace.c.  Accesses have physical addresses; the header's PCIDEV lines say which BAR of
which device they are in.  Accesses outside of all BARs stay unknown lines.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from quirkfinder.reading.named import since_epoch

HEADER = re.compile(rb"^(?:VERSION \d{8}\s*$|PCIDEV [0-9a-f]{4} [0-9a-f]{8} )", re.MULTILINE)
_ACCESS = re.compile(
    rb"^(?P<kind>[RW]) +(?P<size>[1248]) +(?P<seconds>\d{1,9})\.(?P<micro>\d{6}) +\d+ +"
    rb"0x(?P<address>[0-9a-f]{1,16}) +0x(?P<value>[0-9a-f]{1,16}) +0x[0-9a-f]+ +\d+$"
)
_DEVICE = re.compile(
    rb"^PCIDEV (?P<bus>[0-9a-f]{2})(?P<slot>[0-9a-f]{2}) [0-9a-f]{8} [0-9a-f]+(?P<rest>(?: +[0-9a-f]+){14})"
)
_IGNORED = re.compile(rb"^(?:VERSION \d|PCIDEV |MAP +\d|UNMAP +\d|MARK +\d|UNKNOWN +\d|LSPCI )")
_LOST = re.compile(rb"^MARK +\d+\.\d+ Lost (?P<count>\d+) events")
#: A header's line that a mail program broke, and what followed.
_BROKEN = re.compile(rb"^PCIDEV(?: +[0-9a-f]+)+$")
_REST = re.compile(rb"^[0-9a-f]+(?: +[0-9a-f]+)*(?: +[\w-]+)?$")
_BARS = 6
#: Resource flags in the low bits of a PCIDEV address (PCI Local Bus 3.0, 6.2.5.1).
_PORT = 1
_MEMORY_BITS, _PORT_BITS = 0xF, 0x3


@dataclass(slots=True)
class MmioTranslation:
    """Callable line by line: remembers the header's BARs and the first time."""

    starts: list[int] = field(default_factory=list)
    spans: list[tuple[int, int, str, int]] = field(default_factory=list)
    first: int | None = None
    broken: bytes = b""

    def __call__(self, line: bytes) -> bytes:
        text = line.strip()
        if self.broken and _REST.match(text):
            text = self.broken + b" " + text
        self.broken = b""
        if match := _ACCESS.match(text):
            return self._access(match) or line
        if match := _LOST.match(text):
            return b"CPU 0 [LOST %b EVENTS]" % match["count"]
        if match := _DEVICE.match(text):
            self._device(match)
        elif _BROKEN.match(text):
            self.broken = text
        return b"" if _IGNORED.match(text) else line

    def _device(self, match: re.Match[bytes]) -> None:
        numbers = [int(number, 16) for number in match["rest"].split()]
        slot = int(match["slot"], 16)
        name = f"0000:{int(match['bus'], 16):02x}:{slot >> 3:02x}.{slot & 7}"
        for bar, (start, length) in enumerate(zip(numbers[:_BARS], numbers[7 : 7 + _BARS], strict=True)):
            # Ports are not traced.
            if length and not start & _PORT:
                base = start & ~_MEMORY_BITS
                self.spans.append((base, base + length, name, bar))
        self.spans.sort()
        self.starts = [span[0] for span in self.spans]

    def _access(self, match: re.Match[bytes]) -> bytes | None:
        address = int(match["address"], 16)
        index = bisect_right(self.starts, address) - 1
        if index < 0 or address >= self.spans[index][1]:
            return None
        base, _, name, bar = self.spans[index]
        time = int(match["seconds"]) * 1_000_000_000 + int(match["micro"]) * 1000
        self.first = time if self.first is None else self.first
        place = f"({name}:region{bar}+{address - base:#x}, ".encode()
        if match["kind"] == b"R":
            body = b"vfio_region_read  %b%b) = 0x%b" % (place, match["size"], match["value"])
        else:
            body = b"vfio_region_write  %b0x%b, %b)" % (place, match["value"], match["size"])
        return since_epoch(max(0, time - self.first)) + body
