"""Reading speed as multiples of a hand-written C parser on the same file.

    python -m tests.bench.reading [LINES] [--folder FOLDER] [--repeat N] [--also PYTHON] [--write README.md]

Builds the yardstick from ../shared/bench (says so and stops where it is absent), writes two synthetic logs (mixed, and
region accesses only), runs the yardstick, `convert`, and the peers of `tests.bench.peers` in turn on each of them,
compares their sums, and prints a table of CPU time as multiples of the yardstick's.  Every side runs in a process of
its own and the yardstick beside each of them, so that another load on the machine hits both; the best of N runs counts.
`--also` names an interpreter that has peers which this one lacks (DuckDB); what is not installed is left out with a
word.  `--write` puts the table into a file, between the marks that the README has.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.bench.peers import AWK, sums_of
from tests.conftest import REPOSITORY

BENCH = REPOSITORY.parent / "shared" / "bench"
MARKS = re.compile(r"(<!-- benchmark -->\n)(.*?)(<!-- end of benchmark -->)", re.DOTALL)
TIMES, PAIRS = 8, 5
HEADINGS = ("", "mixed log", "region accesses only", "sums agree")


@dataclass(frozen=True, slots=True)
class Side:
    """A row of the table: what runs, and where the sums are: in a Parquet file, or (None) on stdout."""

    name: str
    command: list[str]
    parquet: Path | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU and wall time in seconds, and the output."""

    cpu: float
    wall: float
    output: str


def spent(command: list[str], output: Path | None = None) -> Spent:
    """A command, run to its end; `output`: the file that it writes, which is not there when it starts.

    What earlier runs wrote is on the disk before: neither its way there nor its removal is part of a run.
    """
    if output is not None:
        output.unlink(missing_ok=True)
    os.sync()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), os.times().elapsed
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), os.times().elapsed
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, end - start, done.stdout)


def build(folder: Path) -> Path:
    """The yardstick as a program."""
    program = folder / "cparse"
    subprocess.run(["cc", "-O3", "-march=native", str(BENCH / "cparse.c"), "-o", str(program)], check=True)
    return program


def logs(folder: Path, lines: int) -> tuple[Path, Path]:
    """A mixed log and one of region accesses only."""
    mixed, regions = folder / f"mixed-{lines}.log", folder / f"regions-{lines}.log"
    if not mixed.exists():
        subprocess.run([sys.executable, str(BENCH / "gen.py"), str(lines), str(mixed)], check=True)
    if not regions.exists():
        with mixed.open("rb") as source, regions.open("wb") as out:
            out.writelines(line for line in source if b":vfio_region_" in line and line.count(b"@") == 1)
    return mixed, regions


def has(python: str, module: str) -> bool:
    """True where an interpreter can import a module."""
    return subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True).returncode == 0


def sides(path: Path, also: str | None) -> list[Side]:
    """What is at hand; what is not is said on stderr."""
    run = [sys.executable, "-m", "tests.bench.peers"]
    out = [
        Side("`convert`, one core", [*run, "ours", str(path), "1"], Path(f"{path}.1.parquet"), repeated=True),
        Side("`convert`, two cores", [*run, "ours", str(path), "2"], Path(f"{path}.2.parquet"), repeated=True),
        Side("Python `re`, line by line", [*run, "script", str(path)], Path(f"{path}.script.parquet")),
        Side("polars `extract_groups` *", [*run, "polars", str(path)]),
    ]
    python = next((python for python in (sys.executable, also) if python and has(python, "duckdb")), None)
    if python:
        out.append(Side("DuckDB `regexp_extract` *", [python, "-m", "tests.bench.peers", "duckdb", str(path)]))
    else:
        sys.stderr.write("DuckDB: skipped, not installed\n")
    if gawk := shutil.which("gawk"):
        out.append(Side("gawk `match` *", [gawk, AWK, str(path)]))
    else:
        sys.stderr.write("gawk: skipped, not installed\n")
    return out


def agrees(side: Side, output: str, yardstick: dict[str, int], ours: dict[str, int]) -> bool:
    """True where the sums of a side are the yardstick's (region addresses alone: those of our columns)."""
    if side.parquet is None:
        return bool(json.loads(output)["region address"] == ours["region address"])
    sums = sums_of(side.parquet)
    return all(
        sums[column] == yardstick[key] for column, key in (("address", "off"), ("value", "val"), ("size", "size"))
    )


def concurrency(program: Path, path: Path) -> float:
    """How many times the throughput of one yardstick two have that run at a time: 2 where two cores are free."""
    command = [str(program), str(path)]
    alone = spent(command).wall
    start = os.times().elapsed
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    for process in both:
        process.wait()
    return 2 * alone / (os.times().elapsed - start)


def throughput(path: Path) -> float:
    """How many times as fast two cores convert as one does: the median of five pairs of runs, one behind the other.

    The log is some gigabytes long, so that the start of the program, which no second core makes faster, is a small part
    as it is with the logs for which one would want two.
    """
    long = path.with_suffix(".long.log")
    with long.open("wb") as out:
        for _ in range(TIMES):
            with path.open("rb") as source:
                shutil.copyfileobj(source, out, 1 << 20)
    run = [sys.executable, "-m", "tests.bench.peers", "ours", str(long)]
    outputs = {cores: Path(f"{long}.{cores}.parquet") for cores in ("1", "2")}
    walls = [[spent([*run, cores], out).wall for cores, out in outputs.items()] for _ in range(PAIRS)]
    for file in (long, *outputs.values()):
        file.unlink()
    sys.stderr.write(f"{path.name}: {TIMES} times over: one and two cores: {walls}\n")
    return median(one / two for one, two in walls)


def measured(path: Path, program: Path, options: argparse.Namespace) -> dict[str, tuple[str, bool]]:
    """A column of the table: a cell a side, and whether its sums agree."""
    yardstick = [str(program), str(path)]
    reference = spent(yardstick)
    theirs = json.loads(reference.output)
    cells: dict[str, tuple[str, bool]] = {}
    ours: dict[str, int] = {}
    for side in sides(path, options.also):
        best: list[Spent] = []
        units: list[float] = []
        # As many runs of the one as of the other: more would be more luck.
        for _ in range(options.repeat if side.repeated else 1):
            units.append(spent(yardstick).cpu)
            best.append(spent(side.command, side.parquet))
        if not ours and side.parquet:
            ours = sums_of(side.parquet)
        cpu, unit = min(run.cpu for run in best), min(units)
        wall = min(run.wall for run in best)
        cells[side.name] = (f"{cpu / unit:.2f}", agrees(side, best[-1].output, theirs, ours))
        sys.stderr.write(f"{path.name}: {side.name}: {cpu / unit:.2f}, {cpu:.2f} s CPU, {wall:.2f} s wall\n")
    free = concurrency(program, path)
    ratio = throughput(path)
    cells["throughput of two cores over one"] = (f"{ratio:.2f} (two yardsticks over one: {free:.2f})", True)
    return cells


def table(lines: int, columns: list[dict[str, tuple[str, bool]]]) -> str:
    """The table as Markdown."""
    rows = ["| " + " | ".join(HEADINGS) + " |", "| --- | --: | --: | --- |"]
    for name in columns[0]:
        agree = "yes" if all(column[name][1] for column in columns) else "NO"
        rows.append(f"| {name} | {' | '.join(column[name][0] for column in columns)} | {agree} |")
    day = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
    return (
        f"CPU time as multiples of a hand-written C parser that keeps its columns in memory, on the same log of "
        f"{lines / 1e6:g} million lines and on its region accesses, {day}, {os.cpu_count()} cores:\n\n"
        + "\n".join(rows)
        + "\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="?", type=int, default=8_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "quirkfinder-bench")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--also", metavar="PYTHON", help="an interpreter that has peers which this one lacks")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    options = parser.parse_args()
    if not (BENCH / "cparse.c").exists():
        sys.stdout.write(f"no yardstick: {BENCH / 'cparse.c'} is not part of the repository\n")
        return 0
    options.folder.mkdir(parents=True, exist_ok=True)
    program = build(options.folder)
    columns = [measured(path, program, options) for path in logs(options.folder, options.lines)]
    text = table(options.lines, columns)
    sys.stdout.write(text)
    if options.write:
        before = options.write.read_text(encoding="utf-8")
        options.write.write_text(MARKS.sub(lambda found: found[1] + text + found[3], before), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
