"""Address leaks as findings: what is told, how sure that is, and where the address ends in the guest."""

from typing import Any

from quirkfinder.card.model import Bar
from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import offset_of, place_name, region_of
from quirkfinder.miners.claims import Scene, claim, confidence, first_rows, hexadecimal
from quirkfinder.miners.landing import landing_words, leaked_bars
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.readings import STRONG

#: confidence at most: of what is proven, borne out by a use or by other parts, alone, and of a byte
_SURE, _BORNE_OUT, _ALONE, _A_BYTE = 0.99, 0.9, 0.75, 0.6
_HALVES = 18.0  # bits that two dwords must prove together where nobody used the address
_BESIDE_FLAGS = 0.85  # of an address that only fits with other bits or under an index, and that nobody used


def leak_finding(scene: Scene, leak: Leak) -> Finding:
    """The finding for a leak, surer where the guest then used an address of that BAR."""
    bar, first = leak.bar, leak.rows[0]
    corroborated = first < scene.touched.get(bar.index, -1)
    sure = _is_sure(leak, corroborated=corroborated, identical=_is_at_home(bar, leak.rows))
    told = _told(leak)
    leaks = leaked_bars(scene, [bar.index])
    contradictions = 0 if corroborated else leak.other_values
    most = _ceiling(leak, sure=sure, corroborated=corroborated)
    return claim(
        scene,
        "address-leak",
        f"{place_name(leak.place)}/bar{bar.index}",
        verdict="confirmed" if sure else "likely",
        confidence=confidence(leak.bits + (12 if corroborated else 0) + 8, contradictions, most=most),
        needs_quirk=True,
        summary=f"a read of {place_name(leak.place)} tells the guest {told}",
        parameters={
            "region": region_name(region_of(leak.place)),
            "offset": hexadecimal(offset_of(leak.place)),
            "size": 2 if leak.limits else leak.size,
            "bar": bar.index,
            "shift": leak.shift,
            **_particulars(leak),
            "leaks": leaks,
        },
        evidence=scene.evidence(first_rows(leak.rows, 4), told),
        evidence_count=len(leak.rows),
        reason=_reason(bar, leak, leaks),
        doubt=_doubt(leak),
    )


def _particulars(leak: Leak) -> dict[str, Any]:
    """What is special about the way in which the address is told."""
    found: dict[str, Any] = {}
    if leak.swapped:
        found["byte_order"] = "big"
    if leak.mask is not None:
        found["mask"] = hexadecimal(leak.mask)
    if leak.distance:
        found["distance"] = hexadecimal(leak.distance)
    if leak.index is not None:
        place, value = leak.index
        found["index"] = {"offset": hexadecimal(offset_of(place)), "value": hexadecimal(value)}
    elif leak.other_values:
        found["other_values"] = leak.other_values
    if leak.entries > 1:
        found["entries"] = leak.entries
    return found


def _is_sure(leak: Leak, *, corroborated: bool, identical: bool) -> bool:
    """Is the leak proven?  What only fits with other bits, in a table or under an index has to be used for that."""
    if leak.bits < STRONG or leak.mask == 0xFF or leak.size == 1:
        return False
    if leak.size == 2 or leak.bar.kind == "io":  # sixteen bits that never change prove little, unless they are used
        return corroborated and leak.bar.kind == "io" and leak.shift == 0
    if leak.other_values:
        return False
    alone = leak.mask is None and leak.index is None and leak.entries == 1
    alone &= leak.together == 1 or leak.bits >= _HALVES
    return corroborated or (alone and not identical)


def _ceiling(leak: Leak, *, sure: bool, corroborated: bool) -> float:
    if sure:
        return _SURE
    many = leak.size > 1 or leak.together > 1
    if (corroborated and many) or leak.together > 2:
        return _BORNE_OUT
    if not many:
        return _A_BYTE
    special = leak.mask is not None or leak.index is not None or leak.entries > 1
    return _BESIDE_FLAGS if special and leak.bits >= STRONG and leak.together == 1 else _ALONE


def _told(leak: Leak) -> str:
    bar = leak.bar
    whole = "the host address" if leak.shift == 0 else f"bits {leak.shift} and up of the host address"
    whole = f"an address 0x{leak.distance:x} behind the host address" if leak.distance else whole
    whole += " and, in the upper word, of the last address" if leak.limits else ""
    told = f"{whole} of BAR{bar.index} (0x{bar.host or 0:x})"
    if leak.entries > 1:
        told += f", the first of a table of {leak.entries} that rise in equal steps"
    if leak.index is not None:
        told += f" where {place_name(leak.index[0])} holds 0x{leak.index[1]:x}"
    return told


def _is_at_home(bar: Bar, rows: tuple[int, ...]) -> bool:
    """Did the guest have the BAR at its host address whenever it was told it?"""
    if not bar.placements:
        return bar.guest == bar.host
    return all(bar.guest_at(row) == bar.host for row in (rows[0], rows[-1]))


def _reason(bar: Bar, leak: Leak, leaks: list[dict[str, Any]]) -> str:
    if bar.guest is None:
        unknown = "the guest's address of that BAR is not known, but a card can only tell the host's"
        return unknown + landing_words(leaks)
    if bar.guest == bar.host:
        if not _is_at_home(bar, leak.rows):
            return "the guest moved the BAR to the leaked address later; before that the address led to nothing"
        return "the guest has the BAR at the same address, so the leaked one works by accident"
    partly = leak.shift and (bar.guest >> leak.shift) & 0xFF == ((bar.host or 0) >> leak.shift) & 0xFF
    agrees = "; the lowest byte that is told agrees with the guest's by accident" if partly else ""
    return f"the guest has that BAR at 0x{bar.guest:x}" + agrees + landing_words(leaks)


def _doubt(leak: Leak) -> str:
    if leak.together > 1:
        return f"it would be false if the {leak.together} registers held these parts for other reasons"
    if leak.size == 1:
        return "a single byte agrees by chance once in 256 reads"
    if leak.other_values:
        return f"the register told {leak.other_values} other values as well"
    if leak.entries > 1:
        return "it would be false if the table were of addresses of the card's own that begin at the same number"
    if leak.bits < STRONG:
        return "so round a number may stand in a register for another reason"
    return "it would be false if the register held this value for another reason"
