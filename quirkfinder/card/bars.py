"""One BAR from everything that says something about it: log, kernel, lspci, monitor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from quirkfinder.card.draft import Draft
from quirkfinder.card.guests import GuestBar, mtree_mapped
from quirkfinder.card.hosts import Function
from quirkfinder.card.listening import Stay, in_turn, joined_spans, mapped_spans, visible
from quirkfinder.card.model import Bar, BarKind, Contradiction, Placement, Position, Span
from quirkfinder.card.rows import Row, quiet
from quirkfinder.events import ROM
from quirkfinder.inventory.facts import Facts, InventoryBar

_HIGHEST_PORT = 0xFFFF


@dataclass(slots=True)
class Sources:
    """What the BARs of one card are put together from."""

    events: pl.DataFrame
    draft: Draft
    host: Function | None
    host_bars: dict[int, InventoryBar]
    guest_bars: list[GuestBar]
    facts: Sequence[Facts]
    listener: Sequence[Row]
    stays: dict[int, list[Stay]]
    dispatched: dict[int, list[Placement]]
    contradictions: list[Contradiction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)  # guest addresses the listener showed and that are given away


def card_bars(sources: Sources) -> tuple[Bar, ...]:
    """The BARs that exist, by index."""
    draft = sources.draft
    indexes = {i for i, size in draft.sizes.items() if i <= ROM and size}
    indexes |= {i for i in range(ROM + 1) if draft.header.size(i)}
    indexes |= {i for i, placed in draft.placements.items() if any(p.address is not None for p in placed)}
    indexes |= {i for i in sources.dispatched if i <= ROM} | {g.index for g in sources.guest_bars}
    indexes |= set(sources.host_bars)
    absent = {i for i, size in draft.sizes.items() if not size and i < ROM}
    return tuple(
        _bar(sources, index) for index in sorted(indexes - absent) if index <= ROM and not draft.header.is_upper(index)
    )


def _bar(sources: Sources, index: int) -> Bar:
    draft, host = sources.draft, sources.host_bars.get(index)
    told = [g for g in sources.guest_bars if g.index == index]
    kind = _kind(draft, index, host, told)
    size = _size(sources, index, host, told)
    placements = tuple(_placements(sources, index, kind, size, told))
    guest = draft.header.address(index)
    if guest is None:
        guest = next((p.address for p in reversed(placements) if p.address is not None), None)
    _compare_guest(sources, index, placements, told)
    prefetchable = draft.header.prefetchable.get(index)
    return Bar(
        index,
        kind,
        size,
        None if host is None else host.address,
        guest,
        prefetchable if prefetchable is not None or host is None else host.prefetchable,
        placements,
        _mapped(sources, index, kind, placements, size),
    )


def _kind(draft: Draft, index: int, host: InventoryBar | None, told: list[GuestBar]) -> BarKind:
    kinds: list[BarKind] = ["rom" if index == ROM else draft.header.kinds.get(index, "unknown")]
    kinds += [g.bar.kind for g in told if g.source != "info mtree"]
    kinds += [host.kind] if host is not None else []
    kinds += [g.bar.kind for g in told]
    addresses = [None if host is None else host.address, *(g.bar.address for g in told)]
    known = next((kind for kind in kinds if kind != "unknown"), None)
    return known or _kind_by_address([*(p.address for p in draft.placements.get(index, ())), *addresses])


def _kind_by_address(addresses: Sequence[int | None]) -> BarKind:
    """Ports end at 0xffff: what lies above is memory; that it is 64 bits wide shows only above 4 GiB."""
    highest = max((address for address in addresses if address is not None), default=0)
    if highest <= _HIGHEST_PORT:
        return "unknown"
    return "memory64" if highest >> 32 else "memory32"


def _size(sources: Sources, index: int, host: InventoryBar | None, told: list[GuestBar]) -> int | None:
    """VFIO's size, else the guest's sizing, else a listing's. Sizes that differ are contradictions."""
    draft = sources.draft
    asked = draft.header.size(index)
    listed = next((g.bar.size for g in told if g.bar.size), None)
    known = [
        ("VFIO", draft.sizes.get(index) or None),
        ("the guest's sizing", asked),
        ("the host's inventory", None if host is None else host.size),
        ("the guest's inventory", listed),
    ]
    # A ROM's size is rounded up, and a file may replace it; moving the MSI-X table enlarges a BAR for the guest.
    if index != ROM and not draft.relocated:
        distinct = {size: who for who, size in reversed(known) if size}
        if len(distinct) > 1:
            said = ", ".join(f"0x{size:x} by {who}" for who, size in known if size)
            positions = [row.position for row in draft.rows if row.event == "region_setup" and row.region == index]
            sources.contradictions.append(Contradiction(f"BAR{index}'s size differs: {said}", tuple(positions[-1:])))
    return next((size for _, size in known if size), None)


def _placements(
    sources: Sources, index: int, kind: BarKind, size: int | None, told: list[GuestBar]
) -> Iterator[Placement]:
    """Where the guest had the BAR: by its own writes, else by what other lines show, else by its listings."""
    draft = sources.draft
    followed = draft.placements.get(index, [])
    if followed or draft.header.registers[index].value is not None:
        yield from followed if kind == "io" else visible(followed, sources.listener, partial(quiet, sources.events))
        return
    if sources.dispatched.get(index):
        yield from sources.dispatched[index]
        return
    addresses = {g.bar.address: g for g in told if g.bar.address is not None}
    if kind != "io" and size is not None and index != ROM:
        heard = _heard(sources, index, size, set(addresses))
        if heard:
            sources.taken |= {p.address for p in heard if p.address is not None}
            yield from heard
            return
    if len(addresses) == 1:
        # A listing shows one moment only. With nothing else to go by it holds for the whole log.
        address, statement = next(iter(addresses.items()))
        yield Placement(-1, address, statement.position)
    elif addresses:
        said = " and ".join(f"0x{g.bar.address:x} ({g.source})" for g in addresses.values())
        text = f"{draft.name}: listings of the guest show BAR{index} at {said}"
        sources.contradictions.append(Contradiction(text, tuple(g.position for g in addresses.values())))


def _heard(sources: Sources, index: int, size: int, told: set[int | None]) -> tuple[Placement, ...]:
    """Where the listener saw ranges of this size, if it was one place at a time; a listing decides between several."""
    candidates = [s for s in sources.stays.get(size, ()) if s.address not in sources.taken]
    alike = [i for i, other in sources.draft.sizes.items() if other == size and i < ROM]
    moved = in_turn(candidates)
    if moved is not None and len(alike) <= 1 and (not told or told & {s.address for s in candidates}):
        return moved
    confirmed = [s for s in candidates if s.address in told]
    if len(confirmed) == 1:
        return confirmed[0].placements
    if candidates and not told:
        places = ", ".join(f"0x{s.address:x}" for s in candidates[:4])
        sources.notes.append(
            f"{sources.draft.name}: BAR{index} may lie at {places} in the guest: the log has no config accesses to"
            " tell; trace vfio_pci_write_config as well, or attach `info pci`"
        )
    return ()


def _mapped(
    sources: Sources, index: int, kind: BarKind, placements: tuple[Placement, ...], size: int | None
) -> tuple[Span, ...]:
    """Offsets that the guest reaches without a trap."""
    if kind == "io" or size is None or index == ROM:
        return ()
    heard = mapped_spans(sources.listener, placements, size)
    if heard:
        return heard
    name = f"{sources.draft.name} BAR {index}"
    direct = [
        (row.address, min(row.value, size - 1))
        for row in sources.listener
        if row.event == "region_mmap"
        and row.address is not None
        and row.value is not None
        and row.address <= row.value
        and row.detail is not None
        and (row.detail == name or row.detail.startswith(f"{name} mmaps["))
    ]
    base = next((p.address for p in reversed(placements) if p.address is not None), None)
    listens = any(row.event in ("listener_add", "listener_skip_add") for row in sources.listener)
    if direct and listens and base is not None and _trapped(sources.listener, base):
        # The listener saw the BAR and nothing of it as RAM: it was mapped by QEMU, yet every access was trapped.
        return ()
    if not direct and base is not None:
        direct = mtree_mapped(sources.draft.name, index, base, size, sources.facts)
    return joined_spans(direct, "mapped")


def _trapped(listener: Sequence[Row], base: int) -> bool:
    return any(row.event == "listener_skip_add" and row.address == base for row in listener)


def _compare_guest(sources: Sources, index: int, placements: tuple[Placement, ...], told: list[GuestBar]) -> None:
    """A listing of the guest shows the end of a boot: the log's last address should be the same."""
    last = next((p for p in reversed(placements) if p.address is not None), None)
    if last is None:
        return
    for statement in told:
        shown = statement.bar.address
        if shown is not None and shown != last.address:
            positions: list[Position] = [statement.position]
            if last.position is not None and last.position != statement.position:
                positions.append(last.position)
            text = (
                f"{statement.source} shows BAR{index} at 0x{shown:x} of the guest, the log leaves it at"
                f" 0x{last.address:x}: the listing is of another boot, or of another device"
            )
            sources.contradictions.append(Contradiction(text, tuple(positions)))
