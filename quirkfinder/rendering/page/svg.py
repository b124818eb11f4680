"""SVG elements as text, every string escaped. SVG 1.1; colours and fonts come from the page's style sheet by class.

The page's content security policy forbids `style` attributes, so what differs between elements is in presentation
attributes and classes.
"""

from markupsafe import Markup

from quirkfinder.rendering.safe import html

Attribute = str | int | float


def element(name: str, *children: Markup, **attributes: Attribute) -> Markup:
    """`<name attribute="…">children</name>`.

    An underscore in an attribute's name is a hyphen, one at its end is dropped (`class_`).
    """
    written = "".join(f' {_attribute(key)}="{_value(value)}"' for key, value in attributes.items())
    inner = "".join(children)
    return Markup(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


def text(content: str, x: Attribute, y: Attribute, class_: str = "", anchor: str = "start") -> Markup:
    """A line of text with its baseline at `y`."""
    return element("text", escaped(content), x=x, y=y, class_=class_ or "label", text_anchor=anchor)


def title(content: str) -> Markup:
    """What a pointer or a screen reader tells of the element it stands in."""
    return element("title", escaped(content))


def escaped(content: str) -> Markup:
    return Markup(html(content))


def drawing(
    width: Attribute, height: Attribute, label: str, *children: Markup, view: str | None = None, role: str = "img"
) -> Markup:
    """A whole picture with the text that stands for it where it cannot be seen.

    Role `img` hides what is inside from screen readers; a picture with links in it is a `group`.
    """
    options: dict[str, Attribute] = {"viewBox": view} if view else {}
    return element("svg", title(label), *children, width=width, height=height, role=role, aria_label=label, **options)


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-") if name != "viewBox" else name


def _value(value: Attribute) -> str:
    return html(f"{value:g}" if isinstance(value, float) else str(value))
