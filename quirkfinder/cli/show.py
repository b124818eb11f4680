"""A findings document in the format that was asked for."""

from typing import TYPE_CHECKING

from quirkfinder.cli.terminal import Terminal

if TYPE_CHECKING:
    from quirkfinder.findings.document import Findings

#: Every format that `--format` takes; the first is the default.
FORMATS = ("table", "json", "markdown", "html", "sarif")


def show(document: "Findings", form: str, terminal: Terminal, *, to_file: bool) -> str:
    """The document as text. Only the table depends on the terminal; in a file it is plain and 100 columns wide."""
    if form == "json":
        return document.to_json()
    if form == "markdown":
        from quirkfinder.rendering.markdown import markdown

        return markdown(document)
    if form == "html":
        from quirkfinder.rendering.page import html

        return html(document)
    if form == "sarif":
        from quirkfinder.rendering.sarif import sarif

        return sarif(document)
    from quirkfinder.rendering.table import table

    if to_file:
        return table(document)
    return table(document, width=terminal.width, color=terminal.color, ascii_only=terminal.ascii_only)
