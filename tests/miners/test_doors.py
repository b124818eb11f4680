"""Doors with any ids, addresses, offsets and tags: what was built is found, and more of it is never less sure."""

from dataclasses import dataclass, replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quirkfinder.card.model import Bar, Placement
from quirkfinder.findings import Finding
from quirkfinder.miners.information import information_of
from quirkfinder.miners.run import mine
from tests.miners.examples import Function, Row, access, frame_of, machine_of
from tests.randomcards.scoring import Entry, explained, flatten, same

many = settings(max_examples=25, deadline=None)


@st.composite
def addresses(draw: st.DrawFn, size: int) -> int:
    """An address aligned to `size` bytes in the upper half of 32 bits that is no round number."""
    address = draw(st.integers(0x80000000 // size, 0xFEBF0000 // size)) * size
    assume(information_of(address, 4) >= 14)
    return address


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """A card with two memory BARs and ports; host and guest have them at different addresses."""
    words = st.integers(0x0101, 0xFEFE)
    function = Function(ids=tuple(draw(words) for _ in range(4)), class_code=draw(st.integers(0x010000, 0x0FFFFF)))
    hosts = [draw(addresses(1 << 16)) for _ in range(4)]
    assume(len(set(hosts)) == 4)
    for index, (host, guest) in zip((0, 2), (hosts[:2], hosts[2:]), strict=True):
        function.bars[index] = bar(index, host, guest)
    function.bars[4] = replace(bar(4, 0xE000, 0xC000), kind="io", size=256)
    function.config = function.header()
    return function


def bar(index: int, host: int, guest: int) -> Bar:
    return Bar(index, "memory32", 1 << 16, host, guest, False, (Placement(-1, guest),))


#: dwords of the header that say something, those with addresses first
LIVE, DEAD = (0x10, 0x18), (0x00, 0x08, 0x2C)


@st.composite
def visits(draw: st.DrawFn) -> list[int]:
    """Config offsets in the order in which they are read: an address among them, and something else."""
    some = draw(st.lists(st.sampled_from(LIVE), min_size=1, unique=True))
    others = draw(st.lists(st.sampled_from(DEAD), min_size=2, unique=True))
    return draw(st.permutations([*some, *others]))


def dword(function: Function, offset: int) -> int:
    return sum(function.config[offset + k] << 8 * k for k in range(4))


def findings(function: Function, rows: list[Row]) -> list[Finding]:
    return list(mine(frame_of(rows), machine_of(function, {})).findings)


def flat(finding: Finding) -> Entry:
    return flatten({"kind": finding.kind, "parameters": finding.parameters})


def only(found: list[Finding], truth: Entry) -> Finding:
    """The finding that names the truth; whatever else was found has to follow from it."""
    assert all(explained(flat(finding), [truth]) for finding in found), [flat(f) for f in found]
    (finding,) = (f for f in found if same(truth, flat(f)))
    return finding


@dataclass(frozen=True)
class Window:
    """Where a window lies and how an address value comes about: `tag | config offset / scale`."""

    address: tuple[int, int]
    data: tuple[int, int]
    tag: int
    scale: int

    def rows(self, function: Function, offsets: list[int]) -> list[Row]:
        rows = []
        for offset in offsets:
            rows.append(access(*self.address, self.tag | offset // self.scale, write=True))
            rows.append(access(*self.data, dword(function, offset), write=False))
        return rows

    @property
    def truth(self) -> Entry:
        target = {"match": self.tag, "mask": 0xFF // self.scale, "base": 0, "space": "config", "scale": self.scale}
        return {
            "kind": "window", "region": f"bar{self.address[0]}", "address": {"offset": self.address[1], "size": 4},
            "data": {"offset": self.data[1], "size": 4}, "targets": [target],
        }  # fmt: skip


@st.composite
def windows(draw: st.DrawFn) -> Window:
    region = draw(st.sampled_from((0, 2, 4)))
    address = 4 * draw(st.integers(0, 32))
    data = address + draw(st.sampled_from((4, -4, 8, 12)))
    assume(data >= 0)
    scale = draw(st.sampled_from((1, 1, 4)))
    tag = draw(st.sampled_from((0, 0x4000, 0x1800, 0x88000, 0x80000000, 0x20000))) if scale == 1 else 0
    return Window((region, address), (region, data), tag, scale)


@given(functions(), windows(), visits())
@many
def test_any_window_is_found_where_it_was_built(function: Function, window: Window, offsets: list[int]) -> None:
    finding = only(findings(function, window.rows(function, offsets)), window.truth)
    assert finding.verdict == "confirmed"
    assert finding.needs_quirk


@given(functions(), windows(), visits(), st.sampled_from((*LIVE, *DEAD)))
@many
def test_more_that_agrees_never_makes_a_window_less_sure(
    function: Function, window: Window, offsets: list[int], one_more: int
) -> None:
    less = only(findings(function, window.rows(function, offsets)), window.truth)
    more = only(findings(function, window.rows(function, [*offsets, one_more])), window.truth)
    assert more.confidence >= less.confidence
    assert more.evidence_count >= less.evidence_count


@given(functions(), functions(), windows(), visits())
@many
def test_other_ids_and_addresses_give_the_same_window(
    first: Function, second: Function, window: Window, offsets: list[int]
) -> None:
    one, other = (only(findings(f, window.rows(f, offsets)), window.truth) for f in (first, second))
    assert {k: v for k, v in one.parameters.items() if k != "leaks"} == {
        k: v for k, v in other.parameters.items() if k != "leaks"
    }
    assert one.verdict == other.verdict
    assert one.id.split("/")[2:] == other.id.split("/")[2:]


@given(functions(), windows(), visits(), st.integers(1, 8))
@many
def test_a_window_moves_with_its_registers(function: Function, window: Window, offsets: list[int], dwords: int) -> None:
    moved = replace(
        window,
        address=(window.address[0], window.address[1] + 4 * dwords),
        data=(window.data[0], window.data[1] + 4 * dwords),
    )
    one = only(findings(function, window.rows(function, offsets)), window.truth)
    other = only(findings(function, moved.rows(function, offsets)), moved.truth)
    assert one.parameters["targets"] == other.parameters["targets"]
    assert one.confidence == other.confidence


@given(functions(), windows(), visits(), st.sampled_from((0xFF, 0x5A, 0xA5)))
@many
def test_a_window_that_answers_with_something_else_is_none(
    function: Function, window: Window, offsets: list[int], spoil: int
) -> None:
    other = replace(function, config={at: byte ^ spoil for at, byte in function.config.items()})
    assert not [f for f in findings(function, window.rows(other, offsets)) if f.verdict != "benign"]


# ---- mirrors and leaks

starts = st.tuples(st.sampled_from((0, 2)), st.integers(0, 0x3C0).map(lambda n: 0x40 * n))


def mirror_rows(function: Function, place: tuple[int, int], offsets: list[int]) -> list[Row]:
    return [access(place[0], place[1] + offset, dword(function, offset), write=False) for offset in offsets]


def mirror_truth(place: tuple[int, int]) -> Entry:
    return {
        "kind": "config-mirror", "region": f"bar{place[0]}", "offset": place[1], "size": 0x100, "config_offset": 0,
    }  # fmt: skip


@given(functions(), starts, visits())
@many
def test_any_mirror_is_found_where_it_was_built(function: Function, place: tuple[int, int], offsets: list[int]) -> None:
    finding = only(findings(function, mirror_rows(function, place, offsets)), mirror_truth(place))
    assert finding.verdict == "confirmed"
    assert {leak["bar"] for leak in finding.parameters["leaks"]} == {(o - 0x10) // 4 for o in offsets if o in LIVE}


@given(functions(), starts, visits(), st.sampled_from((*LIVE, *DEAD)))
@many
def test_more_that_agrees_never_makes_a_mirror_less_sure(
    function: Function, place: tuple[int, int], offsets: list[int], one_more: int
) -> None:
    less = only(findings(function, mirror_rows(function, place, offsets)), mirror_truth(place))
    more = only(findings(function, mirror_rows(function, place, [*offsets, one_more])), mirror_truth(place))
    assert more.confidence >= less.confidence


@given(functions(), starts, st.lists(st.sampled_from(DEAD), min_size=1, unique=True))
@many
def test_a_header_without_addresses_is_no_mirror(
    function: Function, place: tuple[int, int], offsets: list[int]
) -> None:
    assert findings(function, mirror_rows(function, place, offsets)) == []


@given(functions(), starts, st.sampled_from((0, 2)), st.integers(0, 15), st.integers(1, 4))
@many
def test_any_register_that_tells_an_address_is_found(
    function: Function, place: tuple[int, int], index: int, flags: int, polls: int
) -> None:
    host = function.bars[index].host or 0
    truth = {"kind": "address-leak", "region": f"bar{place[0]}", "offset": place[1], "bar": index}
    finding = only(findings(function, [access(*place, host | flags, write=False)] * polls), truth)
    assert (finding.verdict, finding.parameters["shift"]) == ("confirmed", 0)
    once = only(findings(function, [access(*place, host | flags, write=False)]), truth)
    assert once.confidence == finding.confidence


@given(functions(), starts, st.sampled_from((0, 2)), st.integers(0, 0xFFFF))
@many
def test_a_leak_and_its_use_point_at_each_other(
    function: Function, place: tuple[int, int], index: int, offset: int
) -> None:
    host = function.bars[index].host or 0
    assume(not any((b.guest or 0) <= host < (b.guest or 0) + (b.size or 0) for b in function.bars.values()))
    touch = {"event": "unassigned_write", "address": host + offset, "size": 4, "value": 1}
    found = findings(function, [access(*place, host, write=False), touch])
    leak, stray = (next(f for f in found if f.kind == kind) for kind in ("address-leak", "host-address-access"))
    assert stray.parameters["source"] == leak.id
    assert (stray.parameters["bar"], stray.verdict) == (index, "confirmed")
    assert (stray.parameters["first_address"], stray.parameters["writes"]) == (hex(host + offset), 1)
