"""What mining costs, as a multiple of `convert` on the same logs.

    python -m tests.bench.mining [MEGABYTES] [--run MEGABYTES] [--jobs N]... [--small RUNS] [--folder FOLDER]

Makes runs of about `--run` MB each from the recorded bundles (logs repeated, a tenth of the written values changed),
converts each of them, mines all of them once for every `--jobs`, and prints CPU time as a multiple of `convert`'s, wall
time, and the peak of the memory (anonymous pages of the process tree).  Then it mines `--small` runs of a few lines,
which is the overhead of a run, and mines them again, which is the cost of looking.
"""

import argparse
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quirkfinder.inputs import Source
from tests.conftest import CORPUS, REPOSITORY
from tests.corpus.logs import bundle

BASES = ("ati-linux-driver", "e1000e-linux", "radeon", "geforce", "ati-doors", "radeon-timestamps", "stdvga-firmware")
WRITTEN = re.compile(rb"(region_write .*, 0x)([0-9a-f]+)(, \d\))$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU and wall time in seconds, peak memory of all processes in bytes."""

    cpu: float
    wall: float
    peak: int


def measured(*arguments: str) -> Spent:
    """A command of quirkfinder, run to its end."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "quirkfinder", *arguments, "-q"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, sum(map(anonymous, tree(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    done.set()
    watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)}: exit status {status}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(cpu, time.monotonic() - began, peak)


def tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:
            continue
        for child in below:
            yield from tree(int(child))


def anonymous(pid: int) -> int:
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def make(folder: Path, total: int, size: int) -> int:
    """Runs of about `size` bytes, `total` in all; returns the bytes of their logs."""
    made = number = 0
    chance = random.Random(1)
    while made < total:
        base = CORPUS / BASES[number % len(BASES)]
        target = folder / f"{number:05}-{base.name}"
        target.mkdir(parents=True)
        for file in base.iterdir():
            if file.name.startswith("qemu.log"):
                text = Source(str(file), file).read()
            elif file.name != "truth.json":
                shutil.copy(file, target)
        made += write(target / "qemu.log", text, size, chance, number)
        number += 1
    return made


def write(path: Path, text: bytes, size: int, chance: random.Random, number: int) -> int:
    def changed(match: re.Match[bytes]) -> bytes:
        value = int(match[2], 16)
        return match[1] + b"%x" % (value ^ chance.randrange(256) if chance.random() < 0.1 else value) + match[3]

    with path.open("wb") as file:
        length = file.write(text)
        while length < size:
            length += file.write(WRITTEN.sub(changed, text))
        return length + file.write(b"vfio_region_read  (0000:01:00.0:region0+0x0, 4) = 0x%x\n" % number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("megabytes", nargs="?", type=int, default=200)
    parser.add_argument("--run", type=int, default=50, metavar="MEGABYTES")
    parser.add_argument("--jobs", type=int, action="append")
    parser.add_argument("--small", type=int, default=200, metavar="RUNS")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        base = Path(name)
        total = make(base / "large", options.megabytes * 10**6, options.run * 10**6) / 1e6
        runs = sorted((base / "large").iterdir())
        spent = [measured("convert", str(run), "-o", str(base / "events.parquet")) for run in runs]
        convert = sum(one.cpu for one in spent)
        print(f"{len(runs)} runs, {total:.0f} MB, {os.cpu_count()} processors")  # noqa: T201 - its output
        report(
            "convert, one after the other",
            Spent(convert, sum(s.wall for s in spent), max(s.peak for s in spent)),
            convert,
        )
        for jobs in options.jobs or [1, 2]:
            mined = measured("mine", str(base / "large"), "-o", str(base / f"store{jobs}"), "--jobs", str(jobs))
            report(f"mine --jobs {jobs}", mined, convert)
        for number in range(options.small):
            bundle(base / "small" / f"run{number:05}", seed=number, device=0x1200 + number % 20)
        for what in ("mine small runs", "mine them again"):
            once = measured("mine", str(base / "small"), "-o", str(base / "store"), "--jobs", "1")
            each = 1000 * once.wall / options.small
            print(f"{what}: {each:.1f} ms a run, peak {once.peak / 1e6:.0f} MB")  # noqa: T201 - its output


def report(what: str, spent: Spent, convert: float) -> None:
    print(  # noqa: T201 - its output
        f"{what}: {spent.cpu / convert:.2f} times the CPU time of convert ({spent.cpu:.1f} s), "
        f"{spent.wall:.1f} s of wall time, peak {spent.peak / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
