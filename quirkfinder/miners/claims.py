"""Small things every miner needs to state a claim: lines for rows, stable ids, confidence from bits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from quirkfinder.card.model import Card, Machine
from quirkfinder.findings import Evidence, Finding
from quirkfinder.findings.document import Kind, Verdict
from quirkfinder.folding import Gaps
from quirkfinder.miners.accesses import Accesses, Ints, device_accesses, offset_of, place_name, region_of
from quirkfinder.miners.hardware import BUSES, WINDOWS, HardwareConfig, hardware_config
from quirkfinder.miners.registers import Registers

MOST_EVIDENCE = 12
_BRIDGE_WORDS = {BUSES: "the bus numbers", WINDOWS: "the bridge windows"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a miner looks at: one card's accesses, its config space, and the whole frame for everything else."""

    events: pl.DataFrame
    machine: Machine
    card: Card
    registers: Registers
    hardware: HardwareConfig
    #: BARs whose host address no inventory told, only a door of the card's
    learnt: frozenset[int] = frozenset()
    #: BARs inside whose host range the guest touched addresses at which it has nothing, and the row of the last time
    touched: Mapping[int, int] = field(default_factory=dict)

    @property
    def accesses(self) -> Accesses:
        return self.registers.accesses

    def sure_of(self, bars: Iterable[int]) -> bool:
        """Is the host address of one of `bars` known from more than the door that shows it?"""
        return any(bar not in self.learnt or bar in self.touched for bar in bars)

    def evidence(self, rows: Iterable[int], notes: Sequence[str] | str = "") -> tuple[Evidence, ...]:
        """Evidence for rows of the frame, at most `MOST_EVIDENCE`; a note for each, or one for all."""
        picked = list(rows)[:MOST_EVIDENCE]
        if not picked:
            return ()
        lines = self.events.select("input", "line")[picked].rows()
        texts = [notes] * len(picked) if isinstance(notes, str) else list(notes)
        return tuple(
            Evidence(int(source), int(line), note or None) for (source, line), note in zip(lines, texts, strict=False)
        )


def scene_of(events: pl.DataFrame, machine: Machine, card: Card, *, with_vga: bool, gaps: Gaps | None = None) -> Scene:
    """Prepare a card of `machine` for mining; `with_vga`: the trace's VGA accesses are this card's; `gaps`: where
    events were left out."""
    accesses = device_accesses(events, machine, card, with_vga=with_vga)
    names = [card.name, *([""] if with_vga or card.name in machine.owns_nameless else [])]
    missing = None if gaps is None else gaps.of(names)
    registers = Registers(accesses, missing and (lambda place: missing(region_of(place), offset_of(place))))
    return Scene(events, machine, card, registers, hardware_config(card))


def confidence(bits: float, contradictions: int = 0, *, most: float = 0.99) -> float:
    """From bits to 0..1: every 12 bits halve the doubt, and every contradiction takes a fifth away."""
    kept = 1.0 - math.exp2(-bits / 12.0)
    return round(min(most, kept * math.pow(0.8, contradictions)), 3)


def claim(
    scene: Scene,
    kind: Kind,
    key: str,
    *,
    verdict: Verdict,
    confidence: float,
    summary: str,
    parameters: dict[str, Any],
    evidence: tuple[Evidence, ...],
    evidence_count: int,
    needs_quirk: bool = True,
    reason: str = "",
    doubt: str = "",
) -> Finding:
    """A finding of this card; `key` names what is found, so that the id is the same in another trace of the card."""
    card = scene.card
    owner = f"{card.vendor:04x}:{card.device:04x}" if card.vendor is not None and card.device is not None else "unknown"
    return Finding(
        id=f"{kind}/{owner}/{key}",
        device=card.name,
        kind=kind,
        verdict=verdict,
        confidence=confidence,
        needs_quirk=needs_quirk,
        summary=summary,
        parameters=parameters,
        evidence=evidence,
        evidence_count=max(1, evidence_count, len(evidence)),
        reason=reason,
        doubt=doubt,
    )


def register(place: int, size: int) -> dict[str, Any]:
    """The contract's register: offset in its region and width in bytes."""
    return {"offset": hexadecimal(offset_of(place)), "size": size}


def hexadecimal(number: int) -> str:
    return f"0x{number:x}"


def first_rows(rows: Ints | Sequence[int], count: int) -> list[int]:
    """The first `count` rows in the order of the trace."""
    return [int(r) for r in np.sort(np.asarray(rows, dtype=np.int64))[:count]]


def bar_words(indices: Iterable[int]) -> str:
    """`BAR0`, `BAR0 and BAR2`, `BAR0, BAR2 and BAR4`."""
    names = [_BRIDGE_WORDS.get(i, f"BAR{i}") for i in sorted(set(indices))]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else "no BAR"


__all__ = [
    "MOST_EVIDENCE",
    "Scene",
    "bar_words",
    "claim",
    "confidence",
    "first_rows",
    "hexadecimal",
    "place_name",
    "register",
    "scene_of",
]
