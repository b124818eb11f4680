"""Accesses to nothing that no finding explains: in groups of 64 KiB, each with where its addresses came from.

A scan comes by many places and stays at none: all of it is one group.  Where a register told the address and the host's
are not known, nobody can say whether the accesses were meant for a BAR: that is no benign case.

They name no device, so each is told once, of the card whose dword led there, or of the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.card.model import Bar, Card
from quirkfinder.findings import Finding
from quirkfinder.miners.claims import Scene, bar_words, claim, hexadecimal
from quirkfinder.miners.provenance import LOWEST, NOBODY, Clues, Source, former_place

_BLOCK = 16  # bits of an address within a group
_MOST_GROUPS = 8
_MOST_ADDRESSES = 4096  # of a group: more are a sweep
_FEW = 16  # groups: a guest that touches more places goes everywhere, and some lie behind any value
_PASSING, _MOST_PASSING = 4, 3  # addresses in a group that a scan passes by, and such groups that are told one by one


@dataclass(frozen=True, slots=True)
class Group:
    """Accesses to neighbouring addresses; the rows are in the order of the trace."""

    key: str
    rows: np.ndarray
    addresses: np.ndarray
    source: Source | None
    #: the guest's own BAR that lay there, its card, and the row of the placement (-1: before the first event)
    former: tuple[Card, Bar, int] | None
    places: int = 1  # of 64 KiB


def unexplained_findings(scenes: Sequence[Scene], strays: pl.DataFrame) -> Iterator[tuple[int, Finding]]:
    """(position of the scene, finding) for what is left of the accesses to nothing: worth a look, and no claim.

    `strays`: row, address of the accesses that no finding of any scene explains.
    """
    if not scenes or not strays.height:
        return
    groups = _groups(scenes[0], strays)
    few = sum(group.places for group in groups) <= _FEW
    for group in groups:
        owner = _owner(scenes, group)
        yield owner, _finding(scenes[owner], group, few=few)


def leftovers(events: pl.DataFrame, explained: frozenset[int]) -> pl.DataFrame:
    """row, address of the accesses to nothing that no finding explains."""
    kinds = ("unassigned_read", "unassigned_write", "unassigned_access")
    return (
        events.lazy()
        .with_row_index("row")
        .filter(pl.col("event").is_in(kinds) & pl.col("address").is_not_null())
        .select("row", "address")
        .filter(~pl.col("row").is_in(list(explained)))
        .collect()
    )


def _groups(scene: Scene, strays: pl.DataFrame) -> list[Group]:
    """The largest groups, those whose source is known first, and one of all the rest."""
    clues = Clues(scene.events, strays["address"].unique().to_numpy())
    blocks = (
        strays.sort("row")
        .group_by((pl.col("address") // (1 << _BLOCK)).alias("block"))
        .agg("row", "address")
        .sort(pl.col("row").list.len(), "block", descending=[True, False])
    )
    groups = [
        _group(scene, clues, hexadecimal(block << _BLOCK), np.array(rows), np.array(addresses, dtype=np.uint64))
        for block, rows, addresses in blocks.iter_rows()
    ]
    groups.sort(key=lambda group: group.source is None and group.former is None)  # stable: then by size
    passing = [group for group in groups if _is_passing(group)]
    if len(passing) > _MOST_PASSING:
        groups = [group for group in groups if not _is_passing(group)]
        kept, rest = groups[:_MOST_GROUPS], [*groups[_MOST_GROUPS:], *passing]
    else:
        kept, rest = groups[:_MOST_GROUPS], groups[_MOST_GROUPS:]
    if rest:
        rows = np.concatenate([group.rows for group in rest])
        order = np.argsort(rows)
        addresses = np.concatenate([group.addresses for group in rest])[order]
        told = next((group for group in rest if group.source or group.former), rest[0])
        kept.append(Group("others", rows[order], addresses, told.source, told.former, len(rest)))
    return kept


def _is_passing(group: Group) -> bool:
    """Came the guest by without a reason that is known, and touched hardly anything?"""
    return group.source is None and group.former is None and len(np.unique(group.addresses)) <= _PASSING


def _group(scene: Scene, clues: Clues, key: str, rows: np.ndarray, addresses: np.ndarray) -> Group:
    # the last access to each address has most before it, so that none is said to come from nowhere wrongly
    last = len(addresses) - 1 - np.unique(addresses[::-1], return_index=True)[1]
    last = np.sort(last)[:_MOST_ADDRESSES]
    former = source = None
    for row, address in zip(rows[last].tolist(), addresses[last].tolist(), strict=True):
        former = former or former_place(scene.machine.cards, address, row)
        source = source or clues.source(address, row)
    return Group(key, rows, addresses, source, former)


def _owner(scenes: Sequence[Scene], group: Group) -> int:
    """The scene of the card whose dword led there, or that lay there; else the first."""
    name = group.former[0].name if group.former else None
    if name is None and group.source is not None:
        name = scenes[0].events["device"][group.source.row]
    return next((at for at, scene in enumerate(scenes) if scene.card.name == name), 0)


def _finding(scene: Scene, group: Group, *, few: bool) -> Finding:
    """`few`: accesses to nothing are few, so that one behind a value of a register hardly follows it by chance."""
    first, last, count = int(group.addresses.min()), int(group.addresses.max()), len(group.rows)
    rows = [int(r) for r in group.rows[:4]]
    notes = ["nothing is there"] * len(rows)
    if group.former is not None and group.former[2] >= 0:
        rows, notes = [group.former[2], *rows], [f"the guest places BAR{group.former[1].index} there", *notes]
    elif group.source is not None and group.former is None:
        words = group.source.words(scene.events)
        rows, notes = [group.source.row, group.source.used, *rows], [words, "the access it led to", *notes]
    followed = group.source is not None and not group.source.own and group.former is None
    unknown = followed and few and not _is_known(scene.card)
    return claim(
        scene,
        "unassigned-access",
        group.key,
        verdict="likely" if unknown else "benign",
        confidence=0.6 if unknown else 0.5,
        needs_quirk=False,
        summary=f"{_accesses(count, first, last)}, where the guest has nothing{_on_the_host(scene, group)}",
        parameters={
            "first_address": hexadecimal(first),
            "last_address": hexadecimal(last),
            "count": count,
            "provenance": group.source.parameters(scene.events) if group.source and not group.former else None,
        },
        evidence=scene.evidence(rows, notes),
        evidence_count=count,
        reason=_reason(scene, group)
        + ("; only the host's inventory tells whether a BAR lies there" if unknown else ""),
        doubt="the address may come from a register that was not traced",
    )


def _accesses(count: int, first: int, last: int) -> str:
    where = f"0x{first:x}" if first == last else f"0x{first:x}..0x{last:x}"
    return f"{count} {'access' if count == 1 else 'accesses'} to {where}"


def _is_known(card: Card) -> bool:
    """Are the host addresses of all BARs known?"""
    return bool(card.bars) and all(bar.host is not None for bar in card.bars if bar.index < 6 and bar.kind != "io")


def _on_the_host(scene: Scene, group: Group) -> str:
    """What the host has there, as far as its inventory tells."""
    owners = [bar for card in scene.machine.cards for bar in card.bars if bar.kind != "io"]
    hit = sorted({bar.index for bar in owners if _in_bar(group, bar)})
    if hit:
        return f"; on the host part of it is {bar_words(hit)}"
    beside = [n.address for n in scene.machine.neighbours for bar in n.bars if _in_bar(group, bar)]
    if beside:
        return f"; on the host part of it belongs to {beside[0]}"
    known = all(_is_known(card) for card in scene.machine.cards)
    return " and no traced card has a BAR on the host" if known else "; not all of the host's addresses are known"


def _in_bar(group: Group, bar: Bar) -> bool:
    """Does any of the addresses lie in the BAR on the host?"""
    if bar.host is None or not bar.size:
        return False
    inside = (group.addresses >= np.uint64(bar.host)) & (group.addresses < np.uint64(bar.host + bar.size))
    return bool(inside.any())


def _reason(scene: Scene, group: Group) -> str:
    if group.former is not None:
        card, bar, _ = group.former
        return f"the guest itself had BAR{bar.index} of {card.name} there before"
    if group.source is not None:
        return group.source.words(scene.events)
    if group.places > 1:
        return f"{group.places} places of 64 KiB, as a probe comes by them, and no dword of a traced card led to any"
    if int(group.addresses.max()) < LOWEST:
        return "addresses below 1 MiB are the PC's own: firmware and drivers know them without being told"
    return f"{NOBODY}; firmware and drivers probe such addresses, too"
