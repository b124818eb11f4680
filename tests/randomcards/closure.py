"""What follows from true statements: the same door seen through an alias, a mirror reached through a window."""

from collections.abc import Iterator

from .features import Entry
from .hardware import Card

Entries = list[Entry]
STRONGEST = ("required", "wanted", "allowed")


def close(card: Card, entries: Entries) -> Entries:
    """Add what follows, and say every window, sink and all else once."""
    fixed = [e for e in entries if not e["door"].startswith("paged-window")]
    aliases = [e for e in fixed if e["kind"] == "bar-alias"]
    mirrors = [e for e in entries if e["kind"] == "config-mirror" and not e.get("function")]
    derived = [d for e in entries for alias in aliases for d in through_alias(e, alias)]
    mirrors += [e for e in derived if e["kind"] == "config-mirror"]
    merged = merge([*entries, *derived])
    for window in [e for e in merged if e["kind"] == "window"]:
        window["targets"] += list(indirect_targets(card, window, mirrors, aliases))
        unique: dict[tuple[object, ...], Entry] = {}
        for target in window["targets"]:
            kept = unique.setdefault(_target_key(target), {**target})
            kept["required"] = kept["required"] or target["required"]
        window["targets"] = list(unique.values())
    pairs = [e for e in merged if e["kind"] == "window" and not e["door"].startswith("paged-window")]
    return [*merged, *(part for e in pairs for part in parts_of_data(e, merged))]


def _target_key(target: Entry) -> tuple[object, ...]:
    return tuple(target.get(k) for k in ("space", "match", "mask", "base", "scale", "ignored"))


def _merge_key(entry: Entry) -> tuple[object, ...]:
    kind = entry["kind"]
    if kind == "window":
        return (kind, entry["region"], entry["address"]["offset"], entry["data"]["offset"])
    if kind == "address-leak":
        return (kind, entry["region"], entry["offset"] & ~3, entry["bar"])
    names = {
        "config-mirror": ("region", "offset", "size", "config_offset"),
        "bar-alias": ("region", "offset", "size", "target_region", "target_offset"),
        "paged-window": ("region", "offset"),
        "address-sink": ("region", "what"),
        "host-address-access": ("bar", "space"),
        "identity-mapped-bar": ("bar",),
        "address-collision": ("guest_bar", "host_bar"),
    }[kind]
    return (kind, *(entry[n] for n in names))


def merge(entries: Entries) -> Entries:
    """One entry for one thing, at the strongest level anybody gave it."""
    kept: dict[tuple[object, ...], Entry] = {}
    for entry in entries:
        key = _merge_key(entry)
        first = kept.setdefault(key, entry)
        if first is entry:
            continue
        if first["kind"] == "window":
            first["targets"] = [*first["targets"], *entry["targets"]]
        elif first["kind"] == "address-sink":
            first["sites"] = sorted({*first["sites"], *entry["sites"]})
        if STRONGEST.index(entry["level"]) < STRONGEST.index(first["level"]):
            first["level"], first["door"] = entry["level"], entry["door"]
    return list(kept.values())


def through_alias(entry: Entry, alias: Entry) -> Iterator[Entry]:
    """The same thing at the other end of an alias, both ways."""
    ends = (
        (alias["target_region"], alias["target_offset"], alias["region"], alias["offset"]),
        (alias["region"], alias["offset"], alias["target_region"], alias["target_offset"]),
    )
    for region, start, other, other_start in ends:
        shift = other_start - start

        def inside(offset: int, length: int, start: int = start) -> bool:
            return start <= offset and offset + length <= start + alias["size"]

        if entry.get("region") != region:
            continue
        if entry["kind"] == "window" and inside(entry["address"]["offset"], 1) and inside(entry["data"]["offset"], 1):
            yield {
                **entry, "region": other, "level": "allowed",
                "address": {**entry["address"], "offset": entry["address"]["offset"] + shift},
                "data": {**entry["data"], "offset": entry["data"]["offset"] + shift},
                "targets": [{**t, "required": False} for t in entry["targets"]],
            }  # fmt: skip
        elif entry["kind"] in ("config-mirror", "address-leak") and inside(entry["offset"], entry.get("size") or 4):
            yield {**entry, "region": other, "offset": entry["offset"] + shift, "level": "allowed"}


def indirect_targets(card: Card, window: Entry, mirrors: Entries, aliases: Entries) -> Iterator[Entry]:
    """Spaces a window reaches through the BAR it opens onto."""
    for target in window["targets"]:
        if target["space"] == "config" and target["scale"] == 1 and not target["required"]:
            yield from same_as_mirror(target, mirrors)
        if target["scale"] != 1 or not target["space"].startswith("bar"):
            continue
        stretches = [(m["region"], m["offset"], m["size"], "config", m["config_offset"]) for m in mirrors]
        for a in aliases:
            stretches.append((a["region"], a["offset"], a["size"], a["target_region"], a["target_offset"]))
            stretches.append((a["target_region"], a["target_offset"], a["size"], a["region"], a["offset"]))
        if card.table_bar is not None:
            length = 16 * card.table_entries
            stretches.append((f"bar{card.table_bar}", card.table_offset, length, "msix-table", 0))
        for region, offset, size, space, at in stretches:
            if region == target["space"] and target["base"] <= offset <= target["base"] + target["mask"]:
                yield {
                    "match": target["match"] + offset - target["base"], "mask": max(size - 1, 0xFF), "base": at,
                    "space": space, "scale": 1, "ignored": target["ignored"], "required": False,
                }  # fmt: skip


def same_as_mirror(target: Entry, mirrors: Entries) -> Iterator[Entry]:
    """Where nothing proves config space, a window onto it cannot be told from one onto a BAR's copy of it."""
    for mirror in mirrors:
        shift = mirror["config_offset"] - target["base"]
        if 0 <= shift <= target["mask"]:
            yield {
                **target, "match": target["match"] + shift, "mask": max(mirror["size"] - 1, 0xFF),
                "space": mirror["region"], "base": mirror["offset"],
            }  # fmt: skip


def parts_of_data(window: Entry, merged: Entries) -> Iterator[Entry]:
    """Bytes of the data register seen as registers of their own."""
    taken = {_merge_key(e) for e in merged}
    if window["data"]["size"] != 4 or window["address"]["offset"] == window["data"]["offset"]:
        return
    for k in (1, 2, 3):
        part = {
            **window, "level": "allowed", "data": {"offset": window["data"]["offset"] + k, "size": 1},
            "targets": [{**t, "base": t["base"] + k, "required": False} for t in window["targets"]],
        }  # fmt: skip
        if _merge_key(part) not in taken:
            yield part
