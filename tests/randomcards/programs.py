"""Pieces of guest programs that several doors share: which config fields a driver reads, and what it does with them."""

from collections.abc import Callable, Iterator
from random import Random

from .guests import Guest
from .hardware import BAR_FIELDS, MASKS, Bar, Card

FAVOURITES = (0x0, 0x8, 0x2C)


def config_offsets(card: Card, rng: Random, limit: int, size: int = 4) -> list[int]:
    """Config offsets a driver would read through a door: ids, BARs, capabilities, in some order."""
    values = card.config.values
    bars = [0x10 + 4 * b.index for b in card.bars.values()]
    filled = [k for k in range(0, min(limit, card.config.size), 4) if any(values[k : k + 4]) and k not in BAR_FIELDS]
    bars += [k + 4 for k in bars if card.bars[(k - 0x10) // 4].kind == "memory64" and rng.random() < 0.6]
    wanted = {k for k in (*FAVOURITES, *bars) if k < limit}
    wanted |= set(rng.sample(filled, min(len(filled), rng.randint(5, 12))))
    if limit > 256:
        wanted |= {k for k in filled if k >= 0x100 and rng.random() < 0.7}
    offsets = [at for k in sorted(wanted) for at in range(k, k + 4, min(size, 4))]
    if rng.random() < 0.3:
        rng.shuffle(offsets)
    return offsets


def told_bars(card: Card, words: dict[int, int]) -> list[Bar]:
    """Memory BARs whose host address the config dwords `words` (offset: value) hold."""
    return [
        bar
        for bar in card.bars.values()
        if bar.is_memory and words.get(0x10 + 4 * bar.index, -1) == bar.host & MASKS[4] | bar.flags
    ]


def use_address(guest: Guest, rng: Random, bar: Bar, count: int) -> Iterator[None]:
    """A driver goes to the address it learnt: reads and writes at the host address, whatever is there in the guest."""
    for _ in range(count):
        offset = rng.choice((0, rng.randrange(0, min(bar.size, 0x4000), 4)))
        address = bar.host + offset
        hit = guest.locate(address)
        if hit and guest.card.regions[hit[0]].find(hit[1])[1] is not guest.card.regions[hit[0]].storage:
            continue
        if rng.random() < 0.6 or hit:
            guest.physical_read(address, rng.choice((4, 4, 4, 2, 1)))
        else:
            guest.physical_write(address, rng.getrandbits(32))
        yield


def through_both_ways(
    guest: Guest,
    rng: Random,
    region: int,
    offset: int,
    value: int,
    load: Callable[[int], int],
    store: Callable[[int, int], None],
) -> None:
    """Show that a door reaches a plain register: written on one side, read on the other."""
    style = rng.random()
    if style < 0.4:
        guest.write(region, offset, value)
        load(offset)
    elif style < 0.7:
        store(offset, value)
        guest.read(region, offset)
    else:
        guest.read(region, offset)
        load(offset)
