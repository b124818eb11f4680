"""The one place where text from logs, files and documents is made harmless for the medium that shows it.

Whatever a log holds (device names, lines, paths) is written by a guest, a card or a stranger.  `visible` comes first
for every medium: it spells out what a reader cannot see (control characters, terminal escapes, bidirectional and
zero-width marks), so that a line of the report is always one line and always reads in the order it is written.
Markdown and HTML then have characters of their own to escape.  CommonMark 0.31, HTML Living Standard 13.1.
"""

import html as _html
import re
import unicodedata

#: Letters and symbols to Unicode, blanks to the eye.
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_MARKDOWN_SPECIAL = re.compile(r"[\\`*\[\]<>~|$]|&(?=[#\w])|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_MARKDOWN_LINE_START = re.compile(r"^(\s*(?:\d+(?=[.)]))?)([-+#=.)])")
# An empty comment keeps a tracker from seeing a mention; without blanks, for a line must not be wrapped inside it.
_MENTION = re.compile(r"@(?=\w)")
_BARE_LINK = re.compile(r"(?i)(www)\.|:(?=//)")


def visible(text: str) -> str:
    """The text on one line, with everything that is not plainly visible spelled as `\\x1b` or `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_plain(c) else _spell(c) for c in text)


def shorten(text: str, limit: int) -> str:
    """`visible` text of at most `limit` characters; the cut is marked with an ellipsis."""
    text = visible(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def markdown(text: str) -> str:
    """Inline Markdown that shows exactly `visible(text)`: no markup, link, HTML or mention of anyone.

    Where it begins a line of its own it needs `markdown_line_start` too.
    """
    escaped = _MARKDOWN_SPECIAL.sub(lambda found: "\\" + found[0], visible(text))
    escaped = _BARE_LINK.sub(lambda found: f"{found[1]}\\." if found[1] else "\\:", escaped)
    return _MENTION.sub("@<!---->", escaped)


def markdown_line_start(escaped: str) -> str:
    """A line of inline Markdown that starts neither a list nor a heading, wherever wrapping made it begin."""
    return _MARKDOWN_LINE_START.sub(r"\1\\\2", escaped)


def markdown_code(text: str) -> str:
    """A Markdown code span that shows `visible(text)` and cannot be left from inside."""
    text = visible(text) or " "
    fence = "`" * (_longest_run(text, "`") + 1)
    padding = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def markdown_fence(lines: list[str]) -> list[str]:
    """The lines in a Markdown code fence longer than any run of backticks in them."""
    shown = [visible(line) for line in lines]
    fence = "`" * max(3, max((_longest_run(line, "`") for line in shown), default=0) + 1)
    return [fence, *shown, fence]


def html(text: str) -> str:
    """HTML (and SVG) character data or a quoted attribute's value that shows `visible(text)`."""
    return _html.escape(visible(text), quote=True)


def _is_plain(character: str) -> bool:
    # isprintable() refuses all of Unicode's categories "other" and "separator" except the blank; combining marks are
    # printable, but pile up over neighbouring lines.
    return (
        character.isprintable()
        and character not in _INVISIBLE_LETTERS
        and not unicodedata.category(character).startswith("M")
    )


def _spell(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)
