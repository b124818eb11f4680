"""Hypothesis strategies for definitions that hold: built so that no rule is broken, not filtered until none is."""

from dataclasses import replace

from hypothesis import strategies as st

from quirkfinder.definition import (
    Condition,
    Evidence,
    Leak,
    Match,
    MatchBar,
    Mirror,
    Provenance,
    QuirkDefinition,
    Sink,
    Step,
    Strobe,
    Trace,
    Window,
    WindowMatch,
    WriteException,
)
from quirkfinder.definition.model import POLICIES, VERDICTS, VERIFICATIONS

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    ["*/", "\\\n", "??/", '"""', "\x1b[31m", "/* */ #include", "\u2028", "%s%n", "'''", "\x00", "\x7f", "é*/"]
)
dwords = st.integers(0, 2**32 - 1)
policies = st.sampled_from(POLICIES)


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    return Evidence(
        finding=draw(texts),
        verdict=draw(st.sampled_from(VERDICTS)),
        confidence=draw(st.floats(0, 1)),
        count=draw(st.integers(0, 10**6)),
        verification=draw(st.sampled_from(VERIFICATIONS)),
        lines=tuple(draw(st.lists(texts, max_size=2))),
        not_seen=tuple(draw(st.lists(texts, max_size=2))),
    )


@st.composite
def window_matches(draw: st.DrawFn) -> tuple[WindowMatch, ...]:
    """Targets that differ in the top four bits of a 16-bit address value."""
    found = []
    for selector in draw(st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True)):
        space = draw(st.sampled_from(["config", "msix-table", "bar0", "bar5"]))
        mask = draw(st.sampled_from([0xFF, 0xFFF, 0xF0, 0x7C]))
        base = draw(st.sampled_from([0, 0x40])) if mask < 0xFFF else 0
        ignored = draw(st.sampled_from([0, 0x1 if not mask & 1 else 0]))
        found.append(WindowMatch(selector << 12, mask, space, base, 1, ignored))
    return tuple(found)


@st.composite
def windows(draw: st.DrawFn, bar: int = 0, offset: int = 0) -> Window:
    """A window whose registers lie in `offset`..`offset` + 0x1f of the BAR."""
    window = Window(
        name=f"bar{bar}-{offset:x}-window",
        address_offset=offset,
        data_offset=offset + 8,
        matches=draw(window_matches()),
        bar=bar,
        address_size=draw(st.sampled_from([2, 4])),
        data_size=draw(st.sampled_from([1, 2, 4, 8])),
        sub_offset=draw(st.booleans()),
        increment=draw(st.sampled_from([0, 0, 4])),
        write=draw(policies),
        evidence=draw(evidence()),
    )
    shape = draw(st.sampled_from(["plain", "strobe", "steps", "enable"]))
    if shape == "strobe":
        strobe = Strobe(0x8000, 0, draw(st.sampled_from([None, 0x8000])), 0x8000, draw(st.sampled_from([None, 0])))
        return replace(window, strobe=strobe)
    if shape == "steps":
        key = Step("write", offset + 0x10, "key", 2, 0x338)
        address = Step("write", offset, "address", window.address_size)
        return replace(window, read_steps=(key, address, Step("read", offset + 8, "data", min(window.data_size, 4))))
    if shape == "enable":
        enable = Condition(offset + 0x14, draw(st.sampled_from([0, 1])), 1)
        return replace(window, enable=(enable,))
    return window


@st.composite
def mirrors(draw: st.DrawFn, bar: int = 0, offset: int = 0x4000) -> Mirror:
    start = draw(st.sampled_from([0, 0x40, 0x100]))
    size = draw(st.sampled_from([4, 0x100, 0x1000 - start]))
    exceptions = (WriteException(start, 1, "both"),) if draw(st.booleans()) else ()
    return Mirror(
        f"bar{bar}-{offset:x}-mirror", bar, offset, size, start, None, draw(policies), exceptions, draw(evidence())
    )


@st.composite
def leaks(draw: st.DrawFn, bar: int = 0, offset: int = 0x6000) -> Leak:
    size = draw(st.sampled_from([1, 2, 4, 8]))
    mask = draw(st.none() | st.integers(1, (1 << 8 * size) - 1))
    return Leak(
        f"bar{bar}-{offset:x}-leak", offset, size, draw(st.integers(0, 5)), bar, False,
        draw(st.sampled_from([0, 8, 12, 16])), mask, draw(policies), draw(evidence()),
    )  # fmt: skip


@st.composite
def sinks(draw: st.DrawFn, bar: int = 0, offset: int = 0x7000) -> Sink:
    what = draw(st.sampled_from(["msi-address", "msi-data", "guest-bar"]))
    sites = tuple(offset + 8 * at for at in range(draw(st.integers(1, 3))))
    target = draw(st.integers(0, 5)) if what == "guest-bar" else None
    return Sink(f"bar{bar}-{offset:x}-{what}", bar, what, sites, 4, target, evidence=draw(evidence()))


@st.composite
def definitions(draw: st.DrawFn) -> QuirkDefinition:
    bars = sorted(draw(st.lists(st.integers(0, 5), min_size=1, max_size=2, unique=True)))
    device = draw(st.integers(0, 0xFFFF) | st.just("any"))
    wanted = tuple(MatchBar(bar, draw(st.sampled_from(["io", "memory32", "memory64"])), 0x10) for bar in bars)
    code = draw(st.none() | st.just(0x030000))
    reason = draw(texts) if device != "any" else "all of them have it"
    return QuirkDefinition(
        name=draw(st.from_regex("[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)),
        match=Match(
            draw(st.integers(0, 0xFFFF)), device, reason, None, draw(st.none() | st.just(1)), code, bars=wanted
        ),
        summary=draw(texts),
        windows=tuple(draw(windows(bar)) for bar in bars if draw(st.booleans())),
        mirrors=tuple(draw(mirrors(bar)) for bar in bars if draw(st.booleans())),
        leaks=tuple(draw(leaks(bar)) for bar in bars if draw(st.booleans())),
        sinks=tuple(draw(sinks(bar)) for bar in bars if draw(st.booleans())),
        provenance=Provenance(draw(texts), tuple(draw(st.lists(st.just(Trace("0" * 64, 7, 5)), max_size=1)))),
    )
