"""Two engines, one meaning: what holds for the portable one holds for machine code, and lark agrees with both."""

import re

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from quirkfinder.inputs import LineBlock
from quirkfinder.inputs.blocks import PADDING
from quirkfinder.reading.blocks import Block, Engine
from quirkfinder.reading.portable import IGNORED, Row, portable_engine, undecorated
from quirkfinder.reading.semantics import meaning
from quirkfinder.reading.shapes import LIMITS, LONGEST_NAME, SIZE_LETTERS, body_shapes
from quirkfinder.reading.trie import TextUpTo, atoms
from tests.reading import oracle
from tests.reading.strategies import clean_lines, damaged

CALM = settings(deadline=None, suppress_health_check=list(HealthCheck))


def line_block(lines: list[bytes]) -> LineBlock:
    text = b"".join(line + b"\n" for line in lines)
    return LineBlock(bytearray(text) + bytearray(PADDING), len(text), 0)


def parse(engine: str, lines: list[bytes]) -> Block:
    parser = Engine(engine)
    assert parser.native == (engine == "native"), "the engine under test is not the one that works"
    return parser.parse(line_block(lines), source=3, first_line=100)


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Categories as text: two frames number them as they please."""
    return frame.with_columns(pl.col("device", "detail").cast(pl.String))


def assert_same(lines: list[bytes]) -> None:
    native, portable = parse("native", lines), parse("portable", lines)
    assert_frame_equal(plain(native.frame), plain(portable.frame))
    assert native.samples == portable.samples
    for count in ("lines", "ignored", "unrecognised", "torn", "seen"):
        assert getattr(native, count) == getattr(portable, count), count
    assert native.lines == len(lines) == native.frame.height + native.ignored + native.unrecognised


@settings(CALM, max_examples=150)
@given(st.lists(damaged(), max_size=60))
def test_engines_agree_on_damaged_lines(lines: list[bytes]) -> None:
    assert_same(lines)


@settings(CALM, max_examples=60)
@given(st.lists(clean_lines, max_size=60))
def test_engines_agree_on_clean_lines(lines: list[bytes]) -> None:
    assert_same(lines)


@settings(CALM, max_examples=60)
@given(st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")), max_size=20))
def test_engines_agree_on_noise(lines: list[bytes]) -> None:
    assert_same(lines)


def expected(text: bytes) -> object:
    """What a line is by lark and by the documented rules: a tuple of columns, "ignored" or "unknown"."""
    found = as_it_is(text)
    return as_it_is(undecorated(text)) if found == "unknown" else found


def as_it_is(text: bytes) -> object:
    line = text.strip(b" \t\r")
    if not line:
        return "ignored"
    head = oracle.prefix(line)
    thread = None
    if head is not None:
        fields, end = head[1], head[2]
        if "THREAD" in fields and (thread := int(fields["THREAD"])) > LIMITS["THREAD"]:
            return "unknown"
        if any(int(fields.get(role, 0)) > LIMITS[role] for role in ("SECONDS", "NANOSECONDS")):
            return "unknown"
        line = line[end:].strip(b" \t\r")
    found = oracle.body(line)
    if found is None:
        return "unknown"
    shape, fields = found
    columns: dict[str, object] = {}
    for field in shape.fields:
        if not field.captured:
            continue
        spelled = fields[field.role]
        if field.role in {"DEVICE", "DETAIL"}:
            if len(spelled) > LONGEST_NAME or (field.role == "DEVICE" and "  " in spelled):
                return "unknown"
            try:
                columns[field.role.lower()] = spelled.encode("latin-1").decode("utf-8")
            except UnicodeDecodeError:
                return "unknown"
        elif "LETTER" in field.terminal:
            columns["size"] = SIZE_LETTERS[spelled]
        else:
            number = int(spelled, 16 if "a-f" in field.pattern or "A-F" in field.pattern else 10)
            if number > LIMITS.get(field.role, 2**64 - 1):
                return "unknown"
            columns[field.role.lower()] = number
    return "ignored" if meaning(shape) is None else (shape.rule, thread, columns)


def check_against_lark(line: bytes) -> None:
    truth = expected(line)
    found = portable_engine().line(line)
    if found is IGNORED:
        assert truth == "ignored"
    elif found is None:
        # Impossible dates are the one thing that no grammar says.
        assert truth == "unknown" or re.search(rb"T|\d:\d", line)
    else:
        assert isinstance(found, Row)
        assert isinstance(truth, tuple)
        rule, thread, columns = truth
        assert found.thread == thread
        for column, value in columns.items():
            seen = getattr(found, column)
            joined = column == "detail" and isinstance(seen, str) and seen.endswith(f" {value}")
            assert seen == value or joined, (rule, column)


@settings(CALM, max_examples=40)
@given(damaged())
def test_lark_agrees(line: bytes) -> None:
    check_against_lark(line)


def sample(shape: object) -> bytes:
    """A plain line of a shape."""
    texts = {"DEVICE": b"0000:01:00.0", "NAME": b"name", "TEXT": b"some text", "WORD": b"word", "LETTER": b"A"}
    out = b""
    for token in shape.tokens:  # type: ignore[attr-defined]  # a Shape
        if isinstance(token, bytes):
            out += token
        elif token.terminal in texts:
            out += texts[token.terminal]
        elif token.members is not None and token.members <= set(b" \t"):
            out += b"  "
        else:
            digit = b"8" if token.members and 0x38 in token.members else bytes([min(token.members)])
            out += digit * token.low
    return out


@pytest.mark.parametrize("grammar", sorted({shape.grammar for shape in body_shapes()}))
def test_machine_code_decides_alone_what_it_claims(grammar: str) -> None:
    """No clean line of a shape in the tree may fall out of it: that would be slow and nobody would notice."""
    steps = [(shape, atoms(shape)) for shape in body_shapes() if shape.grammar == grammar]
    sure = [s for s, a in steps if a is not None and all(not isinstance(x, TextUpTo) or x.certain for x in a)]
    parser = Engine("native")
    assert parser.native
    lines = [sample(shape) for shape in sure]
    block = line_block(lines)
    result = parser._native.block(block.buffer, block.length)  # type: ignore[union-attr]  # checked above
    fallen = [lines[number - 1] for number, _, _ in result.demoted.tolist()]
    assert fallen == []


def test_most_shapes_have_machine_code() -> None:
    taken = [shape for shape in body_shapes() if atoms(shape) is not None]
    assert len(taken) > 0.85 * len(body_shapes())
