"""A store back as objects."""

from pathlib import Path

from quirkfinder.corpus import columns
from quirkfinder.corpus.results import Joined
from quirkfinder.corpus.store import Store
from quirkfinder.findings import Findings


def load_findings(store: str | Path) -> list[Findings]:
    """A findings document for each card of the store, in the order of the cards' names.

    Empty where nothing has been joined yet.  Raises NoUsableInput where `store` is none, UsageError where it is of
    another schema, InvalidDocument where a table was damaged.
    """
    opened = Store.open(store)
    if not opened.has_tables:
        return []
    return [Findings.from_json(text) for text in opened.table("documents")["document"].to_list()]


def load_joined(store: str | Path) -> Joined:
    """Everything that the join of the store's runs says. Raises NoUsableInput and UsageError like `load_findings`."""
    opened = Store.open(store)
    if not opened.has_tables:
        return Joined()
    rows = {
        name: tuple(columns.restore(columns.row_type(annotation), row) for row in opened.table(name).to_dicts())
        for name, annotation in columns.hints(Joined).items()
    }
    return Joined(**rows)
