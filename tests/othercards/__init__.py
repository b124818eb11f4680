"""Cards whose makers did not know the miners; see README.md in this folder."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from quirkfinder import analyze
from quirkfinder.findings import Findings
from tests.randomcards.scoring import Entry, score

FOLDER = Path(__file__).resolve().parent
ARCHIVES = sorted((FOLDER / "archives").glob("*.tar.zst"))
KNOWN = FOLDER / "known.json"


def set_name(archive: Path) -> str:
    """`windows` of `windows.tar.zst`."""
    return archive.name.removesuffix(".tar.zst")


def unpacked(archive: Path, folder: Path) -> list[Path]:
    """The bundles of an archive, unpacked into a folder."""
    content = zstandard.ZstdDecompressor().stream_reader(archive.read_bytes()).read()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(folder, filter="data")
    return sorted(path for path in folder.iterdir() if (path / "truth.json").exists())


def judged(bundle: Path, document: Findings) -> Entry:
    """What `scoring.score` says of a document about a bundle."""
    return score(json.loads((bundle / "truth.json").read_text(encoding="utf-8")), document.to_dict())


def place(entry: Entry) -> str:
    """What an entry of a truth or a claim is about, as short text: `window bar0+0x90`."""
    first = entry.get("offset", entry.get("address", entry.get("sites", "")))
    while isinstance(first, list | dict):
        first = first[0] if isinstance(first, list) else first.get("offset", "")
    where = f"{entry['region']}+{int(str(first), 0):#x}" if "region" in entry else f"bar{entry.get('bar', '')}"
    return f"{entry['kind']} {where}"


def results(archive: Path, folder: Path) -> Iterator[tuple[str, Findings, dict[str, Any]]]:
    """Name, document and judgement of every bundle."""
    for bundle in unpacked(archive, folder):
        document = analyze(bundle)
        yield bundle.name, document, judged(bundle, document)


def summary(judgements: dict[str, Entry]) -> dict[str, Any]:
    """What is written down of a set: counts, and by bundle what was missed and what was claimed falsely."""
    counts = {name: sum(one[name] for one in judgements.values()) for name in ("required", "found", "claims", "false")}
    listed = {
        key: {
            name: sorted(place(entry) for entry in one[source])
            for name, one in sorted(judgements.items())
            if one[source]
        }
        for key, source in (("missed", "missed"), ("claimed falsely", "false_claims"))
    }
    return {**counts, **listed}
