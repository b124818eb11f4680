"""Text of a log never becomes C: whatever evidence says, the code is the code without evidence."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quirkfinder.definition import Evidence, QuirkDefinition, load
from quirkfinder.emission.change import change_of
from quirkfinder.emission.files import files_of
from quirkfinder.emission.identifiers import comment, plain, region_name, type_name, words
from quirkfinder.emission.note import note
from quirkfinder.emission.versions import VERSIONS
from tests.definition.strategies import definitions
from tests.emission.compiling import compile_unit, fragment_unit
from tests.emission.examples import DATA

hostile = st.lists(
    st.sampled_from(
        ["*/", "/*", "*", "/", "?", "??/", "\\", "\n", "\r", "\t", "\x00", "\x1b[2J", "\x85", "\u2028", "\u202e", "é",
         "\udc80", '"', "'", "%n", "#define x", "#include </etc/passwd>", "int main;", "//", " ", "\x7f"]
    )
    | st.characters(),
    max_size=12,
).map("".join)  # fmt: skip


def code_without_comments(text: str) -> list[str]:
    """The tokens of C after translation phases 1 to 3: trigraphs, spliced lines and comments are gone."""
    for trigraph, character in (("??/", "\\"), ("??'", "^"), ("??!", "|"), ("??(", "["), ("??)", "]"), ("??=", "#")):
        text = text.replace(trigraph, character)
    text = re.sub(r"\\[ \t]*\n", "", text)
    kept, at = [], 0
    for found in re.finditer(r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|//[^\n]*', text, re.DOTALL):
        kept.append(text[at : found.start()] + (found[0] if found[0].startswith('"') else " "))
        at = found.end()
    return "".join([*kept, text[at:]]).split()


def with_evidence(definition: QuirkDefinition, text: str) -> QuirkDefinition:
    evidence = Evidence(finding=text, lines=(text, text * 8), not_seen=(text,))
    return replace(
        definition,
        summary=text,
        windows=tuple(replace(m, evidence=evidence) for m in definition.windows),
        mirrors=tuple(replace(m, evidence=evidence) for m in definition.mirrors),
        leaks=tuple(replace(m, evidence=evidence) for m in definition.leaks),
    )


@pytest.mark.parametrize("version", VERSIONS)
@given(text=hostile)
@settings(max_examples=60, deadline=None)
def test_evidence_does_not_touch_the_code(version: str, text: str) -> None:
    definition = load(DATA / "ati-plain.toml")
    files = files_of(change_of(with_evidence(definition, text), VERSIONS[version]))
    quiet = files_of(change_of(with_evidence(definition, ""), VERSIONS[version]))
    assert files.keys() == quiet.keys()
    for name, content in files.items():
        assert all(c == "\n" or " " <= c <= "~" for c in content), name
        if name.endswith((".c", ".h")):
            assert code_without_comments(content) == code_without_comments(quiet[name]), name
        else:
            assert content == quiet[name]


@given(text=hostile)
@settings(max_examples=300, deadline=None)
def test_a_comment_is_one_comment(text: str) -> None:
    for lines in (comment(text), comment("title", [text, text]), comment(text, text * 20)):
        joined = "\n".join(lines)
        assert code_without_comments(joined) == []
        assert joined.count("/*") == joined.count("*/") == 1
        assert "??" not in joined


@given(text=hostile)
@settings(max_examples=200, deadline=None)
def test_plain_text_is_one_ascii_line_and_keeps_what_is_harmless(text: str) -> None:
    shown = plain(text)
    assert all(" " <= c <= "~" for c in shown)
    assert not re.search(r"\*/|/\*|\?\?|\\", shown)
    assert plain("vfio_region_read  (0000:01:00.0:region4+0x4, 4) = 0x1") == (
        "vfio_region_read  (0000:01:00.0:region4+0x4, 4) = 0x1"
    )


@given(text=hostile)
@settings(max_examples=200, deadline=None)
def test_names_are_names(text: str) -> None:
    assert re.fullmatch("[a-z0-9_]+", words(text))
    assert re.fullmatch("VFIO[A-Za-z0-9]*Quirk", type_name(text))
    assert re.fullmatch("vfio-[a-z0-9-]+-quirk", region_name(text))


@given(text=hostile)
@settings(max_examples=100, deadline=None)
def test_a_note_holds_no_markup_of_others(text: str) -> None:
    """Headings, lists and fences are the note's own; markup in text of others is escaped, or inside a code block."""
    original = load(DATA / "ati-plain.toml")
    written = note(with_evidence(original, text), "definition", (), None, ())
    quiet = note(with_evidence(original, "x"), "definition", (), None, ())
    assert all(c == "\n" or " " <= c <= "~" for c in written)
    blocks = re.findall(r"^(?:# |## |- |```)", written, re.MULTILINE)
    assert len(blocks) <= len(re.findall(r"^(?:# |## |- |```)", quiet, re.MULTILINE))
    for line in written.splitlines():
        if not line.startswith("    "):
            assert not re.search(r"(?<!\\)[<`\[]", line.replace("`hw", "").replace("`: ", ""))


@given(definition=definitions())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_definition_says_compiles(definition: QuirkDefinition, tmp_path: Path) -> None:
    change = change_of(definition, VERSIONS["qemu-11.1"])
    if not change.is_empty:
        assert compile_unit(fragment_unit(files_of(change), "qemu-11.1"), tmp_path) == ""
