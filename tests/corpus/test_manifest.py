"""The manifest says of every shipped bundle where it is from, under which licence, and what is known of its card."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.conftest import CORPUS, shared_trace

MANIFEST: dict[str, Any] = json.loads((CORPUS / "manifest.json").read_text(encoding="utf-8"))
BUNDLES: list[dict[str, Any]] = MANIFEST["bundles"]


@pytest.mark.parametrize("bundle", BUNDLES, ids=[b["name"] for b in BUNDLES])
def test_provenance_licence_and_truth_of_each_bundle(bundle: dict[str, Any]) -> None:
    assert bundle["licence"] == MANIFEST["licence"] == "Apache-2.0"
    assert bundle["provenance"]
    assert bundle["card"]
    truth = json.loads((CORPUS / bundle["name"] / bundle["truth"]["file"]).read_text(encoding="utf-8"))
    harmless = truth.get("harmless", truth.get("innocents"))
    counts = {"findings": len(truth["findings"]), "allowed": len(truth["allowed"]), "harmless": len(harmless)}
    assert counts.items() <= bundle["truth"].items()
    assert truth["qemu"].startswith(bundle["qemu"])


def content(path: Path) -> bytes:
    raw = path.read_bytes()
    if raw.startswith(zstandard.MAGIC_NUMBER.to_bytes(4, "little")):
        return zstandard.ZstdDecompressor().stream_reader(raw).read()
    return raw


@pytest.mark.parametrize("name", [b["name"] for b in BUNDLES])
def test_bundles_are_the_recorded_ones(name: str) -> None:
    """Compressed or not, what is shipped is what was recorded."""
    recorded = shared_trace(name)
    shipped = {path.name.removesuffix(".zst"): content(path) for path in (CORPUS / name).iterdir()}
    assert shipped == {path.name.removesuffix(".zst"): content(path) for path in recorded.iterdir()}
