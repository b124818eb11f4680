"""Does a claim name the same thing as the truth, and is every claim covered?  The contract's rules, once more.

Shared material has a scorer of its own; a test holds this one against it.  Here because the shared one may be absent,
and because recall by door and false claims by decoy need the parts, not the sum.
"""

from collections.abc import Callable
from typing import Any

Entry = dict[str, Any]
CLAIMS = frozenset((
    "window", "config-mirror", "bar-alias", "paged-window", "address-leak", "address-sink", "host-address-access",
    "identity-mapped-bar", "address-collision",
))  # fmt: skip
MODULUS = 1 << 32


def number(value: Any) -> int:  # noqa: ANN401  # JSON: an integer or a hexadecimal string
    return int(value, 16) if isinstance(value, str) else int(value)


def flatten(entry: Entry) -> Entry:
    """Kind and parameters in one level, whichever of the contract's two shapes the entry has."""
    return {"kind": entry["kind"], **entry.get("parameters", entry)}


def offset_of(register: Any) -> int:  # noqa: ANN401  # JSON: an offset, or a register with one
    return number(register["offset"] if isinstance(register, dict) else register)


def distance(target: Entry, ignored: int) -> int:
    return (number(target.get("base", 0)) - (number(target.get("match", 0)) & ~ignored)) % MODULUS


def same_target(true: Entry, claimed: Entry) -> bool:
    """The same space at the same distance and scale, and a mask no wider than the true one."""
    ignored = number(true.get("ignored", 0))
    return (
        true["space"] == claimed["space"]
        and distance(true, ignored) == distance(claimed, ignored)
        and number(true.get("scale", 1)) == number(claimed.get("scale", 1))
        and not number(claimed.get("mask", 0)) & ~number(true.get("mask", MODULUS - 1))
    )


def same_registers(true: Entry, claimed: Entry) -> bool:
    return true["region"] == claimed["region"] and all(
        offset_of(true[name]) == offset_of(claimed[name]) for name in ("address", "data")
    )


def same_window(true: Entry, claimed: Entry) -> bool:
    wanted = [t for t in true.get("targets", []) if t.get("required", True)]
    return same_registers(true, claimed) and all(any(same_target(t, c) for c in claimed["targets"]) for t in wanted)


def same_mirror(true: Entry, claimed: Entry) -> bool:
    start, length = number(true["offset"]), number(true["size"])
    at, size = number(claimed["offset"]), number(claimed["size"])
    aligned = number(true.get("config_offset", 0)) - start == number(claimed.get("config_offset", 0)) - at
    return true["region"] == claimed["region"] and start <= at and at + size <= start + length and aligned


def same_alias(true: Entry, claimed: Entry) -> bool:
    shift = number(true["target_offset"]) - number(true["offset"])
    other = number(claimed["target_offset"]) - number(claimed["offset"])
    pair, found = (true["region"], true["target_region"]), (claimed["region"], claimed["target_region"])
    return (pair == found and shift == other) or (pair == found[::-1] and shift == -other)


def same_paged(true: Entry, claimed: Entry) -> bool:
    equal = all(true[name] == claimed[name] for name in ("region", "target_region"))
    places = offset_of(true["bank"]) == offset_of(claimed["bank"]) and number(true["offset"]) == number(
        claimed["offset"]
    )
    return equal and places


def same_leak(true: Entry, claimed: Entry) -> bool:
    close = number(true["offset"]) & ~3 == number(claimed["offset"]) & ~3
    return true["region"] == claimed["region"] and close and true["bar"] == claimed["bar"]


def sites(entry: Entry) -> set[int]:
    return {number(site) for site in entry["sites"]}


def same_sink_register(true: Entry, claimed: Entry) -> bool:
    return (true["region"], true["what"]) == (claimed["region"], claimed["what"])


SAME: dict[str, Callable[[Entry, Entry], bool]] = {
    "window": same_window,
    "config-mirror": same_mirror,
    "bar-alias": same_alias,
    "paged-window": same_paged,
    "address-leak": same_leak,
    "address-sink": lambda t, c: same_sink_register(t, c) and sites(t) == sites(c),
    "host-address-access": lambda t, c: t["bar"] == c["bar"] and t.get("space", "memory") == c.get("space", "memory"),
    "identity-mapped-bar": lambda t, c: t["bar"] == c["bar"],
    "address-collision": lambda t, c: (t["guest_bar"], t["host_bar"]) == (c["guest_bar"], c["host_bar"]),
}


def same(true: Entry, claimed: Entry) -> bool:
    """Do both name the same thing?"""
    return bool(true["kind"] == claimed["kind"] and true["kind"] in SAME and SAME[true["kind"]](true, claimed))


def explained(claimed: Entry, truths: list[Entry]) -> bool:
    """Is the claim covered by the truth?  A window may name fewer targets and a sink fewer sites, never others."""
    for true in (t for t in truths if t["kind"] == claimed["kind"]):
        if claimed["kind"] == "window":
            if same_registers(true, claimed):
                known = true.get("targets", [])
                return all(t["space"] == "unknown" or any(same_target(k, t) for k in known) for t in claimed["targets"])
        elif same(true, claimed):
            return True
        elif claimed["kind"] == "address-sink" and same_sink_register(true, claimed):
            return sites(claimed) <= sites(true)
    return False


def claims_of(document: Entry) -> list[Entry]:
    """The findings of a document that claim a door, flattened; benign ones and unknown targets claim nothing."""
    flat = [flatten(f) | {"confidence": f.get("confidence", 1.0)} for f in document["findings"]
            if f["kind"] in CLAIMS and f.get("verdict") != "benign"]  # fmt: skip
    return [c for c in flat if c["kind"] != "window" or any(t["space"] != "unknown" for t in c["targets"])]


def score(truth: Entry, document: Entry) -> Entry:
    """Counts of required, found, claims and false claims, with what was missed and what was false."""
    required = [flatten(t) for t in truth["findings"]]
    allowed = [flatten(t) for t in truth.get("allowed", [])]
    claims = claims_of(document)
    missed = [t for t in required if not any(same(t, c) for c in claims)]
    false = [c for c in claims if not explained(c, required + allowed)]
    return {
        "required": len(required), "found": len(required) - len(missed), "claims": len(claims), "false": len(false),
        "missed": missed, "false_claims": false,
    }  # fmt: skip
