"""Completion flags: which bit of an address register says that a command is done, from how drivers wait for it.

A finding of a window says which registers they are.  Whether a driver, after writing an address, reads the register
until one bit has turned over is seen in the accesses between; QEMU's RTL8168 quirk exists because of such a bit.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from quirkfinder.card.model import Card
from quirkfinder.replay.accesses import accesses, device_frame, relevant

#: waits that must end alike before a bit is believed
_LEAST = 3


@dataclass(frozen=True, slots=True)
class Wait:
    """A command and the last value of the register that the driver read before it went on."""

    word: int
    answer: int
    kind: Literal["read", "write", "unknown"]


def completion_handshake(
    events: pl.DataFrame, card: Card, region: int, address_offset: int, data_offset: int
) -> list[dict[str, Any]]:
    """The `handshake` of the findings contract for a window whose address register has a completion flag; else [].

    `region` is the BAR (0 to 5), offsets are bytes.  The steps have the form that `definition.translation` describes.
    """
    found = waits(events, card, region, address_offset, data_offset)
    flips = Counter(wait.word ^ wait.answer for wait in found)
    if not flips:
        return []
    flag, count = flips.most_common(1)[0]
    if count < _LEAST or flag.bit_count() != 1 or count < len(found) - count:
        return []
    steps: list[dict[str, Any]] = []
    for kind in ("read", "write"):
        mine = {(wait.word & flag, wait.answer & flag) for wait in found if wait.kind == kind}
        if len(mine) == 1:
            ((command, done),) = mine
            steps += _steps(kind, flag, command, done)
    return steps if any(step["role"] == "data" and step["for"] == "read" for step in steps) else []


def waits(events: pl.DataFrame, card: Card, region: int, address_offset: int, data_offset: int) -> list[Wait]:
    """Every command after which the driver read the address register back."""
    frame = device_frame(events, card, with_vga=False)
    mine = (pl.col("region") == region) & pl.col("address").is_in([address_offset, data_offset])
    found: list[Wait] = []
    word: int | None = None
    answer: int | None = None
    filled = taken = False  # data written before the command, data read after it

    def finish() -> None:
        if word is not None and answer is not None:
            found.append(Wait(word, answer, "read" if taken else "write" if filled else "unknown"))

    pending = False
    for access in accesses(relevant(frame, mine)):
        if access.space != region:
            continue
        if access.offset == address_offset and access.kind == "write":
            finish()
            word, answer, filled, taken, pending = access.value, None, pending, False, False
        elif access.offset == address_offset and access.kind == "read":
            answer = access.given if access.given is not None else access.value
        elif access.offset == data_offset:
            taken = taken or access.kind == "read"
            pending = pending or access.kind == "write"
    finish()
    return found


def _steps(kind: str, flag: int, command: int, done: int) -> list[dict[str, Any]]:
    mask = {"mask": hex(flag), "for": kind}
    address = {"access": "write", "register": "address", "role": "address", "value": hex(command), **mask}
    status = {"access": "read", "register": "address", "role": "status", "value": hex(done), **mask}
    data = {"access": kind, "register": "data", "role": "data", "for": kind}
    return [address, status, data] if kind == "read" else [data, address, status]
