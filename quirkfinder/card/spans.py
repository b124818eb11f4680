"""Address ranges without overlap: what lies on the host and in the guest."""

from collections.abc import Iterable, Sequence

from quirkfinder.card.listening import Range
from quirkfinder.card.model import Bar, Span
from quirkfinder.inventory.facts import ResourceSpan
from quirkfinder.inventory.resources import is_function_address


def host_leaves(resources: Iterable[ResourceSpan]) -> tuple[Span, ...]:
    """/proc/iomem or /proc/ioports flattened: for every address the innermost name.

    A driver's name inside a function's resource is given as `0000:01:00.0 (vfio-pci)`.
    """
    leaves: list[Span] = []
    open_spans: list[tuple[ResourceSpan, int]] = []  # with the first address that is not covered yet

    def close() -> None:
        span, at = open_spans.pop()
        if at <= span.last:
            leaves.append(Span(at, span.last, _label(span)))

    for span in sorted(resources, key=lambda s: (s.first, -s.last, len(s.parents))):
        while open_spans and open_spans[-1][0].last < span.first:
            close()
        if open_spans:
            parent, at = open_spans[-1]
            if at < span.first:
                leaves.append(Span(at, min(span.first - 1, parent.last), _label(parent)))
            open_spans[-1] = (parent, max(at, span.last + 1))
        open_spans.append((span, span.first))
    while open_spans:
        close()
    return tuple(sorted(leaves, key=lambda s: (s.first, s.last)))


def _label(span: ResourceSpan) -> str:
    if is_function_address(span.name):
        return span.name
    owner = next((name for name in reversed(span.parents) if is_function_address(name)), None)
    return f"{owner} ({span.name})" if owner else span.name


def listened_spans(ranges: Sequence[Range], bars: Iterable[Bar]) -> tuple[Span, ...]:
    """The guest's memory as the listener left it: `ram`, and `device` for what is trapped.

    Ranges that lie in a BAR of a traced card are left out: the cards say more about them.
    """
    placed = [(b.guest, b.guest + b.size) for b in bars if b.guest is not None and b.size and b.kind != "io"]
    return tuple(
        Span(r.first, r.last, "ram" if r.direct else "device")
        for r in ranges
        if not any(first <= r.first and r.last < end for first, end in placed)
    )
