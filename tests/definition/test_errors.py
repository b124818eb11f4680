"""What a definition may not say: each case breaks one rule of a good file, and the error names key and remedy."""

from pathlib import Path

import pytest

from quirkfinder.definition import DefinitionError, dump, load, loads
from quirkfinder.errors import NoUsableInput

DATA = Path(__file__).parent / "data"
GOOD = (DATA / "doors.toml").read_text(encoding="utf-8")

# (what is replaced, by what, the key that is named, a part of the remedy)
CASES = {
    "unknown key": ("data_offset = 0x4", "data_ofset = 0x4", "window[0].data_ofset", "did you mean 'data_offset'?"),
    "unknown table": ("[[mirror]]", "[[miror]]", "miror", "did you mean 'mirror'?"),
    "missing key": ("vendor = 0x1af5\n", "", "match.vendor", "missing"),
    "a number in quotes": ("config_offset = 0x40", 'config_offset = "0x40"', "mirror[0].config_offset", "no quotes"),
    "a word for a number": ("device = 0x78f9", 'device = "all"', "match.device", '"any"'),
    "any without a reason": ("device = 0x78f9", 'device = "any"', "match.reason", "say why"),
    "vendor too large": ("vendor = 0x1af5", "vendor = 0x11af5", "match.vendor", "0x0 to 0xffff"),
    "no such BAR": ("bar = 4\n", "bar = 6\n", "window[0].bar", "0 to 5"),
    "no such space": ('space = "config"', 'space = "bar6"', "window[0].matches[0].space", "does not fit"),
    "no such policy": ('write = "both"', 'write = "boht"', "mirror[0].write", "did you mean 'both'?"),
    "wrong schema": ("definition/1", "definition/2", "schema", "did you mean 'quirkfinder.definition/1'?"),
    "mask inside match": ("match = 0x4000", "match = 0x4010", "window[0].matches[0].match", "0x4000 would be right"),
    "mask wider than config space": ("mask = 0xfff\n", "mask = 0x1fff\n", "window[0].matches[0].mask", "narrower"),
    "mask wider than the register": ("data_offset", "address_size = 1\ndata_offset", "matches[0].match", "8 bits"),
    "mirror past the end": ("size = 0x100\nconfig", "size = 0xfd0\nconfig", "mirror[0].size", "0xfc0 would be right"),
    "exception outside": ("config_offset = 0x68", "config_offset = 0x168", "mirror[0].exceptions[0]", "outside"),
    "registers overlap": ("data_offset = 0x4", "data_offset = 0x2", "window[0]", "overlaps the data register"),
    "quirks overlap": ("offset = 0x4000", "offset = 0x90", "leak[0]", "belong to mirror[0] already"),
    "same name": ('"bar2-100-leak"', '"bar2-mirror"', "leak[0].name", "already the name of mirror[0]"),
    "neither BAR nor VGA": ("bar = 4\n", "", "window[0].bar", "exactly one of bar and vga"),
    "no VGA port": ("bar = 4\n", "vga = true\n", "window[0]", "no VGA port"),
    "leak mask too wide": ("target_bar = 0", "target_bar = 0\nmask = 0x100000000", "leak[0].mask", "32 bits"),
    "sink without target": ('what = "msi-address"', 'what = "guest-bar"', "sink[0].target_bar", "guest-bar"),
    "sink of no window": ("sites = [", 'window = "bar4-windw"\nsites = [', "sink[0].window", "'bar4_window'"),
    "enable never true": ("value = 0x1", "value = 0x3", "window[0].enable[0].value", "0x1 would be right"),
    "class never true": ("device = 0x78f9", "device = 0x78f9\nclass = 0x30001", "match.class", "0x30000 would"),
    "a name for C": ('name = "bar2-mirror"', 'name = "bar2 mirror"', "mirror[0].name", "does not fit"),
    "no TOML": ("[match]", "[match", "", "not TOML"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_error_names_file_key_and_remedy(case: str, tmp_path: Path) -> None:
    old, new, key, remedy = CASES[case]
    assert GOOD.count(old) >= 1, "the case no longer breaks the good file"
    path = tmp_path / "doors.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        load(path)
    message = caught.value.message
    assert message.startswith(f"{path}: ")
    assert key in message
    assert remedy.replace("bar4_window", "bar4-window") in message
    assert caught.value.exit_code == 5


def test_the_good_file_is_good_and_canonical() -> None:
    assert dump(loads(GOOD)) == GOOD


def _with_targets(*targets: tuple[int, int, str]) -> str:
    tables = "\n".join(f'[[window.matches]]\nmatch = {m:#x}\nmask = {n:#x}\nspace = "{s}"\n' for m, n, s in targets)
    return GOOD.replace('[[window.matches]]\nmatch = 0x4000\nmask = 0xfff\nspace = "config"\n', tables)


def test_a_target_inside_a_later_wider_one_is_an_exception_to_it() -> None:
    text = _with_targets((0xF00, 0xFF, "config"), (0, 0x3FFF, "bar2"))
    assert [m.space for m in loads(text).windows[0].matches] == ["config", "bar2"]


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param([(0, 0x3FFF, "bar2"), (0xF00, 0xFF, "config")], id="the wider one first"),
        pytest.param([(0, 0xFF0, "config"), (0, 0xFF, "bar2")], id="crossing"),
    ],
)
def test_address_values_that_select_two_targets(targets: list[tuple[int, int, str]]) -> None:
    with pytest.raises(DefinitionError, match=r"window\[0\].matches\[1\]: address value .* selects this and matches"):
        loads(_with_targets(*targets))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoUsableInput, match="No such file"):
        load(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(DefinitionError, match="not UTF-8"):
        load(tmp_path / "latin.toml")
    with pytest.raises(NoUsableInput):
        load(tmp_path)
