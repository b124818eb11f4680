"""Writes `quirkfinder/reading/formats.json`: names, argument types and formats of trace events, newest first.

    python grammars/generate_formats.py TRACE_EVENTS.json > quirkfinder/reading/formats.json

The input is a list of records {"name", "args", "fmt", ...} collected from QEMU's trace-events files, 1.2 to 11.1.
Binary traces and tools that print arguments by name are turned into the lines of the "log" back end with it.
"""

import json
import re
import sys
from pathlib import Path

from generate_other_events import plain_format


def arguments(text: str) -> list[list[str]]:
    """Type and name of each argument."""
    if text == "void":
        return []
    return [[m[1].strip(), m[2]] for m in re.finditer(r"([^,]*?)(\w+)\s*(?:,|$)", text)]


def main(path: str) -> None:
    records = json.loads(Path(path).read_text())
    out: dict[str, list[list[object]]] = {}
    for record in reversed(records):
        fmt = plain_format(record["fmt"]).replace("\\n", "\n")
        entry: list[object] = [arguments(record["args"]), fmt]
        if entry not in out.setdefault(record["name"], []):
            out[record["name"]].append(entry)
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in sorted(out.items())]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
