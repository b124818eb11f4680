"""The verdict of a document in plain words, and what its reader should do next: what every report starts with."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from quirkfinder.findings.document import Finding, Findings
from quirkfinder.rendering import words

#: How the commands in advice name the document that the reader will have saved.
SAVED = "findings.json"
#: kinds that `emit` makes quirks of
_WRITABLE = ("window", "config-mirror", "address-leak", "address-sink")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+/-]*")


@dataclass(frozen=True, slots=True)
class Advice:
    """A step for the reader: what to do and why, and the command that does it, empty where there is none."""

    text: str
    command: str = ""


def verdict(document: Findings) -> list[str]:
    """Sentences, the most important first; never empty."""
    claims = [f for f in document.findings if f.verdict != "benign"]
    sentences = [_doors(claims, document)]
    sentences += _handled(claims)
    sentences += _leaks(claims)
    sentences += _consequences(claims)
    sentences += _unexplained(document)
    sentences += _accidents(claims)
    sentences += _sinks(claims)
    sentences += _quirks(claims)
    return sentences


def advice(document: Findings) -> list[Advice]:
    """What to do, in order; never empty."""
    claims = [f for f in document.findings if f.verdict != "benign"]
    doors = [f for f in claims if words.is_back_door(f)]
    steps: list[Advice] = []
    if document.capture and not doors:
        steps.append(Advice("Record again with the remedies for what this capture cannot show, then analyse that."))
    steps += _writing(claims)
    likely = [f for f in claims if f.verdict == "likely" and not words.is_handled(f)]
    if likely:
        # An id may be from anywhere, and commands get pasted into shells.
        ident = likely[0].id if _PLAIN_ID.fullmatch(likely[0].id) else "ID"
        steps.append(
            Advice(
                "Settle what is only likely; this names the accesses that would:",
                f"quirkfinder explain {SAVED} {ident}",
            )
        )
    if any(f.kind in words.ACCIDENTS for f in claims):
        steps.append(
            Advice(
                "Record once more with the card in another slot or the guest with another memory size: what works "
                "only because addresses happen to agree shows itself when they no longer do."
            )
        )
    if document.capture and doors:
        steps.append(Advice("Mind what this capture cannot show, below: there may be more than was found."))
    if any(map(words.is_handled, doors)) and not any(f.needs_quirk for f in claims):
        steps.insert(0, Advice("No quirk has to be written: QEMU's own were at work and kept the host from the guest."))
    return steps or [Advice("Nothing: as far as this capture shows, the card needs no quirk.")]


def _writing(claims: list[Finding]) -> list[Advice]:
    """To write a quirk, and that QEMU may have it."""
    steps: list[Advice] = []
    needing = [f for f in claims if f.needs_quirk and f.verdict == "confirmed" and f.kind in _WRITABLE]
    if needing:
        steps.append(
            Advice(
                f"Write the quirk, from the findings saved with --format json -o {SAVED}, for the QEMU that you build:",
                f"quirkfinder emit {SAVED} --target qemu-11.1 -o quirk/",
            )
        )
    idle = [f for f in needing if words.has_idle_quirk(f)]
    if idle:
        names = list(dict.fromkeys(words.plain((f.known_quirk or {}).get("id")) for f in idle))
        steps.append(
            Advice(
                f"Before that, mind that QEMU has {words.listed(names)} already, which "
                f"{'was' if len(names) == 1 else 'were'} not at work in this run: below stands why."
            )
        )
    return steps


def _doors(claims: list[Finding], document: Findings) -> str:
    doors = [f for f in claims if words.is_back_door(f)]
    if not doors:
        if any(f.kind == "host-address-access" for f in claims):
            return "The guest knew host addresses, but the door through which it learnt them was not found."
        found = "No back door was found"
        gaps = words.count(len(document.capture), "blind spot")
        return f"{found}, but the capture has {gaps}: that proves little." if document.capture else f"{found}."
    confirmed = sum(f.verdict == "confirmed" for f in doors)
    likely = len(doors) - confirmed
    split = " and ".join(
        part for part in (confirmed and f"{confirmed} confirmed", likely and f"{likely} likely") if part
    )
    return f"{words.count(len(doors), 'back door')}, {split}."


def _handled(claims: list[Finding]) -> list[str]:
    """That QEMU's own quirks stood in the doors: what the card said there is not what the guest got."""
    handled = [f for f in claims if words.is_handled(f)]
    if not handled:
        return []
    doors = sum(words.is_back_door(f) for f in claims)
    which = "One of them is" if len(handled) == 1 else f"{len(handled)} of them are"
    if len(handled) == doors:
        which = {1: "It is", 2: "Both are"}.get(doors, "All of them are")
    names = list(dict.fromkeys(words.plain((f.known_quirk or {}).get("id")) for f in handled))
    quirks = "QEMU's quirk" if len(names) == 1 else "QEMU's quirks"
    return [f"{which} handled: {quirks} {words.listed(names)} answered the guest in the card's place."]


def _leaks(claims: list[Finding]) -> list[str]:
    leaks = [f for f in claims if words.tells_host_addresses(f)]
    if not leaks:
        return []
    told = [bar for f in leaks for bar in words.told_bars(f)]
    of = f" of {words.bars(told)}" if told and all(words.told_bars(f) for f in leaks) else ""
    doors = sum(words.is_back_door(f) for f in claims)
    if len(leaks) == 1:
        which = "It" if doors == 1 else "Another" if any(map(words.is_handled, claims)) else "One of them"
        return [f"{which} hands the guest host addresses{of}."]
    return [f"{'All' if len(leaks) == doors else len(leaks)} of them hand the guest host addresses{of}."]


def _consequences(claims: list[Finding]) -> list[str]:
    used = [f for f in claims if f.kind == "host-address-access"]
    sentences = []
    if used:
        accesses = _total(f.parameters.get(key) for f in used for key in ("reads", "writes"))
        where = words.bars([f.parameters.get("bar") for f in used])
        then = "then " if any(words.tells_host_addresses(f) for f in claims) else ""
        missed = words.count(accesses, "access", "accesses")
        sentences.append(
            f"The guest {then}used host addresses of {where}: {missed} that missed what they were meant for."
        )
    return sentences


def _unexplained(document: Findings) -> list[str]:
    """Accesses to nothing that may be uses of host addresses: a register told them, and the host's are not known."""
    unknown = {d.name for d in document.devices if any(b.host is None and b.size for b in d.bars)}
    strays = [f for f in document.findings if f.kind == "unassigned-access"]
    told = [f for f in strays if f.verdict != "benign" or (words.was_told(f) and f.device in unknown)]
    lines = sum(map(words.accesses, told))
    if not told:
        return []
    missed = words.count(lines, "access", "accesses")
    if all(f.verdict != "benign" for f in told):
        return [f"{missed} went to addresses where the guest has nothing, and no finding explains them."]
    unsure = "whether these are host addresses cannot be said, because not all of the host's are known."
    return [f"{missed} followed what a register had told and reached nothing: {unsure}"]


def _accidents(claims: list[Finding]) -> list[str]:
    same = [f.parameters.get("bar") for f in claims if f.kind == "identity-mapped-bar"]
    sentences = []
    if same:
        has = "has" if len(set(map(words.plain, same))) == 1 else "have"
        sentences.append(
            f"{words.bars(same)} {has} the same address on host and guest: what works through it works by accident."
        )
    collisions = [f for f in claims if f.kind == "address-collision"]
    if collisions:
        pairs = "; ".join(
            f"{words.bar(f.parameters.get('guest_bar'))} over {words.bar(f.parameters.get('host_bar'))}"
            for f in collisions
        )
        sentences.append(
            f"The guest placed a BAR where another lives on the host ({pairs}): a leaked address hits the wrong BAR."
        )
    return sentences


def _sinks(claims: list[Finding]) -> list[str]:
    sinks = [f for f in claims if f.kind == "address-sink"]
    if not sinks:
        return []
    registers = sum(len(f.parameters.get("sites", [])) for f in sinks)
    return [
        f"The guest writes addresses that only it understands into {words.count(registers, 'register')} of the card."
    ]


def _quirks(claims: list[Finding]) -> list[str]:
    needed = [f for f in claims if f.needs_quirk]
    if not needed:
        return []
    if all(f.kind == "host-address-access" for f in needed):
        return ["What told the addresses needs a quirk, once it is found."]
    verb = "needs" if len(needed) == 1 else "need"
    return [f"{words.count(len(needed), 'finding')} {verb} a quirk."]


def _total(numbers: Iterable[object]) -> int:
    return sum(words.number(value) or 0 for value in numbers)
