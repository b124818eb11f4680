"""Every line that QEMU is known to print, in every prefix, with what the reader has to make of it.

    python -m tests.reading.samples [FILE]

counts how many of them are recognised and right, and writes them into FILE.  The formats come from docs/data of the
shared material: trace events of QEMU 1.2 to 11.1 and the debug prints of 1.3 to 2.2, rendered without the grammars.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from quirkfinder.inputs import LineBlock
from quirkfinder.inputs.blocks import PADDING
from quirkfinder.reading.blocks import Engine, EngineChoice
from tests.conftest import shared
from tests.reading import printf

#: Prefix, time in nanoseconds (None: not compared, the form has no date), thread.
PREFIXES: tuple[tuple[str, int | None, int | None], ...] = (
    ("", None, None),
    ("4711@1795167487.997460:", 1795167487997460000, 4711),
    ("2026-11-20T09:42:19.148948Z ", 1795167739148948000, None),
    ("2026-11-20T09:42:19Z ", 1795167739000000000, None),
)
CAPTURES: tuple[tuple[str, int | None, int | None], ...] = (
    ("4711@1795167487997460123 ", 1795167487997460123, 4711),
    ("Nov  2 09:42:19 host qemu-system-x86_64[4711]: ", None, 4711),
    ("Nov 20 09:42:19.123456 host qemu-system-x86_64[4711]: ", None, 4711),
    ("[12345.678901] host qemu-system-x86_64[4711]: ", 12345678901000, 4711),
    ("2026-11-20T09:42:19+0100 host qemu-system-x86_64[4711]: ", 1795164139000000000, 4711),
    ("2026-11-20T09:42:19.148948-02:30 host qemu-kvm[4711]: ", 1795176739148948000, 4711),
    ("qemu-system-x86-4711  [003] .... 12345.678901: tracing_mark_write: ", 12345678901000, 4711),
    ("   qemu-system-x86-4711 [003] 12345.678901: print:                tracing_mark_write: ", 12345678901000, 4711),
    ("  CPU 0/KVM-4711  (   4711) [003] d..1. 12345.678901: tracing_mark_write: ", 12345678901000, 4711),
    ("CPU 0/KVM-4711 [003] 12345.678901: bprint:               0xffffffff81: ", 12345678901000, 4711),
)
#: Event by name of the trace event, and the arguments behind its columns.
ACCESSES = {
    "vfio_region_read": ("region_read", {"device": "name", "region": "index", "address": "addr", "value": "data"}),
    "vfio_region_write": ("region_write", {"device": "name", "region": "index", "address": "addr", "value": "data"}),
    "vfio_pci_read_config": ("config_read", {"device": "name", "address": "addr", "size": "len", "value": "val"}),
    "vfio_pci_write_config": ("config_write", {"device": "name", "address": "addr", "size": "len", "value": "val"}),
    "vfio_vga_read": ("vga_read", {"address": "addr", "size": "size", "value": "data"}),
    "vfio_vga_write": ("vga_write", {"address": "addr", "size": "size", "value": "data"}),
    "vfio_rom_read": ("rom_read", {"device": "name", "address": "addr", "size": "size", "value": "data"}),
    "memory_region_ops_read": ("memory_read", {"address": "addr", "size": "size", "value": "value"}),
    "memory_region_ops_write": ("memory_write", {"address": "addr", "size": "size", "value": "value"}),
    "vfio_quirk_generic_mirror_read": ("quirk_read", {"device": "name", "address": "addr", "value": "data"}),
    "vfio_quirk_generic_window_data_read": ("quirk_read", {"device": "name", "value": "data", "detail": "region_name"}),
    "vfio_quirk_rtl8168_msix_read": ("quirk_read", {"device": "name", "address": "offset", "value": "val"}),
    "vfio_region_setup": ("region_setup", {"device": "dev", "region": "index", "address": "offset", "value": "size"}),
    "vfio_generic_quirk_write": ("quirk_write", {"device": "name", "region": "index", "detail": "region_name"}),
    "vfio_msix_early_setup": ("msix_setup", {"device": "name", "address": "offset"}),
}
#: The debug prints of accesses, in the words of their formats.
PRINTED = {"vfio_bar_read": "region_read", "vfio_bar_write": "region_write"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Lines of one record without prefix; where it is an access, the event and columns that the last one must give."""

    lines: tuple[str, ...]
    event: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)


def trace_records() -> list[dict[str, Any]]:
    path = shared("docs", "data", "trace-events.json")
    return [record for record in json.loads(path.read_text()) if "disable" not in record["props"]]


def trace_samples() -> Iterator[Sample]:
    """A sample of every trace event of every range of releases."""
    for record in trace_records():
        parameters = printf.arguments(record["args"])
        values = [printf.value_of(kind, name) for kind, name in parameters]
        if record["name"].startswith("vfio_listener_region_skip") and "dma" not in record["name"]:
            values[0] = "region_add"
        by_name = dict(zip((name for _, name in parameters), values, strict=True))
        text = printf.render(printf.plain_format(record["fmt"]), values)
        lines = tuple(f"{record['name']} {text}".split("\n"))
        event, columns = ACCESSES.get(record["name"], (None, {}))
        if event in {"region_read", "region_write"}:
            columns = {**columns, "size": "size"}
        yield Sample(lines, event, {column: by_name[name] for column, name in columns.items()})


def debug_samples() -> Iterator[Sample]:
    """A sample of every debug print, of every function that makes it."""
    device = [0, 5, 0, 1]
    path = shared("docs", "data", "dprintf-formats.json")
    for record in json.loads(path.read_text()):
        fmt = printf.plain_format(record["fmt"]).rstrip("\n")
        for function in record["functions"]:
            values: list[Any] = []
            for argument in (a.strip() for a in record["args"].split(",") if a.strip()):
                if argument == "__func__":
                    values.append(function)
                elif "memory_region_name" in argument:
                    values.append("vfio-nvidia-bar0-88000-quirk")
                elif re.search(r"domain|bus|slot|function", argument):
                    values.append(device[sum(1 for v in values if isinstance(v, int)) % 4])
                elif "'A'" in argument:
                    values.append("A")
                else:
                    kinds = printf.DIRECTIVE.findall(fmt)
                    kind = kinds[len(values)][2] if len(values) < len(kinds) else "d"
                    values.append("0000:05:00.1" if kind == "s" else 4)
            count = len([d for d in printf.DIRECTIVE.findall(fmt) if d[2] != "m"])
            line = "vfio: " + printf.render(fmt, (values + [4] * 8)[:count])
            quirk = re.search(r"quirk (read|write)\(", line)
            event = f"quirk_{quirk[1]}" if quirk else PRINTED.get(function) if "failed" not in line else None
            yield Sample((line,), event, {"address": 4, "size": 4, "value": 4} if event in PRINTED.values() else {})


def parse_all(lines: list[str], engine: EngineChoice) -> tuple[pl.DataFrame, list[tuple[int, bytes]]]:
    text = "".join(line + "\n" for line in lines).encode()
    parser = Engine(engine)
    assert parser.native == (engine == "native")
    block = parser.parse(LineBlock(bytearray(text) + bytearray(PADDING), len(text), 0), source=0, first_line=0)
    return block.frame, list(block.samples)


@dataclass(frozen=True, slots=True)
class Judged:
    """Lines in all, accesses among them, and what is wrong: lines that were not recognised or gave another row."""

    lines: int
    accesses: int
    wrong: tuple[str, ...]


def in_prefix(prefix: str) -> list[tuple[Sample, tuple[str, ...]]]:
    """All samples with the lines that they have behind a prefix; a record's second line has none."""
    samples = (*trace_samples(), *debug_samples())
    return [(sample, (prefix + sample.lines[0], *sample.lines[1:])) for sample in samples]


def judged(prefix: str, time: int | None, thread: int | None, engine: EngineChoice) -> Judged:
    """What a reader makes of every sample behind one prefix."""
    lines: list[str] = []
    checks: list[tuple[int, Sample]] = []
    for sample, spelled in in_prefix(prefix):
        lines += spelled
        if sample.event:
            checks.append((len(lines), sample))
    frame, unknown = parse_all(lines, engine)
    wrong = [text.decode() for _, text in unknown]
    rows = {row["line"]: row for row in frame.iter_rows(named=True)}
    for line, sample in checks:
        expected = {**sample.columns, "event": sample.event, "thread": thread}
        if time is not None:
            expected["time"] = time
        row = rows.get(line, {})
        if any(row.get(column) != value for column, value in expected.items()):
            wrong.append(lines[line - 1])
    return Judged(len(lines), len(checks), tuple(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    options = parser.parse_args()
    prefixes = (*PREFIXES, *CAPTURES)
    status = 0
    for engine in ("native", "portable"):
        found = [judged(*prefix, engine=engine) for prefix in prefixes]
        lines, wrong = sum(f.lines for f in found), [line for f in found for line in f.wrong]
        sys.stdout.write(
            f"{engine} reader: {lines} lines in {len(prefixes)} prefixes, {sum(f.accesses for f in found)} of them "
            f"compared column by column; not recognised or wrong: {len(wrong)}\n"
        )
        sys.stdout.writelines(f"  {line}\n" for line in wrong[:20])
        status |= bool(wrong)
    if options.file:
        text = "".join(f"{line}\n" for prefix, *_ in prefixes for _, spelled in in_prefix(prefix) for line in spelled)
        options.file.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
