"""Windows into BARs: targets proposed by values seen both through the window and directly, proven by both histories."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quirkfinder.folding.keys import mixed
from quirkfinder.miners.accesses import Accesses, Flags, Ints, Words, among, any_of, place_of, region_of
from quirkfinder.miners.agreement import Agreement, agreement, around, written_before
from quirkfinder.miners.information import informative
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.candidates import count_pairs
from quirkfinder.miners.windows.shape import MODULUS, Shape, shape_of
from quirkfinder.miners.windows.targets import DELTAS_TRIED, Reach, Target, odd, scale_told, total
from quirkfinder.miners.windows.uses import Uses
from quirkfinder.miners.windows.words import halves_of, of_bytes, with_words

#: direct accesses of equal value that are looked at for each use; more mean that the value is common
_MOST_PARTNERS = 16
_MOST_VOTES = 4_000_000
_LEAST_VALUES = 3  # that must agree
_MANY = 6  # so many that a few places may contradict
_COMPARED, _SHARE = 16, 8  # so many comparisons, one in so many of which is equal, are worth a closer look
_STREAMED = 6  # values that must agree where one address serves them all


@dataclass(frozen=True, slots=True)
class Memory:
    """The direct accesses to all BARs; `voters` are those worth a vote, words of dwords among them, by their value."""

    registers: Registers
    sizes: Mapping[int, int]  # bytes by region
    voters: Accesses
    echoes: Ints  # rows of reads that return what the guest had written to the same register, whatever the address
    places: Ints  # places and widths of the voters, as one number each, ascending
    told: Ints  # the same with their values

    @property
    def accesses(self) -> Accesses:
        return self.registers.accesses


def direct_memory(registers: Registers, sizes: Mapping[int, int]) -> Memory:
    """`sizes`: the BARs of the card in bytes; those not in it are taken to end where the trace does."""
    accesses = registers.accesses
    region = accesses.region
    known = dict(sizes)
    for index in np.unique(region[region < 6]).tolist():
        seen = int(accesses.offset[region == index].max()) + 4
        known.setdefault(index, 1 << max(8, (seen - 1).bit_length()))
    voters = with_words(accesses.take(region < 6))
    voters = voters.take(np.argsort(voters.value, kind="stable"))
    echoes = accesses.row[written_before(accesses)]
    places = _numbered(voters.place, voters.size)
    return Memory(registers, known, voters, echoes, np.unique(places), np.unique(_with_values(places, voters.value)))


def _numbered(place: Ints, size: NDArray[np.uint8]) -> Ints:
    return place * 16 + size


def _with_values(numbered: Ints, value: Words) -> Ints:
    """A number for each place, width and value; two that are not the same have the same one hardly ever."""
    with np.errstate(over="ignore"):
        return (mixed(value) + numbered.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)


@dataclass(frozen=True, slots=True)
class Partners:
    """Uses (`index`) with a place from which on a direct access showed the same value."""

    index: Ints
    place: Ints
    echo: Flags  # by use: it returns what the guest wrote there itself
    telling: Flags  # by use: its value is informative


def partners_of(uses: Uses, memory: Memory, own: frozenset[int]) -> Partners | None:
    """Every value seen both through the window and directly, if any; `own`: the registers of the window."""
    telling = informative(uses.data)
    index, place = _equal_values(uses, memory, own, np.flatnonzero(telling))
    return Partners(index, place, among(uses.data.row, memory.echoes), telling) if len(index) else None


def memory_targets(
    uses: Uses, memory: Memory, reaches: Sequence[Reach], own: frozenset[int], partners: Partners
) -> Iterator[Target]:
    """Targets in the BARs; `own`: the window's registers, which it does not reach.

    Those that a later moment refutes are among them, or a worse reading of the same accesses would take their place.
    """
    index, place = partners.index, partners.place
    for space in {region_of(p) for p in np.unique(place).tolist()}:
        base = place_of(space, 0)
        votes = (place >= base) & (place < place_of(space + 1, 0))
        if len(np.unique(uses.data.value[index[votes]])) >= _LEAST_VALUES:
            join = Join(uses, index[votes], place[votes] - base, partners)
            yield from _in_space(join, memory, space, reaches, own)


@dataclass(frozen=True, slots=True)
class Join:
    """Uses with, for some of them (`index`), an offset at which their value was seen directly."""

    uses: Uses
    index: Ints
    offset: Ints
    partners: Partners


def _in_space(join: Join, memory: Memory, space: int, reaches: Sequence[Reach], own: frozenset[int]) -> list[Target]:
    values = join.uses.data.value[join.index].view(np.int64)
    best: list[Target] = []
    for reach in reaches:
        position = reach.of(join.uses)
        deltas = _ranked((join.offset - position[join.index]) % MODULUS, values)
        targets = list(_of_deltas(join, position, deltas, memory, Target(space, reach, 0, join.index, 0.0), own))
        if total(targets, join.uses) > total(best, join.uses) + (8 if best else 0):
            best = targets
    return best


def _of_deltas(
    join: Join, position: Ints, deltas: Sequence[int], memory: Memory, model: Target, own: frozenset[int]
) -> Iterator[Target]:
    """The targets among `deltas` that the histories prove; `model` has everything but delta, members and proof."""
    uses = join.uses
    taken = np.zeros(len(uses), dtype=np.bool_)
    shapes: list[Shape] = []
    base, size = place_of(model.space, 0), memory.sizes[model.space]
    for delta in deltas:
        located = (position + delta) % MODULUS
        members = np.flatnonzero((located < size) & ~taken & ~any_of(base + located, own))
        if len(members) < 2:
            continue
        location = base + located[members]
        told = join.partners.telling[members]
        if _hopeless(memory, location[told], uses.data.take(members[told])):
            continue
        direct = memory.accesses.take(memory.registers.at_any(around(location)))
        agreed = agreement(direct, uses.data.take(members), location, join.partners.echo[members])
        supporting = among(uses.data.row[members], agreed.mapped_rows)
        addresses = len(np.unique(uses.address[members[supporting]]))
        if not (agreed.fits or _outweighs(agreed)) or agreed.values < (_LEAST_VALUES if addresses > 1 else _STREAMED):
            continue
        width = int(uses.data.size[members[supporting]].max())
        shape = shape_of(uses.address[members[supporting]], model.reach.scale, delta, width, size)
        if addresses == 1 and odd(delta):
            continue  # any word before a stream of data is as far from where the data lies as it happens to be
        found = replace(model, delta=delta, members=members, bits=agreed.bits, agreed=agreed)
        if not scale_told(found, uses):
            continue
        inside = [other for other in shapes if other.selects(uses.address[members[supporting]])]
        if shape.base < size and not inside:  # else one range of addresses would reach two places
            shapes.append(shape)
            taken |= np.isin(uses.address, uses.address[members[supporting]])  # an address goes to one place
            yield found


def _hopeless(memory: Memory, location: Ints, data: Accesses) -> bool:
    """Is hardly any value that was seen directly, at any time, the one that is said to lie there?  A quick look.

    `data`: uses with informative values, `location`: the places that they would reach.
    """
    where = _numbered(location, data.size)
    known = among(where, memory.places)
    same = among(_with_values(where[known], data.value[known]), memory.told)
    return bool(known.sum() >= _COMPARED and same.sum() * _SHARE < known.sum())


def _outweighs(agreed: Agreement) -> bool:
    """Do many values agree, and twice as many places as contradict?  A lost line shifts what follows it."""
    return min(agreed.values, agreed.locations) >= _MANY and agreed.contradictions * 2 <= agreed.locations


def _equal_values(uses: Uses, memory: Memory, own: frozenset[int], telling: Ints) -> tuple[Ints, Ints]:
    """(use, place) for every value seen both through the window and directly, or its words where those were."""
    index, place = _voting(telling, uses.data.take(telling), memory, own)
    if (uses.data.size == 1).any():
        index, place = _with_bytes(uses, memory, own, index, place)
    if not (memory.voters.size == 2).any():
        return index, place
    dwords, halves = halves_of(uses.data, telling)
    worth = np.flatnonzero(informative(halves))
    dwords, halves = dwords[worth], halves.take(worth)
    found, at = _voting(np.arange(len(dwords)), halves, memory, own)
    within = halves.place[found] - uses.data.place[dwords[found]]
    return np.append(index, dwords[found]), np.append(place, at - within)


def _with_bytes(uses: Uses, memory: Memory, own: frozenset[int], index: Ints, place: Ints) -> tuple[Ints, Ints]:
    """(use, place) with the words and dwords that bytes from successive addresses make, wherever they were seen."""
    position = uses.address.astype(np.int64) + uses.sub + uses.reads + uses.writes
    for lowest, whole in of_bytes(uses.data, position, np.where(uses.fresh, 0, len(uses)) + np.arange(len(uses))):
        worth = np.flatnonzero(informative(whole))
        found, at = _voting(lowest[worth], whole.take(worth), memory, own)
        index, place = np.append(index, found), np.append(place, at)
    return index, place


def _voting(index: Ints, data: Accesses, memory: Memory, own: frozenset[int]) -> tuple[Ints, Ints]:
    """(element of `index`, place) for every element of `data`, one for each of `index`, whose value was seen there."""
    nothing = np.zeros(0, dtype=np.int64)
    held = memory.voters.value
    first = np.searchsorted(held, data.value, "left")
    last = np.searchsorted(held, data.value, "right")
    # the window's own accesses are among the voters, so a value alone at its place has one partner for each of them
    count = np.minimum(last - first, _MOST_PARTNERS)
    if not count.any() or count.sum() > _MOST_VOTES:
        return nothing, nothing
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    partner = np.repeat(first, count) + within
    element = np.repeat(np.arange(len(index)), count)
    place = memory.voters.place[partner]
    fits = (memory.voters.size[partner] == data.size[element]) & ~any_of(place, own)
    fits &= place != data.place[element]
    return index[element[fits]], place[fits]


def _ranked(delta: Ints, value: Ints) -> list[int]:
    """Deltas by how many distinct values vote for them, as many at least as have to agree."""
    (voted, _), _ = count_pairs(delta, value)
    deltas, counts = np.unique(voted, return_counts=True)
    best = np.argsort(-counts, kind="stable")[:DELTAS_TRIED]
    return [int(deltas[at]) for at in best if counts[at] >= _LEAST_VALUES]
