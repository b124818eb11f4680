"""The page stands alone, holds nothing active but ours, and says in text all that it draws."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings

from quirkfinder.findings.document import Findings
from quirkfinder.rendering.page import MOST_BYTES, html
from tests.documents import Json, documents, example, example_findings

VOID = {"meta", "br", "input", "img", "link", "hr"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "a", "h1", "h2", "h3", "p", "ol", "ul", "li", "pre"),
    *("code", "span", "strong", "div", "table", "thead", "tbody", "tr", "th", "td", "article", "dl", "dt", "dd", "br"),
    *("section", "button", "output", "script", "svg", "g", "rect", "path", "text", "circle"),
}


class Page(HTMLParser):
    """Elements, attributes and text of a page; complains about elements that are closed in the wrong order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.inside.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.inside[tag][-1] += data

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.inside["body"]))


def check(source: str) -> Page:
    """Everything that has to hold for every page."""
    page = Page(source)
    assert {tag for tag, _ in page.elements} <= ALLOWED
    assert [tag for tag, _ in page.elements].count("script") == 1
    names = {key for _, attributes in page.elements for key in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("style", "src", "srcset", "xlink:href")}
    assert all(link.startswith("#") for link in page.attributes("href"))
    assert {link[1:] for link in page.attributes("href")} <= set(page.attributes("id"))
    assert len(page.attributes("id")) == len(set(page.attributes("id")))
    assert all(c == "\n" or c.isprintable() for c in source)
    assert len(source.encode()) < MOST_BYTES
    return page


@given(documents())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_page_of_any_document_is_harmless_and_well_formed(data: Json) -> None:
    check(html(Findings.from_dict(data)))


HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "*/ } body { display: none",
    '" onload="alert(1)',
    "\u202edetcerruoc\u2066",
    "\x1b]8;;http://x\x07link",
    "{{ 7 * 7 }}{% for x in y %}",
    "]]><svg/onload=alert(1)>",
    "javascript:alert(1)",
]


def replace_texts(node: Json, text: str) -> Json:
    """Every text of a document that the contract leaves free, replaced."""
    fixed = {"schema", "role", "kind", "verdict", "sha256", "region", "space", "what", "target_region"}
    if isinstance(node, dict):
        return {
            key: value if key in fixed or key == "tool" else replace_texts(value, text) for key, value in node.items()
        }
    if isinstance(node, list):
        return [replace_texts(value, text) for value in node]
    return text if isinstance(node, str) and not re.fullmatch(r"0x[0-9a-f]+", node) else node


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_everywhere_is_only_text(text: str) -> None:
    page = check(html(Findings.from_dict(replace_texts(example(), text))))
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)
    assert re.sub(r"\s+", " ", shown) in page.text


def test_the_policy_allows_exactly_our_style_and_script() -> None:
    page = Page(html(example_findings()))
    (policy,) = (content for content in page.attributes("content") if content.startswith("default-src"))

    def source(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    assert policy == (
        f"default-src 'none'; style-src {source(page.inside['style'][0])}; "
        f"script-src {source(page.inside['script'][0])}; base-uri 'none'; form-action 'none'"
    )


def test_nothing_outside_is_referred_to() -> None:
    source = html(example_findings())
    assert not re.search(r"https?://|//[a-z]|url\(|@import", source)


def test_the_text_says_everything_without_the_script() -> None:
    page = Page(html(example_findings()))
    for finding in example_findings().findings:
        assert finding.summary[1:] in page.text
        assert finding.id in page.text
        for line in finding.evidence:
            assert re.sub(r"\s+", " ", f"qemu.log:{line.line} {line.text}") in page.text
    for problem in example_findings().capture:
        assert problem.problem in page.text
        assert problem.remedy in page.text
    assert "3 back doors, 2 confirmed and 1 likely." in page.text
    assert "What is drawn is thinned" in page.text


def test_every_picture_has_words_for_those_who_cannot_see_it() -> None:
    page = Page(html(example_findings()))
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) >= 4
    assert all(p["role"] in ("img", "group") and p["aria-label"] for p in pictures)
    assert any("BAR2 is at 0xfe620000 on the host and at 0xfe620000 in the guest" in str(p) for p in pictures)


def test_several_documents_share_a_page() -> None:
    page = check(html(example_findings(), example_findings("nothing"), example_findings()))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("main"), tags.count("section")) == (1, 3)
    assert "Reports on this page" in page.text
    assert {"#r0", "#r1", "#r2"} <= set(page.attributes("href"))


def test_a_huge_document_still_makes_a_small_page_and_says_what_is_missing() -> None:
    data = example()
    line = {"input": 0, "line": 5, "text": "x" * 390, "note": "y" * 200}
    data["findings"] = [data["findings"][0] | {"id": f"window/{i}", "evidence": [line] * 60} for i in range(300)]
    row = [[i, i % 64, 1, 1] for i in range(9000)]
    data["statistics"]["timeline"][0]["series"][1]["rows"] = row
    page = check(html(Findings.from_dict(data)))
    assert re.search(r"\d+ more findings had no room on this page", page.text)


def test_the_page_has_a_light_and_a_dark_face_and_prints() -> None:
    source = html(example_findings())
    assert "@media (prefers-color-scheme: dark)" in source
    assert "@media print" in source
