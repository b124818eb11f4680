"""Rules of a model as sentences: which address values reach what, what must hold, handshakes and sums."""

from typing import Any

from quirkfinder.rendering import words

_DWORD = (1 << 32) - 1


def target_sentence(region: object, target: dict[str, Any]) -> str:
    """A window's target as a rule over the address value v; the contract's `(v & ~mask) == match`."""
    numbers = [words.number(target.get(key, default)) for key, default in (("match", 0), ("mask", 0), ("base", 0))]
    match, mask, base, scale = *numbers, words.number(target.get("scale", 1))
    if match is None or mask is None or base is None or scale is None:
        sentence = words.plain({key: value for key, value in target.items() if key != "select"})
    else:
        ignored = words.number(target.get("ignored", 0)) or 0
        sentence = _selected(match, mask, ignored) + " " + _reached(target.get("space"), match, mask, base, scale)
    select = target.get("select")
    return f"{sentence}, while {condition_words(region, select)}" if isinstance(select, dict) else sentence


def _selected(match: int, mask: int, ignored: int) -> str:
    """`address values 0x4000 to 0x40fc (match 0x4000, mask 0xfc)`, or the bits that choose."""
    free = mask | ignored
    if not free:
        return f"the address value {match:#x} reaches"
    exact = f"(match {match:#x}, mask {mask:#x})"
    if _in_one_piece(match, free):
        return f"address values {match:#x} to {match | free:#x} {exact} reach"
    chosen = ~free & max(_DWORD, (1 << max(match, free).bit_length()) - 1)
    return f"address values v with v & {chosen:#x} equal to {match:#x} {exact} reach"


def _reached(space: object, match: int, mask: int, base: int, scale: int) -> str:
    """`config space at 0x0 to 0xfc`, or the rule, where the offset's bits do not lie together."""
    where = words.region(space)
    steps = f", {words.count(scale, 'byte')} a step of the address" if scale != 1 else ""
    if not mask:
        return f"{where} at {base:#x}"
    if _in_one_piece(match, mask):
        return f"{where} at {base:#x} to {base + scale * mask:#x}{steps}"
    offset = f"v & {mask:#x}" if scale == 1 else f"{scale} * (v & {mask:#x})"
    return f"{where} at {offset if not base else f'{base:#x} + ({offset})'}"


def _in_one_piece(match: int, mask: int) -> bool:
    """Do the bits of the mask lie together at the lower end, but for those within a dword?"""
    return (mask | 3) & ((mask | 3) + 1) == 0 and not match & mask


def condition_words(region: object, condition: dict[str, Any]) -> str:
    """`bar0+0x8 & 0xff is 0x3`: what another register must hold."""
    place = words.place(condition.get("region", region), condition.get("offset"))
    return f"{place} & {words.plain(condition.get('mask'))} is {words.plain(condition.get('value'))}"


def step_words(step: object) -> str:
    """`for a read, write the address register with 0x80000000 in the bits 0x80000000`."""
    known = ("access", "register", "role", "value", "mask", "for")
    if not isinstance(step, dict) or "access" not in step or "register" not in step or set(step) - set(known):
        return words.plain(step)
    purpose = f"for a {words.plain(step['for'])}, " if "for" in step else ""
    way = "write the" if step["access"] == "write" else f"{words.plain(step['access'])} the"
    text = f"{purpose}{way} {words.plain(step['register'])} register"
    if step.get("role") == "status":
        text += " until it says done"
    if step.get("value") is None:
        return text
    bits = f" in the bits {words.plain(step['mask'])}" if step.get("mask") is not None else ""
    return f"{text}{':' if step.get('role') == 'status' else ' with'} {words.plain(step['value'])}{bits}"


def provenance_words(source: object) -> list[str]:
    """The dword that led to an address, and the sum; nothing where none is known."""
    if not isinstance(source, dict) or "place" not in source or "address" not in source:
        return []
    place, value = words.plain(source["place"]), words.plain(source.get("value"))
    what = f"the guest had written {value} to {place}" if source.get("written") else f"{place} had returned {value}"
    shift, distance = words.number(source.get("shift")), words.number(source.get("distance"))
    if shift:
        what += f", which is {words.plain(source.get('base'))} in units of {words.size(1 << min(shift, 63))}"
    behind = f", {words.plain(source['distance'])} behind it" if distance else ""
    return [f"before, {what}: the access is to {words.plain(source['address'])}{behind}"]
