"""What the comments and notes say of each mechanism, in sentences of ours."""

from quirkfinder.definition.model import Condition, Leak, Mirror, QuirkDefinition, Sink, Window, WindowMatch
from quirkfinder.definition.reach import passages

_POLICY = {
    "emulate": "writes end in the guest's config space and do not reach the device",
    "forward": "writes go to the device and do not touch the guest's config space",
    "both": "writes go to the guest's config space and to the device",
    "drop": "writes are lost",
}


def region_word(mechanism: Window | Leak | Mirror | Sink) -> str:
    """`BAR4` or `the VGA ports`."""
    return "the VGA ports" if getattr(mechanism, "vga", False) else f"BAR{mechanism.bar}"


def match_text(match: WindowMatch) -> str:
    """`config space where (address & ~0xfff) == 0x4000`."""
    free = match.mask | match.ignored
    target = {"config": "config space", "msix-table": "the MSI-X table"}.get(match.space, match.space.upper())
    where = f"at {match.base:#x} " if match.base else ""
    scale = f", {match.scale} bytes a step" if match.scale != 1 else ""
    select = f", while {_condition(match.select)}" if match.select else ""
    return f"{target} {where}where (address & ~{free:#x}) == {match.match:#x}{scale}{select}"


def _condition(condition: Condition) -> str:
    return f"(register {condition.offset:#x} & {condition.mask:#x}) == {condition.value:#x}"


def window_text(definition: QuirkDefinition, window: Window) -> tuple[str, list[str]]:
    """Title and paragraphs for a window."""
    where = region_word(window)
    title = f"{where}: window at {window.address_offset:#x} (address) and {window.data_offset:#x} (data)"
    reached = "; ".join(match_text(m) for m in window.matches)
    text = [
        (
            f"Through an address register and a data register in {where} the guest reaches {reached}. "
            "Without the quirk it reads there what the host has: the addresses of the BARs on the host."
        )
    ]
    for match in window.matches:
        for passage in passages(definition, match):
            to = f"the leak register {passage.leak.name}" if passage.leak else "the mirror of config space"
            text.append(f"By way of {match.space.upper()} it also reaches {to} at {passage.first:#x}.")
    if window.enable:
        text.append("It answers only while " + " and ".join(_condition(c) for c in window.enable) + ".")
    if window.strobe:
        text.append(
            f"Bits {window.strobe.mask:#x} of the address register are command and completion flag: the guest writes "
            "the address with the command and reads the register until the flag says done."
        )
    if window.read_steps:
        text.append("It is driven by a fixed sequence of accesses; any other access starts it anew.")
    if window.increment:
        text.append(f"Every access to the data register moves the target on by {window.increment} bytes.")
    text.append(f"In this quirk {_POLICY[window.write]}.")
    return title, text


def mirror_text(mirror: Mirror) -> tuple[str, list[str]]:
    """Title and paragraphs for a mirror."""
    last = mirror.config_offset + mirror.size - 1
    title = f"BAR{mirror.bar}: copy of config space at {mirror.offset:#x}"
    text = [
        (
            f"BAR{mirror.bar} shows bytes {mirror.config_offset:#x} to {last:#x} of config space from offset "
            f"{mirror.offset:#x} on, as the host has them, with the addresses of the BARs on the host."
        ),
        f"In this quirk {_POLICY[mirror.write]}.",
    ]
    text += [
        f"From {e.config_offset:#x} on, {e.size} bytes, {_POLICY[e.write]}: the device needs to see them."
        if e.write in ("both", "forward")
        else f"From {e.config_offset:#x} on, {e.size} bytes, {_POLICY[e.write]}."
        for e in mirror.exceptions
    ]
    return title, text


def leak_text(leak: Leak) -> tuple[str, list[str]]:
    """Title and paragraphs for a leak register."""
    shifted = f"shifted right by {leak.shift} bits " if leak.shift else ""
    title = f"{region_word(leak)}: register at {leak.offset:#x} tells where BAR{leak.target_bar} is"
    bits = f" in the bits {leak.mask:#x}" if leak.mask is not None else ""
    return title, [
        (
            f"A read of {leak.size} bytes at {leak.offset:#x} gives the address of BAR{leak.target_bar} {shifted}as "
            f"the host has it{bits}. The quirk gives the guest's own."
        )
    ]


def sink_text(sink: Sink) -> tuple[str, list[str]]:
    """Title and paragraphs for a sink."""
    sites = ", ".join(f"{site:#x}" for site in sink.sites)
    title = f"BAR{sink.bar}: registers that take {_WHAT[sink.what]}"
    return title, [
        (
            f"The guest writes {_WHAT[sink.what]} to {sites}. Only the guest's view gives that value a meaning; the "
            "device would use it on the host."
        )
    ]


_WHAT = {
    "msi-address": "the address of its MSI message",
    "msi-data": "the data of its MSI message",
    "guest-bar": "the address it gave a BAR",
    "rebase": "addresses that the host has elsewhere",
}
