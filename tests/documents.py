"""Findings documents for tests: hypothesis strategies over everything the contract allows."""

import json
from pathlib import Path
from typing import Any, get_args

from hypothesis import strategies as st

from quirkfinder.findings.document import Findings, Kind, Role, Verdict

Json = Any  # what `json.loads` returns
DATA = Path(__file__).parent / "rendering" / "data"

#: Text as a hostile log has it: escapes, bidirectional controls, markup of every renderer, lone surrogates.
hostile_fragments = st.sampled_from(
    [
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x9b2J",
        "\r",
        "\n",
        "\u202e",
        "\u2066",
        "\u200f",
        "\ufeff",
        "\u2028",
        "\udc80",
        "\x7f",
        "</script><script>alert(1)</script>",
        "-->",
        "]]>",
        "*/",
        "${x}",
        "{{ x }}",
        "{% x %}",
        "[bold]",
        "[/]",
        ":smile:",
        "`",
        "```",
        "~~~",
        "|",
        "*_#",
        "![x](http://x)",
        "@everyone",
        "<img src=x onerror=alert(1)>",
        "&amp;",
        '"',
        "'",
        "\\",
        "C:\\x",
        "name",
        "0x4010",
        " ",
    ]
)
texts = st.lists(hostile_fragments, max_size=4).map("".join)
numbers = st.integers(0, 2**64 - 1)
hexes = numbers.map(hex)
maybe_hex = st.none() | hexes
regions = st.sampled_from(["bar0", "bar1", "bar2", "bar3", "bar4", "bar5", "rom", "config", "vga"])
spaces = st.sampled_from(["bar0", "bar5", "config", "msix-table", "unknown"])
registers = st.fixed_dictionaries({"offset": hexes, "size": st.integers(1, 8)})
condition = st.fixed_dictionaries({"offset": hexes, "value": hexes, "mask": hexes})
bars = st.integers(0, 6)
anything = st.none() | st.booleans() | st.integers(-5, 5) | texts | st.lists(texts, max_size=2)
targets = st.fixed_dictionaries(
    {"match": hexes, "mask": hexes, "space": spaces, "base": hexes},
    optional={"scale": st.integers(1, 16), "select": condition},
)

PARAMETERS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "window": st.fixed_dictionaries(
        {
            "region": regions,
            "address": registers,
            "data": registers,
            "targets": st.lists(targets, min_size=1, max_size=2),
        },
        optional={
            "enable": st.lists(condition, max_size=2),
            "increment": st.integers(0, 8),
            "handshake": st.lists(texts | condition, max_size=2),
        },
    ),
    "config-mirror": st.fixed_dictionaries(
        {"region": regions, "offset": hexes, "size": hexes, "config_offset": hexes},
        optional={"function": st.none() | texts},
    ),
    "bar-alias": st.fixed_dictionaries(
        {"region": regions, "offset": hexes, "size": hexes, "target_region": regions, "target_offset": hexes}
    ),
    "paged-window": st.fixed_dictionaries(
        {
            "region": regions,
            "bank": registers,
            "offset": hexes,
            "size": hexes,
            "shift": st.integers(0, 32),
            "target_region": regions,
        }
    ),
    "address-leak": st.fixed_dictionaries(
        {"region": regions, "offset": hexes, "size": st.integers(1, 8), "bar": bars, "shift": st.integers(0, 32)}
    ),
    "address-sink": st.fixed_dictionaries(
        {
            "region": regions,
            "what": st.sampled_from(["msi-address", "msi-data", "guest-bar"]),
            "sites": st.lists(hexes, max_size=3),
        }
    ),
    "host-address-access": st.fixed_dictionaries(
        {
            "bar": bars,
            "space": st.sampled_from(["memory", "io"]),
            "reads": st.integers(0, 99),
            "writes": st.integers(0, 99),
            "first_address": hexes,
            "last_address": hexes,
        },
        optional={"source": st.none() | texts},
    ),
    "identity-mapped-bar": st.fixed_dictionaries({"bar": bars, "address": hexes, "size": hexes}),
    "address-collision": st.fixed_dictionaries({"guest_bar": bars, "host_bar": bars, "address": hexes}),
    "indexed-registers": st.dictionaries(texts, anything, max_size=2),
    "unassigned-access": st.dictionaries(texts, anything, max_size=2),
}

inputs = st.fixed_dictionaries(
    {
        "path": texts,
        "role": st.sampled_from(get_args(Role)),
        "format": texts,
        "sha256": st.just("0" * 64),
        "lines": st.integers(0, 10**9),
        "events": st.integers(0, 10**9),
        "unrecognised": st.integers(0, 99),
    }
)
devices = st.fixed_dictionaries(
    {
        "name": texts,
        "bars": st.lists(
            st.fixed_dictionaries(
                {
                    "index": bars,
                    "kind": st.sampled_from(["io", "memory32", "memory64", "rom", "unknown"]),
                    "size": maybe_hex,
                    "host": maybe_hex,
                    "guest": maybe_hex,
                }
            ),
            max_size=3,
        ),
    },
    optional={
        "host_address": st.none() | texts,
        "vendor": maybe_hex,
        "class": maybe_hex,
        "contradictions": st.lists(texts, max_size=2),
    },
)


@st.composite
def _finding(draw: st.DrawFn, input_count: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(get_args(Kind)))
    line = st.fixed_dictionaries(
        {"input": st.integers(0, max(input_count - 1, 0)), "line": st.integers(1, 10**6)},
        optional={"note": texts, "text": texts},
    )
    return draw(
        st.fixed_dictionaries(
            {
                "id": texts,
                "device": texts,
                "kind": st.just(kind),
                "verdict": st.sampled_from(get_args(Verdict)),
                "confidence": st.floats(0, 1),
                "needs_quirk": st.booleans(),
                "summary": texts,
                "parameters": PARAMETERS[kind],
                "evidence": st.lists(line, max_size=3 if input_count else 0),
                "evidence_count": st.integers(1, 99),
            },
            optional={
                "reason": texts,
                "doubt": texts,
                "known_quirk": st.none() | st.dictionaries(texts, anything, max_size=2),
                "cost": st.none() | st.dictionaries(texts, anything, max_size=2),
            },
        )
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Dictionaries that the contract's schema accepts."""
    listed = draw(st.lists(inputs, max_size=2))
    return {
        "schema": "quirkfinder.findings/1",
        "tool": {"name": "quirkfinder", "version": draw(texts)},
        "inputs": listed,
        "devices": draw(st.lists(devices, max_size=2)),
        "findings": draw(st.lists(_finding(len(listed)), max_size=3)),
        "capture": draw(st.lists(st.fixed_dictionaries({"problem": texts, "remedy": texts}), max_size=2)),
    }


def example(name: str = "doors") -> dict[str, Any]:
    """A realistic document of `tests/rendering/data`, fresh to be changed."""
    loaded: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def example_findings(name: str = "doors") -> Findings:
    return Findings.from_dict(example(name))
