"""Findings in words, a few lines each: all that identifies a claim, and nothing that only explains it."""

from collections.abc import Callable
from typing import Any

from quirkfinder.findings import Finding

_DOORS = ("window", "config-mirror", "address-leak")


def words_of(finding: Finding) -> str:
    """The first line names the claim, deeper indented ones its targets, enables and steps, sorted."""
    lines = _WORDS[finding.kind](finding.parameters)
    quirk = " (no quirk)" if finding.kind in _DOORS and not finding.needs_quirk else ""
    return "\n    ".join([f"{finding.verdict} {finding.kind} {lines[0]}{quirk}", *sorted(lines[1:])])


def _place(p: Any, name: str, region: str | None = None) -> str:  # noqa: ANN401  # JSON
    return f"{region or p['region']}+{p[name]['offset']}[{p[name]['size']}]"


def _window(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    head = f"{_place(p, 'address')} {_place(p, 'data', p.get('data_region'))}"
    head += f" high +{p['address_high']['offset']}" if "address_high" in p else ""
    head += f" increment {p['increment']} on {p['increment_on']}" if p.get("increment") else ""
    head += f" for {p['way']}s" if p.get("way") else ""
    head += " late" if p.get("delay") else ""
    head += " then command" if p.get("commit") else ""
    head += f" flagged {p['write_flag']}" if p.get("write_flag") else ""
    lines = [head]
    for t in p["targets"]:
        scale = f" scale {t['scale']}" if t.get("scale", 1) != 1 else ""
        select = f" when +{t['select']['offset']} is {t['select']['value']}" if "select" in t else ""
        lines.append(f"{t['space']} match {t['match']} mask {t['mask']} base {t['base']}{scale}{select}")
    lines += [f"enable +{e['offset']} is {e['value']}" for e in p.get("enable", ())]
    if "handshake" in p:
        steps = (f"{s['access'][0].upper()}+{s['offset']} {s['value']}" for s in p["handshake"])
        lines.append("handshake " + ", ".join(steps))
    return lines


def _mirror(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    of = f" of {p['function']}" if p["function"] else ""
    s = p.get("select")
    when = f" when {s['region']}+{s['offset']} is {s['value']}" if s else ""
    return [f"{p['region']}+{p['offset']} size {p['size']} is config+{p['config_offset']}{of}{when}"]


def _alias(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    return [f"{p['region']}+{p['offset']} size {p['size']} is {p['target_region']}+{p['target_offset']}"]


def _paged(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    bank = f"{p['bank']['region']}+{p['bank']['offset']}" + (f" & {p['mask']}" if "mask" in p else "")
    return [f"{p['region']}+{p['offset']} size {p['size']} is {p['target_region']} at {bank} << {p['shift']}"]


def _leak(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    shift = f" >> {p['shift']}" if p["shift"] else ""
    what = f"memory at {p['memory']}" if p["bar"] is None else f"bar{p['bar']}"
    order = " big-endian" if p.get("byte_order") == "big" else ""
    return [f"{p['region']}+{p['offset']}[{p['size']}] is {what}{shift}{order}"]


def _sink(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    of = f" bar{p['bar']}" if "bar" in p else ""
    shift = f" >> {p['shift']}" if p.get("shift") else ""
    return [f"{p['region']} {p['what']}{of}{shift} at {' '.join(p['sites'])}"]


def _stray(p: Any) -> list[str]:  # noqa: ANN401  # JSON
    source = p["source"].split("/") if p["source"] else []
    through = f" through {source[0]} {source[2]}" if source else ""
    counts = f"{p['reads']} reads {p['writes']} writes"
    where = f"{p['first_address']}-{p['last_address']}"
    return [f"bar{p['bar']} {p['space']} {counts} {where}{through or _provenance(p)}"]


def _provenance(p: Any) -> str:  # noqa: ANN401  # JSON
    told = p["provenance"]
    return "" if told is None else f" {'written to' if told['written'] else 'told by'} {told['place']}"


_WORDS: dict[str, Callable[[Any], list[str]]] = {
    "window": _window,
    "config-mirror": _mirror,
    "bar-alias": _alias,
    "paged-window": _paged,
    "address-leak": _leak,
    "address-sink": _sink,
    "host-address-access": _stray,
    "identity-mapped-bar": lambda p: [f"bar{p['bar']} at {p['address']}"],
    "address-collision": lambda p: [f"guest bar{p['guest_bar']} on host bar{p['host_bar']} at {p['address']}"],
    "unassigned-access": lambda p: [f"{p['count']} at {p['first_address']}-{p['last_address']}{_provenance(p)}"],
    "indexed-registers": lambda p: [f"{_place(p, 'address')} {_place(p, 'data')}"],
}
