"""One finding of the contract into the quirk it asks for. The shapes of `parameters` are those of findings version 1.

`handshake` of a window is a list of objects, in the order of the accesses:

- `access`: "read" or "write"; `offset` (hex) or `register` ("address" or "data") says where, `size` in bytes;
- `value`: hex for a key, or the word "address" or "data";
- `role`: "key", "address", "data", which the value tells as well, or "status" (a read of the address register until
  the bits of `mask` hold `value`: the completion flag);
- `value` and `mask` on an address step are the command bits that the address word carries;
- `for`: "read" (where left out) or "write", which of the two sequences the step belongs to.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from quirkfinder.definition.model import (
    DWORD,
    Condition,
    Evidence,
    Leak,
    Mirror,
    Sink,
    Step,
    Strobe,
    Window,
    WindowMatch,
)

Json = Mapping[str, Any]
#: example lines that a definition keeps
MOST_LINES = 6
#: offsets in the config space of a conventional device
_HEADER = 0xFF
#: other values that a register of an address may tell, such as a zero while it is switched off
_MOST_OTHER_VALUES = 2
#: bits of an address that tell the bytes of a dword apart
_BYTE = 0x3


class Untranslatable(ValueError):  # noqa: N818 - named for the outcome it stands for
    """A finding that no quirk of ours can express; the text says why."""


def integer(value: object) -> int | None:
    """A number of the contract ("0x4010" or 16400); None for null."""
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            raise Untranslatable(f"{ascii(value)[:40]} is not a number") from None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(table: object, key: str, default: int | None = None) -> int:
    value = integer(table.get(key)) if isinstance(table, Mapping) else None
    if value is None:
        value = default
    if value is None:
        raise Untranslatable(f"'{key}' is not a number")
    return value


def _bar(region: object) -> int:
    if isinstance(region, str) and region.startswith("bar") and region[3:] in "012345" and len(region) == 4:
        return int(region[3])
    if region == "config":
        raise Untranslatable("the registers are in config space, where no quirk of a BAR sees them")
    raise Untranslatable(f"region {ascii(region)[:20]} is no BAR")


def _place(region: object) -> tuple[int | None, bool]:
    return (None, True) if region == "vga" else (_bar(region), False)


def _evidence(finding: Json) -> Evidence:
    lines = [str(line["text"]) for line in finding["evidence"] if line.get("text")]
    return Evidence(
        finding=plain(finding["id"]),
        verdict=finding["verdict"] if finding["verdict"] in ("confirmed", "likely") else "",
        confidence=float(min(1, max(0, finding["confidence"]))),
        count=max(0, int(finding["evidence_count"])),
        lines=tuple(plain(line) for line in lines[:MOST_LINES]),
        not_seen=(plain(finding["doubt"]),) if finding.get("doubt") else (),
    )


def plain(text: str) -> str:
    """Text without lone surrogates, which no file format of ours can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _window(finding: Json, _: Json) -> tuple[Window, ...]:
    given = finding["parameters"]
    bar, vga = _place(given["region"])
    if given.get("data_region", given["region"]) != given["region"]:
        raise Untranslatable("address and data register are in different regions")
    _refuse_window(given)
    address, data = given["address"], given["data"]
    offset = _number(address, "offset")
    where = {"address": offset, "data": _number(data, "offset")}
    handshake = [step for step in given.get("handshake") or () if isinstance(step, Mapping)]
    strobe = _strobe(handshake, where)
    sub_offset = _number(data, "size") > 4
    return (
        Window(
            name=f"{given['region']}-{offset:x}-window",
            address_offset=offset,
            data_offset=where["data"],
            matches=_matches(given["targets"], strobe),
            bar=bar,
            vga=vga,
            address_size=_number(address, "size"),
            data_size=_number(data, "size"),
            sub_offset=bool(given.get("sub_offset", sub_offset)),
            increment=_number(given, "increment", 0),
            enable=tuple(_condition(c) for c in given.get("enable") or ()),
            strobe=strobe,
            read_steps=() if strobe else _steps(handshake, "read", where),
            write_steps=() if strobe else _steps(handshake, "write", where),
            evidence=_evidence(finding),
        ),
    )


def _refuse_window(given: Json) -> None:
    """A definition says of a window that an address is in force for every later access to the data register."""
    if given.get("delay"):
        raise Untranslatable("a read gives what the read before it asked for, which a definition cannot say")
    if given.get("way"):
        raise Untranslatable("reads and writes have an address register each, which a definition cannot say")
    if given.get("write_flag"):
        raise Untranslatable("a bit of the address makes it a command to write, which a definition cannot say")
    if given.get("increment") and given.get("increment_on", "access") != "access":
        raise Untranslatable("only some accesses to the data register move the address on")


def _matches(targets: Iterable[Json], strobe: Strobe | None) -> tuple[WindowMatch, ...]:
    flag = strobe.mask if strobe else 0
    found: dict[tuple[Any, ...], WindowMatch] = {}
    for target in targets:
        if target["space"] == "unknown":
            continue
        ignored = _number(target, "ignored", 0) & ~flag
        mask = _number(target, "mask") & ~flag & ~ignored
        match = _number(target, "match") & ~flag & ~ignored
        if max(mask, match) > DWORD:
            raise Untranslatable("the address value of a target has more than 32 bits")
        select = _condition(target["select"]) if target.get("select") else None
        base, scale = _number(target, "base"), _number(target, "scale", 1)
        found.setdefault((match, mask, select), WindowMatch(match, mask, target["space"], base, scale, ignored, select))
    if not found:
        raise Untranslatable("no target of the window is known")
    matches = list(found.values())
    if not any(match.match & _BYTE for match in matches):
        matches = [_with_byte_bits(match) for match in matches]
    wide = [_widened(match, [other for other in matches if other is not match]) for match in matches]
    # The narrower target first: it is an exception to the wider one.
    return tuple(sorted(wide, key=lambda m: (m.mask | m.ignored).bit_count()))


def _with_byte_bits(match: WindowMatch) -> WindowMatch:
    """The bits below a dword as part of the offset, where no target uses them to tell itself from another."""
    free = match.scale == 1 and match.mask & (_BYTE + 1) and not match.ignored & _BYTE
    return replace(match, mask=match.mask | _BYTE) if free else match


def _widened(match: WindowMatch, others: Iterable[WindowMatch]) -> WindowMatch:
    """All of the first 256 bytes of config space where a trace showed some of them.

    A window that shows a few registers of config space shows its neighbours as well: a quirk that answers only for
    those that one driver happened to read is of no use to the next.  It may stay an exception to a wider target, but
    is not widened into one beside it.
    """
    wide = replace(match, mask=match.mask | _HEADER)
    fits = match.space == "config" and match.scale == 1 and not (match.match | match.ignored | match.base) & _HEADER
    free = wide.mask | wide.ignored
    clash = any(
        (wide.match ^ o.match) & ~(free | o.mask | o.ignored) == 0 and free & ~(o.mask | o.ignored) for o in others
    )
    return wide if fits and not clash else match


def _condition(table: object) -> Condition:
    mask = _number(table, "mask", DWORD)
    return Condition(_number(table, "offset"), _number(table, "value"), mask, _number(table, "size", 4))


def _where(step: Json, registers: Mapping[str, int]) -> int:
    register = str(step.get("register"))
    return registers[register] if register in registers else _number(step, "offset")


def _role(step: Json) -> str:
    role = step.get("role")
    return str(role if role is not None else step["value"] if step.get("value") in ("address", "data") else "key")


def _strobe(handshake: Iterable[Json], registers: Mapping[str, int]) -> Strobe | None:
    """The command and completion flag of the address register, from the status and address steps."""
    commands: dict[str, int] = {}
    done: dict[str, int] = {}
    mask = 0
    for step in handshake:
        sequence = str(step.get("for", "read"))
        if _role(step) == "status":
            if _where(step, registers) != registers["address"]:
                raise Untranslatable("the completion flag is not in the address register")
            mask |= _number(step, "mask")
            done[sequence] = _number(step, "value")
        elif _role(step) == "address" and step.get("mask") is not None:
            commands[sequence] = _number(step, "value", 0) & _number(step, "mask")
    if not mask:
        return None
    read = commands.get("read", mask & ~done.get("read", 0))
    write = commands.get("write", mask & ~done["write"] if "write" in done else None)
    return Strobe(mask, read, write, done.get("read"), done.get("write"))


def _steps(handshake: Iterable[Json], sequence: str, registers: Mapping[str, int]) -> tuple[Step, ...]:
    steps = []
    for step in handshake:
        if step.get("for", "read") != sequence:
            continue
        role, access = _role(step), str(step.get("access", "write"))
        if role not in ("key", "address", "data") or access not in ("read", "write"):
            raise Untranslatable(f"a step of the handshake is not understood: {ascii(role)[:20]}")
        value = _number(step, "value") if role == "key" else None
        mask = _number(step, "mask", DWORD) if role == "key" else DWORD
        steps.append(Step(access, _where(step, registers), role, _number(step, "size", 4), value, mask))
    return tuple(steps)


def _mirror(finding: Json, _: Json) -> tuple[Mirror, ...]:
    given = finding["parameters"]
    offset = _number(given, "offset")
    if given.get("select"):
        raise Untranslatable("config space is one of several pages there, and a register chooses it")
    return (
        Mirror(
            name=f"{given['region']}-{offset:x}-mirror",
            bar=_bar(given["region"]),
            offset=offset,
            size=_number(given, "size"),
            config_offset=_number(given, "config_offset"),
            function=plain(given["function"]) if given.get("function") else None,
            evidence=_evidence(finding),
        ),
    )


def _leak(finding: Json, _: Json) -> tuple[Leak, ...]:
    given = finding["parameters"]
    bar, vga = _place(given["region"])
    offset = _number(given, "offset")
    if "index" in given or "entries" in given or given.get("other_values", 0) > _MOST_OTHER_VALUES:
        raise Untranslatable("the register tells other things as well, which a quirk for one address would replace")
    if integer(given.get("distance")) or given.get("byte_order") == "big":
        raise Untranslatable("the register tells the address in a form of its own, and a quirk would give another")
    return (
        Leak(
            name=f"{given['region']}-{offset:x}-leak",
            offset=offset,
            size=_number(given, "size"),
            target_bar=_number(given, "bar"),
            bar=bar,
            vga=vga,
            shift=_number(given, "shift"),
            mask=integer(given.get("mask")),
            evidence=_evidence(finding),
        ),
    )


def _sink(finding: Json, _: Json) -> tuple[Sink, ...]:
    given = finding["parameters"]
    sites = tuple(sorted(_number({"site": site}, "site") for site in given["sites"]))
    if not sites:
        raise Untranslatable("no register of the sink is named")
    return (
        Sink(
            name=f"{given['region']}-{sites[0]:x}-{given['what']}",
            bar=_bar(given["region"]),
            what=given["what"],
            sites=sites,
            size=_number(given, "size", 4),
            target_bar=_number(given, "bar") if given["what"] == "guest-bar" else None,
            evidence=_evidence(finding),
        ),
    )


#: how each kind of finding becomes quirks; kinds that are not here ask for none
mechanism_of: dict[str, Callable[[Json, Json], tuple[Window | Mirror | Leak | Sink, ...]]] = {
    "window": _window,
    "config-mirror": _mirror,
    "address-leak": _leak,
    "address-sink": _sink,
}
