"""The laws of joining: order and split of the work do not matter, nothing is averaged away, everything is kept."""

from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.corpus import columns
from quirkfinder.corpus.join import join, tables
from quirkfinder.corpus.partial import Partial, Run
from quirkfinder.corpus.results import Joined
from quirkfinder.findings import Findings
from tests.corpus.strategies import corpora

few = settings(max_examples=30, deadline=None)


@few
@given(corpora(), st.data())
def test_any_order_and_any_repetition_gives_the_same(runs: list[Run], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(runs))
    again = data.draw(st.lists(st.sampled_from(runs), max_size=3))
    assert join([*shuffled, *again]) == join(runs)


@few
@given(corpora(), st.data())
def test_any_split_of_the_work_gives_the_same(runs: list[Run], data: st.DataObject) -> None:
    """Partials travel as Parquet: what comes back is what went out, in whichever part it was."""
    cut = data.draw(st.integers(0, len(runs)))
    parts = [columns.frame(Partial, (run.partial for run in part)) for part in (runs[cut:], runs[:cut])]
    names = {run.partial.digest: run.names for run in runs}
    back = [columns.restore(Partial, row) for part in parts for row in part.to_dicts()]
    assert join(Run(names[partial.digest], partial) for partial in back) == join(runs)


@few
@given(corpora())
def test_tables_hold_what_was_joined(runs: list[Run]) -> None:
    joined = join(runs)
    for name, frame in tables(joined).items():
        row_type = columns.row_type(columns.hints(Joined)[name])
        assert tuple(columns.restore(row_type, row) for row in frame.to_dicts()) == getattr(joined, name)


@few
@given(corpora())
def test_every_finding_of_every_boot_is_in_a_door(runs: list[Run]) -> None:
    joined = join(runs)
    kept = {row.run for row in joined.runs}
    for run in runs:
        for finding in run.partial.findings if run.name in kept else ():
            doors = [d for d in joined.doors if d.kind == finding.kind and run.name in d.runs]
            assert doors
            assert max(door.evidence_count for door in doors) >= finding.evidence_count


@few
@given(corpora())
def test_documents_are_valid_and_name_only_what_is_there(runs: list[Run]) -> None:
    joined = join(runs)
    for row in joined.documents:
        document = Findings.from_json(row.document)
        ids = [finding.id for finding in document.findings]
        assert len(ids) == len(set(ids))


@few
@given(corpora())
def test_a_confirmed_finding_stays_confirmed_beside_others(runs: list[Run]) -> None:
    joined = join(runs)
    boots = {row.digest for row in joined.runs}
    sure = {(run, d.kind) for d in joined.doors if d.verdict == "confirmed" for run in d.runs}
    for run in runs:
        for finding in run.partial.findings:
            if run.partial.digest in boots and finding.verdict == "confirmed":
                assert (run.name, finding.kind) in sure
