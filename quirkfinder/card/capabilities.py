"""MSI and MSI-X of a card from log and listings. PCI Local Bus 3.0, section 6.8."""

import polars as pl

from quirkfinder.card import rows as extraction
from quirkfinder.card.draft import Draft
from quirkfinder.card.hosts import Function
from quirkfinder.card.messages import capability_offset, msi_capability, msi_offset
from quirkfinder.card.model import MsiCapability, MsixCapability
from quirkfinder.card.rows import Row
from quirkfinder.inventory.facts import MsixFacts

_MSIX = 0x11


def card_msi(events: pl.DataFrame, draft: Draft, host: Function | None, sent: list[Row]) -> MsiCapability | None:
    """Where the MSI capability lies and what was programmed into it; None where nothing tells of one."""
    listed = None
    if host is not None:
        listed = next((s.function.msi for s in host.statements if s.function.msi is not None), None)
    offset = msi_offset(draft.rows, draft.config, None if listed is None else listed.offset)
    messages = [row for row in sent if row.device == draft.key]
    if offset is None:
        return None
    written = extraction.capability_writes(events, draft.key, offset)
    wide = listed.wide if listed is not None and listed.offset == offset else None
    return msi_capability(offset, written, messages, draft.config, wide)


def card_msix(draft: Draft, host: Function | None) -> MsixCapability | None:
    """VFIO's line, completed by what lspci or the bytes of the capability say."""
    listed: list[MsixFacts] = []
    if host is not None:
        listed = [s.function.msix for s in host.statements if s.function.msix is not None]
    known = next((m for m in listed if m.table_bar is not None), listed[0] if listed else None)
    for row in draft.rows:
        if row.event == "msix_setup":
            offset = int(row.detail, 16) if row.detail else None
            return MsixCapability(
                offset,
                row.region,
                row.address,
                row.value,
                None if known is None else known.pba_bar,
                None if known is None else known.pba_offset,
            )
    if known is not None:
        return MsixCapability(
            known.offset, known.table_bar, known.table_offset, known.entries, known.pba_bar, known.pba_offset
        )
    return _msix_read(draft)


def _msix_read(draft: Draft) -> MsixCapability | None:
    """From the bytes the guest read."""
    offset = capability_offset(draft.config, _MSIX)
    if offset is None:
        return None
    control, table, pba = (draft.config.read(offset + at, size) for at, size in ((2, 2), (4, 4), (8, 4)))
    return MsixCapability(
        offset,
        None if table is None else table & 7,
        None if table is None else table & ~7,
        None if control is None else (control & 0x7FF) + 1,
        None if pba is None else pba & 7,
        None if pba is None else pba & ~7,
    )
