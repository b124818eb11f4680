"""A store on the page: where accidents change is seen from run to run, and nothing of it is more than text."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from quirkfinder.corpus import Joined, load_findings, load_joined, mine
from quirkfinder.corpus.results import AccidentRow, CardRow, Line, PlacementRow, RunRow
from quirkfinder.rendering.page import html
from quirkfinder.rendering.page.corpus import corpus
from tests.conftest import corpus_trace
from tests.rendering.page.test_html import HOSTILE, check


def placement(run: str, bar: int, outcome: str, **more: Any) -> PlacementRow:  # noqa: ANN401 - fields of any type
    row = PlacementRow("1234:5678", run, "d", bar, "memory32", 4096, 0x1000, 0x2000, 0, 1, 1, outcome, 0, ())
    return dataclasses.replace(row, **more)


def joined(*rows: PlacementRow, text: str = "x") -> Joined:
    runs = tuple(dict.fromkeys(row.run for row in rows))
    line = Line(runs[0], text, 7, text, text)
    return Joined(
        runs=tuple(RunRow(run, (), "0", "0", ("1234:5678",), "", "", 1, 2, 3, 0, (text,)) for run in runs),
        cards=(CardRow("1234:5678", (text,), (text,), 0, (), runs, len(runs), 1, 1, 0, text),),
        placements=rows,
        accidents=(AccidentRow("1234:5678", 0, True, runs, runs, (), text, (line,)),),
    )


def test_rows_are_runs_by_configuration_and_columns_are_bars() -> None:
    rows = [
        placement("b", 0, "missed", configuration=1, missed=3),
        placement("a", 0, "works by accident", configuration=2, guest=0x1000),
        placement("a", 6, "told", configuration=2, guest=None),
    ]
    (shown,) = corpus(joined(*rows), 10).runs
    assert shown.bars == ("BAR0", "ROM")
    assert [row[0] for row in shown.rows] == ["b", "a"]
    first, second = (row[3] for row in shown.rows)
    assert first[0] is not None
    assert dataclasses.astuple(first[0]) == ("missed: 3 accesses", ("host 0x1000", "guest 0x2000"), "nothing")
    assert first[1] is None
    assert [dataclasses.astuple(cell) for cell in second if cell] == [
        ("works by accident", ("0x1000 on both",), "same"),
        ("told, not used", ("host 0x1000", "guest not placed"), "plain"),
    ]


def test_what_has_no_room_is_counted() -> None:
    arranged = corpus(joined(*(placement(f"run{i:02}", 0, "missed") for i in range(30))), 4)
    assert (len(arranged.runs[0].rows), arranged.runs[0].left_out) == (4, 26)
    assert ("Runs that taught little", 25) in [(section.title, left) for section, left in arranged.sections]


def test_a_card_with_one_run_has_nothing_to_compare() -> None:
    assert corpus(joined(placement("a", 0, "missed")), 4).runs == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_of_a_store_is_only_text(text: str) -> None:
    check(html(stores=[joined(placement(text, 0, "missed"), placement(text + "2", 0, text), text=text)]))


def test_the_page_of_a_mined_store_says_where_an_accident_ends(tmp_path: Path) -> None:
    store = tmp_path / "store"
    mine([corpus_trace("ati-leak"), corpus_trace("ati-onetoone")], store, jobs=0)
    page = check(html(*load_findings(store), stores=[load_joined(store)]))
    assert "works by accident0xf0000000 on both" in page.text
    assert "missed: 4 accesseshost 0xf0000000guest 0xf8000000" in page.text
    assert "#r0" in page.attributes("href")
