"""The whole line on recorded runs: all that is known to be there is found, nothing else is claimed, and every word of
evidence stands in the log."""

import gzip
import hashlib
import json
import lzma
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import zstandard

from quirkfinder import analyze
from quirkfinder.analysis import Study, study
from quirkfinder.findings import Finding, Findings
from tests.conftest import CORPUS, corpus_trace, shared, shared_traces
from tests.miners import sentences
from tests.miners.words import words_of
from tests.randomcards.scoring import score

SHIPPED = sorted(path for path in CORPUS.iterdir() if path.is_dir())
BUNDLES = [*SHIPPED, *shared_traces()]
MAGIC = b"\x28\xb5\x2f\xfd"
each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: f"{path.parent.parent.name}-{path.name}")


def content_of(path: Path) -> bytes:
    """A file's content, decompressed."""
    data = path.read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(data).read() if data.startswith(MAGIC) else data


@cache
def fingerprint(bundle: Path) -> str:
    """Equal for bundles of equal content: what is shipped and what is shared may be the same recordings."""
    digests = [hashlib.sha256(content_of(path)).hexdigest() for path in sorted(bundle.iterdir())]
    return "/".join(digests)


_STUDIES: dict[str, Study] = {}


def study_of(bundle: Path) -> Study:
    key = fingerprint(bundle)
    if key not in _STUDIES:
        _STUDIES[key] = study(bundle)
    return _STUDIES[key]


def document_of(bundle: Path) -> Findings:
    return study_of(bundle).document


@each_bundle
def test_all_that_is_there_is_found_and_nothing_else_is_claimed(bundle: Path) -> None:
    truth = json.loads((bundle / "truth.json").read_text())
    result = score(truth, document_of(bundle).to_dict())
    assert (result["missed"], result["false_claims"]) == ([], [])


@each_bundle
def test_every_line_is_understood(bundle: Path) -> None:
    inputs = document_of(bundle).inputs
    assert sum(one.events for one in inputs) > 100
    assert sum(one.unrecognised for one in inputs) == 0
    assert {one.role for one in inputs} >= {"trace", "host", "guest"}


@each_bundle
def test_the_evidence_stands_in_the_log(bundle: Path) -> None:
    document = document_of(bundle)
    files = {path.name.removesuffix(".zst"): path for path in bundle.iterdir()}
    lines: dict[int, list[str]] = {}
    for finding in document.findings:
        assert finding.evidence, finding.id
        for evidence in finding.evidence:
            if evidence.input not in lines:
                path = files[Path(document.inputs[evidence.input].path).name.removesuffix(".zst")]
                lines[evidence.input] = content_of(path).decode("utf-8", "replace").split("\n")
            assert evidence.text
            assert lines[evidence.input][evidence.line - 1].startswith(evidence.text[:200])


@each_bundle
def test_what_is_said_of_where_an_address_came_from_is_true(bundle: Path) -> None:
    done = study_of(bundle)
    for finding in done.document.findings:
        if finding.kind in sentences.KINDS:
            sentences.check(done.events, done.machine, finding)


@each_bundle
def test_benign_findings_and_accidents_ask_for_no_quirk(bundle: Path) -> None:
    quiet = ("identity-mapped-bar", "address-collision", "indexed-registers", "unassigned-access")
    for finding in document_of(bundle).findings:
        if finding.kind in quiet or finding.verdict == "benign":
            assert not finding.needs_quirk
        assert finding.reason
        assert finding.doubt


def test_documents_fit_the_contract_and_come_back() -> None:
    schema = json.loads(shared("contract", "findings.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for document in {fingerprint(bundle): document_of(bundle) for bundle in BUNDLES}.values():
        data = json.loads(document.to_json())
        assert [error.message for error in validator.iter_errors(data)] == []
        assert Findings.from_dict(data).to_dict() == data


def test_the_same_run_gives_the_same_document() -> None:
    bundle = corpus_trace("ati-leak")
    assert analyze(bundle).to_json() == analyze(bundle).to_json()


# ---- what must not matter about the files


def claims(document: Findings) -> list[tuple[str, str, float]]:
    return sorted((words_of(finding), finding.id, finding.confidence) for finding in document.findings)


def rewritten(bundle: Path, folder: Path, change: Callable[[bytes], bytes], name: str = "{}") -> Path:
    """The bundle with its log changed, and its other files as they are, under other names."""
    folder.mkdir()
    for number, path in enumerate(sorted(bundle.iterdir())):
        if path.name.startswith("qemu.log"):
            (folder / name.format("log")).write_bytes(change(content_of(path)))
        elif path.name != "truth.json":
            shutil.copy(path, folder / name.format(number))
    return folder


def prefixed(prefix: str) -> Callable[[bytes], bytes]:
    """A change that puts something in front of every line; `{}` counts the lines."""

    def change(content: bytes) -> bytes:
        lines = content.decode().splitlines()
        return "".join(f"{prefix.format(at)}{line}\n" for at, line in enumerate(lines, 100_000)).encode()

    return change


@pytest.mark.parametrize(
    "prefix",
    ["493@1581830832.{}:", "2026-06-12T18:50:49.{}Z ", "Jan 13 18:17:24 host qemu-system-x86_64[7131]: ", "\t"],
)
def test_what_stands_before_the_event_plays_no_role(prefix: str, tmp_path: Path) -> None:
    bundle = corpus_trace("ati-leak")
    assert claims(analyze(rewritten(bundle, tmp_path / "run", prefixed(prefix)))) == claims(document_of(bundle))


def identity(content: bytes) -> bytes:
    return content


@pytest.mark.parametrize("compress", [identity, gzip.compress, lzma.compress, zstandard.compress])
def test_names_and_compression_play_no_role(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    bundle = corpus_trace("ati-leak")
    renamed = rewritten(bundle, tmp_path / "x", compress, "file-{}.bin")
    assert claims(analyze(renamed)) == claims(document_of(bundle))


def test_line_ends_play_no_role(tmp_path: Path) -> None:
    bundle = corpus_trace("ati-leak")
    dos = rewritten(bundle, tmp_path / "run", lambda content: content.replace(b"\n", b"\r\n"))
    assert claims(analyze(dos)) == claims(document_of(bundle))


def test_files_one_by_one_are_as_the_folder() -> None:
    bundle = corpus_trace("ati-leak")
    files = sorted(path for path in bundle.iterdir() if path.name != "truth.json")
    assert claims(analyze(*files)) == claims(analyze(files[::-1])) == claims(document_of(bundle))


def test_without_the_hosts_side_nothing_wrong_is_said(tmp_path: Path) -> None:
    """No inventory of the host: less is known, and what is still claimed holds."""
    for name in ("ati-doors-qemu72", "radeon", "innocent"):
        bundle, folder = corpus_trace(name), tmp_path / name
        folder.mkdir()
        for path in bundle.iterdir():
            if not path.name.startswith("host-"):
                shutil.copy(path, folder)
        truth = json.loads((bundle / "truth.json").read_text())
        assert score(truth, analyze(folder).to_dict())["false_claims"] == [], name


# ---- what others published


def excerpt(number: str) -> Path:
    """An excerpt by its number; skips where there are none."""
    (path,) = shared("public", "excerpts").glob(f"{number}_*.txt")
    return path


def known_of(number: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(excerpt(number).with_suffix(".json").read_text())["ground_truth"]
    return truth


def claimed(path: Path) -> list[Finding]:
    return [finding for finding in analyze(path).findings if finding.verdict != "benign"]


def test_a_wireless_card_is_told_the_guests_message_at_thirteen_places() -> None:
    truth, found = known_of("001"), claimed(excerpt("001"))
    assert [(f.kind, f.parameters["what"], f.verdict) for f in found] == [
        ("address-sink", "msi-address", "confirmed"),
        ("address-sink", "msi-data", "confirmed"),
    ]
    address, data = (f.parameters["sites"] for f in found)
    distance = truth["data_offset_from_address"]
    assert address == truth["sites_address"]
    assert [int(site, 16) for site in data] == [int(site, 16) + distance for site in address]
    assert found[0].parameters["address"] == truth["value_address"]
    assert found[0].parameters["data_distance"] == distance


def test_a_mail_with_both_listings_shows_the_accidents_and_the_hole() -> None:
    """The guest's listing stands below the host's in one file, and only mapped regions name the device."""
    truth, document = known_of("006"), analyze(excerpt("006"))
    same = [f.parameters for f in document.findings if f.kind == "identity-mapped-bar"]
    assert [(p["bar"], p["address"], p["size"]) for p in same] == [(4, "0xf9000000", "0x1000000")]
    assert truth["identity_mapped_bar"]["guest"] == same[0]["address"]
    collisions = {(f.parameters["guest_bar"], f.parameters["host_bar"]) for f in document.findings[1:]}
    assert collisions == {(2, 0), (3, 0)}
    holes = [p.problem for p in document.capture if "left out of what is mapped" in p.problem]
    assert len(holes) == 1
    first, last = truth["hole"]["offset"].split("-")
    assert f"BAR {truth['hole']['bar']} {first} to 0x{last.removeprefix('0x')}" in holes[0]
    assert "MSI-X" in holes[0]


def test_a_network_chip_opens_a_window_to_its_interrupt_table() -> None:
    truth, (found,) = known_of("002"), claimed(excerpt("002"))
    p = found.parameters
    assert (found.kind, found.verdict, found.needs_quirk) == ("window", "likely", True)
    assert p["region"] == f"bar{truth['bar']}"
    assert (p["address"]["offset"], p["data"]["offset"]) == (truth["address_reg"], truth["data_reg"])
    (target,) = p["targets"]
    assert target["space"] == "msix-table"
    assert int(target["match"], 16) >> 16 & 0x7FFF == 1


@pytest.mark.parametrize("number", ["003", "005", "009", "010", "011", "014", "018", "027", "033", "034"])
def test_what_is_no_back_door_is_not_called_one(number: str) -> None:
    """Uploads, mailboxes, queues, rings, handshakes, and logs in which no door was used."""
    assert [finding.summary for finding in claimed(excerpt(number))] == []


@pytest.mark.parametrize("number", ["006", "041"])
def test_two_maps_side_by_side_are_not_misread(number: str) -> None:
    """A mail with both maps and wrapped lines: whatever is said of it, it is what the maps say."""
    true = {"confirmed identity-mapped-bar bar4 at 0xf9000000"}
    true |= {
        f"confirmed address-collision guest bar{g} on host bar0 at {at}"
        for g, at in ((2, "0xfa000000"), (3, "0xfa001000"))
    }
    assert {words_of(finding) for finding in claimed(excerpt(number))} <= true


@pytest.mark.parametrize("number", ["012", "013", "023"])
def test_a_listing_alone_is_no_trace(number: str) -> None:
    from quirkfinder.errors import NoUsableInput

    with pytest.raises(NoUsableInput) as failure:
        analyze(excerpt(number))
    assert excerpt(number).name in failure.value.message
    assert "quirkfinder capture" in failure.value.hint


def audio_logs() -> Iterator[Path]:
    yield from sorted(shared("public", "clarett").glob("*.log"))


def test_a_mailbox_with_doorbell_and_rings_is_no_back_door() -> None:
    """Whole logs of an audio interface: thousands of accesses, and nothing to claim."""
    for path in audio_logs():
        document = analyze(path)
        assert [finding.summary for finding in document.findings if finding.verdict != "benign"] == []
        lines, strange = sum(i.lines for i in document.inputs), sum(i.unrecognised for i in document.inputs)
        assert strange <= lines / 1000
