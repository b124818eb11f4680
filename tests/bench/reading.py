"""Reading speed as multiples of a hand-written C parser on the same file.

    python -m tests.bench.reading [LINES] [--folder FOLDER] [--repeat N]

Builds the yardstick from ../shared/bench (says so and stops where it is absent), writes two synthetic logs (mixed, and
region accesses only), runs the yardstick, `convert`, and peers that are at hand on each of them, compares the sums of
the columns, and prints CPU time as a multiple of the yardstick's.  Every side runs in a process of its own; the best of
N runs counts.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2].parent / "shared" / "bench"
MODULE = "tests.bench.reading"
EVENTS = re.compile(
    rb"(?:(\d+)@(\d+)\.(\d+):)?(?:vfio_region_(?:read|write)  \((.+):region(\d+)\+0x([0-9a-f]+), "
    rb"(?:(\d+)\) = 0x([0-9a-f]+)|0x([0-9a-f]+), (\d+)\))"
    rb"|vfio_pci_(?:read|write)_config  \((.+), @0x([0-9a-f]+), (?:len=0x([0-9a-f]+)\) 0x([0-9a-f]+)"
    rb"|0x([0-9a-f]+), len=0x([0-9a-f]+)\)))"
)


def cpu_seconds(command: list[str]) -> tuple[float, float, str]:
    """User and system time, wall time and output of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = os.times().elapsed
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, os.times().elapsed - start, done.stdout


def build(folder: Path) -> Path:
    """The yardstick as a program."""
    program = folder / "cparse"
    subprocess.run(["cc", "-O3", "-march=native", str(BENCH / "cparse.c"), "-o", str(program)], check=True)
    return program


def logs(folder: Path, lines: int) -> dict[str, Path]:
    """A mixed log and one of region accesses only."""
    mixed, regions = folder / f"mixed-{lines}.log", folder / f"regions-{lines}.log"
    if not mixed.exists():
        subprocess.run([sys.executable, str(BENCH / "gen.py"), str(lines), str(mixed)], check=True)
    if not regions.exists():
        with mixed.open("rb") as source, regions.open("wb") as out:
            out.writelines(line for line in source if b":vfio_region_" in line and line.count(b"@") == 1)
    return {"mixed": mixed, "regions": regions}


def ours(path: str, threads: str) -> None:
    """`convert`, and the sums of what it wrote."""
    import polars as pl

    from quirkfinder.inputs import resolve
    from quirkfinder.reading import convert

    out = Path(path).with_suffix(f".{threads}.parquet")
    convert(resolve([path]), out, engine="native", threads=int(threads))
    if os.environ.get("SUMS"):
        frame = pl.scan_parquet(out)
        wide = pl.col("address", "value", "size").cast(pl.Int128).sum()
        parsed = "^(region_(read|write)|config|vga|memory|unassigned)"
        sums = frame.filter(pl.col("event").cast(pl.String).str.contains(parsed)).select(wide).collect()
        print(json.dumps({k: int(v) % 2**64 for k, v in sums.row(0, named=True).items()}))  # noqa: T201  a report


def per_line_regex(path: str) -> None:
    """What a script would do: one regular expression, a line at a time, into lists."""
    columns: list[tuple[bytes | None, ...]] = []
    with Path(path).open("rb") as file:
        for line in file:
            found = EVENTS.match(line)
            if found:
                columns.append(found.groups())


def polars_regex(path: str) -> None:
    """polars' own extraction, with the region lines' expression."""
    import polars as pl

    lines = pl.scan_csv(
        path, has_header=False, new_columns=["line"], separator="\x01", quote_char=None, encoding="utf8-lossy"
    )
    pattern = r"(\d+)@(\d+)\.(\d+):vfio_region_(?:read|write)  \((.+):region(\d+)\+0x([0-9a-f]+), (.*)$"
    lines.select(pl.col("line").str.extract_groups(pattern)).collect(engine="streaming")


def duckdb_regex(path: str) -> None:
    """DuckDB's regular expressions on the lines of the file."""
    import duckdb  # type: ignore[import-not-found, unused-ignore]  # a peer, where it is installed

    pattern = r"(\d+)@(\d+)\.(\d+):vfio_region_(?:read|write)  \((.+):region(\d+)\+0x([0-9a-f]+), (.*)$"
    names = "['t','s','u','d','r','o','rest']"
    duckdb.sql(
        f"create table t as select regexp_extract(column0, '{pattern}', {names}) as x from read_csv('{path}', "
        "header=false, columns={'column0':'varchar'}, delim='\\x01', quote='', ignore_errors=true)"
    )


SIDES: dict[str, Callable[..., None]] = {
    "ours": ours,
    "per-line-regex": per_line_regex,
    "polars-regex": polars_regex,
    "duckdb-regex": duckdb_regex,
}
AWK = '{ if (match($0, /region([0-9]+)\\+0x([0-9a-f]+), (.*)$/, m)) s += strtonum("0x" m[2]) } END { print s }'


def peers(path: Path) -> dict[str, list[str]]:
    """Commands of the sides that are at hand."""
    run = [sys.executable, "-m", MODULE, "--side"]
    out = {
        "convert, 1 thread": [*run, "ours", str(path), "1"],
        "convert, 2 threads": [*run, "ours", str(path), "2"],
        "python re, line by line": [*run, "per-line-regex", str(path)],
        "polars extract_groups": [*run, "polars-regex", str(path)],
    }
    try:
        import duckdb  # type: ignore[import-not-found, unused-ignore]  # noqa: F401  only whether it is there
    except ImportError:
        pass
    else:
        out["duckdb regexp_extract"] = [*run, "duckdb-regex", str(path)]
    if gawk := shutil.which("gawk"):
        out["gawk match()"] = [gawk, AWK, str(path)]
    return out


def agree(yardstick: str, path: Path) -> bool:
    """True where the sums of our columns are the yardstick's, over the events that it parses."""
    theirs = json.loads(yardstick)
    environment = {**os.environ, "SUMS": "1"}
    command = [sys.executable, "-m", MODULE, "--side", "ours", str(path), "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    mine = json.loads(done.stdout)
    return bool((mine["address"], mine["value"], mine["size"]) == (theirs["off"], theirs["val"], theirs["size"]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="?", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "quirkfinder-bench")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", help="sides whose name contains this")
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        SIDES[options.side[0]](*options.side[1:])
        return 0
    say = sys.stdout.write
    if not (BENCH / "cparse.c").exists():
        say(f"no yardstick: {BENCH / 'cparse.c'} is not part of the repository\n")
        return 0
    options.folder.mkdir(parents=True, exist_ok=True)
    program = build(options.folder)
    for name, path in logs(options.folder, options.lines).items():
        runs = [cpu_seconds([str(program), str(path)]) for _ in range(options.repeat)]
        unit, unit_wall = min(run[0] for run in runs), min(run[1] for run in runs)
        say(f"{name}: yardstick {unit:.2f} s CPU; sums agree: {agree(runs[0][2], path)}\n")
        for side, command in peers(path).items():
            if options.only and options.only not in side:
                continue
            repeat = options.repeat if "convert" in side else 1
            done = [cpu_seconds(command) for _ in range(repeat)]
            # The yardstick runs again beside each side: another load on the machine hits both.
            beside = min(cpu_seconds([str(program), str(path)])[0] for _ in range(repeat))
            best, wall = min(run[0] for run in done), min(run[1] for run in done)
            say(f"  {side:26} {best / min(unit, beside):7.2f} x CPU {wall / unit_wall:7.2f} x wall\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
