"""Whether QEMU has a quirk for a finding, and what trapping would cost, in sentences."""

from typing import Any

from quirkfinder.rendering import words


def known_quirk(quirk: dict[str, Any] | None) -> str:
    """A sentence from `Finding.known_quirk`; empty where no quirk is known.

    Keys used: `id`, `title`, `qemu_from`, `qemu_to`, `active`, `why_not`, `covers`, `foreign`.
    """
    if not quirk:
        return ""
    if quirk.get("foreign") is True:
        return f"no release of QEMU has a quirk for it; the one at work in this run is {words.plain(quirk.get('id'))}"
    sentence = f"QEMU has a quirk for it, {words.plain(quirk.get('id'))}{_releases(quirk)}"
    covers = quirk.get("covers")
    if covers is not None and covers != "all":
        sentence += f", which covers part of it: {words.plain(covers)}"
    active = quirk.get("active")
    if active is True:
        return f"{sentence}; it was at work in this run"
    idle = "it was not at work in this run" if active is False else "whether it was at work is not known"
    why = f": {words.plain(quirk['why_not'])}" if quirk.get("why_not") else ""
    return f"{sentence}; {idle}{why}"


def _releases(quirk: dict[str, Any]) -> str:
    first, last = quirk.get("qemu_from"), quirk.get("qemu_to")
    if first is None:
        return " (proposed, never part of a release)" if "qemu_from" in quirk else ""
    until = "and later" if last is None else "only" if last == first else f"to {words.plain(last)}"
    return f" ({words.plain(first)} {until})"


def trap_cost(cost: dict[str, Any] | None) -> str:
    """A sentence from `Finding.cost`; empty where it is not known.

    Keys used: `accesses`, `door_accesses`, `page_count`, `accesses_per_second`, `always_trapped`, `lower_bound`.
    """
    if not cost:
        return ""
    accesses, door = words.number(cost.get("accesses")), words.number(cost.get("door_accesses"))
    if accesses is None:
        return words.plain(cost)
    least = "at least " if cost.get("lower_bound") is True else ""
    shown = f"{least}{words.count(accesses, 'access', 'accesses')} of this trace"
    pages = words.number(cost.get("page_count"))
    shown += f" on {words.count(pages, 'page')}" if pages else ""
    shown += f", {door} of them at the door itself" if door is not None else ""
    rate = cost.get("accesses_per_second")
    shown += f", {words.plain(rate)} per second" if rate else ""
    if cost.get("always_trapped") is True:
        return f"nothing more, these accesses are trapped anyway: {shown}"
    return f"trapping it would catch {shown}"
