"""Lines for property tests: written from the shapes, then damaged the way logs are."""

from hypothesis import strategies as st

from quirkfinder.reading.shapes import Field, Shape, body_shapes, prefix_shapes

DEVICES = (b"0000:01:00.0", b"0000:0a:00.1", b"vfio-user:/tmp/x.sock", b"VFIO user </run/a b:c>", b"d\xc3\xa9v")
NUMBERS = (
    b"0",
    b"1",
    b"4",
    b"ff",
    b"74",
    b"10de",
    b"fe504074",
    b"7fffffffffffffff",
    b"ffffffffffffffff",
    b"255",
    b"256",
)


def field_text(field: Field) -> st.SearchStrategy[bytes]:
    """Texts that a field takes, likely ones and any."""
    if field.members is None:
        words = field.pattern.strip("/").replace("(", "|").replace(")", "|").split("|")
        plain = [w.encode() for w in words if w and not set(w) & set("[]*+?{}\\")]
        return st.sampled_from(plain) if plain else st.just(b"qemu-system-x86_64")
    allowed = bytes(sorted(field.members))
    high = 24 if field.high is None else field.high
    anything = st.lists(st.sampled_from(allowed), min_size=field.low, max_size=high).map(bytes)
    likely = [
        text
        for text in (*DEVICES, *NUMBERS, b" ", b"vfio-ati-bar4-window-data-quirk", b"2026", b"11", b"000001")
        if field.low <= len(text) <= high and set(text) <= field.members
    ]
    return st.one_of(st.sampled_from(likely), anything) if likely else anything


@st.composite
def written(draw: st.DrawFn, shape: Shape) -> bytes:
    """A line of a shape."""
    return b"".join(t if isinstance(t, bytes) else draw(field_text(t)) for t in shape.tokens)


bodies = st.sampled_from(body_shapes()).flatmap(written)
prefixes = st.one_of(
    st.just(b""),
    st.sampled_from([b"4711@1795167487.997460:", b"2026-11-20T09:42:19.148948Z ", b"2026-11-20T09:42:19Z "]),
    st.sampled_from(prefix_shapes()).flatmap(written),
)
clean_lines = st.builds(lambda head, body: head + body, prefixes, bodies)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A line as two processes, an editor or a disk may leave it."""
    line = draw(clean_lines)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(line)))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            line = line[:place]
        elif kind == 1:
            line = line[:place] + draw(clean_lines)
        elif kind == 2:
            line = line.upper()
        elif kind == 3:
            line = (
                line[:place]
                + draw(st.sampled_from([b"\0", b"\r", b"\xff", b"\xc3", b"\x1b[K", b"\t", b" "]))
                + line[place:]
            )
        elif kind == 4:
            line = draw(prefixes) + line
        elif kind == 5:
            digits = draw(st.sampled_from([b"0", b"00000000", b"9" * 20, b"f" * 16, b"-1", b"+5"]))
            line = line[:place] + digits + line[place:]
        elif kind == 6:
            line = (
                draw(st.sampled_from([b" ", b"\t", b"  "])) + line + draw(st.sampled_from([b"", b"\r", b"  ", b"\r\r"]))
            )
        elif kind == 7:
            line = line[:place] + line[place + 1 :]
        elif kind == 8:
            line = line + line
        else:
            line = draw(st.binary(max_size=40))
    return line.replace(b"\n", b"")
