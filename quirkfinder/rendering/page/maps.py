"""The card's two address maps side by side, and the way of a leaked address from one to the other.

On the left stand the doors, in the middle the BARs where the host has them, on the right where the guest has them.
What has the same address has the same height, so a host address that the guest uses goes straight across and ends at
whatever the guest has there: the same BAR (the 1:1 accident), another BAR, RAM, or nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from quirkfinder.findings.document import BarRecord, DeviceRecord, Finding, Findings
from quirkfinder.rendering import words
from quirkfinder.rendering.page import svg
from quirkfinder.rendering.page.axis import Axis, axis
from quirkfinder.rendering.view import ordered

_DOOR, _HOST, _GUEST, _BLOCK, _WIDTH = 10, 370, 720, 220, 960
_TOP = 46
_LABEL = 22  # characters that fit above a way
_MOST_DOORS, _MOST_BARS = 24, 16  # a card has seven BARs; a document may claim more


#: What a door is, in the room its box has.
_DOOR_KINDS = {
    "window": "data of a window",
    "config-mirror": "config space mirror",
    "bar-alias": "another BAR",
    "paged-window": "paged window",
    "address-leak": "register",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a use of a BAR's host address ends in the guest: `kind` is same, bar, ram or nothing."""

    kind: str
    words: str


_SAME = Ending("same", "the same BAR: 1:1, works by accident")


def maps(document: Findings, device: DeviceRecord) -> list[tuple[str, Markup]]:
    """A caption and a drawing for each address space that the card's BARs lie in."""
    drawn = []
    for io, name in ((False, "Memory"), (True, "I/O ports")):
        bars = [
            bar for bar in device.bars if words.is_io(bar) == io and (bar.host is not None or bar.guest is not None)
        ]
        if bars:
            drawn.append((name, _map(document, device, bars, f"{name} of {device.name}")))
    return drawn


def ending(document: Findings, device: DeviceRecord, bar: BarRecord) -> Ending:
    """What the guest has at the BAR's host address: by the findings' `leaks`, else by the BARs' addresses."""
    if bar.host is not None and bar.host == bar.guest:
        return _SAME
    for finding in _doors_of(document, device):
        for leak in words.objects(finding.parameters.get("leaks")):
            if leak.get("bar") == bar.index and leak.get("lands_on") not in (None, "nothing", "unknown"):
                return _landing(words.plain(leak["lands_on"]))
    for other in device.bars:
        if words.is_io(other) == words.is_io(bar) and other.index != bar.index and words.overlap(other, bar):
            return _landing(f"bar{other.index}")
    accesses = sum(_accesses(f) for f in _of(document, device, "host-address-access") if _names(f, bar))
    missed = f": {words.count(accesses, 'access', 'accesses')} went there" if accesses else ""
    return Ending("nothing", f"nothing{missed}")


def _landing(name: str) -> Ending:
    if name == "itself":
        return _SAME
    if name == "ram":
        return Ending("ram", "RAM, where accesses end unlogged")
    return Ending("bar", f"{words.region(name)}, the wrong one")


def _map(document: Findings, device: DeviceRecord, bars: list[BarRecord], label: str) -> Markup:
    scale = axis(span for bar in bars for span in (_span(bar, bar.host), _span(bar, bar.guest)))
    numbers = {id(finding): number for number, finding in enumerate(ordered(document), start=1)}
    doors = [f for f in _doors_of(document, device) if any(_names(f, bar) for bar in bars)][:_MOST_DOORS]
    doors.sort(key=lambda door: numbers[id(door)])
    height = _TOP + max(scale.height, 34 * len(doors)) + 16
    parts = [
        svg.text(heading, x, 22, "heading")
        for heading, x in (("tells a host address", _DOOR), ("on the host", _HOST), ("in the guest", _GUEST))
        if doors or x != _DOOR
    ]
    for x, known in ((_HOST, [bar.host for bar in bars]), (_GUEST, [bar.guest for bar in bars])):
        parts += [] if any(address is not None for address in known) else [svg.text("not known", x, _TOP + 14)]
    parts += [_block(bar, bar.host, scale, _HOST, "host") for bar in bars if bar.host is not None]
    parts += [_block(bar, bar.guest, scale, _GUEST, "guest") for bar in bars if bar.guest is not None]
    told = {bar.index for door in doors for bar in bars if _names(door, bar)}
    told |= {bar.index for bar in bars if bar.host is not None and bar.host == bar.guest}
    parts += [_across(document, device, bar, scale) for bar in bars if bar.index in told and bar.host is not None]
    for row, door in enumerate(doors):
        told_here = [bar for bar in bars if _names(door, bar)]
        parts.append(_door(door, numbers[id(door)], told_here, scale, _TOP + 34 * row))
    return svg.drawing(
        _WIDTH, height, f"{label}: {_told_in_words(document, device, bars)}", *parts, view=f"0 0 {_WIDTH} {height:g}"
    )


def _told_in_words(document: Findings, device: DeviceRecord, bars: Iterable[BarRecord]) -> str:
    """The drawing for those who cannot see it; the tables below have the numbers once more."""
    parts = []
    for bar in bars:
        end = (
            f"; its host address in the guest is {ending(document, device, bar).words}" if bar.host is not None else ""
        )
        host, guest = words.address(bar.host), words.address(bar.guest, "nowhere")
        parts.append(f"{words.bar(bar.index)} is at {host} on the host and at {guest} in the guest{end}")
    return ". ".join(parts)


def _block(bar: BarRecord, address: int | None, scale: Axis, x: int, side: str) -> Markup:
    first, after = _span(bar, address)
    top, bottom = _TOP + scale.at(first), _TOP + scale.at(after)
    name = f"{_short(bar)}, {words.size(bar.size)}"
    return svg.element(
        "g",
        svg.title(f"{name} at {first:#x} to {after - 1:#x}, {side}"),
        svg.element("rect", x=x, y=top, width=_BLOCK, height=bottom - top, class_=f"block {side}"),
        svg.text(name, x + 8, top + 13),
        svg.text(f"{first:#x}", x + _BLOCK - 8, top + 13, "label number", "end"),
    )


def _short(bar: BarRecord) -> str:
    return "ROM" if bar.index == 6 else words.bar(bar.index)


def _across(document: Findings, device: DeviceRecord, bar: BarRecord, scale: Axis) -> Markup:
    """The way of the BAR's host address to the guest's side."""
    end = ending(document, device, bar)
    y = _TOP + scale.at(bar.host or 0) + 5
    left, right = _HOST + _BLOCK, _GUEST
    return svg.element(
        "g",
        svg.title(f"the host address of {words.bar(bar.index)} used by the guest: {end.words}"),
        svg.element("path", d=f"M{left} {y:g}H{right - 4}", class_=f"way {end.kind}"),
        svg.element(
            "path", d=f"M{right - 10} {y - 4:g}L{right - 2} {y:g}L{right - 10} {y + 4:g}", class_=f"tip {end.kind}"
        ),
        svg.text(_above(end)[:_LABEL], left + 6, y - 4, f"label small {end.kind}"),
        *([svg.text("nothing here", right + 8, y + 4, "label small nothing")] if end.kind == "nothing" else []),
    )


def _above(end: Ending) -> str:
    """What stands above the way; what is not short enough for it is in the title and in words."""
    if end.kind == "same":
        return "1:1 accident"
    what, _, more = end.words.partition(": ")
    return more.removesuffix(" went there") or ("leads to nothing" if end.kind == "nothing" else what.split(",")[0])


def _door(door: Finding, number: int, bars: list[BarRecord], scale: Axis, y: float) -> Markup:
    where = words.place(door.parameters.get("region"), _door_offset(door))
    ways = [
        svg.element(
            "path",
            d=f"M{_DOOR + 250} {y + 12:g}C{_DOOR + 320} {y + 12:g} {_HOST - 60} {_TOP + scale.at(bar.host or 0) + 9:g} "
            f"{_HOST - 2} {_TOP + scale.at(bar.host or 0) + 9:g}",
            class_=f"leak {door.verdict}",
        )
        for bar in bars
        if bar.host is not None
    ]
    return svg.element(
        "g",
        svg.title(words.sentence(door.summary)),
        svg.element("rect", x=_DOOR, y=y, width=250, height=26, class_=f"door {door.verdict}"),
        svg.text(f"{number}. {where}"[:22], _DOOR + 8, y + 17),
        svg.text(_DOOR_KINDS.get(door.kind, ""), _DOOR + 242, y + 17, "label small", "end"),
        *ways,
    )


def _door_offset(door: Finding) -> object:
    data = door.parameters.get("data")
    return data.get("offset") if isinstance(data, dict) else door.parameters.get("offset")


def _span(bar: BarRecord, address: int | None) -> tuple[int, int]:
    return (0, 0) if address is None else (address, address + (bar.size or 1))


def _of(document: Findings, device: DeviceRecord, kind: str) -> list[Finding]:
    return [f for f in document.findings if f.device == device.name and f.kind == kind and f.verdict != "benign"]


def _doors_of(document: Findings, device: DeviceRecord) -> list[Finding]:
    return [f for kind in words.BACK_DOORS for f in _of(document, device, kind) if words.tells_host_addresses(f)]


def _accesses(finding: Finding) -> int:
    return sum(words.number(finding.parameters.get(key)) or 0 for key in ("reads", "writes"))


def _names(finding: Finding, bar: BarRecord) -> bool:
    """Does the finding tell or use this BAR's host address? Config space tells those of all BARs but the ROM's."""
    if finding.kind == "host-address-access":
        return bool(finding.parameters.get("bar") == bar.index)
    told = words.told_bars(finding)
    return bar.index in told if told else bar.index != 6
