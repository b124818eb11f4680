"""What the spellings of a log tell about the QEMU that wrote it, as texts for `quirkfinder.knowledge.inference`."""

from collections.abc import Iterable

from quirkfinder.reading.shapes import Shape, body_shapes, prefix_shapes
from quirkfinder.reading.times import RELATIVE

#: A prefix (position in `prefix_shapes()`, -1: none) and a shape (position in `body_shapes()`) that were met together.
Sighting = tuple[int, int]
#: Prefixes under the names that the inference knows.
_PREFIXES = {"thread_stamp": "pid", "iso_stamp": "iso", "ftrace_mark": "ftrace", "syslog_iso": "syslog"}
#: Families whose lines carry a name of a trace event in front.
_TRACES = frozenset({"trace_events", "memory_region", "other_events"})


def event_name(shape: Shape) -> str | None:
    """The trace event that a shape belongs to."""
    first = shape.tokens[0]
    if shape.grammar not in _TRACES or not isinstance(first, bytes):
        return None
    name = first.decode("latin-1").partition(" ")[0]
    return name if name.replace("_", "").isalnum() and "_" in name else None


def hints(seen: Iterable[Sighting]) -> tuple[str, ...]:
    """`event:NAME`, `prefix:KIND` and `wording:FEATURE` of what was met, sorted."""
    found: set[str] = set()
    shapes, prefixes = body_shapes(), prefix_shapes()
    for prefix, number in seen:
        shape = shapes[number]
        if shape.grammar == "debug_prints":
            found.add("prefix:dprintf")
        if name := event_name(shape):
            found.add(f"event:{name}")
        if shape.wording:
            found.add("wording:" + shape.wording.replace("_", "-"))
        # Error reports had a stamp long before traces: they say nothing.
        if shape.grammar not in {"messages", "kernel_events", "debug_prints"}:
            rule = prefixes[prefix].rule if prefix >= 0 else "none"
            found.add(f"prefix:{_PREFIXES.get(rule, rule)}")
    return tuple(sorted(found))


def has_relative_times(seen: Iterable[Sighting]) -> bool:
    """True where all stamps lack a date or a year."""
    rules = {prefix_shapes()[prefix].rule for prefix, _ in seen if prefix >= 0}
    return bool(rules) and rules <= RELATIVE
