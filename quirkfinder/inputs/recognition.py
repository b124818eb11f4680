"""What a file is, by its content: a trace, a host's or a guest's inventory, or something else."""

import re
from collections.abc import Callable

from quirkfinder.findings.document import Role
from quirkfinder.inputs.streams import Stream

HEAD = 64 << 10
#: A log may begin with megabytes of other output before the first event: lines that could be one are looked for so far.
FAR = 16 << 20
#: The names of events, wherever they stand in a line.
EVENT_NAME = re.compile(
    rb"vfio_|vfio:|Invalid (?:read|write|access) at addr|Unassigned mem|memory_region_|pci_update_mappings"
    rb"|cpu_in |cpu_out |kvm_set_user_memory|unused (?:in|out)[bwl]|kvm_mmio|kvm_pio|map: IOMMU:|DMAR:|AMD-Vi:"
)
_CANDIDATE = re.compile(rb"^[^\n]*(?:" + EVENT_NAME.pattern + rb")[^\n]*", re.MULTILINE)
#: Lines of the head to try, and candidates further on.
_TRIES = 2000

Recognised = tuple[Role, str]
#: A list of events as QEMU is built with, which binary traces of QEMU before 2.8 need.
TRACE_EVENTS = "trace-events"
_DECLARATION = re.compile(rb"^(?:[a-z]+ )*\w+\((?:void|[^()\n]* \**\w+)\) \".*$", re.MULTILINE)
_ENOUGH_DECLARATIONS = 5
#: An entry of `journalctl -o json` with an event in it.
_JOURNAL = re.compile(rb'"MESSAGE" ?: ?"[^"\n]*(?:vfio_|vfio:|Invalid (?:read|write|access) at addr)')
#: An entry of `journalctl -o export` with an event in it.
_EXPORT = re.compile(rb"^__REALTIME_TIMESTAMP=\d+$", re.MULTILINE)
_EXPORT_MESSAGE = re.compile(rb"^MESSAGE=[^\n]*(?:vfio_|vfio:|Invalid (?:read|write|access) at addr)", re.MULTILINE)


def _read(stream: Stream, count: int) -> bytes:
    buffer = bytearray(count)
    view = memoryview(buffer)
    length = 0
    while length < count and (got := stream.readinto(view[length:])):
        length += got
    view.release()
    return bytes(buffer[:length])


def _inventory(head: bytes) -> Recognised | None:
    try:
        from quirkfinder.inventory import recognise as recognise_inventory
    except ImportError:
        return None
    found: Recognised | None = recognise_inventory(head)
    return found


def _other_tool(head: bytes) -> Recognised | None:
    """Traces in a spelling that is translated (`reading.translation`), and lists of events."""
    from quirkfinder.reading.demmio import MMIO
    from quirkfinder.reading.mmiotrace import HEADER
    from quirkfinder.reading.named import BABELTRACE, SIMPLETRACE
    from quirkfinder.reading.simple import is_simple

    if is_simple(head):
        return "trace", "simple-trace"
    if len(_DECLARATION.findall(head)) >= _ENOUGH_DECLARATIONS:
        return "other", TRACE_EVENTS
    lines = [line.strip() for line in head.split(b"\n")[:_TRIES]]
    # It copies the header of the mmiotrace that it explains.
    if any(MMIO.match(line) for line in lines):
        return "trace", "demmio"
    if HEADER.search(head):
        return "trace", "mmiotrace"
    if head.lstrip()[:1] == b"{" and _JOURNAL.search(head):
        return "trace", "journal-json"
    if _EXPORT.search(head) and _EXPORT_MESSAGE.search(head):
        return "trace", "journal-export"
    if any(SIMPLETRACE.match(line) for line in lines):
        return "trace", "simpletrace-text"
    return ("trace", "babeltrace") if any(BABELTRACE.match(line) for line in lines) else None


def _has_event(text: bytes) -> bool:
    """True where a line that could be an event is one."""
    from quirkfinder.reading.portable import Row, portable_engine
    from quirkfinder.reading.wrapping import rejoined

    engine = portable_engine()
    for number, match in enumerate(_CANDIDATE.finditer(text)):
        if number >= _TRIES:
            return False
        if isinstance(engine.line(match[0]), Row):
            return True
        following = text[match.end() + 1 :].split(b"\n", 2)[:2]
        if any(isinstance(found, Row) for _, found in rejoined([match[0], *following], engine.line)):
            return True
    return False


def recognise(opener: Callable[[], Stream]) -> Recognised | None:
    """Role and format, None for a file that says nothing for us.  Raises OSError where it cannot be opened."""
    stream = opener()
    try:
        head = _read(stream, HEAD)
        if not head:
            return None
        found = _inventory(head) or _other_tool(head)
        if found is not None:
            return found
        if _has_event(head):
            return "trace", "log"
        rest = head[head.rfind(b"\n") + 1 :]
        done = len(head)
        while done < FAR and (piece := _read(stream, 1 << 20)):
            text = rest + piece
            if _has_event(text):
                return "trace", "log"
            rest = text[text.rfind(b"\n") + 1 :][-HEAD:]
            done += len(piece)
        return None
    finally:
        stream.close()
