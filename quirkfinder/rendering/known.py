"""Whether QEMU has a quirk for a finding, and what trapping would cost, in sentences."""

from typing import Any

from quirkfinder.rendering import words


def known_quirk(quirk: dict[str, Any] | None) -> str:
    """Empty where no quirk is known. Keys with a sentence of their own: `name` or `id`, `active`, `why` or `reason`."""
    if not quirk:
        return ""
    name = quirk.get("name") or quirk.get("id") or "a quirk"
    active = quirk.get("active")
    state = "was active in this run" if active is True else "was not active in this run" if active is False else ""
    why = quirk.get("why") or quirk.get("reason")
    rest = {key: value for key, value in quirk.items() if key not in ("name", "id", "active", "why", "reason")}
    sentence = f"QEMU has {words.plain(name)} for it"
    sentence += f", which {state}" if state else ""
    sentence += f": {words.plain(why)}" if why else ""
    return f"{sentence} ({words.plain(rest)})" if rest else sentence


def trap_cost(cost: dict[str, Any] | None) -> str:
    """Empty where it is not known. Keys with a sentence of their own: `accesses`, `of`, `pages`."""
    if not cost:
        return ""
    accesses, total = words.number(cost.get("accesses")), words.number(cost.get("of"))
    if accesses is None:
        return words.plain(cost)
    share = f" of {words.count(total, 'access', 'accesses')}" if total else ""
    where = ", ".join(words.place(p.get("region"), p.get("offset")) for p in words.objects(cost.get("pages")))
    pages = f" on the pages at {where}" if where else ""
    rest = {key: value for key, value in cost.items() if key not in ("accesses", "of", "pages")}
    number = words.count(accesses, "access", "accesses") if not share else str(accesses)
    return f"trapping it would catch {number}{share} in this trace{pages}" + (f" ({words.plain(rest)})" if rest else "")
