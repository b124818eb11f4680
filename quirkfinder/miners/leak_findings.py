"""Address leaks as findings: what is told, how sure that is, and where the address ends in the guest."""

from typing import Any

from quirkfinder.card.model import Bar
from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import offset_of, place_name, region_of
from quirkfinder.miners.claims import Scene, claim, confidence, first_rows, hexadecimal
from quirkfinder.miners.landing import landing_words, leaked_bars
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.leaks import STRONG


def leak_finding(scene: Scene, leak: Leak) -> Finding:
    """The finding for a leak, surer where the guest then used an address of that BAR."""
    corroborated = leak.bar.index in scene.touched
    bar = leak.bar
    identical = bar.guest == bar.host
    sure = leak.bits >= STRONG and leak.size > 2 and not leak.other_values and (corroborated or not identical)
    whole = "the host address" if leak.shift == 0 else f"bits {leak.shift} and up of the host address"
    whole += " and, in the upper word, of the last address" if leak.limits else ""
    many = leak.size > 1 or leak.together > 1
    ceiling = 0.99 if sure else 0.9 if (corroborated and many) or leak.together > 2 else 0.75 if many else 0.6
    told = f"{whole} of BAR{bar.index} (0x{bar.host or 0:x})"
    leaks = leaked_bars(scene, [bar.index])
    return claim(
        scene,
        "address-leak",
        f"{place_name(leak.place)}/bar{bar.index}",
        verdict="confirmed" if sure else "likely",
        confidence=confidence(leak.bits + (12 if corroborated else 0) + 8, leak.other_values, most=ceiling),
        needs_quirk=True,
        summary=f"a read of {place_name(leak.place)} tells the guest {told}",
        parameters={
            "region": region_name(region_of(leak.place)),
            "offset": hexadecimal(offset_of(leak.place)),
            "size": 2 if leak.limits else leak.size,
            "bar": bar.index,
            "shift": leak.shift,
            **({"byte_order": "big"} if leak.swapped else {}),
            "leaks": leaks,
        },
        evidence=scene.evidence(first_rows(leak.rows, 4), told),
        evidence_count=len(leak.rows),
        reason=_reason(bar, leak, leaks),
        doubt=_doubt(leak),
    )


def _reason(bar: Bar, leak: Leak, leaks: list[dict[str, Any]]) -> str:
    if bar.guest is None:
        return "the guest's address of that BAR is not known, but a card can only tell the host's"
    if bar.guest == bar.host:
        return "the guest has the BAR at the same address, so the leaked one works by accident"
    partly = leak.shift and (bar.guest >> leak.shift) & 0xFF == ((bar.host or 0) >> leak.shift) & 0xFF
    agrees = "; the lowest byte that is told agrees with the guest's by accident" if partly else ""
    return f"the guest has that BAR at 0x{bar.guest:x}" + agrees + landing_words(leaks)


def _doubt(leak: Leak) -> str:
    if leak.together > 1:
        return f"it would be false if the {leak.together} registers held these parts for other reasons"
    if leak.size == 1:
        return "a single byte agrees by chance once in 256 reads"
    if leak.bits < STRONG:
        return "so round a number may stand in a register for another reason"
    return "it would be false if the register held this value for another reason"
