"""A window as a small diagram: the registers the guest turns to, and where each address value leads."""

from markupsafe import Markup

from quirkfinder.findings.document import Finding
from quirkfinder.rendering import words
from quirkfinder.rendering.page import svg

_MOST_TARGETS = 12
_LEFT, _RIGHT, _BOX, _ROW, _WIDTH = 10, 420, 240, 46, 760


def window_diagram(finding: Finding) -> Markup:
    """Empty for findings without an address register and a data register."""
    parameters = finding.parameters
    address, data = parameters.get("address"), parameters.get("data")
    if not isinstance(address, dict) or not isinstance(data, dict):
        return Markup()
    region = parameters.get("region")
    targets = words.objects(parameters.get("targets"))[:_MOST_TARGETS]
    height = max(130, 20 + _ROW * len(targets))
    # The registers stand in the middle of the targets they lead to.
    top = (height - 110) / 2
    parts = [
        _register("address register", region, address, top),
        _register("data register", parameters.get("data_region", region), data, top + 60),
        svg.element("path", d=f"M{_LEFT + _BOX / 2:g} {top + 44:g}V{top + 58:g}", class_="way door"),
    ]
    for row, target in enumerate(targets):
        parts.append(_target(target, 10 + _ROW * row, top + 82))
    if not targets:
        parts.append(svg.text("what it reaches is not known", _RIGHT, top + 86))
    return svg.drawing(_WIDTH, height, words.sentence(finding.summary), *parts, view=f"0 0 {_WIDTH} {height:g}")


def _register(role: str, region: object, register: dict[str, object], y: float) -> Markup:
    place = words.place(region, register.get("offset"))
    return svg.element(
        "g",
        svg.element("rect", x=_LEFT, y=y, width=_BOX, height=44, class_="block door"),
        svg.text(role, _LEFT + 10, y + 17, "label small"),
        svg.text(_cut(f"{place}, {words.octets(register.get('size'))}"), _LEFT + 10, y + 35),
    )


def _target(target: dict[str, object], y: float, start: float) -> Markup:
    match, mask = words.plain(target.get("match")), words.plain(target.get("mask"))
    middle = (_LEFT + _BOX + _RIGHT) / 2
    scale = f", each step {words.plain(target['scale'])}" if target.get("scale", 1) != 1 else ""
    base = "" if words.number(target.get("base")) == 0 else f" from {words.plain(target.get('base'))}"
    return svg.element(
        "g",
        svg.element(
            "path",
            d=f"M{_LEFT + _BOX} {start:g}C{middle:g} {start:g} {middle:g} {y + 19:g} {_RIGHT - 2} {y + 19:g}",
            class_="way door",
        ),
        svg.element("rect", x=_RIGHT, y=y, width=330, height=38, class_="block target"),
        svg.text(_cut(f"{words.region(target.get('space'))}{base}{scale}"), _RIGHT + 10, y + 16),
        svg.text(_cut(f"match {match}, mask {mask}"), _RIGHT + 10, y + 32, "label small number"),
    )


def _cut(text: str) -> str:
    return text if len(text) <= 46 else f"{text[:45]}…"
