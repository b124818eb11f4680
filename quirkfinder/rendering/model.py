"""What a finding's parameters mean, in sentences: the model a reader can check against the lines."""

from collections.abc import Callable
from typing import Any

from quirkfinder.findings.document import Finding
from quirkfinder.rendering import words
from quirkfinder.rendering.rules import condition_words, provenance_words, step_words, target_sentence

Parameters = dict[str, Any]


def model(finding: Finding) -> list[str]:
    """The parameters of the finding as sentences, without a full stop; every key that has no sentence is listed."""
    used, describe = _DESCRIBE.get(finding.kind, ((), _nothing))
    used = (*used, "leaks")
    rest = [f"{key}: {words.plain(value)}" for key, value in finding.parameters.items() if key not in used]
    leaks = [_leak(leak) for leak in words.objects(finding.parameters.get("leaks"))]
    return describe(finding.parameters) + leaks + rest


def _leak(leak: Parameters) -> str:
    """Where a host address that the finding tells ends when the guest uses it."""
    lands = words.plain(leak.get("lands_on"))
    ends = {
        "itself": "the same BAR in this guest, by accident",
        "nothing": "nothing in this guest",
        "unknown": "what this guest has there is not known",
        "ram": "RAM in this guest",
    }
    told = f"it tells the host address of {words.bar(leak.get('bar'))}, {words.plain(leak.get('host'))}"
    return f"{told}: {ends.get(lands, words.region(lands) + ' in this guest')}"


def _register(region: object, register: object) -> str:
    if not isinstance(register, dict):
        return words.plain(register)
    return f"{words.place(region, register.get('offset'))}, {words.octets(register.get('size'))}"


def _indexed(p: Parameters) -> list[str]:
    region = p.get("region")
    sentences = [f"address register: {_register(region, p.get('address'))}"]
    if "address_high" in p:
        sentences = [f"{sentences[0]}, the upper half of it at {_register(region, p['address_high'])}"]
    return [*sentences, f"data register: {_register(p.get('data_region', region), p.get('data'))}"]


def _window(p: Parameters) -> list[str]:
    region = p.get("region")
    sentences = _indexed(p) + [target_sentence(region, target) for target in words.objects(p.get("targets"))]
    sentences += [f"open only while {condition_words(region, c)}" for c in words.objects(p.get("enable"))]
    if p.get("increment"):
        which = {"read": "every read of", "write": "every write to"}
        each = which.get(words.plain(p.get("increment_on")), "every access to")
        sentences.append(f"{each} the data register moves the address on by {words.plain(p['increment'])}")
    if p.get("delay"):
        sentences.append(f"the answer comes {words.count(words.number(p['delay']) or 1, 'read')} late")
    if p.get("commit") == "address":
        sentences.append("the address is written last and starts the transfer")
    if p.get("write_flag"):
        sentences.append(f"an address with {words.plain(p['write_flag'])} set is a command to write, no other address")
    if p.get("way") in ("read", "write"):
        other = "writes" if p["way"] == "read" else "reads"
        sentences.append(f"this is the address of {p['way']}s alone; {other} have an address register of their own")
    handshake = p.get("handshake")
    if isinstance(handshake, list):
        sentences += [f"step {i}: {step_words(step)}" for i, step in enumerate(handshake, start=1)]
    return sentences


def _config_mirror(p: Parameters) -> list[str]:
    whose = f" of {words.plain(p['function'])}" if p.get("function") is not None else ""
    here = words.place(p.get("region"), p.get("offset"))
    shown = f"{here} shows {words.octets(p.get('size'))} of config space{whose}"
    when = _selected(p)
    return [f"{shown} from {words.plain(p.get('config_offset'))} on{when}"]


def _selected(p: Parameters) -> str:
    """While which register holds what, where a page register has to choose config space; else nothing."""
    select = p.get("select")
    if not isinstance(select, dict):
        return ""
    register = words.place(select.get("region", p.get("region")), select.get("offset"))
    return f", while {register} is {words.plain(select.get('value'))} in the bits {words.plain(select.get('mask'))}"


def _bar_alias(p: Parameters) -> list[str]:
    here = words.place(p.get("region"), p.get("offset"))
    there = words.place(p.get("target_region"), p.get("target_offset"))
    return [f"{here} and {there} are the same {words.octets(p.get('size'))}"]


def _paged_window(p: Parameters) -> list[str]:
    bank = p.get("bank")
    region = p.get("region")
    where = _register(bank.get("region", region), bank) if isinstance(bank, dict) else words.place(region, bank)
    here = f"{words.place(region, p.get('offset'))}, {words.octets(p.get('size'))}"
    bits = f"(bank & {words.plain(p['mask'])})" if "mask" in p else "bank"
    shift = words.number(p.get("shift"))
    step = f">> {-shift}" if shift is not None and shift < 0 else f"<< {words.plain(p.get('shift'))}"
    return [
        f"bank register: {where}",
        f"{here}, shows {words.region(p.get('target_region'))} at ({bits} {step})",
    ]


def _address_leak(p: Parameters) -> list[str]:
    shift, length = words.number(p.get("shift")), words.number(p.get("size"))
    told = f"the host address of {words.bar(p.get('bar'))}"
    if p.get("distance"):
        told = f"an address {words.plain(p['distance'])} behind {told}"
    if shift is not None and length is not None and (shift or length < 4):
        told = f"bits {shift + 8 * length - 1}:{shift} of {told}"
    if p.get("byte_order") == "big":
        told += ", most significant byte first"
    if p.get("mask") is not None:
        told += f", in the bits {words.plain(p['mask'])}"
    here = words.place(p.get("region"), p.get("offset"))
    sentences = [f"a read of {here}, {words.octets(p.get('size'))}, is {told}{_under(p)}"]
    if (others := words.number(p.get("other_values"))) is not None:
        sentences.append(f"at other times it gave {words.count(others, 'other value')}")
    if (entries := words.number(p.get("entries"))) is not None:
        sentences.append(f"it is the first of a table of {words.count(entries, 'address', 'addresses')}")
    return sentences


def _under(p: Parameters) -> str:
    """While which index register holds what, where the address is one of several things told there; else nothing."""
    index = p.get("index")
    if not isinstance(index, dict):
        return ""
    register = words.place(index.get("region", p.get("region")), index.get("offset"))
    return f", while {register} is {words.plain(index.get('value'))}"


def _address_sink(p: Parameters) -> list[str]:
    taken = {
        "msi-address": "its MSI message address",
        "msi-data": "its MSI message data",
        "guest-bar": "the guest address of a BAR",
    }.get(words.plain(p.get("what")), words.plain(p.get("what")))
    sites = p.get("sites")
    listed = ", ".join(words.plain(site) for site in sites[:8]) if isinstance(sites, list) else words.plain(sites)
    more = f" and {len(sites) - 8} more" if isinstance(sites, list) and len(sites) > 8 else ""
    if p.get("bar") is not None:
        taken = taken.replace("a BAR", words.bar(p["bar"]))
    value = p.get("address", p.get("data"))
    told = f", {words.plain(value)}," if value is not None else ""
    unit = f" in units of {words.size(1 << shift)}" if (shift := words.number(p.get("shift"))) and shift < 64 else ""
    sentences = [f"the guest writes {taken}{told} to {words.region(p.get('region'))} at {listed}{more}{unit}"]
    if p.get("data_distance"):
        sentences.append(f"the message data follows {words.octets(p['data_distance'])} behind the address")
    return sentences


def _host_address_access(p: Parameters) -> list[str]:
    counts = [
        words.plain(p.get(key)) + f" {key}" if number is None else words.count(number, key.removesuffix("s"))
        for key in ("reads", "writes")
        for number in (words.number(p.get(key)),)
    ]
    first, last = words.plain(p.get("first_address")), words.plain(p.get("last_address"))
    kind = "port" if p.get("space") == "io" else "address"
    span = f"{kind} {first}" if first == last else f"{kind}{'s' if kind == 'port' else 'es'} {first} to {last}"
    sentences = [f"{' and '.join(counts)} at {span}, where {words.bar(p.get('bar'))} is on the host"]
    if p.get("source") is not None:
        sentences.append(f"the guest learnt the address through {words.plain(p['source'])}")
    return sentences + provenance_words(p.get("provenance"))


def _unassigned(p: Parameters) -> list[str]:
    first, last = words.plain(p.get("first_address")), words.plain(p.get("last_address"))
    count = words.number(p.get("count"))
    number = f"{words.plain(p.get('count'))} accesses" if count is None else words.count(count, "access", "accesses")
    span = first if first == last else f"{first} to {last}"
    return [f"{number} to {span}, where the guest has nothing", *provenance_words(p.get("provenance"))]


def _identity(p: Parameters) -> list[str]:
    at = words.plain(p.get("address"))
    return [f"{words.bar(p.get('bar'))} is at {at} on the host and in the guest"]


def _collision(p: Parameters) -> list[str]:
    guest, host = words.bar(p.get("guest_bar")), words.bar(p.get("host_bar"))
    return [f"at {words.plain(p.get('address'))} the guest has {guest} and the host has {host}"]


def _nothing(_: Parameters) -> list[str]:
    return []


_INDEXED = ("region", "address", "address_high", "data", "data_region")
_DESCRIBE: dict[str, tuple[tuple[str, ...], Callable[[Parameters], list[str]]]] = {
    "window": (
        (
            *_INDEXED,
            "targets",
            "enable",
            "increment",
            "increment_on",
            "delay",
            "handshake",
            "commit",
            "way",
            "write_flag",
        ),
        _window,
    ),
    "config-mirror": (("region", "offset", "size", "config_offset", "function", "select"), _config_mirror),
    "bar-alias": (("region", "offset", "size", "target_region", "target_offset"), _bar_alias),
    "paged-window": (("region", "bank", "offset", "size", "mask", "shift", "target_region"), _paged_window),
    "address-leak": (
        (
            "region",
            "offset",
            "size",
            "bar",
            "shift",
            "byte_order",
            "mask",
            "distance",
            "index",
            "other_values",
            "entries",
        ),
        _address_leak,
    ),
    "address-sink": (
        ("region", "what", "sites", "bar", "address", "data", "shift", "data_distance"),
        _address_sink,
    ),
    "host-address-access": (
        ("bar", "space", "reads", "writes", "first_address", "last_address", "source", "provenance"),
        _host_address_access,
    ),
    "identity-mapped-bar": (("bar", "address", "size"), _identity),
    "address-collision": (("guest_bar", "host_bar", "address"), _collision),
    "indexed-registers": (_INDEXED, _indexed),
    "unassigned-access": (("first_address", "last_address", "count", "provenance"), _unassigned),
}
