"""The list of QEMU's quirks and the audit of a run."""

from quirkfinder.knowledge.audit import AuditEntry, audit
from quirkfinder.knowledge.catalogue_file import catalogue
from quirkfinder.rendering.quirks import audit_list, quirk_list
from tests.documents import example_findings


def test_every_quirk_is_listed_with_its_cards_and_releases() -> None:
    text = quirk_list(catalogue())
    for quirk in catalogue():
        assert f"\n{quirk.id}: {quirk.title}\n" in f"\n{text}"
    assert text.count("\n  QEMU   ") == len(catalogue().quirks)


def test_a_missing_quirk_stands_first_and_names_what_it_would_have_covered() -> None:
    document = example_findings()
    text = audit_list(audit(document), document)
    assert text.startswith("0000:01:00.0  ati-bar4-window: NOT AT WORK (")
    assert "  covers   window/1002:6779/bar4+0x0/bar4+0x4\n" in text


def entry(**changes: object) -> AuditEntry:
    values = {"device": "d", "quirk": "q", "title": "t", "expected": True, "active": True, "why": "w"} | changes
    return AuditEntry(**values)  # type: ignore[arg-type]  # a few of many types


def test_evidence_is_given_as_file_and_line() -> None:
    text = audit_list([entry(evidence=({"input": 0, "line": 7}, {"input": 99, "line": 1}))], example_findings())
    assert "  seen at  run/qemu.log:7\n" in text


def test_the_reason_is_given_only_where_it_was_not_at_work() -> None:
    assert "why not" not in audit_list([entry()], example_findings())
    assert "  why not  w\n" in audit_list([entry(active=False)], example_findings())


def test_a_run_without_any_says_so() -> None:
    assert audit_list([], example_findings()).startswith("None of QEMU's quirks")


def test_hostile_names_stay_on_their_line() -> None:
    text = audit_list([entry(device="\x1b[2J\n", title="\u202e")], example_findings())
    assert "\\x1b[2J\\x0a" in text
    assert all(line.isprintable() for line in text.splitlines())
