"""`quirkfinder capture`."""

from pathlib import Path

import pytest

from quirkfinder.cli.main import main
from quirkfinder.knowledge import host

Captured = pytest.CaptureFixture[str]


def test_the_recipe_goes_to_stdout(capsys: Captured) -> None:
    assert main(["capture", "--qemu", "7.2"]) == 0
    out, err = capsys.readouterr()
    assert "x-no-mmap=on" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--qemu", "new"], "'new' is not a QEMU version"),
        (["--device", "card"], "'card' is not a PCI address"),
        (["-o", "run"], "no --device is given"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main(["capture", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_a_device_that_is_not_here_still_gets_its_recipe(capsys: Captured) -> None:
    assert main(["capture", "--device", "ffff:ff:1f.7"]) == 3
    out, err = capsys.readouterr()
    assert "host=ffff:ff:1f.7" in out
    assert "no such PCI device" in err


def test_collected_files_and_gaps_are_named(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    collected = host.Collected((tmp_path / "host-resource.txt",), ("config: needs root",))
    monkeypatch.setattr(host, "collect", lambda address, folder: collected if folder == tmp_path else None)
    assert main(["capture", "--device", "0000:01:00.0", "-o", str(tmp_path)]) == 0
    err = capsys.readouterr().err
    assert err == f"written: {tmp_path}/host-resource.txt\nmissing: config: needs root\n"
