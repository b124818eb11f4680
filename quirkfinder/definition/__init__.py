"""Quirk definitions: a quirk as data that people can edit, between the findings and what is made of them.

`load(path)`, `loads(text)` and `dump(definition)` read and write TOML; `from_findings(document)` makes definitions of a
findings document.  The format is `schema.json` beside this module plus the rules in `checks`.
"""

from quirkfinder.definition.assembly import from_findings, merge
from quirkfinder.definition.errors import DefinitionError
from quirkfinder.definition.model import (
    Condition,
    Evidence,
    Leak,
    Match,
    MatchBar,
    Mirror,
    Provenance,
    QuirkDefinition,
    Sink,
    Step,
    Strobe,
    Trace,
    Window,
    WindowMatch,
    WriteException,
)
from quirkfinder.definition.reading import from_table, load, loads
from quirkfinder.definition.writing import as_table, dump

__all__ = [
    "Condition",
    "DefinitionError",
    "Evidence",
    "Leak",
    "Match",
    "MatchBar",
    "Mirror",
    "Provenance",
    "QuirkDefinition",
    "Sink",
    "Step",
    "Strobe",
    "Trace",
    "Window",
    "WindowMatch",
    "WriteException",
    "as_table",
    "dump",
    "from_findings",
    "from_table",
    "load",
    "loads",
    "merge",
]
