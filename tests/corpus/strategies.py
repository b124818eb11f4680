"""Runs out of nothing: devices, BARs and findings that agree and disagree across a small world of cards."""

from typing import Any

from hypothesis import strategies as st

from quirkfinder.corpus.partial import Partial, Run, RunBar, RunDevice, RunFile, Sighting, Touch, Unassigned
from quirkfinder.findings import CaptureProblem, Evidence, Finding

IDS = [(0x1002, 0x1111), (0x1002, 0x1112), (0x1002, 0x1211), (0x10DE, 0x1111), (None, None)]
FILES = (RunFile("qemu.log", "trace", "log", "0" * 64, 1, 1, 0), RunFile("x", "host", "lspci", "1" * 64, 0, 0, 0))
addresses = st.sampled_from([0xE0000000, 0xF0000000, 0xF7000000, 0xFEB00000])
masks = st.sampled_from([0x1C, 0x3C, 0xFC, 0xFFC])
matches = st.sampled_from([0x0, 0x4000, 0x4100, 0x8000])
targets = st.builds(
    lambda match, mask, space, base: {"match": hex(match), "mask": hex(mask), "space": space, "base": hex(base)},
    matches,
    masks,
    st.sampled_from(["config", "bar2"]),
    st.sampled_from([0, 0x100, 0x4000]),
)
verdicts = st.sampled_from(["confirmed", "likely", "benign"])


def _register(offset: int) -> dict[str, Any]:
    return {"offset": hex(offset), "size": 4}


window = st.builds(
    lambda listed, step: (
        "window",
        "bar0+0x0/bar0+0x4",
        {"region": "bar0", "address": _register(0), "data": _register(4), "targets": listed, **step},
    ),
    st.lists(targets, min_size=1, max_size=3),
    st.sampled_from([{}, {"increment": 4}, {"increment": 8}]),
)
mirror = st.builds(
    lambda start, size: (
        "config-mirror",
        f"bar2+{0x4000 + start:#x}",
        {"region": "bar2", "offset": hex(0x4000 + start), "size": hex(size), "config_offset": hex(start)},
    ),
    st.sampled_from([0, 0x10, 0x40]),
    st.sampled_from([0x40, 0x100, 0x1000]),
)
leak = st.builds(
    lambda bar, shift: (
        "address-leak",
        f"bar0+0x4/bar{bar}",
        {"region": "bar0", "offset": "0x4", "size": 4, "bar": bar, "shift": shift},
    ),
    st.sampled_from([0, 2]),
    st.sampled_from([0, 8]),
)
use = st.builds(
    lambda bar, reads: (
        "host-address-access",
        f"bar{bar}/memory",
        {"bar": bar, "space": "memory", "reads": reads, "writes": 1, "first_address": "0x1", "last_address": "0x2"},
    ),
    st.sampled_from([0, 2]),
    st.integers(1, 9),
)
pair = st.just(
    (
        "indexed-registers",
        "bar0+0x0/bar0+0x4",
        {"region": "bar0", "address": _register(0), "data": _register(4)},
    )
)


@st.composite
def findings(draw: st.DrawFn, device: RunDevice) -> Finding:
    kind, key, parameters = draw(st.one_of(window, mirror, leak, use, pair))
    owner = "unknown" if device.vendor is None else f"{device.vendor:04x}:{device.device:04x}"
    verdict = "benign" if kind == "indexed-registers" else draw(verdicts)
    known = draw(st.sampled_from([None, {"id": "ati-bar4-window", "active": False}]))
    return Finding(
        id=f"{kind}/{owner}/{key}",
        device=device.name,
        kind=kind,
        verdict=verdict,  # type: ignore[arg-type]  # one of them
        confidence=draw(st.sampled_from([0.3, 0.5, 0.8, 0.95])),
        needs_quirk=verdict != "benign",
        summary="",
        parameters=parameters,
        evidence=tuple(Evidence(0, n) for n in draw(st.lists(st.integers(1, 50), max_size=2))),
        evidence_count=draw(st.integers(1, 9)),
        known_quirk=known,
    )


@st.composite
def devices(draw: st.DrawFn, name: str) -> RunDevice:
    vendor, device = draw(st.sampled_from(IDS))
    bars = tuple(
        RunBar(
            index=index,
            kind="memory32",
            size=draw(st.sampled_from([None, 0x1000, 0x20000])),
            host=draw(st.none() | addresses),
            guest=draw(st.none() | addresses),
            mapped=draw(st.sampled_from([0, 0, 0x1000])),
            told_file=0,
            told_line=draw(st.sampled_from([0, 7])),
            sketch=tuple(sorted(draw(st.sets(st.integers(0, 12), max_size=8)))),
        )
        for index in (0, 2)
    )
    return RunDevice(name, bars, None, vendor, device, 0x174B, 0x3000, 0x030000, accesses=draw(st.integers(0, 9)))


@st.composite
def runs(draw: st.DrawFn, number: int) -> Run:
    listed = [draw(devices(f"0000:0{n}:00.0")) for n in range(draw(st.integers(0, 2)))]
    found = [draw(findings(device)) for device in listed for _ in range(draw(st.integers(0, 4)))]
    unique = tuple({(f.device, f.id): f for f in found}.values())
    partial = Partial(
        digest=f"{number:064x}",
        boot=f"{draw(st.sampled_from([number, number, 1])):016x}",
        version="0",
        size=1,
        lines=1,
        events=1,
        unrecognised=0,
        files=(
            RunFile("qemu.log", "trace", "log", "0" * 64, 1, 1, 0),
            RunFile("x", "host", "lspci", "1" * 64, 0, 0, 0),
        ),
        devices=tuple(listed),
        findings=unique,
        capture=draw(st.sampled_from([(), (CaptureProblem("no unassigned memory access is logged", "-d"),)])),
        touches=tuple(
            Touch(device.name, 0, offset, draw(st.booleans()), 0, offset, "")
            for device in listed
            for offset in draw(st.lists(st.integers(1, 4), max_size=2, unique=True))
        ),
        unassigned=tuple(
            Unassigned(0x1000 * page, "memory", 2, 1, "", -1, 0, 3, "", draw(st.sampled_from(["", "bar0+0x4"])), 2)
            for page in draw(st.lists(st.integers(1, 3), max_size=2, unique=True))
        ),
        sightings=tuple(Sighting(device.name, "ati-bar4-window", 1) for device in listed if draw(st.booleans())),
        qemu_first=draw(st.sampled_from(["", "7.2", "11.1"])),
    )
    return Run((f"traces/run{number}",), partial)


@st.composite
def corpora(draw: st.DrawFn, most: int = 6) -> list[Run]:
    """Runs with different names and digests; some are copies of others' boots."""
    return [draw(runs(number)) for number in range(draw(st.integers(1, most)))]
