"""Definitions that between them use everything the emitter can write, each for one reason."""

from pathlib import Path

from quirkfinder.definition import QuirkDefinition, load

DATA = Path(__file__).parent / "data"


def examples() -> dict[str, QuirkDefinition]:
    """Definitions by the name of their file."""
    return {path.stem: load(path) for path in sorted(DATA.glob("*.toml"))}
