"""The same door in several devices of a vendor: what a wider match would cover, and how much of that was seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quirkfinder.corpus.cards import DOORS, CardRuns
from quirkfinder.corpus.parameters import merge, number
from quirkfinder.corpus.results import DoorRow, FamilyRow

_ANY = 0xFFFF


@dataclass(frozen=True, slots=True)
class Member:
    """A device with the doors of its joined runs."""

    card: CardRuns
    doors: tuple[DoorRow, ...]
    configurations: int

    @property
    def vendor(self) -> str:
        return self.card.card[:4]

    @property
    def device(self) -> int:
        return int(self.card.card[5:9], 16)


def families(members: Iterable[Member]) -> list[FamilyRow]:
    """A row for each door of each vendor, those of several devices first. Cards without ids have no family."""
    known = [member for member in members if not member.card.card.startswith("unknown")]
    groups: dict[tuple[str, str], list[tuple[Member, DoorRow]]] = {}
    for member in known:
        for door in member.doors:
            if door.kind in DOORS and door.verdict != "benign" and not door.explained_by:
                groups.setdefault((member.vendor, _place(door)), []).append((member, door))
    rows = [
        _family(vendor, place, group, [m for m in known if m.vendor == vendor])
        for (vendor, place), group in sorted(groups.items())
    ]
    return sorted(rows, key=lambda row: (-len(row.seen), row.vendor, row.door))


def _place(door: DoorRow) -> str:
    """The id without the card: kind and registers."""
    kind, _, rest = door.id.partition("/")
    return f"{kind}/{rest.partition('/')[2]}"


def _family(vendor: str, place: str, group: list[tuple[Member, DoorRow]], relatives: list[Member]) -> FamilyRow:
    group = sorted(group, key=lambda item: item[0].device)
    seen = [member for member, _ in group]
    others = [member for member in relatives if member not in seen]
    could_show = [member for member in others if _could_show(member, group[0][1])]
    match, mask = wider_match([m.device for m in seen], [m.device for m in could_show])
    merged = merge(group[0][1].kind, [(member.card.card, door.parameters) for member, door in group])
    boots = sum(len(door.runs) for _, door in group)
    inferred = _ANY - mask + 1 - len(seen) if mask else 0
    return FamilyRow(
        vendor=vendor,
        door=place,
        kind=group[0][1].kind,
        seen=tuple(member.card.card for member in seen),
        boots=boots,
        configurations=sum(member.configurations for member in seen),
        # Laplace's rule of succession over the vendor's devices that were looked at
        confidence=round((len(seen) + 1) / (len(seen) + len(could_show) + 2), 3),
        match=match,
        mask=mask,
        inferred=inferred,
        without=tuple(_without(member, member in could_show) for member in others),
        elsewhere=tuple(_elsewhere(group[0][1], others, group[0][0])),
        statement=_statement(vendor, seen, match, mask, inferred, merged.contradictions),
    )


def wider_match(seen: Sequence[int], against: Sequence[int]) -> tuple[int, int]:
    """Match and mask of the smallest aligned block of device ids with all of `seen`; (0, 0) where there is none.

    One device proposes nothing, and neither do several whose block holds a device known to be without the door.
    """
    if len(set(seen)) < 2:
        return 0, 0
    differing = 0
    for device in seen:
        differing |= device ^ seen[0]
    mask = _ANY & ~((1 << differing.bit_length()) - 1)
    match = seen[0] & mask
    if mask == 0 or any(device & mask == match for device in against):
        return 0, 0
    return match, mask


def _could_show(member: Member, door: DoorRow) -> bool:
    """Would a run of this device show the door if it had it? Its BAR has to be there, logged and used."""
    region = str(door.parameters.get("region"))
    return any(
        bar.sketch and not bar.mapped and f"bar{bar.index}" == region
        for observation in member.card.observations
        for bar in observation.device.bars
    )


def _without(member: Member, could_show: bool) -> str:
    runs = len(member.card.observations)
    many = f"{runs} run{'s' if runs > 1 else ''}"
    return f"{member.card.card}: " + (
        f"not seen in {many} that could show it" if could_show else f"nothing to be told from {many}"
    )


def _elsewhere(door: DoorRow, others: Sequence[Member], own: Member) -> Iterable[str]:
    """Doors of the vendor's other devices that work alike at another place."""
    for member in others:
        for other in member.doors:
            if other.verdict != "benign" and not other.explained_by and _alike(door, own, other, member):
                yield other.id


def _alike(one: DoorRow, owner: Member, other: DoorRow, owner2: Member) -> bool:
    if one.kind != other.kind or one.kind not in ("window", "config-mirror"):
        return False
    return _mechanism(one, owner) == _mechanism(other, owner2)


def _mechanism(door: DoorRow, member: Member) -> tuple[object, ...]:
    """What stays of a door when BAR numbers and offsets are left out: kind of BAR, distance of registers, spaces."""
    p = door.parameters
    kinds = {
        f"bar{bar.index}": "io" if bar.kind == "io" else "memory"
        for observation in member.card.observations
        for bar in observation.device.bars
    }
    region = str(p.get("region"))
    place = kinds.get(region, region)
    if door.kind != "window":
        return door.kind, place, p.get("function")
    first, second = number((p.get("address") or {}).get("offset")), number((p.get("data") or {}).get("offset"))
    spaces = {kinds.get(str(target.get("space")), str(target.get("space"))) for target in p.get("targets", [])}
    return door.kind, place, (second or 0) - (first or 0), tuple(sorted(spaces))


def _statement(
    vendor: str, seen: list[Member], match: int, mask: int, inferred: int, differences: Sequence[str]
) -> str:
    names = ", ".join(f"{member.device:04x}" for member in seen)
    if len(seen) == 1:
        return f"seen in {vendor}:{names} only: nothing follows for other devices"
    differ = f"; the parameters differ: {'; '.join(differences)}" if differences else ""
    if not mask:
        return f"seen in {vendor}: {names}; no wider match: it would cover devices that are without it{differ}"
    return (
        f"a match of {vendor}:{match:04x} under mask {mask:04x} covers {names}, which were seen, and {inferred} other "
        f"ids, which are only inferred{differ}"
    )
