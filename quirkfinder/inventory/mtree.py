"""The monitor's `info mtree` and `info mtree -f`: what lies where in the guest (QEMU system/memory.c, 1.2 to 11.1).

The tree shows every memory region with its priority, also those hidden under others; flat views show what the guest
reaches.  `-f` grouped its views from 2.11 on (`FlatView #n`); 2.9 and 2.10 headed each with the address space's name.
"""

import re
from typing import Literal

from quirkfinder.inventory.facts import MtreeSpan

SPAN = re.compile(r"^\s*([0-9a-f]{8,16})-([0-9a-f]{8,16}) \(prio (-?\d{1,10}), ([^)]{1,16})\): (.*)$")
_NAME = re.compile(
    r"^(?P<name>.*?)(?: @(?P<offset>[0-9a-f]{16}))?(?: (?:KVM|HVF|WHPX|NVMM|MSHV|kvm|hvf|whpx|nvmm))?"
    r"(?: (?:owner|parent):\{.*)?(?P<disabled> \[disabled\])?$"
)
_ALIAS = re.compile(r"^alias (?P<name>.*?) @(?P<target>.*?) (?P<first>[0-9a-f]{16})-[0-9a-f]{16}$")
VIEW = re.compile(r"^\s*(?:FlatView #\d+|address-space \(flat view\): (?P<name>.*))$")
TREE = re.compile(r"^\s*(?P<what>address-space|memory-region): (?P<name>.*)$")
_MEMBER = re.compile(r'^\s*AS "(.*?)", root: ')
_ROOT = re.compile(r"^\s*Root memory region: (.*)$")
#: Headings of QEMU up to 1.7: the bare name of the address space.
BARE = re.compile(r"^(?P<name>memory|I/O|aliases)$")
_EMPTY = re.compile(r"^\s*(?:No rendered FlatView|\(none\))$")

Space = Literal["memory", "ports", "other"]


class MtreeReader:
    """Feed it lines; `spans` has the ranges of every view and tree in their order."""

    def __init__(self) -> None:
        self.spans: list[MtreeSpan] = []
        self._space: Space | None = None
        self._flat = True  # an excerpt without a heading is nearly always of a flat view

    def feed(self, number: int, line: str) -> bool:
        """True where the line belongs to the listing."""
        if found := SPAN.match(line):
            self._span(number, found)
            return True
        if found := VIEW.match(line):
            self._flat, self._space = True, _space(found["name"]) if found["name"] else "other"
            return True
        if found := TREE.match(line):
            # The sections of single memory regions count from 0, not from where the region is mapped.
            absolute = found["what"] == "address-space"
            self._flat, self._space = False, _space(found["name"]) if absolute else "other"
            return True
        if found := BARE.match(line):
            self._flat, self._space = False, _space(found["name"])
            return True
        if found := _MEMBER.match(line):
            self._join(_space(found[1]))
            return True
        if found := _ROOT.match(line):
            self._flat = True
            self._join({"system": "memory", "io": "ports"}.get(found[1], "other"))  # type: ignore[arg-type]  # literals
            return True
        return _EMPTY.match(line) is not None

    def boundary(self) -> None:
        """What follows is another listing."""
        self._space, self._flat = None, True

    def _join(self, space: Space) -> None:
        if self._space in (None, "other"):
            self._space = space

    def _span(self, number: int, found: re.Match[str]) -> None:
        first, last = int(found[1], 16), int(found[2], 16)
        words = _NAME.match(found[5])
        name, offset, disabled = found[5], 0, False
        if words is not None:
            name, offset = words["name"], int(words["offset"] or "0", 16)
            disabled = words["disabled"] is not None
        target = None
        if alias := _ALIAS.match(name):
            name, target, offset = alias["name"], alias["target"], int(alias["first"], 16)
        kind = found[4]
        space: Space = self._space or ("ports" if last <= 0xFFFF and kind in ("i/o", "container") else "memory")
        self.spans.append(
            MtreeSpan(first, last, name, kind, space, self._flat, int(found[3]), offset, target, disabled, number)
        )


def _space(name: str) -> Space:
    if name == "memory" or name.startswith("cpu-memory"):
        return "memory"
    return "ports" if name == "I/O" else "other"
