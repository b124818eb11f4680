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
    rb"|cpu_in |cpu_out |kvm_set_user_memory|unused (?:in|out)[bwl]"
)
_CANDIDATE = re.compile(rb"[^\n]*(?:" + EVENT_NAME.pattern + rb")[^\n]*")
#: Lines of the head to try, and candidates further on.
_TRIES = 2000

Recognised = tuple[Role, str]


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


def _has_event(text: bytes) -> bool:
    """True where a line that could be an event is one."""
    from quirkfinder.reading.portable import Row, portable_engine

    engine = portable_engine()
    for number, match in enumerate(_CANDIDATE.finditer(text)):
        if number >= _TRIES:
            return False
        if isinstance(engine.line(match[0]), Row):
            return True
    return False


def recognise(opener: Callable[[], Stream]) -> Recognised | None:
    """Role and format, None for a file that says nothing for us.  Raises OSError where it cannot be opened."""
    stream = opener()
    try:
        head = _read(stream, HEAD)
        if not head:
            return None
        found = _inventory(head)
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
