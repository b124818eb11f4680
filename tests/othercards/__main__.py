"""`python -m tests.othercards [SET]...`: analyse the other cards and print, or with --renew write, how well it went."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from . import ARCHIVES, KNOWN, results, set_name, summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.othercards", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help="all where none is named")
    parser.add_argument("--renew", action="store_true", help="write the result into known.json")
    options = parser.parse_args()
    out = json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.exists() else {}
    for archive in ARCHIVES:
        name = set_name(archive)
        if options.sets and name not in options.sets:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = {bundle: judgement for bundle, _, judgement in results(archive, Path(folder))}
        out[name] = summary(found)
        counts = {key: out[name][key] for key in ("required", "found", "claims", "false")}
        sys.stdout.write(f"{name}: {len(found)} bundles, {counts}\n")
        for key in ("missed", "claimed falsely"):
            for bundle, entries in out[name][key].items():
                sys.stdout.write(f"  {key}: {bundle}: {', '.join(entries)}\n")
    if options.renew:
        KNOWN.write_text(json.dumps(out, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
