"""The shipped corpus is what its manifest says it is."""

import hashlib
import json

import zstandard

from tests.conftest import CORPUS


def test_every_file_of_the_corpus_is_in_the_manifest_with_its_sha256() -> None:
    manifest = json.loads((CORPUS / "manifest.json").read_text())
    listed = {
        f"{bundle['name']}/{entry['file']}": entry["sha256"]
        for bundle in manifest["bundles"]
        for entry in bundle["files"]
    }
    found = {
        path.relative_to(CORPUS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in CORPUS.glob("*/*")
    }
    assert found == listed


def test_compressed_files_hold_what_the_manifest_says() -> None:
    manifest = json.loads((CORPUS / "manifest.json").read_text())
    for bundle in manifest["bundles"]:
        for entry in bundle["files"]:
            if entry["file"].endswith(".zst"):
                path = CORPUS / bundle["name"] / entry["file"]
                content = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
                assert hashlib.sha256(content).hexdigest() == entry["content_sha256"]


def test_the_corpus_stays_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 20_000_000
