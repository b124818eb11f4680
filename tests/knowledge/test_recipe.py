"""The capture recipe for each era, and collecting a host inventory from a made-up sysfs."""

from pathlib import Path

import pytest

from quirkfinder.knowledge.command_line import read_command_line
from quirkfinder.knowledge.host import CollectionError, collect
from quirkfinder.knowledge.recipe import command_options, device_properties, recipe
from quirkfinder.knowledge.versions import NEWEST, Version, VersionRange

ALL_RELEASES = [Version(1, m) for m in range(3, 8)] + [
    Version(major, minor) for major in range(2, 12) for minor in range(13 if major == 2 else 3)
]


def options(release: str) -> str:
    version = VersionRange.of(release)
    return " ".join([",".join(device_properties(version)), *(f"{o} {v}" for o, v in command_options(version))])


@pytest.mark.parametrize(
    ("release", "has", "has_not"),
    [
        (
            "11.1",
            ["x-no-mmap=on", "-d guest_errors,unimp,invalid_mem", "-msg timestamp=on", "-trace vfio_*"],
            ["x-mmap"],
        ),
        ("9.2", ["x-no-mmap=on", "-d guest_errors,unimp ", "x-no-kvm-ioeventfd=on"], ["invalid_mem"]),
        ("5.2", ["-D qemu-%d.log"], ["timestamp"]),
        ("2.12", ["x-no-mmap=on"], ["ioeventfd"]),
        ("2.5", ["x-no-mmap=on", "-trace events=trace-events.txt"], ["x-mmap", "-D ", "vfio_*"]),
        ("2.4", ["x-mmap=off", "-trace events=trace-events.txt"], ["x-no-mmap"]),
        ("2.2", [], ["x-mmap", "x-no-mmap", "-trace"]),
    ],
)
def test_options_by_release(release: str, has: list[str], has_not: list[str]) -> None:
    text = options(release) + " "
    assert [word for word in has if word not in text] == []
    assert [word for word in has_not if word in text] == []


@pytest.mark.parametrize("release", ALL_RELEASES, ids=str)
def test_every_release_has_a_recipe(release: Version) -> None:
    text = recipe(str(release), "0000:01:00.0")
    assert text.startswith(f"Recording a trace with QEMU {release}\n")
    assert text.endswith("\n")
    assert "host=0000:01:00.0" in text
    for word in ("info pci", "info mtree -f", "/proc/iomem", "lspci -xxxx", "grep -v"):
        assert word in text
    assert ("qemu:commandline" in text) == (release >= (2, 3))
    assert ("DEBUG_VFIO" in text) == (release < (2, 3))
    assert ("DEBUG_UNASSIGNED" in text) == (release < (5, 2))


def test_the_recipe_says_what_a_command_line_with_it_says() -> None:
    """The options printed are those the capture doctor wants to see."""
    lines = recipe("11.1", "0000:01:00.0").split("1. Options\n")[1].split("\n\n")[0]
    command = read_command_line("qemu-system-x86_64 \\\n" + lines)
    assert command is not None
    assert command.devices[0].is_on("x-no-mmap") is True
    assert "invalid_mem" in command.log_items
    assert "vfio_*" in command.traces
    assert command.timestamps


def test_without_arguments_it_is_for_the_newest() -> None:
    assert str(NEWEST) in recipe()
    assert "DDDD:BB:SS.F" in recipe()


@pytest.mark.parametrize(
    ("version", "device"), [("seven", None), ("7.2", "01:00"), ("7.2", "01:00.0; rm -rf /"), ("7.2", "\x1b[2J")]
)
def test_what_is_refused(version: str, device: str | None) -> None:
    with pytest.raises(ValueError, match="is not a"):
        recipe(version, device)


IOMEM = "00000000-00000fff : Reserved\na0000000-afffffff : 0000:01:00.0\n"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with a bridge, a card of two functions below it and another device beside."""
    sysfs, procfs = tmp_path / "sys", tmp_path / "proc"
    links = sysfs / "bus" / "pci" / "devices"
    links.mkdir(parents=True)
    procfs.mkdir()
    root = sysfs / "devices" / "pci0000:00"
    places = {
        "0000:00:01.0": root / "0000:00:01.0",
        "0000:01:00.0": root / "0000:00:01.0" / "0000:01:00.0",
        "0000:01:00.1": root / "0000:00:01.0" / "0000:01:00.1",
        "0000:00:1f.0": root / "0000:00:1f.0",
    }
    for number, (name, place) in enumerate(places.items()):
        place.mkdir(parents=True, exist_ok=True)
        config = bytearray(256)
        config[0:4] = bytes([0x02, 0x10, number, 0x68])
        config[9:12] = bytes([0x00, 0x00, 0x03])
        (place / "config").write_bytes(bytes(config))
        (place / "resource").write_text("0x00000000a0000000 0x00000000afffffff 0x000000000014220c\n")
        (links / name).symlink_to(place)
    (procfs / "iomem").write_text(IOMEM)
    (procfs / "ioports").write_text("e000-e0ff : 0000:01:00.0\n")
    return tmp_path


def test_collecting(host: Path) -> None:
    found = collect("01:00.0", host / "out", sysfs=host / "sys", procfs=host / "proc")
    assert found.problems == ()
    assert [f.name for f in found.files] == [
        "host-resource.txt",
        "host-lspci-xxxx.txt",
        "host-iomem.txt",
        "host-ioports.txt",
    ]
    dump = (host / "out" / "host-lspci-xxxx.txt").read_text()
    assert [line for line in dump.splitlines() if "0300:" in line] == [
        "0000:01:00.0 0300: 1002:6801",
        "0000:01:00.1 0300: 1002:6802",
        "0000:00:01.0 0300: 1002:6800",
    ]
    assert "00: 02 10 01 68 00 00 00 00 00 00 00 03 00 00 00 00\n10: 00" in dump
    assert dump.count("\nf0: ") == 3
    assert (host / "out" / "host-iomem.txt").read_text() == IOMEM


def test_what_the_collection_holds_is_what_the_inventory_stage_reads(host: Path) -> None:
    from quirkfinder.inventory.recognise import recognise

    found = collect("0000:01:00.0", host / "out", sysfs=host / "sys", procfs=host / "proc")
    formats = {f.name: recognise(f.read_bytes()) for f in found.files}
    assert formats["host-resource.txt"] == ("host", "sysfs-resource")
    assert formats["host-lspci-xxxx.txt"] == ("host", "lspci-hex")


def test_an_unprivileged_collection_says_what_is_missing(host: Path) -> None:
    device = host / "sys" / "devices" / "pci0000:00" / "0000:00:01.0" / "0000:01:00.0"
    (device / "config").write_bytes(bytes(64))
    (host / "proc" / "iomem").write_text("00000000-00000000 : Reserved\n  00000000-00000000 : 0000:01:00.0\n")
    (host / "proc" / "ioports").unlink()
    found = collect("0000:01:00.0", host / "out", sysfs=host / "sys", procfs=host / "proc")
    assert {f.name for f in found.files} == {"host-resource.txt", "host-lspci-xxxx.txt"}
    assert [p for p in found.problems if "only 64 bytes" in p]
    assert [p for p in found.problems if "all addresses are zero" in p]
    assert [p for p in found.problems if "ioports" in p]


@pytest.mark.parametrize("address", ["", "01:00", "0000:01:00.8", "../../etc", "0000:01:00.0/..", "0000:02:00.0"])
def test_addresses_that_are_none(host: Path, address: str) -> None:
    with pytest.raises(CollectionError, match=r"not a PCI address|no such PCI device"):
        collect(address, host / "out", sysfs=host / "sys", procfs=host / "proc")
    assert not (host / "out").exists()


def test_a_folder_that_cannot_be_written(host: Path) -> None:
    (host / "out").write_text("")
    with pytest.raises(CollectionError, match="give a folder that can be written"):
        collect("01:00.0", host / "out", sysfs=host / "sys", procfs=host / "proc")
