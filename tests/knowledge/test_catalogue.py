"""The catalogue that ships, and what its reader refuses."""

import json

import pytest

from quirkfinder.knowledge.catalogue_file import CatalogueError, catalogue, load_catalogue
from quirkfinder.knowledge.versions import Version, VersionRange
from tests.conftest import shared

SMALL = """
[[quirk]]
id = "a"
title = "t"
from = "2.5"
vendor = 0x1234
{extra}
"""


@pytest.mark.parametrize(
    ("quirk", "release", "expected"),
    [
        ("ati-4010", "1.5", True),
        ("ati-4010", "1.6", False),
        ("ati-bar4-window", "1.5", False),
        ("ati-bar4-window", "11.1", True),
        ("rtl8168-msix-window", "2.0", False),
        ("igd-bar4-gtt", "9.2", True),
        ("igd-bar4-gtt", "10.0", False),
        ("ath-msi-window", "11.1", False),
    ],
)
def test_releases(quirk: str, release: str, expected: bool) -> None:
    assert catalogue()[quirk].in_release(VersionRange.of(release)) is expected


def test_a_range_that_straddles_the_first_release_says_neither() -> None:
    assert catalogue()["ati-bar4-window"].in_release(VersionRange(Version(1, 3), Version(2, 2))) is None


@pytest.mark.parametrize(
    ("quirk", "ids", "expected"),
    [
        ("ati-3c3", (0x1002, 0x68F9), True),
        ("ati-3c3", (0x10DE, 0x68F9), False),
        ("ati-3c3", (None, None), None),
        ("rtl8168-msix-window", (0x10EC, 0x8169), False),
        ("rtl8168-msix-window", (0x10EC, None), None),
        ("chelsio-t5-pba", (0x1425, 0x5807), True),
        ("chelsio-t5-pba", (0x1425, 0x4807), False),
        ("msix-relocation", (None, None), True),
    ],
)
def test_ids(quirk: str, ids: tuple[int | None, int | None], expected: bool | None) -> None:
    assert catalogue()[quirk].is_for(*ids) is expected


@pytest.mark.parametrize(
    ("name", "quirks"),
    [
        ("vfio_quirk_ati_bar4_probe", ["ati-bar4-window"]),
        ("ati_bar4", ["ati-bar4-window"]),
        ("vfio-ati-bar4-window-data-quirk", ["ati-bar4-window"]),
        ("Enabled ATI/AMD BAR4 window quirk for device 0000:01:00.0", ["ati-bar4-window"]),
        ("vfio_nvidia_bar0_88000_quirk_read", ["nvidia-bar0-88000-mirror"]),
        ("vfio-nvidia-bar0-1800-mirror-quirk", ["nvidia-bar0-1800-mirror"]),
        ("vfio_quirk_nvidia_bar0_probe", ["nvidia-bar0-88000-mirror", "nvidia-bar0-1800-mirror"]),
        ("vfio_pci_igd_opregion_enabled", ["igd-config"]),
        ("igd_vbios", ["igd-vbios"]),
        ("nvidia_3d0 SELECT", ["nvidia-3d0"]),
        ("nvidia_bar0_msi_ack", ["nvidia-bar0-88000-mirror"]),
        ("vfio-acme-bar0-quirk", []),
        ("", []),
    ],
)
def test_names_of_all_eras_lead_to_the_quirk(name: str, quirks: list[str]) -> None:
    assert [q.id for q in catalogue().named(name)] == quirks


def test_the_kind_of_line_decides_where_a_name_is_used_twice() -> None:
    assert [q.id for q in catalogue().named("igd_bdsm", probe=True)] == ["igd-config"]
    assert [q.id for q in catalogue().named("vfio-igd-bdsm-quirk", probe=False)] == ["igd-bdsm-mirror"]


def test_every_quirk_that_answers_accesses_can_be_explained() -> None:
    for quirk in catalogue():
        assert (quirk.title and quirk.notes) or quirk.names, quirk.id
        for mechanism in quirk.mechanisms:
            assert quirk.first is None or (quirk.first <= mechanism.first or mechanism.first == (1, 3)), quirk.id


def test_every_event_named_as_probe_or_line_is_one_qemu_has() -> None:
    known = {r["name"] for r in json.loads(shared("docs", "data", "trace-events.json").read_text())}
    for quirk in catalogue():
        for name in quirk.names:
            if name.role != "region" and name.name.startswith("vfio") and name.first >= (2, 3):
                assert name.name in known, (quirk.id, name.name)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("colour = 1", "catalogue quirk a: unknown key colour"),
        ("devices = ['x']", "devices is not a list of int"),
        ("vendors = []", "unknown key vendors"),
        ("to = '2.4'", "from 2.5 is after to 2.4"),
        ("to = 'new'", "'new' is not a QEMU version"),
        ("needs = [{ need = 'luck' }]", "need is 'luck', expected one of x-vga"),
        ("needs = [{ need = 'bar-kind', bar = 4 }]", "kind is missing"),
        ("needs = [{ need = 'bar-present', bar = true }]", "bar is bool, expected int"),
        ("needs = ['x-vga']", "needs is not a list of tables"),
        ("mechanism = [{ kind = 'window', region = 'bar0' }]", "address is missing"),
        ("mechanism = [{ kind = 'config-mirror', region = 'bar0', offset = 1, size = 2 }]", "config_offset is missing"),
        ("title = 'again'", "not TOML"),
    ],
)
def test_what_the_reader_refuses(extra: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message.replace("(", r"\(")):
        load_catalogue(SMALL.format(extra=extra))


def test_an_impossible_match_is_refused() -> None:
    window = (
        "mechanism = [{ kind = 'window', region = 'bar0', address = { offset = 0, size = 4 },"
        " data = { offset = 4, size = 4 }, targets = [{ match = 1, mask = 1, space = 'config', base = 0 }] }]"
    )
    with pytest.raises(CatalogueError, match="no address value selects it"):
        load_catalogue(SMALL.format(extra=window))


def test_an_id_is_used_once() -> None:
    with pytest.raises(CatalogueError, match="quirk a: the id is used twice"):
        load_catalogue(SMALL.format(extra="") * 2)
