"""What mining costs, as a multiple of `convert` on the same logs.

    python -m tests.bench.mining [MEGABYTES] [--run MEGABYTES] [--jobs N]... [--small RUNS] [--folder FOLDER]

Makes runs of about `--run` MB each from the recorded bundles, all different: the card lies at another slot and its
BARs at other host addresses, in the log and in the listings alike; the log is repeated with a tenth of the written
values changed and with later stamps.  Each is converted, then all are mined once for every `--jobs`.  Printed are CPU
and wall time, both also as multiples of `convert`'s, and the peak of the memory (anonymous pages of the process tree).
Then `--small` runs of a few lines are mined, which is the overhead of a run, and mined again, which is the cost of
looking.
"""

import argparse
import os
import random
import re
import resource
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
STAMP = re.compile(rb"^(\d+@)(\d+)(\.\d{6}:)", re.MULTILINE)
LISTED = re.compile(rb"Memory at ([0-9a-f]{8}) .*?\[size=(\d+)([KM])\]")
NUMBER = re.compile(rb"[0-9a-f]{7,16}")
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
        files = {f.name: Source(str(f), f).read() for f in base.iterdir() if f.name != "truth.json"}
        files = moved(files, number, chance)
        log = next(name for name in files if name.startswith("qemu.log"))
        for name, content in files.items():
            if name != log:
                (target / name).write_bytes(content)
        made += write(target / "qemu.log", files[log], size, chance, number)
        number += 1
    return made


def moved(files: dict[str, bytes], number: int, chance: random.Random) -> dict[str, bytes]:
    """The files of a bundle with the card in another slot and its memory BARs elsewhere on the host."""
    unit = {b"K": 1 << 10, b"M": 1 << 20}
    spans = []
    for name, text in files.items():
        if "lspci" in name:
            spans += [(int(m[1], 16), int(m[2]) * unit[m[3]]) for m in LISTED.finditer(text)]
    by = chance.randrange(1, 8) << 28  # a change of the upper bits keeps BARs aligned and apart

    def elsewhere(match: re.Match[bytes]) -> bytes:
        value = int(match[0], 16)
        inside = any(first <= value < first + size for first, size in spans)
        return b"%0*x" % (len(match[0]), value ^ by) if inside else match[0]

    slot = b"%02x:00.0" % (1 + number % 200)
    return {name: NUMBER.sub(elsewhere, text.replace(b"01:00.0", slot)) for name, text in files.items()}


def write(path: Path, text: bytes, size: int, chance: random.Random, number: int) -> int:
    later = 0

    def postponed(match: re.Match[bytes]) -> bytes:
        return match[1] + b"%d" % (int(match[2]) + later) + match[3]

    def changed(match: re.Match[bytes]) -> bytes:
        value = int(match[2], 16)
        return match[1] + b"%x" % (value ^ chance.randrange(256) if chance.random() < 0.1 else value) + match[3]

    with path.open("wb") as file:
        length = file.write(text)
        while length < size:
            later += 60
            length += file.write(STAMP.sub(postponed, WRITTEN.sub(changed, text)))
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
        convert = Spent(sum(s.cpu for s in spent), sum(s.wall for s in spent), max(s.peak for s in spent))
        print(f"{len(runs)} runs, {total:.0f} MB, {os.cpu_count()} processors")  # noqa: T201 - its output
        report("convert, one after the other", convert, convert)
        for jobs in options.jobs or [1, 2]:
            mined = measured("mine", str(base / "large"), "-o", str(base / f"store{jobs}"), "--jobs", str(jobs))
            report(f"mine --jobs {jobs}", mined, convert)
        for number in range(options.small):
            bundle(base / "small" / f"run{number:05}", seed=number, device=0x1200 + number % 20)
        for what in ("mine small runs", "mine them again"):
            once = measured("mine", str(base / "small"), "-o", str(base / "store"), "--jobs", "1")
            each = 1000 * once.wall / options.small
            print(f"{what}: {each:.1f} ms a run, peak {once.peak / 1e6:.0f} MB")  # noqa: T201 - its output


def report(what: str, spent: Spent, convert: Spent) -> None:
    print(  # noqa: T201 - its output
        f"{what}: {spent.cpu:.1f} s of CPU time ({spent.cpu / convert.cpu:.2f} times convert's), {spent.wall:.1f} s of "
        f"wall time ({spent.wall / convert.wall:.2f} times), peak {spent.peak / 1e6:.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
