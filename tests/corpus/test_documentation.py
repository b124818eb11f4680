"""docs/store.md describes the tables that there are, column by column."""

import re

from quirkfinder.corpus import Joined
from quirkfinder.corpus.columns import hints, row_type
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs" / "store.md").read_text(encoding="utf-8")


def documented() -> dict[str, list[str]]:
    """Table name to columns, from the headings `### name` and the table rows below them."""
    found: dict[str, list[str]] = {}
    for section in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        heading = section.splitlines()[0].strip("`")
        found[heading] = [cell for row in re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE) for cell in columns(row)]
    return found


def columns(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_every_table_and_column_is_described() -> None:
    tables = {name: list(hints(row_type(annotation))) for name, annotation in hints(Joined).items()}
    assert {name: sorted(documented().get(name, [])) for name in tables} == {k: sorted(v) for k, v in tables.items()}
