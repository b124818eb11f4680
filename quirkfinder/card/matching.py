"""Which function of a listing is the device of the log.

A PCI address names it. A vfio-user socket, an mdev's UUID or a link in sysfs does not: then ids and sizes must fit, and
fit one function only.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from quirkfinder.card.hosts import Function, Statement, agreement, attach
from quirkfinder.card.model import BarKind
from quirkfinder.inventory.facts import HostFunction, InventoryBar
from quirkfinder.inventory.text import BDF, full_address

_PASSED_THROUGH = ("vfio-pci", "pci-stub", "pciback")


@dataclass(slots=True)
class Traits:
    """What the log knows of a device that a listing can be compared with."""

    name: str
    identity: tuple[int | None, int | None, int | None, int | None]  # as the guest reads it, None where QEMU made it up
    sizes: dict[int, int]  # bytes of regions 0..5 as VFIO reports them; 0: there is none
    kinds: dict[int, BarKind] = field(default_factory=dict)
    guest: dict[int, int] = field(default_factory=dict)  # last guest address of every BAR
    begun: frozenset[int] = frozenset()  # guest addresses at which memory or a mapped BAR was seen to begin

    @property
    def address(self) -> str | None:
        """The PCI address, where the name is one (or a sysfs path that ends in one)."""
        last = self.name.rsplit("/", 1)[-1]
        return full_address(last) if re.fullmatch(BDF, last) else None


def fit(
    traits: Traits, identity: Sequence[int | None], bars: dict[int, InventoryBar], loose: Sequence[InventoryBar] = ()
) -> tuple[int, int]:
    """(what speaks for it, what speaks against it): ids, BARs that are there, their sizes and kinds.

    `loose`: BARs of a listing that does not number them; every BAR of the device must be among them by its size.
    """
    good = bad = 0
    for mine, theirs, weight in zip(traits.identity, identity, (1, 2, 1, 1), strict=True):
        if mine is not None and theirs is not None:
            good, bad = good + weight * (mine == theirs), bad + (mine != theirs)
    sized = any(bar.size for index, bar in bars.items() if index < 6)
    for index, size in traits.sizes.items():
        bar = bars.get(index)
        if index >= 6 or (bar is None and not (size and sized)):
            continue
        if bar is None:
            bad += 1
        elif bar.size:
            good, bad = good + (bar.size == size), bad + (bar.size != size)
        elif not size:
            bad += 1
    if loose and not sized:
        shown = [bar.size for bar in loose]
        # /proc/iomem without /proc/ioports says nothing of ports.
        silent = set() if any(bar.kind == "io" for bar in loose) else {i for i, k in traits.kinds.items() if k == "io"}
        wanted = [size for index, size in traits.sizes.items() if size and index not in silent]
        missing = [size for size in wanted if size not in shown]
        there = len(wanted)
        good, bad = good + there - len(missing), bad + len(missing)
    for index, kind in traits.kinds.items():
        bar = bars.get(index)
        if bar is not None and index < 6 and "unknown" not in (kind, bar.kind):
            bad += (kind == "io") != (bar.kind == "io")
    return good, bad


@dataclass(slots=True)
class Match:
    """The function of a device, if one was found, and what the user should know about how."""

    function: Function | None
    notes: list[str] = field(default_factory=list)
    rivals: list[Function] = field(default_factory=list)  # several fit equally well


def match_host(traits: Traits, functions: Sequence[Function]) -> Match:
    """The host's function that is this device."""
    if not functions:
        return Match(None)
    if (address := traits.address) is not None:
        for function in functions:
            if function.address == address:
                return Match(function)
        return Match(None, [f"the host's inventory has no function {address}: attach `lspci -vvnnxxxx` of it"])
    fitting = [f for f in functions if not f.is_bridge and fits(traits, f)]
    if len(fitting) > 1:
        bound = [f for f in fitting if f.driver in _PASSED_THROUGH]
        fitting = bound if len(bound) == 1 else fitting
    if len(fitting) == 1 and fitting[0].address is None:
        return Match(fitting[0])
    if len(fitting) == 1:
        note = f"{traits.name} is taken to be {fitting[0].address} of the host: ids and BAR sizes fit no other function"
        return Match(fitting[0], [note])
    if fitting:
        return Match(None, rivals=fitting)
    return Match(None, [f"no function of the host's inventory fits {traits.name} by ids and BAR sizes"])


def fits(traits: Traits, function: Function) -> bool:
    """Is nothing against this function being the device, and more than one thing for it?"""
    good, bad = fit(traits, function.identity, function.bars(), function.unnumbered())
    return good >= 2 and not bad


def place_nameless(
    statements: Iterable[Statement], functions: list[Function], traits: Sequence[Traits]
) -> tuple[list[str], dict[str, Function]]:
    """Attach statements without an address to the function whose BARs they show.

    Where no function shows the same addresses, the one traced device whose sizes fit is taken.  Functions of devices
    that no listing names are appended to `functions`.  Returns what could not be placed, in words, and the functions
    without an address by the name of their device.
    """
    notes: list[str] = []
    owned: dict[str, Function] = {}
    for statement in statements:
        shown = statement.function
        scores = [(agreement(shown, f), f) for f in functions if f.address is not None]
        most = max((same for (same, different), _ in scores if not different), default=0)
        best = [f for (same, different), f in scores if most and same == most and not different]
        fitting = [] if best else [t for t in traits if _could_be(shown, t)]
        if len(best) == 1:
            attach(statement, best[0])
        elif len(fitting) == 1:
            target = _function_of(fitting[0], functions, owned)
            attach(statement, target)
        else:
            what = "sysfs resource file" if shown.source == "resource" else "listing without an address"
            many = len(best) > 1 or len(fitting) > 1
            why = "fits several functions" if many else "fits no function of the other listings"
            notes.append(f"a {what} (input {statement.input}, line {shown.line}) {why} and was not used")
    return notes, owned


def _could_be(shown: HostFunction, traits: Traits) -> bool:
    """Without an address and without a listing to compare: do sizes and ids fit the device?"""
    identity = (shown.vendor, shown.device, shown.subvendor, shown.subdevice)
    good, bad = fit(traits, identity, {b.index: b for b in shown.bars if b.index is not None})
    return not bad and good > 0


def _function_of(traits: Traits, functions: list[Function], owned: dict[str, Function]) -> Function:
    found = match_host(traits, functions).function or owned.get(traits.name)
    if found is None:
        found = Function(traits.address)
        functions.append(found)
        if traits.address is None:
            owned[traits.name] = found
    return found
