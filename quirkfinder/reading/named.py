"""Tools that print arguments by name (simpletrace.py, babeltrace) to lines of the "log" back end, line by line."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from quirkfinder.reading.formats import Value, line_of

Translate = Callable[[bytes], bytes]
#: simpletrace.py, Python 2 and 3: `EVENT 12.345 pid=4711 name=b'0000:01:00.0' index=0x0 …`, in µs since the last.
SIMPLETRACE = re.compile(rb"^(?P<name>[a-zA-Z]\w*) (?P<delta>\d+\.\d{3}) pid=(?P<pid>\d+)(?P<rest>(?: \w+=.*)?)$")
_NAMED = re.compile(rb" (\w+)=(0x[0-9a-f]+(?=\s|$)|b'[^']*'|b\"[^\"]*\"|.*?(?= \w+=|$))")
#: babeltrace (1 and 2): `[09:42:19.148948123] (+0.000001234) host qemu:EVENT: { cpu_id = 2 }, { name = "…", … }`.
BABELTRACE = re.compile(
    rb"^\[(?:(?P<date>\d{4}-\d\d-\d\d) )?(?P<clock>\d\d:\d\d:\d\d)\.(?P<fraction>\d{9})\] \(\+[?\d.]+\) (?:\S+ )?"
    rb"qemu:(?P<name>\w+): (?P<rest>\{.*\})$"
)
_FIELD = re.compile(rb"(\w+) = (\"(?:\\.|[^\"\\])*\"|0x[0-9A-Fa-f]+|-?\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _stamp(nanoseconds: int) -> bytes:
    """A time as the ISO stamp that the grammars read."""
    whole = _EPOCH + timedelta(seconds=nanoseconds // 1_000_000_000)
    return b"%b.%09dZ " % (whole.strftime("%Y-%m-%dT%H:%M:%S").encode(), nanoseconds % 1_000_000_000)


def simpletrace_text() -> Translate:
    """A translation that adds up the deltas; the first line is time 0.  Unknown lines stay as they are."""
    total = 0

    def translate(line: bytes) -> bytes:
        nonlocal total
        match = SIMPLETRACE.match(line.strip())
        if match is None:
            return line
        whole, _, part = match["delta"].partition(b".")
        total += int(whole) * 1000 + int(part)
        if match["name"] == b"Dropped_Event":
            count = re.search(rb"=0x([0-9a-f]+)", match["rest"])
            return b"CPU 0 [LOST %d EVENTS]" % (int(count[1], 16) if count else 0)
        values: dict[str, Value] = {}
        for name, text in _NAMED.findall(match["rest"]):
            values[name.decode()] = _value(text)
        found = line_of(match["name"].decode(), values)
        return line if found is None else b"%d@%019d " % (int(match["pid"]), total) + found

    return translate


def _value(text: bytes) -> Value:
    if re.fullmatch(rb"0x[0-9a-f]{1,16}", text):
        return int(text, 16)
    if text[:2] in {b"b'", b'b"'}:
        return text[2:-1]
    return text


def babeltrace_text() -> Translate:
    """A translation of LTTng's text; without a date, time counts from midnight of the first day."""
    days = 0
    last = ""

    def translate(line: bytes) -> bytes:
        nonlocal days, last
        match = BABELTRACE.match(line.strip())
        if match is None:
            return line
        clock = match["clock"].decode()
        date = match["date"]
        if date is None:
            # The clock starts again at midnight.
            days += clock < last and last > "12" > clock
            last = clock
            date = (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d").encode()
        groups = re.findall(rb"\{([^{}]*)\}", match["rest"])
        values: dict[str, Value] = {}
        for name, text in _FIELD.findall(groups[-1] if groups else b""):
            if text.startswith(b'"'):
                values[name.decode()] = text[1:-1]
            else:
                number = int(text, 16) if text.startswith((b"0x", b"0X")) else int(text)
                values[name.decode()] = number % 2**64
        found = line_of(match["name"].decode(), values)
        return line if found is None else b"%bT%b.%bZ %b" % (date, match["clock"], match["fraction"], found)

    return translate


def journal_json() -> Translate:
    """A translation of `journalctl -o json`: an object a line with MESSAGE, _PID and a time in microseconds."""

    def translate(line: bytes) -> bytes:
        try:
            entry = json.loads(line)
            message, time = entry["MESSAGE"], int(entry["__REALTIME_TIMESTAMP"])
            pid = int(entry.get("_PID") or entry.get("SYSLOG_PID") or 0)
        except (ValueError, KeyError, TypeError):
            return line
        # Bytes that are no text come as a list of numbers.
        if isinstance(message, list):
            message = bytes(number for number in message if isinstance(number, int) and 0 <= number < 256).decode(
                "latin-1"
            )
        if not isinstance(message, str) or not 0 <= pid < 2**32 or not 0 <= time < 2**53:
            return line
        return b"%d@%d.%06d:" % (pid, *divmod(time, 1_000_000)) + message.encode("utf-8", "replace")

    return translate


#: A field of `journalctl -o export`; the time stands before all others in an entry, and an empty line ends it.
_EXPORTED = re.compile(rb"^([A-Z_][A-Z0-9_]*)=(.*)$")


def journal_export() -> Translate:
    """A translation of `journalctl -o export`: a field a line; the event stands where the entry has its MESSAGE.

    The process is known where its field comes before the message.  Messages that are no text (a length and bytes on
    lines of their own) stay unknown.
    """
    entry: dict[bytes, bytes] = {}

    def translate(line: bytes) -> bytes:
        if not line.strip():
            entry.clear()
            return line
        field = _EXPORTED.match(line)
        if field is None:
            return line
        if field[1] != b"MESSAGE":
            entry[field[1]] = field[2]
            return b""
        time, pid = (entry.get(name, b"") for name in (b"__REALTIME_TIMESTAMP", b"_PID"))
        if not re.fullmatch(rb"[0-9]{1,16}", time):
            return field[2]
        if re.fullmatch(rb"[0-9]{1,9}", pid):
            return b"%d@%d.%06d:" % (int(pid), *divmod(int(time), 1_000_000)) + field[2]
        return _stamp(int(time) * 1000) + field[2]

    return translate


def since_epoch(nanoseconds: int) -> bytes:
    """The stamp of a time that other translations use."""
    return _stamp(nanoseconds)
