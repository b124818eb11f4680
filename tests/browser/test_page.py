"""The page as a reader has it: opened, clicked, zoomed, printed, in the dark, with scripts off, from a hostile log."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from quirkfinder.analysis import analyze
from quirkfinder.corpus import load_findings, load_joined, mine
from quirkfinder.findings.document import Findings
from quirkfinder.rendering.page import html
from tests.browser.chromium import Tab
from tests.conftest import corpus_trace
from tests.documents import example

#: Left edge, whole width and visible width of the timeline, and what is said of the zoom.
_ZOOM = """(() => { const s = document.querySelector('.scroll');
  return [s.scrollLeft, s.scrollWidth, s.clientWidth, document.querySelector('output').textContent]; })()"""
#: Where the marks of the evidence are, from the left edge of what is visible of the timeline.
_MARKS = """(() => { const left = document.querySelector('.scroll').getBoundingClientRect().left;
  const middle = c => { const r = c.getBoundingClientRect(); return r.x + r.width / 2 - left; };
  return [...document.querySelectorAll('.scroll circle')].map(middle); })()"""
_TEXT = "document.body.innerText"

Save = Callable[[Findings], Path]


@pytest.fixture(scope="module")
def doors() -> Findings:
    return analyze(corpus_trace("ati-doors"))


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def saved(document: Findings) -> Path:
        path = tmp_path / "page.html"
        path.write_text(html(document), encoding="utf-8")
        return path

    return saved


def quiet(tab: Tab, path: Path) -> None:
    """The page asked for nothing but itself, and nothing was wrong on the way."""
    assert set(tab.requests) == {path.resolve().as_uri()}
    assert tab.complaints == []


def zoom(tab: Tab) -> tuple[float, float, float, str]:
    left, whole, visible, said = tab.value(_ZOOM)
    return left, whole, visible, said


def test_the_timeline_zooms_by_buttons_around_its_middle(doors: Findings, save: Save, tab: Tab) -> None:
    path = save(doors)
    tab.open(path)
    _, whole, visible, said = zoom(tab)
    assert (whole, said) == (visible, "whole log")
    tab.click("button.in")
    tab.click("button.in")
    left, whole, visible, said = zoom(tab)
    assert said == "4 times"
    assert whole > 3.5 * visible
    assert left + visible / 2 == pytest.approx(whole / 2, rel=0.02)
    tab.click("button.out")
    assert zoom(tab)[3] == "2 times"
    tab.click("button.whole")
    assert zoom(tab)[3] == "whole log"
    quiet(tab, path)


def test_the_timeline_goes_to_the_evidence_and_a_mark_to_its_finding(doors: Findings, save: Save, tab: Tab) -> None:
    path = save(doors)
    tab.open(path)
    tab.click("button.evidence")
    left, whole, visible, _ = zoom(tab)
    assert visible < whole / 2
    marks = tab.value(_MARKS)
    assert len(marks) > 1
    assert min(marks) >= -2  # every mark is in view
    assert max(marks) <= visible + 2
    at_an_end = left <= 2 or left + visible >= whole - 2
    assert at_an_end or (min(marks) + max(marks)) / 2 == pytest.approx(visible / 2, abs=0.05 * visible)
    tab.click(".scroll a circle")
    target = tab.value("location.hash")
    assert re.fullmatch(r"#r0-finding-\d+", target)
    assert tab.value(f"document.querySelector('{target}').getBoundingClientRect().top") == pytest.approx(0, abs=60)
    quiet(tab, path)


def test_no_mark_hides_another(doors: Findings, save: Save, tab: Tab) -> None:
    tab.open(save(doors))
    for button in ("button.whole", "button.evidence"):
        tab.click(button)
        places = tab.value(
            "[...document.querySelectorAll('.scroll circle')].map(c => c.getBoundingClientRect()).map(r => [r.x, r.y])"
        )
        for number, (x, y) in enumerate(places):
            assert all(abs(x - a) + abs(y - b) >= 8 for a, b in places[:number])


def test_the_keyboard_reaches_and_moves_everything(doors: Findings, save: Save, tab: Tab) -> None:
    path = save(doors)
    tab.open(path)
    tab.key("Tab", code=9)
    assert tab.value("document.activeElement.className") == "skip"
    tab.key("Enter", text="\r", code=13)
    assert tab.value("location.hash") == "#findings-r0"
    tab.value("document.querySelector('.scroll').focus()")
    for key, said in (("+", "2 times"), ("+", "4 times"), ("-", "2 times"), ("0", "whole log")):
        tab.key(key, text=key)
        assert zoom(tab)[3] == said
    tab.key("e", text="e")
    assert zoom(tab)[3].endswith(" times")
    # From the timeline the next stop is a mark, and a mark is a link.
    tab.key("Tab", code=9)
    assert tab.value("document.activeElement.matches('.scroll a')")
    tab.key("Enter", text="\r", code=13)
    assert tab.value("location.hash").startswith("#r0-finding-")
    quiet(tab, path)


def test_a_zoomed_page_prints_the_whole_log_in_dark_text_on_white(doors: Findings, save: Save, tab: Tab) -> None:
    tab.media(scheme="dark")
    path = save(doors)
    tab.open(path)
    tab.click("button.in")
    pdf = tab.printed()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    tab.media(kind="print", scheme="light")
    _, whole, visible, _ = zoom(tab)
    assert whole == pytest.approx(visible, abs=40)
    assert tab.value("getComputedStyle(document.querySelector('.controls')).display") == "none"
    quiet(tab, path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(doors: Findings, save: Save, tab: Tab, scheme: str) -> None:
    """At least 4.5 to 1, Web Content Accessibility Guidelines 2.2, criterion 1.4.3."""
    tab.media(scheme=scheme)
    tab.open(save(doors))
    for selector in ("body", ".subject", ".verdict", "a[href^='#r0']", ".tag.confirmed", ".tag.likely", "pre", "dt"):
        text, back = tab.value(_COLOURS.replace("SELECTOR", selector))
        assert contrast(text, back) >= 4.5, (selector, text, back)


#: The colour of an element's text, and of the nearest background behind it.
_COLOURS = """(() => { let e = document.querySelector("SELECTOR"); const text = getComputedStyle(e).color;
  for (; e; e = e.parentElement) { const back = getComputedStyle(e).backgroundColor;
    if (back !== 'rgba(0, 0, 0, 0)') return [text, back]; } })()"""


def contrast(text: str, back: str) -> float:
    """The contrast ratio of two `rgb(…)` colours by the same guidelines."""

    def luminance(colour: str) -> float:
        shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted((luminance(text), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_without_scripts_every_word_is_there(doors: Findings, save: Save, tab: Tab) -> None:
    path = save(doors)
    tab.open(path)
    full = tab.value(_TEXT)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(path)
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    told = " ".join(str(node.get("name", {}).get("value", "")) for node in tree)
    for finding in doors.findings:
        assert finding.id in told
    assert "What to do" in told
    assert "Zoom in" in full
    assert "Zoom in" not in told  # a button that would do nothing


def test_a_small_screen_scrolls_pictures_and_nothing_else(doors: Findings, save: Save, tab: Tab) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
    tab.open(save(doors))
    assert tab.value("document.documentElement.scrollWidth") <= 400
    assert tab.value("document.querySelector('.wide svg').getBoundingClientRect().width") >= 600


def test_a_hostile_log_is_only_text(save: Save, tab: Tab, tmp_path: Path) -> None:
    name = "vfio-user:/run/</script><img/src=x>*/\u2066\u202egnp.sock"
    text = (corpus_trace("ati-leak") / "qemu.log").read_text().replace("0000:01:00.0", name)
    text += "</style></script>*/}} \x1b]8;;http://x\x07 \u202e <img src=x onerror=document.title='taken'>\n"
    log = tmp_path / "a<b>\u202e*'&quot;\x1b[2J.log"
    log.write_text(text)
    document = analyze(log)
    assert [device.name for device in document.devices] == [name]
    path = save(document)
    tab.open(path)
    shown = tab.value(_TEXT)
    assert r"vfio-user:/run/</script><img/src=x>*/\u2066\u202egnp.sock" in shown
    assert r"</style></script>*/}} \x1b]8;;http://x\x07 \u202e <img src=x onerror=document.title='taken'>" in shown
    assert "a<b>\\u202e*'&quot;\\x1b[2J.log" in shown
    assert tab.value("document.querySelectorAll('img, b').length") == 0
    assert tab.value("document.scripts.length") == 1
    assert tab.value("document.title") != "taken"
    quiet(tab, path)


def test_the_page_of_a_store_leads_to_its_cards(tab: Tab, tmp_path: Path) -> None:
    store, path = tmp_path / "store", tmp_path / "page.html"
    mine([corpus_trace("ati-leak"), corpus_trace("ati-onetoone")], store, jobs=0)
    path.write_text(html(*load_findings(store), stores=[load_joined(store)]), encoding="utf-8")
    tab.open(path)
    shown = tab.value(_TEXT)
    assert "What the corpus taught" in shown
    looks = "[...document.querySelectorAll('td.cell')].map(c => c.className + ' ' + c.firstChild.textContent)"
    assert {"cell same works by accident", "cell nothing missed: 4 accesses"} <= set(tab.value(looks))
    tab.click("a[href='#r0']")
    assert tab.value("location.hash") == "#r0"
    quiet(tab, path)


def test_a_page_about_much_opens_and_zooms(tab: Tab, tmp_path: Path) -> None:
    """As many cells and marks as a page ever has."""
    data = example()
    row = [[i, i % 64, 1, 1] for i in range(9000)]
    data["statistics"]["timeline"][0]["series"][1]["rows"] = row
    line = {"input": 0, "line": 5, "text": "x" * 390, "note": "y" * 200}
    data["findings"] = [data["findings"][0] | {"id": f"window/{i}", "evidence": [line] * 60} for i in range(300)]
    path = tmp_path / "page.html"
    path.write_text(html(Findings.from_dict(data)), encoding="utf-8")
    tab.open(path)
    tab.click("button.evidence")
    assert zoom(tab)[3] == "64 times"
    quiet(tab, path)
