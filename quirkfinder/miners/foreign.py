"""Addresses that belong to nobody the trace knows: host memory that is no BAR.

A register may tell the host address of memory that was set aside for the card (stolen or reserved memory).  The guest
then uses it, or the card itself goes on using it by DMA, where rewriting what the guest reads would not be enough.
Where the host's /proc/iomem names memory that firmware took for a device, the address needs no use to be recognised.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.card import guest_owner, host_owner, rows_of_card
from quirkfinder.card.model import Bar, Card, Neighbour
from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Flags, Ints, offset_of, place_name, region_of
from quirkfinder.miners.claims import Scene, claim, first_rows, hexadecimal
from quirkfinder.miners.information import information_of
from quirkfinder.miners.written import guest_writes

_PAGE = 0x1000
#: bytes behind a told address in which an access of the guest, or a fault of the card, is taken to come from it
_GUEST_REACH, _CARD_REACH = 1 << 14, 1 << 22
_MOST_FLAGS = 4  # bits set below the page: more are no flags
_LEAST_BITS = 12.0
_SET_ASIDE = "stolen"  # as Linux names it: "Graphics Stolen Memory" (arch/x86/kernel/early-quirks.c)
_LEAST_BASE_BITS = 7.0  # of the very beginning of such memory
_LINES_OF_A_QUIRK = 2
_CHIPSET = 0xFEC00000  # from here to 4 GiB lie interrupt controllers, timers and firmware of every PC
_UNASSIGNED = ("unassigned_read", "unassigned_write", "unassigned_access")
_FAULT = "dma_fault"


@dataclass(frozen=True, slots=True)
class Told:
    """A register that only ever told one page-aligned address, flags aside, and was never written."""

    place: int
    value: int
    rows: tuple[int, ...]
    named: bool  # the host names it as memory that was set aside for a device

    @property
    def base(self) -> int:
        return self.value & ~(_PAGE - 1)


def foreign_findings(scene: Scene, owned: Flags) -> tuple[list[Finding], frozenset[int]]:
    """Registers that tell memory which is no BAR, and the rows of the accesses that follow from them."""
    strays = _leftovers(scene)
    used: set[int] = set()
    found: list[Finding] = []
    for told in _tellers(scene, owned):
        reach = pl.when(pl.col("event") == _FAULT).then(_CARD_REACH).otherwise(_GUEST_REACH)
        near = strays.filter((pl.col("address") >= told.base) & (pl.col("address") - told.base < reach))
        around = strays.filter(
            (pl.col("address") >= told.base - min(told.base, _CARD_REACH))
            & (pl.col("address") < told.base + _CARD_REACH)
        )
        # where accesses to nothing are everywhere, some lie behind any number
        whole = 2 * near.height > around.height or not around.height
        if (near.height or told.named) and whole and not used & set(near["row"].to_list()):
            used.update(near["row"].to_list())
            found.append(_memory_leak(scene, told, near))
    return found, frozenset(used)


def _is_set_aside(scene: Scene, address: int) -> bool:
    """Does the host name memory there that firmware took away from the system for a device?"""
    return _SET_ASIDE in (host_owner(scene.machine, address) or "").lower()


def _of_config(scene: Scene) -> frozenset[int]:
    """The dwords that the guest read from the card's config space."""
    where = rows_of_card(scene.machine, scene.card) & (pl.col("event") == "config_read") & (pl.col("size") == 4)
    return frozenset(scene.events.filter(where & pl.col("value").is_not_null())["value"].to_list())


def _is_answered(scene: Scene, rows: Ints) -> bool:
    """Did a quirk of QEMU's answer all the reads?  Its line follows that of the hardware and one of config space."""
    events = scene.events["event"]
    return all("quirk_read" in events[int(row) + 1 : int(row) + 1 + _LINES_OF_A_QUIRK].to_list() for row in rows)


def _is_beginning(scene: Scene, address: int) -> bool:
    """Does such memory begin there?"""
    return _is_set_aside(scene, address) and any(span.first == address for span in scene.machine.host_spans)


def _leftovers(scene: Scene) -> pl.DataFrame:
    """row, event, address of accesses to nothing that lie in no BAR of the card on the host."""
    frame = (
        scene.events.lazy()
        .with_row_index("row")
        .select("row", pl.col("event").cast(pl.String), "address")
        .filter(pl.col("event").is_in([*_UNASSIGNED, _FAULT]) & pl.col("address").is_not_null())
    )
    for bar in scene.card.bars:
        if bar.host and bar.size and bar.kind != "io":
            frame = frame.filter((pl.col("address") < bar.host) | (pl.col("address") >= bar.host + bar.size))
    return frame.collect()


def _tellers(scene: Scene, owned: Flags) -> Iterator[Told]:
    """Registers worth asking: one steady, informative, page-aligned value that no BAR and no guest memory explains."""
    if not _bars_are_known(scene):
        return  # it may be the host address of a BAR that no inventory told
    registers, accesses = scene.registers, scene.accesses
    guests = guest_writes(accesses)
    written = np.unique(accesses.place[accesses.write])
    of_config = _of_config(scene)  # what config space shows as well is a mirror of it
    wide = (accesses.size == 4) & ~accesses.write & ~owned & (accesses.value >= np.uint64(1 << 24))
    for place in np.setdiff1d(np.unique(accesses.place[wide]), written).tolist():
        at = registers.reads(place)
        value = int(accesses.value[at[0]])
        base = value & ~(_PAGE - 1)
        flags = (value & (_PAGE - 1)).bit_count()
        if (accesses.value[at] != np.uint64(value)).any() or flags > _MOST_FLAGS:
            continue
        if information_of(base, 4) < (_LEAST_BASE_BITS if _is_beginning(scene, base) else _LEAST_BITS):
            continue
        if _CHIPSET <= base <= 0xFFFFFFFF or any(bar.host_contains(base) for bar in _bars_of_the_host(scene)):
            continue
        if guests.known_from(base, _PAGE - 1) <= int(accesses.row[at[0]]):
            continue  # the guest's own, on its way back
        rows = accesses.row[at]
        # the guest's RAM may lie there as well, but a card that was not told of it cannot know it
        named = _is_set_aside(scene, base) and not _is_answered(scene, rows) and value not in of_config
        if named or guest_owner(scene.machine, scene.card, base, int(rows[0])) is None:
            yield Told(place, value, tuple(rows.tolist()), named)


def _bars_are_known(scene: Scene) -> bool:
    """Is the host address of every memory BAR known, and of any?"""
    bars = [bar for bar in scene.card.bars if bar.index < 6]
    return bool(bars) and all(bar.kind == "io" or bar.host is not None for bar in bars)


def _bars_of_the_host(scene: Scene) -> list[Bar]:
    """The BARs of all traced cards, and of the functions beside them: theirs is another function's address."""
    owners: tuple[Card | Neighbour, ...] = (scene.card, *scene.machine.cards, *scene.machine.neighbours)
    return [bar for owner in owners for bar in owner.bars]


def _memory_leak(scene: Scene, told: Told, near: pl.DataFrame) -> Finding:
    faults = near.filter(pl.col("event") == _FAULT).height
    what = host_owner(scene.machine, told.base)
    named = told.named
    users = "the card itself" if faults == near.height else "the guest and the card" if faults else "the guest"
    rows = [*first_rows(told.rows, 2), *first_rows(near["row"].cast(pl.Int64).to_numpy(), 5)]
    notes = [f"tells 0x{told.value:x}"] * min(2, len(told.rows)) + ["an address behind it, where nothing is"] * 5
    return claim(
        scene,
        "address-leak",
        f"{place_name(told.place)}/memory",
        verdict="likely",
        confidence=0.8 if near.height > 1 or (named and near.height) else 0.75 if named else 0.65,
        needs_quirk=True,
        summary=(
            f"a read of {place_name(told.place)} tells an address that is no BAR (0x{told.base:x}"
            + (f", {what} on the host" if what else "")
            + (f"), and {users} used it {near.height} times" if near.height else ")")
        ),
        parameters={
            "region": region_name(region_of(told.place)),
            "offset": hexadecimal(offset_of(told.place)),
            "size": 4,
            "bar": None,
            "shift": 0,
            "memory": hexadecimal(told.base),
        },
        evidence=scene.evidence(rows, notes),
        evidence_count=len(told.rows) + near.height,
        reason=_reason(faults, named=named),
        doubt="it would be false if the register is a number that only looks like an address",
    )


def _reason(faults: int, *, named: bool) -> str:
    if faults:
        return (
            "the card goes on using the host address by DMA, so rewriting what the guest reads is not enough: "
            "the memory has to lie at the same address in the guest"
        )
    if named:
        return (
            "the card itself uses this memory by DMA, so rewriting what the guest reads is not enough: "
            "the memory has to lie at the same address in the guest"
        )
    return "if the card uses this memory by DMA as well, rewriting what the guest reads is not enough"
