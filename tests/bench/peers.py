"""The sides of `tests.bench.reading`: each reads one log, in a process of its own.

`convert` and the line-by-line script do the same work: every kind of line that the yardstick parses, all columns, with
their types, into a Parquet file.  The others are given less to do: they capture the fields of region accesses only,
convert one of them, and write nothing.  Each prints sums of what it read as JSON, so that no side is fast by being
wrong.  No imports outside the standard library here: a side may run under another interpreter.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

PREFIX = rb"(?:(\d+)@(\d+)\.(\d+):)?"
HEX = rb"0x([0-9a-f]+)"
#: One expression a format, the frequent ones first: event, expression, and which group holds which column.
FORMATS: tuple[tuple[str, bytes, dict[str, int]], ...] = (
    (
        "region_read",
        rb"vfio_region_read  \((.+):region(\d+)\+" + HEX + rb", (\d+)\) = " + HEX + rb"\s*$",
        {"device": 4, "region": 5, "address": 6, "size": 7, "value": 8},
    ),
    (
        "region_write",
        rb"vfio_region_write  \((.+):region(\d+)\+" + HEX + rb", " + HEX + rb", (\d+)\)\s*$",
        {"device": 4, "region": 5, "address": 6, "value": 7, "size": 8},
    ),
    (
        "config_read",
        rb"vfio_pci_read_config  \((.+), @" + HEX + rb", len=" + HEX + rb"\) " + HEX + rb"\s*$",
        {"device": 4, "address": 5, "size_hex": 6, "value": 7},
    ),
    (
        "config_write",
        rb"vfio_pci_write_config  \((.+), @" + HEX + rb", " + HEX + rb", len=" + HEX + rb"\)\s*$",
        {"device": 4, "address": 5, "value": 6, "size_hex": 7},
    ),
    (
        "vga_read",
        rb"vfio_vga_read  \(" + HEX + rb", (\d+)\) = " + HEX + rb"\s*$",
        {"address": 4, "size": 5, "value": 6},
    ),
    (
        "vga_write",
        rb"vfio_vga_write  \(" + HEX + rb", " + HEX + rb", (\d+)\)\s*$",
        {"address": 4, "value": 5, "size": 6},
    ),
    (
        "memory_read",
        rb"memory_region_ops_read cpu -?\d+ mr 0x[0-9a-f]+ addr " + HEX + rb" value " + HEX + rb" size (\d+)",
        {"address": 4, "value": 5, "size": 6},
    ),
    (
        "memory_write",
        rb"memory_region_ops_write cpu -?\d+ mr 0x[0-9a-f]+ addr " + HEX + rb" value " + HEX + rb" size (\d+)",
        {"address": 4, "value": 5, "size": 6},
    ),
    (
        "unassigned_read",
        rb"Invalid read at addr 0x([0-9A-F]+), size (\d+), region '",
        {"address": 4, "size": 5},
    ),
    (
        "unassigned_write",
        rb"Invalid write at addr 0x([0-9A-F]+), size (\d+), region '",
        {"address": 4, "size": 5},
    ),
)
COLUMNS = ("line", "time", "thread", "event", "device", "region", "address", "size", "value")
PARSED = "^(region_(read|write)|config|vga|memory|unassigned)"
REGION = r"^(\d+)@(\d+)\.(\d+):vfio_region_(?:read|write)  \((.+):region(\d+)\+0x([0-9a-f]+), (.*)$"
AWK = (
    r"{ if (match($0, /^([0-9]+)@([0-9]+)\.([0-9]+):vfio_region_(read|write)  \((.+):region([0-9]+)\+0x([0-9a-f]+), "
    r'(.*)$/, m)) s += strtonum("0x" m[7]) } END { printf "{\"region address\": %d}\n", s }'
)


def sums_of(path: Path) -> dict[str, int]:
    """Sums of a Parquet file over the events that the yardstick parses, as 64 bits hold them."""
    import polars as pl

    frame = pl.scan_parquet(path).with_columns(pl.col("event").cast(pl.String))
    frame = frame.filter(pl.col("event").str.contains(PARSED))
    wide = [pl.col(column).cast(pl.Int128).sum() for column in ("address", "value", "size")]
    row = frame.select(*wide).collect().row(0, named=True)
    region = frame.filter(pl.col("event").str.starts_with("region_")).select(pl.col("address").cast(pl.Int128).sum())
    return {name: int(value) % 2**64 for name, value in row.items()} | {"region address": int(region.collect().item())}


def ours(path: str, cores: str) -> Path:
    """The command `convert` on so many cores."""
    if cores == "1":
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    from quirkfinder.cli.main import program

    out = Path(f"{path}.{cores}.parquet")
    sys.argv = ["quirkfinder", "convert", "--quiet", path, "--output", str(out)]
    if status := program():
        sys.exit(status)
    return out


def script(path: str) -> Path:
    """What one writes in an hour: an expression a format, line by line into lists, a part of the file at a time."""
    import polars as pl

    matchers = [(event, re.compile(PREFIX + text).match, groups) for event, text, groups in FORMATS]
    columns: dict[str, list[object]] = {name: [] for name in COLUMNS}
    add = {name: columns[name].append for name in COLUMNS}
    schema = {"line": pl.UInt64(), "time": pl.Int64(), "thread": pl.UInt32(), "event": pl.Categorical()}
    schema |= {"device": pl.Categorical(), "region": pl.Int8(), "address": pl.UInt64(), "size": pl.UInt8()}
    schema |= {"value": pl.UInt64()}
    parts = []

    def flush() -> None:
        parts.append(pl.DataFrame(columns, schema=schema))
        for values in columns.values():
            values.clear()

    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            for event, match, groups in matchers:
                found = match(line)
                if found is None:
                    continue
                add["line"](number)
                thread = found[1]
                add["thread"](None if thread is None else int(thread))
                add["time"](None if thread is None else int(found[2]) * 1_000_000_000 + int(found[3]) * 1000)
                add["event"](event)
                add["device"](found[groups["device"]].decode() if "device" in groups else None)
                add["region"](int(found[groups["region"]]) if "region" in groups else None)
                add["address"](int(found[groups["address"]], 16))
                size = int(found[groups["size"]]) if "size" in groups else int(found[groups["size_hex"]], 16)
                add["size"](size)
                add["value"](int(found[groups["value"]], 16) if "value" in groups else None)
                break
            if len(columns["line"]) >= 1 << 18:
                flush()
    flush()
    out = Path(f"{path}.script.parquet")
    pl.concat(parts).write_parquet(out, compression="lz4", statistics=False)
    return out


def polars_regex(path: str) -> dict[str, int]:
    """polars' own extraction."""
    import polars as pl

    lines = pl.scan_csv(
        path, has_header=False, new_columns=["line"], separator="\x01", quote_char=None, encoding="utf8-lossy"
    )
    captured = lines.select(pl.col("line").str.extract_groups(REGION).alias("found"))
    offset = pl.col("found").struct.field("6").str.to_integer(base=16, dtype=pl.UInt64, strict=False)
    # Every group is counted, else the optimiser could leave it out.
    counts = [pl.col("found").struct.field(str(group)).count().alias(f"n{group}") for group in range(1, 8)]
    return {"region address": captured.select(offset.sum(), *counts).collect(engine="streaming").row(0)[0]}


def duckdb_regex(path: str) -> dict[str, int]:
    """DuckDB's regular expressions."""
    import duckdb  # type: ignore[import-not-found, unused-ignore]  # a peer, where it is installed

    names = "['thread','seconds','micros','device','region','address','rest']"
    connection = duckdb.connect()
    connection.execute(
        f"create table events as select regexp_extract(line, '{REGION}', {names}) as x from read_csv('{path}', "
        "header=false, columns={'line':'varchar'}, delim='\\x01', quote='', escape='', strict_mode=false, "
        "ignore_errors=true, parallel=true)"
    )
    found = connection.execute("select sum(('0x' || x.address)::ubigint) from events where x.address <> ''").fetchone()
    return {"region address": int(found[0]) if found else 0}


SIDES: dict[str, Callable[..., Path | dict[str, int]]] = {
    "ours": ours,
    "script": script,
    "polars": polars_regex,
    "duckdb": duckdb_regex,
}


if __name__ == "__main__":
    result = SIDES[sys.argv[1]](*sys.argv[2:])
    if isinstance(result, dict):
        print(json.dumps(result))  # noqa: T201 - its output
