"""What two stores say, to be compared."""

from pathlib import Path
from typing import Any

import polars as pl

from quirkfinder.corpus import Joined
from quirkfinder.corpus.columns import hints


def tables(store: Path) -> dict[str, list[dict[str, Any]]]:
    """All tables of a store."""
    return {name: pl.read_parquet(store / "tables" / f"{name}.parquet").to_dicts() for name in hints(Joined)}
