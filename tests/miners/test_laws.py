"""What must not matter, over all examples: names, time, where registers lie, which BAR is which, noise, polls."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quirkfinder.card.model import Bar, Placement
from quirkfinder.findings import Finding
from quirkfinder.miners.run import mine
from tests.miners.examples import FOLDER, Example, Row, access, frame_of, load
from tests.miners.words import words_of

EXAMPLES = {path.stem: load(path) for path in sorted(FOLDER.glob("*.txt"))}
POSITIVE = [name for name in EXAMPLES if not name.startswith("no-")]
every = settings(max_examples=30, deadline=None)
any_example = st.sampled_from(sorted(EXAMPLES))
#: reads that move an address on are no polls, nor are those that bring the answer to the read before: what such a card
#: gives the second time is not what it gave the first time
moving = {
    name
    for name, example in EXAMPLES.items()
    if any(" increment " in block or " late" in block for block in example.expected)
}
polled = st.sampled_from(sorted(set(EXAMPLES) - moving - {"no-fifo"}))
Sure = list[tuple[str, float]]


def sure(found: list[Finding]) -> Sure:
    """Claims in words with their confidence, sorted; what is benign or unexplained claims nothing."""
    claims = [f for f in found if f.verdict != "benign" and f.kind != "unassigned-access"]
    return sorted((words_of(finding), finding.confidence) for finding in claims)


def without_counts(claims: Sure) -> Sure:
    """How often something was touched is part of a stray's words; here it does not count."""
    return [(re.sub(r"\d+ reads \d+ writes", "", words), confidence) for words, confidence in claims]


def changed(name: str, rows: list[Row] | None = None, change: Callable[[Example], None] | None = None) -> list[Finding]:
    """What is found in the example with other rows, or after `change`."""
    example = deepcopy(EXAMPLES[name])
    machine = example.machine  # the guest's view of config space is that of the original
    if change is not None:
        change(example)
        machine = example.machine
    return list(mine(frame_of(example.rows if rows is None else rows), machine).findings)


@given(any_example, st.integers(1, 0xFFFE), st.integers(1, 0xFFFE))
@every
def test_the_card_may_be_called_anything(name: str, vendor: int, device: int) -> None:
    def rename(example: Example) -> None:
        example.function.ids = (vendor, device, *example.function.ids[2:])

    before, after = EXAMPLES[name].found(), changed(name, change=rename)
    assert sure(before) == [(words, c) for words, c in sure(after)]
    old = "{:04x}:{:04x}".format(*EXAMPLES[name].function.ids)
    assert [f.id.replace(old, f"{vendor:04x}:{device:04x}") for f in before] == [f.id for f in after]


@given(any_example, st.randoms(use_true_random=False))
@every
def test_time_and_thread_play_no_role(name: str, random: Random) -> None:
    rows = [
        {**row, "time": random.randrange(1 << 60), "thread": random.randrange(1 << 22)} for row in EXAMPLES[name].rows
    ]
    assert changed(name, rows) == EXAMPLES[name].found()


@given(any_example, st.integers(0, 1000))
@every
def test_lines_before_the_accesses_move_the_evidence_and_nothing_else(name: str, lines: int) -> None:
    rows = [{**row, "line": at + 1 + lines} for at, row in enumerate(EXAMPLES[name].rows)]
    moved = [
        replace(f, evidence=tuple(replace(e, line=e.line + lines) for e in f.evidence)) for f in EXAMPLES[name].found()
    ]
    assert changed(name, rows) == moved


def noise_rows(random: Random, count: int) -> list[Row]:
    """Accesses to a BAR that the examples do not use: words that say nothing and words that seem to."""
    kinds = (lambda: random.randrange(64), lambda: random.getrandbits(32), lambda: 0, lambda: 0xFFFFFFFF)
    return [access(3, 4 * random.randrange(16), random.choice(kinds)(), random.random() < 0.3) for _ in range(count)]


@given(any_example, st.randoms(use_true_random=False), st.integers(1, 60))
@every
def test_noise_between_the_accesses_changes_no_claim(name: str, random: Random, count: int) -> None:
    rows = list(EXAMPLES[name].rows)
    for row in noise_rows(random, count):
        rows.insert(random.randrange(len(rows) + 1), row)
    found = changed(name, rows)
    assert [words for words, _ in sure(found)] == [words for words, _ in sure(EXAMPLES[name].found())]


@given(polled, st.integers(2, 5), st.randoms(use_true_random=False))
@every
def test_polls_make_nothing_surer(name: str, most: int, random: Random) -> None:
    rows = []
    for row in EXAMPLES[name].rows:
        repeatable = row["event"] in ("region_read", "vga_read", "config_read")
        rows += [row] * (random.randint(1, most) if repeatable else 1)
    assert sure(changed(name, rows)) == sure(EXAMPLES[name].found())


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_same_again_takes_nothing_away(name: str) -> None:
    """A second run of the same driver: every claim stands, and none becomes less sure."""
    once = without_counts(sure(EXAMPLES[name].found()))
    twice = without_counts(sure(changed(name, EXAMPLES[name].rows * 2)))
    assert [words for words, _ in twice] == [words for words, _ in once]
    assert all(after >= before for (_, before), (_, after) in zip(once, twice, strict=True))


# ---- BARs under other numbers, registers at other offsets


def knows_config(example: Example) -> bool:
    """Examples in which config space is read: there the number of a BAR is part of the values."""
    return any(" config" in words.replace(" config-mirror", " config") for words in example.expected)


def renumbered(example: Example, order: list[int]) -> None:
    bars: dict[int, Bar] = {}
    for bar in example.function.bars.values():
        bars[order[bar.index]] = replace(bar, index=order[bar.index])
    example.function.bars = bars
    example.function.config = example.function.header() if example.function.config else {}
    example.rows = [
        {**row, "region": order[row["region"]]} if row.get("region") in range(6) else row for row in example.rows
    ]


@given(st.sampled_from([n for n in POSITIVE if not knows_config(EXAMPLES[n])]), st.permutations(range(6)))
@every
def test_bars_may_have_any_number(name: str, order: list[int]) -> None:
    found = changed(name, change=lambda example: renumbered(example, order))
    pairs = [words for words in EXAMPLES[name].expected if "bar-alias" not in words]
    expected = [re.sub(r"bar(\d)", lambda m: f"bar{order[int(m[1])]}", words) for words in pairs]
    # targets are in the order of their lines, and an alias may be told from either end
    claims = [words_of(f) for f in found if f.kind != "bar-alias"]
    assert sorted(sorted(c.splitlines()) for c in claims) == sorted(sorted(e.splitlines()) for e in expected)
    assert len(found) == len(EXAMPLES[name].expected)


def is_target(example: Example, region: int) -> bool:
    """Is the BAR reached by offsets that this trace names?"""
    name = f"bar{region}"
    return any(re.search(rf"^ +{name} |(alias|paged).*{name}", words, re.MULTILINE) for words in example.expected)


@given(st.sampled_from(POSITIVE), st.integers(0, 5), st.integers(-8, 12))
@every
def test_registers_may_lie_anywhere(name: str, region: int, dwords: int) -> None:
    example, shift = EXAMPLES[name], 4 * dwords
    mine_ = [row for row in example.rows if row.get("region") == region]
    if not mine_ or is_target(example, region) or min(row["address"] for row in mine_) + shift < 0:
        return
    rows = [{**row, "address": row["address"] + shift} if row.get("region") == region else row for row in example.rows]
    found = sorted(words_of(finding) for finding in changed(name, rows))
    assert found == sorted(moved_words(words, region, shift) for words in example.expected)


def moved_words(words: str, region: int, shift: int) -> str:
    """The claim with all offsets in one BAR moved."""

    def move(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2], 16) + shift:#x}"

    words = re.sub(rf"(bar{region}\+)(0x[0-9a-f]+)", move, words)
    if re.search(rf"window bar{region}\+|sink bar{region} ", words):
        words = re.sub(r"((?:high|enable|when|[RW]) ?\+)(0x[0-9a-f]+)", move, words)
        head, at, sites = words.partition(" at ")
        words = head + at + re.sub(r"()(0x[0-9a-f]+)", move, sites) if "sink" in head else words
    return words


# ---- the guest's map over time


def placed(bar: Bar, *placements: tuple[int, int | None]) -> Bar:
    return replace(bar, guest=placements[-1][1], placements=tuple(Placement(row, at) for row, at in placements))


def test_where_a_bar_ends_up_is_what_counts() -> None:
    """The firmware had BAR0 at the host's address, the driver moved it: no accident is left."""
    example = deepcopy(EXAMPLES["accident-identity"])
    bar = example.function.bars[0]
    example.function.bars[0] = placed(bar, (-1, bar.host), (0, 0xFEB00000))
    assert example.found() == []
