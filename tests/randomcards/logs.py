"""From the guest's trace to QEMU's log: each event in the dialect's words, with other people's lines in between."""

from random import Random

from .dialects import Dialect
from .guests import Event
from .hardware import Card

ACCESSES = frozenset(("read", "write", "config_read", "config_write", "rom_read"))
WARNINGS = (
    "qemu-system-x86_64: warning: host doesn't support requested feature: CPUID[eax=07h,ecx=00h].EBX.avx512f [bit 16]",
    "qemu-system-x86_64: -device vfio-pci: warning: vfio: Cannot reset device, no available reset mechanism.",
    "char device redirected to /dev/pts/3 (label charserial0)",
    "usb-host: 1 devices found",
    "main-loop: WARNING: I/O thread spun for 1000 iterations",
)


class LogWriter:
    """Renders a trace. `noise` is the share of lines that have nothing to do with the card's features."""

    def __init__(self, dialect: Dialect, card: Card, rng: Random, noise: float) -> None:
        self.dialect, self.card, self.rng, self.noise = dialect, card, rng, noise
        self.lines: list[str] = []
        self.other = f"0000:{rng.choice((6, 7, 0x1A)):02x}:00.0"

    def write(self, trace: list[Event]) -> list[str]:
        rate = self.noise / (1 - self.noise) if self.noise < 1 else 1.0
        random = self.rng.random
        for event in trace:
            while random() < rate:
                self._noise()
                if random() > rate:
                    break
            self._event(event)
        return self.lines

    def _put(self, text: str, trace: bool = True) -> None:
        self.lines.extend((self.dialect.stamp(trace) + text).split("\n"))

    def _event(self, event: Event) -> None:
        dialect, kind = self.dialect, event.kind
        if kind in ACCESSES:
            if kind == "rom_read" and dialect.version < (1, 7):
                return
            text = dialect.access(kind, event.region, event.offset, event.size, event.value)
            beside = self._operation(event) if dialect.operations and kind in ("read", "write") else None
            if beside and kind == "write":
                self._put(beside)
            self._put(text)
            if beside and kind == "read":
                self._put(beside)
        elif kind in ("unassigned_read", "unassigned_write"):
            line = dialect.unassigned_line(kind == "unassigned_write", event.offset, event.size, event.value)
            if line:
                self._put(line, trace=False)
        else:
            for line in dialect.note(kind, event.words):
                self._put(line)

    def _operation(self, event: Event) -> str | None:
        bar = self.card.bars.get(event.region)
        if bar is None:
            return None
        name = f"{self.dialect.device} BAR {bar.index}"
        return self.dialect.operation(event.kind == "write", name, bar.guest + event.offset, event.size, event.value)

    # -- lines that are not the card's ---------------------------------------------------------------------------

    def _noise(self) -> None:
        choice = self.rng.random()
        if choice < 0.45:
            self._put(self._other_device())
        elif choice < 0.6:
            self._interrupt()
        elif choice < 0.7 and self.dialect.version >= (3, 0):
            self._put(f"vfio_ioeventfd_handler {self.other} BAR 0+0x{self.rng.randrange(64) * 4:x}[4] -> 0x1")
        elif choice < 0.8 and self.dialect.version >= (6, 1):
            name, address = self.rng.choice((("kvm-ioapic", 0xFEC00000), ("acpi-tmr", 0x608), ("hpet", 0xFED000F0)))
            self._put(self.dialect.operation(False, name, address, 4, self.rng.getrandbits(24)))
        elif choice < 0.9:
            self._put(self.rng.choice(WARNINGS), trace=False)
        else:
            self._torn()

    def _other_device(self) -> str:
        """A second assigned device at work: its own registers, its own values."""
        rng = self.rng
        if rng.random() < 0.15:
            offset, value = rng.choice(((0, 0x10D38086), (8, 0x02000000), (0x10, 0xFEBC0000), (4, 0x100107)))
            return self.dialect.access("config_read", 7, offset, 4, value, self.other)
        kind, offset = rng.choice(("read", "write")), rng.randrange(0x200) * 4
        value = rng.choice((0, 1, rng.getrandbits(8), rng.getrandbits(32)))
        return self.dialect.access(kind, rng.choice((0, 2)), offset, 4, value, self.other)

    def _interrupt(self) -> None:
        for kind in ("intx_interrupt", "intx_eoi"):
            for line in self.dialect.note(kind, ()):
                self._put(line)

    def _torn(self) -> None:
        """Two threads wrote at once, or a line was cut: neither half is readable."""
        first, second = self._other_device(), self._other_device()
        cut = self.rng.randrange(8, len(first) - 4)
        if self.rng.random() < 0.5:
            self._put(first[:cut])
        else:
            self._put(first[:cut] + second)
            self.lines.append(first[cut:])
