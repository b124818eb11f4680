"""The parameters of one door out of several runs: what each run has shown, put together; never more than that.

A window's mask grows only by bits that some run used as address bits; a mirror grows only by bytes that some run read.
What cannot be put together is a contradiction, and the parameters stay those of the best evidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Parameters = dict[str, Any]
#: Keys that say how the card works, and so are the same in every machine; others may tell of the machine.
_PLACES = {"region", "data_region", "target_region", "offset", "target_offset", "config_offset"}
OF_THE_CARD = frozenset(_PLACES | {"function", "size", "bank", "shift", "bar", "what"})
OF_A_WINDOW = OF_THE_CARD | {"address", "address_high", "data", "enable", "increment", "increment_on", "commit"}


@dataclass(slots=True)
class Merged:
    """`parameters`: of the best evidence first, refined by the others; texts say by what, and what does not fit."""

    parameters: Parameters
    refined: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Address values v with (v & ~mask) == match reach base + scale * (v & mask) of `space`."""

    match: int
    mask: int
    space: str
    base: int
    scale: int
    select: str

    @property
    def distance(self) -> int:
        """What stays the same when the same way to the same space is seen through other values."""
        return self.base - self.scale * self.match

    def overlaps(self, other: "Target") -> bool:
        """Is there an address value that selects both?"""
        return not (self.match ^ other.match) & ~self.mask & ~other.mask

    def joined(self, other: "Target") -> "Target | None":
        """Both as one, where they are the same way; None where they are not.

        A bit enters the mask where one of them has it there, or where it is the only one in which they differ: two
        such bits would let in values that nobody has seen.
        """
        if (self.space, self.scale, self.select) != (other.space, other.scale, other.select):
            return None
        masks = self.mask | other.mask
        differing = (self.match ^ other.match) & ~masks
        if self.distance != other.distance or differing.bit_count() > 1:
            return None
        mask = masks | differing
        match = self.match & ~mask
        base = self.distance + self.scale * match
        return replace(self, match=match, mask=mask, base=base) if base >= 0 else None


def merge(kind: str, given: Sequence[tuple[str, Parameters]]) -> Merged:
    """The parameters of `(run, parameters)` as one; the best evidence stands first."""
    merged = Merged(dict(given[0][1]))
    rule = _RULES.get(kind, _other_keys)
    for run, parameters in given[1:]:
        rule(merged, run, parameters)
    return merged


def number(value: object) -> int | None:
    """An integer, or a "0x…" string as one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(value, 16) if isinstance(value, str) else None
    except ValueError:
        return None


def _window(merged: Merged, run: str, parameters: Parameters) -> None:
    own, other = _targets(merged.parameters), _targets(parameters)
    for target in other:
        _add_target(merged, own, target, run)
    merged.parameters["targets"] = [_encoded(target) for target in own]
    _other_keys(merged, run, parameters, skip=("targets",))


def _add_target(merged: Merged, own: list[tuple[Target, Any]], new: tuple[Target, Any], run: str) -> None:
    target = new[0]
    for position, (known, select) in enumerate(own):
        joined = known.joined(target)
        others = [t for i, (t, _) in enumerate(own) if i != position]
        if joined is None or any(joined.overlaps(t) and not (known.overlaps(t) or target.overlaps(t)) for t in others):
            continue
        if joined != known:
            merged.refined.append(
                f"the mask of the way to {known.space} grew from {known.mask:#x} to {joined.mask:#x} by {run}"
            )
        own[position] = joined, select
        return
    clash = [t for t, _ in own if (t.match, t.mask, t.select) == (target.match, target.mask, target.select)]
    if clash:
        merged.contradictions.append(
            f"address value {target.match:#x} (mask {target.mask:#x}) reaches {clash[0].space}+{clash[0].base:#x}, "
            f"in {run} {target.space}+{target.base:#x}"
        )
        return
    own.append(new)
    merged.refined.append(f"the way to {target.space} (match {target.match:#x}, mask {target.mask:#x}) is from {run}")


def _targets(parameters: Parameters) -> list[tuple[Target, Any]]:
    found = []
    for entry in parameters.get("targets", []):
        values = [number(entry.get(key)) for key in ("match", "mask", "base")]
        match, mask, base = (value or 0 for value in values)
        select = entry.get("select")
        text = repr(sorted(select.items())) if isinstance(select, dict) else ""
        found.append((Target(match, mask, str(entry.get("space")), base, int(entry.get("scale", 1)), text), entry))
    return found


def _encoded(target: tuple[Target, Any]) -> Parameters:
    """The target with all other keys of the entry it came from."""
    known, entry = target
    return {**entry, "match": hex(known.match), "mask": hex(known.mask), "base": hex(known.base)}


def _mirror(merged: Merged, run: str, parameters: Parameters) -> None:
    """Mirrors of the same config space at the same distance: the span of both."""
    keys = ("offset", "size", "config_offset")
    own = [number(merged.parameters.get(key)) for key in keys]
    other = [number(parameters.get(key)) for key in keys]
    if None in own or None in other:
        return
    (start, size, config), (start2, size2, _) = [[v or 0 for v in values] for values in (own, other)]
    first, end = min(start, start2), max(start + size, start2 + size2)
    if (first, end) != (start, start + size):
        merged.refined.append(f"the mirror covers {first:#x} to {end - 1:#x} with what {run} read of it")
    merged.parameters |= {"offset": hex(first), "size": hex(end - first), "config_offset": hex(config + first - start)}
    _other_keys(merged, run, parameters, skip=keys)


def _sized(merged: Merged, run: str, parameters: Parameters) -> None:
    """The same place with the larger of two sizes."""
    own, other = number(merged.parameters.get("size")), number(parameters.get("size"))
    if own is not None and other is not None and other > own:
        merged.parameters["size"] = parameters["size"]
        merged.refined.append(f"the size is from {run}")
    _other_keys(merged, run, parameters, skip=("size",))


def _sites(merged: Merged, run: str, parameters: Parameters) -> None:
    known = [number(site) for site in merged.parameters.get("sites", [])]
    new = [site for site in map(number, parameters.get("sites", [])) if site not in known]
    if new:
        merged.refined.append(f"{len(new)} of the sites are from {run}")
        merged.parameters["sites"] = [hex(s) for s in sorted(s for s in [*known, *new] if s is not None)]
    _other_keys(merged, run, parameters, skip=("sites",))


def _uses(merged: Merged, _run: str, parameters: Parameters) -> None:
    """Uses of a host address add up. The addresses are those of the best evidence's machine."""
    for key in ("reads", "writes"):
        merged.parameters[key] = (number(merged.parameters.get(key)) or 0) + (number(parameters.get(key)) or 0)


def _of_the_machine(_merged: Merged, _run: str, _parameters: Parameters) -> None:
    """Where a BAR lies is the machine's business: other addresses in another machine contradict nothing."""


def _other_keys(merged: Merged, run: str, parameters: Parameters, skip: Sequence[str] = ()) -> None:
    """What one run does not say another may; what both say of the card must be the same."""
    for key, value in parameters.items():
        if key in skip or value is None or value == []:
            continue
        known = merged.parameters.get(key)
        fixed = OF_A_WINDOW if "targets" in merged.parameters else OF_THE_CARD
        if key in fixed and known is not None and known != []:
            if known != value and not _same(known, value):
                merged.contradictions.append(f"{key.replace('_', ' ')} is {known}, in {run} {value}")
        elif isinstance(known, list) and isinstance(value, list):  # what it led to in each machine
            merged.parameters[key] = known + [item for item in value if item not in known]
        elif known is None or known == []:
            merged.parameters[key] = value
            merged.refined.append(f"{key.replace('_', ' ')} is from {run}")


def _same(known: object, value: object) -> bool:
    one, other = number(known), number(value)
    return one is not None and one == other


_RULES: dict[str, Callable[[Merged, str, Parameters], None]] = {
    "window": _window,
    "config-mirror": _mirror,
    "bar-alias": _sized,
    "paged-window": _sized,
    "address-leak": _sized,
    "address-sink": _sites,
    "host-address-access": _uses,
    "identity-mapped-bar": _of_the_machine,
    "address-collision": _of_the_machine,
}
