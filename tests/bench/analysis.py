"""What `analyze` costs as the log grows, beside `convert` on the same file.

    python -m tests.bench.analysis [MILLIONS]... [--framebuffer MILLIONS] [--folder FOLDER]

Writes synthetic mixed logs of so many million lines (the generator is in ../shared/bench; it says so and stops where
that is absent) and a recorded run behind 98 % framebuffer, runs `convert` and `analyze` on each in a process of its
own, and prints CPU time, wall time and the largest resident memory.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from quirkfinder.inputs import Source
from tests.bench.reading import BENCH
from tests.conftest import CORPUS, REPOSITORY

DRAWN = 0x800000  # bytes of the frame


@dataclass(frozen=True, slots=True)
class Run:
    """CPU and wall time in seconds, the largest resident memory in bytes, what the command printed."""

    cpu: float
    wall: float
    memory: int
    output: str


def run(*arguments: str) -> Run:
    """A command of quirkfinder, run to its end."""
    began = os.times().elapsed
    command = [sys.executable, "-m", "quirkfinder", *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return Run(usage.ru_utime + usage.ru_stime, os.times().elapsed - began, usage.ru_maxrss * 1024, output)


def framebuffer(folder: Path, lines: int) -> Path:
    """The recorded radeon run whose guest draws frame after frame: 49 pixels and more to every other line."""
    folder.mkdir()
    base = CORPUS / "radeon"
    for file in base.iterdir():
        if file.name.startswith("qemu.log"):
            own = Source(str(file), file).read().decode().splitlines(keepends=True)
        elif file.name != "truth.json":
            (folder / file.name).write_bytes(file.read_bytes())
    chance, at = random.Random(1), 0
    with (folder / "qemu.log").open("w") as log:
        for line in own:
            log.write(line)
            for _ in range(max(49, lines // len(own) - 1)):
                log.write(f"vfio_region_write  (0000:01:00.0:region0+0x{at:x}, 0x{chance.getrandbits(24):x}, 4)\n")
                at = (at + 4) % DRAWN
    return folder


def compare(name: str, path: Path, folder: Path) -> None:
    """Both commands on one input, as rows of a table."""
    converted = run("convert", str(path), "-o", str(folder / "events.parquet"), "-q")
    (folder / "events.parquet").unlink()
    analyzed = run("analyze", str(path), "--format", "json", "-q")
    document = json.loads(analyzed.output)
    claims = sum(finding["verdict"] != "benign" for finding in document["findings"])
    kept = document["statistics"].get("folded", {}).get("kept", sum(document["statistics"]["events"].values()))
    for what, one in (("convert", converted), ("analyze", analyzed)):
        row = f"| {name} | {what} | {one.cpu:.1f} | {one.wall:.1f} | {one.memory / 1e6:.0f} |"
        print(row, flush=True)  # noqa: T201 - its output
    print(  # noqa: T201 - its output
        f"  analyze: {analyzed.cpu / converted.cpu:.1f} times convert's CPU time; {kept} events kept, {claims} claims",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("millions", nargs="*", type=int, default=[1, 5])
    parser.add_argument("--framebuffer", type=int, default=5, metavar="MILLIONS")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    if not BENCH.is_dir():
        print(f"{BENCH} is not there: it holds the generator of logs", file=sys.stderr)  # noqa: T201 - its output
        return 1
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        base = Path(name)
        for millions in options.millions:
            log = base / "mixed.log"
            subprocess.run([sys.executable, str(BENCH / "gen.py"), str(millions * 10**6), str(log)], check=True)
            compare(f"{millions} M lines, mixed noise", log, base)
            log.unlink()
        if options.framebuffer:
            lines = options.framebuffer * 10**6
            compare(f"{options.framebuffer} M lines, framebuffer", framebuffer(base / "drawn", lines), base)
    return 0


if __name__ == "__main__":
    sys.exit(main())
