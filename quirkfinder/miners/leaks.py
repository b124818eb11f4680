"""Address leaks: registers and VGA ports that tell a host BAR address, whole, in half, shifted, or in parts.

Only a register that the guest did not fill itself counts, and only one that keeps telling the same, at least under one
index: data ports and counters hit every value sooner or later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quirkfinder.card.model import Bar
from quirkfinder.miners.accesses import Accesses, Flags, distinct
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.halves import joined_halves, told_in_halves, told_in_tables, upper_halves
from quirkfinder.miners.host_accesses import Stray
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.parts import LEAST_WORD, told_in_parts, with_lower_words, words_of_several_bars
from quirkfinder.miners.pointers import told_pointers
from quirkfinder.miners.readings import PAGE, SHIFTED, STRONG, VGA_STANDARD, readings_of
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.steady import Steady, steady_registers
from quirkfinder.miners.written import NEVER, GuestWrites, guest_writes

_WEAK = 7.0
_FLAGS = 6.0  # a bit or two at the top is a flag, whatever else agrees
_BESIDE = 0x100  # bytes around a register in which another one may give back what was written to it
_FREE_BITS = 8.0  # 256 values may be compared for nothing


@dataclass(frozen=True, slots=True)
class Context:
    """What a reading is judged by: bits that comparing many values takes from it, and what the guest wrote.

    `chance`: for an address that many values were compared with, some of them for nothing; `all_chance`: none of them;
    `words`: as that, of the words alone; `settings`: the places that the guest writes.
    """

    scene: Scene
    chance: float
    all_chance: float
    words: float
    held: dict[int, Steady]
    written: GuestWrites
    settings: frozenset[int]


def discover_leaks(scene: Scene, owned: Flags, strays: Sequence[Stray] = ()) -> list[Leak]:
    """Leaks among the reads that no window or mirror explains (`owned` marks those that are explained).

    A round address is believed too where the guest touched addresses in the BAR's host range (`strays`): it had learnt
    it.  What the guest had written before any read told it is its own, wherever it comes back.
    """
    accesses, registers = scene.accesses, scene.registers
    reads = accesses.take(np.flatnonzero(~accesses.write & ~owned))
    context = Context(
        scene,
        _chance(reads),
        _chance(reads, free=0.0),
        _chance(reads.take(reads.size == 2), free=0.0),
        {size: steady_registers(registers, reads, size) for size in (1, 2, 4)},
        guest_writes(accesses),
        frozenset(np.unique(accesses.place[accesses.write]).tolist()),
    )
    found: dict[tuple[int, int], Leak] = {}
    words: list[Leak] = []
    bars = list(_told_bars(scene))
    one_by_one = [leak for bar in bars for leak in _of_bar(context, reads, bar, words)]
    halves = told_in_halves(context.held[4], [bar for bar in bars if _known_from(context, bar) == NEVER])
    for leak in (*one_by_one, *halves, *with_lower_words(words, context.held[2], context.words)):
        known = found.get((leak.place, leak.bar.index))
        if known is None or leak.bits > known.bits:
            found[leak.place, leak.bar.index] = leak
    for leak in words_of_several_bars([w for w in words if not _believed(context, w)], context.words):
        found.setdefault((leak.place, leak.bar.index), leak)
    for leak in told_pointers(registers, reads, strays):
        found.setdefault((leak.place, leak.bar.index), leak)
    leaks = _one_bar_each(list(found.values()), scene.touched)
    return joined_halves([*leaks, *upper_halves(registers, leaks)])


def _told_bars(scene: Scene) -> Iterator[Bar]:
    """The BARs whose host address is one that could be told."""
    masks = {-bar.size & 0xFFFFFFFF for bar in scene.card.bars if bar.size}
    for bar in scene.card.bars:
        if bar.host is None or bar.host == 0 or bar.index > 5:
            continue
        if bar.host & 0xFFFFFFFF in masks and bar.index not in scene.touched:
            continue  # a register that tells the size of a BAR, as a sizing probe does, looks the same
        yield bar


def _has_itself(context: Context, bar: Bar) -> bool:
    """Does the guest have, or did it have, a BAR where `bar` is on the host?"""
    return any(bar.host in (b.guest, *(p.address for p in b.placements)) for b in context.scene.card.bars)


def _flags(bar: Bar) -> int:
    return 3 if bar.kind == "io" else 15


def _known_from(context: Context, bar: Bar) -> int:
    """The row from which on the guest knew the host address of `bar` by itself, `NEVER` where only a BAR is there."""
    return int(NEVER) if _has_itself(context, bar) else context.written.known_from(bar.host or 0, _flags(bar))


def _of_bar(context: Context, reads: Accesses, bar: Bar, words: list[Leak]) -> Iterator[Leak]:
    """The leaks of one BAR that are believed; upper words, which may prove too little alone, go to `words`."""
    scene, host, flags = context.scene, bar.host or 0, _flags(bar)
    own, known_from = _has_itself(context, bar), _known_from(context, bar)
    used = scene.touched.get(bar.index, -1)
    ports = any(b.kind == "io" for b in scene.card.bars)
    for leak in readings_of(scene.registers, reads.take(reads.row < known_from), bar, not ports, used):
        if leak.size == 2 and leak.rows[0] > context.written.word_known_from((host >> leak.shift) & 0xFFFF):
            continue
        if own and leak.rows[0] > _written_beside(scene.registers, leak).known_from(host, flags):
            continue
        if leak.mask is not None and leak.rows[0] > context.written.known_from(host, PAGE - 1):
            continue
        if _believed(context, leak):
            yield leak
        if leak.size == 2 and leak.shift == 16 and leak.place in context.held[2].places:
            words.append(leak)
    if known_from == NEVER:
        yield from told_in_parts(context.held, bar, VGA_STANDARD, used)
        if context.written.known_from(host, PAGE - 1) == NEVER:
            yield from told_in_tables(context.held[4], bar)


def _believed(context: Context, leak: Leak) -> bool:
    """Does the reading prove the address alone, or with the guest's use of it?"""
    touched = leak.bar.index in context.scene.touched
    strong = leak.bits - context.chance >= (STRONG if leak.shift == 0 else SHIFTED)
    alone = leak.size == 4 and leak.index is None and leak.mask is None
    weak = alone and leak.shift == 0 and leak.bits - context.chance >= _WEAK
    used = touched and leak.shift == 0 and leak.bits >= _FLAGS
    if leak.size == 2:  # sixteen bits agree by chance where many words are read
        if leak.place not in context.held[2].places:
            return False
        strong = leak.bits - context.words >= (LEAST_WORD if touched else SHIFTED)
    if leak.size == 4 and leak.shift >= 16:  # and so do the low halves of dwords
        strong = touched or leak.bits - context.all_chance >= SHIFTED
    if not (strong or weak or used or leak.size == 1):
        return False
    return used or leak.bits >= STRONG or leak.place not in context.settings


def _written_beside(registers: Registers, leak: Leak) -> GuestWrites:
    """Around the register alone: what the guest has at this address itself it may write anywhere for its own ends."""
    return guest_writes(registers.accesses.take(registers.inside(leak.place - _BESIDE, leak.place + _BESIDE)))


def _chance(reads: Accesses, free: float = _FREE_BITS) -> float:
    """Bits that comparing many values takes from every agreement: the more values, the likelier a chance hit."""
    compared = len(distinct(reads.place, reads.value))
    return max(0.0, float(np.log2(max(1, compared))) - free)


def _one_bar_each(leaks: list[Leak], touched: Mapping[int, int]) -> list[Leak]:
    """A register tells one address: the one that explains most of it, of several the one that the guest used."""
    best: dict[int, Leak] = {}
    for leak in leaks:
        known = best.get(leak.place)
        if known is None or (leak.bits, leak.bar.index in touched) > (known.bits, known.bar.index in touched):
            best[leak.place] = leak
    return sorted(best.values(), key=lambda leak: leak.rows[0])
