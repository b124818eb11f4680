"""Mirrors as findings: what is shown where, how sure that is, and which host addresses a guest reads there."""

from typing import Any

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import offset_of, place_name, region_of
from quirkfinder.miners.claims import Scene, bar_words, claim, confidence, hexadecimal
from quirkfinder.miners.landing import landing_words, leaked_bars
from quirkfinder.miners.mirror_reads import EXTENDED
from quirkfinder.miners.mirrors import Mirror


def mirror_finding(scene: Scene, mirror: Mirror) -> Finding:
    """The finding for a mirror."""
    where = f"{region_name(mirror.region)}+0x{mirror.start:x}"
    of = "config space" if mirror.function is None else f"config space of {mirror.function}"
    live, fields, against = mirror.evidence.live, len(mirror.evidence.fields), len(mirror.evidence.against)
    sure = _is_sure(scene, mirror)
    leaks = leaked_bars(scene, live) if mirror.function is None else []
    among = f", {bar_words(live)} among them" if live else ""
    when = _condition_words(mirror)
    return claim(
        scene,
        "config-mirror",
        where,
        verdict="confirmed" if sure else "likely",
        confidence=confidence(mirror.evidence.bits, against, most=_most(mirror, sure)),
        needs_quirk=True,
        summary=f"{where} is a copy of the card's {of}{when}: {fields} fields agree{among}",
        parameters={
            "region": region_name(mirror.region),
            "offset": hexadecimal(mirror.start),
            "size": hexadecimal(mirror.size),
            "config_offset": hexadecimal(mirror.config_offset),
            "function": mirror.function,
            **_select(mirror),
            **({"leaks": leaks} if leaks else {}),
        },
        evidence=scene.evidence(*_tell_addresses_first(scene, mirror)),
        evidence_count=len(mirror.evidence.rows),
        reason=_reason(mirror) + landing_words(leaks),
        doubt=_doubt(mirror, sure),
    )


def _is_sure(scene: Scene, mirror: Mirror) -> bool:
    """Was something read that only the host's view of this function has?"""
    live = mirror.evidence.live
    if mirror.function is not None or not live:
        return bool(live) or (mirror.body is not None and bool(mirror.body.messages))
    return scene.sure_of(live)


def _most(mirror: Mirror, sure: bool) -> float:
    """The greatest confidence that this kind of evidence can have."""
    if mirror.body is None:
        return 0.99 if sure else 0.85
    return 0.95 if sure else 0.85 if mirror.body.running else 0.75


def _select(mirror: Mirror) -> dict[str, Any]:
    """What a register must hold for the mirror to be there, in the form that a window's target has it."""
    bank = mirror.bank
    if bank is None:
        return {}
    return {
        "select": {
            "region": region_name(region_of(bank.place)),
            "offset": hexadecimal(offset_of(bank.place)),
            "value": hexadecimal(bank.value),
            "mask": hexadecimal(bank.mask),
        }
    }


def _condition_words(mirror: Mirror) -> str:
    bank = mirror.bank
    return "" if bank is None else f" while {place_name(bank.place)} chooses it with 0x{bank.value:x}"


def _doubt(mirror: Mirror, sure: bool) -> str:
    if mirror.body is not None and mirror.body.messages:
        return "it would be false if the card kept the address of its messages beside a copy of its capabilities"
    if mirror.body is not None and mirror.body.memory:
        return "two words are few: it would be false if the card told these addresses in two places on its own account"
    if mirror.body is not None:
        return "it would be false if the firmware keeps a copy of these capabilities; no host address was read in it"
    if sure:
        return "it would be false if the card kept a copy of its header that follows the BARs only by chance"
    if not mirror.evidence.live:
        return "it would be false if the firmware made this copy once; no address of the host's was read in it"
    return "it would be false if the firmware made this copy once; no inventory tells the host's addresses"


def _reason(mirror: Mirror) -> str:
    live, function = mirror.evidence.live, mirror.function
    if live and function is None:
        return f"a guest that reads it sees the host addresses of {bar_words(live)} instead of its own"
    if live:
        return f"a guest that reads it sees the host's view of another function, {bar_words(live)} included"
    if mirror.body is not None and mirror.body.messages:
        return "a guest that reads it sees the address of the host's interrupts instead of its own"
    if mirror.body is not None and mirror.body.memory:
        return "a guest that reads it sees addresses of the host's memory, where it has nothing itself"
    return "a guest that reads or writes it goes past what QEMU emulates"


def _tell_addresses_first(scene: Scene, mirror: Mirror) -> tuple[list[int], list[str]]:
    at = np.flatnonzero(np.isin(scene.accesses.row, mirror.evidence.rows) & ~scene.accesses.write)
    at = at[scene.accesses.region[at] == mirror.region]
    offset = scene.accesses.offset[at] - mirror.start + mirror.config_offset
    offset, unique = np.unique(offset, return_index=True)
    at = at[unique]
    inside = (offset >= 0) & (offset < EXTENDED)
    at, offset = at[inside], offset[inside]
    owner = scene.hardware.bar[offset] if mirror.function is None else np.full(len(offset), -1)
    messages, memory = (mirror.body.messages, mirror.body.memory) if mirror.body is not None else ((), ())
    order = np.argsort((owner < 0) & ~np.isin(offset, messages), kind="stable")
    what = np.where(np.isin(offset, memory), ": an address of the host's memory", "")
    what = np.where(np.isin(offset, messages), ": where the host's interrupts go", what)
    notes = [
        f"config offset 0x{offset[i]:x}" + (f": the host address of BAR{owner[i]}" if owner[i] >= 0 else what[i])
        for i in order
    ]
    return [int(scene.accesses.row[at[i]]) for i in order], notes
