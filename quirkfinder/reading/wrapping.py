"""Lines that a mail program broke: put together where the parts can belong to one line only."""

from collections.abc import Callable, Iterator, Sequence

from quirkfinder.reading.portable import Ignored, Row

Found = Row | Ignored | None
#: Mail programs break lines at the blank before the word that would not have fitted: no earlier than this.
NARROWEST = 60
MOST_PARTS = 3


def _broken_before(line: bytes, following: bytes) -> bool:
    """True where a line ends because the next word did not fit into it."""
    word = following.split(maxsplit=1)
    return bool(word) and not following[:1].isspace() and len(line.rstrip()) + 1 + len(word[0]) > NARROWEST


def rejoined(lines: Sequence[bytes], parse: Callable[[bytes], Found]) -> Iterator[tuple[int, Found]]:
    """How many of the first lines make up one known line, and what it is; nothing where they make up none.

    `lines` are consecutive and none of them is known by itself.
    """
    whole = lines[0].rstrip(b" \t\r") if lines else b""
    for count, following in enumerate(lines[1:MOST_PARTS], 2):
        if not _broken_before(whole.rsplit(b"\n")[-1], following):
            return
        whole = whole + b" " + following.strip(b" \t\r")
        found = parse(whole)
        if found is not None:
            yield count, found
            return
