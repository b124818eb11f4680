"""The JSON schema of definition files, made from the model; `schema.json` beside this module is its text.

`python -m quirkfinder.definition.schema > quirkfinder/definition/schema.json` writes it anew after a change.
"""

import json
import sys
from pathlib import Path
from typing import Any

from quirkfinder.definition.fields import Entry, entries
from quirkfinder.definition.model import SCHEMA_NAME, QuirkDefinition

FILE = Path(__file__).with_name("schema.json")


def schema() -> dict[str, Any]:
    """JSON schema (2020-12) of a definition as a table. Rules between keys are checked by the loader alone."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA_NAME,
        "description": "A quirk definition of quirkfinder: TOML whose table has this form.",
        **_object(QuirkDefinition),
    }


def _object(of: type[Any]) -> dict[str, Any]:
    known = entries(of)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [entry.key for entry in known if entry.required],
        "properties": {entry.key: {"description": entry.spec.about, **_value(entry)} for entry in known},
    }


def _value(entry: Entry) -> dict[str, Any]:
    spec = entry.spec
    integer = {"type": "integer", "minimum": spec.minimum, "maximum": spec.maximum}
    text = {"type": "string"} | ({"pattern": spec.pattern} if spec.pattern else {})
    match spec.shape:
        case "hex" | "count":
            return {"oneOf": [integer, {"const": spec.word}]} if spec.word else integer
        case "hexes":
            return {"type": "array", "items": integer}
        case "fraction":
            return {"type": "number", "minimum": 0, "maximum": 1}
        case "flag":
            return {"type": "boolean"}
        case "text":
            return text
        case "texts":
            return {"type": "array", "items": text}
        case "choice":
            return {"enum": list(spec.choices)}
        case "table":
            assert spec.item is not None
            return _object(spec.item)
        case "tables":
            assert spec.item is not None
            return {"type": "array", "items": _object(spec.item)}


def text() -> str:
    """The schema as it is shipped."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
