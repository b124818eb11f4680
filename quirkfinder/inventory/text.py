"""Bytes of a listing to numbered lines of plain text, whatever terminal or mail program they went through."""

import re
from collections.abc import Iterator

#: Terminal control sequences: QEMU's monitor redraws the line with them at every key (ECMA-48, section 5.4).
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00-\x08\x0b-\x0d\x0e-\x1f\x7f]")
#: Quoting marks of mails.
_QUOTED = re.compile(r"^(?:>[ >]*)")

BDF = r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]"
PROMPT = re.compile(r"^\s*\((?:qemu|qemu-kvm)\)")
GREETING = re.compile(r"^QEMU [\d.]+\S* monitor - type 'help'")


def numbered_lines(text: bytes) -> Iterator[tuple[int, str]]:
    """(line number from 1, line) with control sequences, mail quoting and trailing blanks removed.

    Never fails: bytes that are not UTF-8 become U+FFFD.
    """
    for number, raw in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        yield number, plain(raw.decode("utf-8", "replace"))


def plain(line: str) -> str:
    """One line without control sequences, mail quoting and trailing blanks."""
    return _QUOTED.sub("", _CONTROL.sub("", line)).rstrip()


def full_address(address: str) -> str:
    """`1:0.0`, `01:00.0` or `0000:01:00.0` as `0000:01:00.0`; domains above ffff keep their digits."""
    *domain, bus, slot = address.lower().split(":")
    device, function = slot.split(".")
    return f"{int(domain[0], 16) if domain else 0:04x}:{int(bus, 16):02x}:{int(device, 16):02x}.{int(function, 16):x}"
