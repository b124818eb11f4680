"""QEMU's binary "simple" traces (versions 2 to 4, QEMU 1.2 and later), as lines of the "log" back end.

Layout: QEMU `docs/devel/tracing.rst` and `trace/simple.c`.  All integers are in the byte order of the machine that
wrote them: it shows in the magic number.  Version 0 and 1 (before 1.2) hold no VFIO.
"""

import struct
from collections.abc import Iterator, Sequence

from quirkfinder.inputs.streams import Stream
from quirkfinder.reading.formats import Declaration, Value, declarations

HEADER_EVENT = 0xFFFFFFFFFFFFFFFF
DROPPED_EVENT = 0xFFFFFFFFFFFFFFFE
MAGIC = 0xF2B177CB0AA429B4
#: No record is longer: six arguments, texts of at most 512 bytes.
LONGEST_RECORD = 1 << 16
_NUMBERED = (2, 3)
_SELF_DESCRIBING = 4


class DamagedTraceError(ValueError):
    """The binary trace cannot be read on; the message says where and why."""


def is_simple(head: bytes) -> bool:
    """True for the first 24 bytes of a binary trace."""
    return len(head) >= 16 and any(struct.unpack(f"{order}QQ", head[:16]) == (HEADER_EVENT, MAGIC) for order in "<>")


class _Reader:
    """Exact amounts of bytes from a stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.position = 0
        self._buffer = b""

    def take(self, count: int) -> bytes:
        """`count` bytes; b"" at the end of the file.  Raises DamagedTraceError where it breaks off inside."""
        while len(self._buffer) < count:
            piece = bytearray(1 << 20)
            got = self.stream.readinto(memoryview(piece))
            if not got:
                if self._buffer:
                    raise DamagedTraceError(f"the trace breaks off inside a record at byte {self.position}")
                return b""
            self._buffer += bytes(piece[:got])
        out, self._buffer = self._buffer[:count], self._buffer[count:]
        self.position += count
        return out


def _values(payload: bytes, declaration: Declaration, order: str) -> list[Value] | None:
    """Arguments, None where the payload does not have this declaration's shape."""
    out: list[Value] = []
    at = 0
    for text in declaration.strings:
        if text:
            if at + 4 > len(payload):
                return None
            (length,) = struct.unpack_from(f"{order}I", payload, at)
            if at + 4 + length > len(payload):
                return None
            out.append(payload[at + 4 : at + 4 + length])
            at += 4 + length
        else:
            if at + 8 > len(payload):
                return None
            out.append(struct.unpack_from(f"{order}Q", payload, at)[0])
            at += 8
    return out if at == len(payload) else None


def _rendered(name: str, candidates: Sequence[Declaration], payload: bytes, order: str) -> bytes:
    for declaration in candidates:
        values = _values(payload, declaration, order)
        if values is not None:
            return name.encode() + b" " + declaration.render(values).replace(b"\n", b" ")
    # An event that nobody declared: a line of its own that no grammar knows, so it is counted.
    return b"%b (%d bytes of arguments)" % (name.encode("ascii", "replace"), len(payload))


def simple_lines(stream: Stream, listed: Sequence[tuple[str, Declaration]] = ()) -> Iterator[bytes]:
    """A line for every record, with `pid@nanoseconds ` in front.

    `listed`: the events of that build's trace-events-all in their order; versions 2 and 3 cannot be read without.
    Raises DamagedTraceError after the last record that could be read.
    """
    reader = _Reader(stream)
    head = reader.take(24)
    if not is_simple(head):
        raise DamagedTraceError("no header of a binary trace")
    order = "<" if struct.unpack("<QQ", head[:16]) == (HEADER_EVENT, MAGIC) else ">"
    (version,) = struct.unpack(f"{order}Q", head[16:])
    if version not in {*_NUMBERED, _SELF_DESCRIBING}:
        raise DamagedTraceError(f"binary trace of version {version}: versions 2 to 4 (QEMU 1.2 and later) are read")
    if version in _NUMBERED and not listed:
        raise DamagedTraceError(
            f"binary trace of version {version}: events have numbers only; "
            "put the trace-events-all of that QEMU beside it"
        )
    names: dict[int, str] = {number: name for number, (name, _) in enumerate(listed)}
    own = {name: (declaration,) for name, declaration in listed}
    known = declarations()
    while True:
        if version == _SELF_DESCRIBING:
            kind = reader.take(8)
            if not kind:
                return
            if struct.unpack(f"{order}Q", kind)[0] == 0:
                number, length = struct.unpack(f"{order}QI", reader.take(12))
                if length > LONGEST_RECORD:
                    raise DamagedTraceError(f"a name of {length} bytes at byte {reader.position}")
                names[number] = reader.take(length).decode("ascii", "replace")
                continue
        record = reader.take(24)
        if not record:
            return
        number, time, length, pid = struct.unpack(f"{order}QQII", record)
        if not 24 <= length <= LONGEST_RECORD:
            raise DamagedTraceError(f"a record of {length} bytes at byte {reader.position}")
        payload = reader.take(length - 24)
        if number == DROPPED_EVENT:
            (count,) = struct.unpack_from(f"{order}Q", payload.ljust(8, b"\0"))
            yield b"CPU 0 [LOST %d EVENTS]" % count
            continue
        name = names.get(number, f"event {number}")
        candidates = (*own.get(name, ()), *known.get(name, ()))
        stamp = b"%d@%019d " % (pid if version != _NUMBERED[0] else 0, time)
        yield stamp + _rendered(name, candidates, payload, order)
