"""Renders QEMU's own formats: what a log line looks like, made without the grammars."""

import re
from collections.abc import Sequence

MACROS = {"PRIx64": "lx", "PRIu64": "lu", "PRIu32": "u", "PRIxPTR": "lx", "HWADDR_PRIx": "lx", "PRId64": "ld"}
DIRECTIVE = re.compile(r"%(?P<flags>[#0]*)(?P<width>\d*)(?:l|ll|z|h)?(?P<type>[a-zA-Z])")
#: Values by the name of an argument; the rest is made up by type.
VALUES: dict[str, str | int] = {
    "name": "0000:0a:00.1",
    "dev": "0000:0a:00.1",
    "index": 2,
    "addr": 0x4010,
    "offset": 0x70,
    "offs": 0x70,
    "data": 0xFEE00000,
    "val": 0x10DE,
    "value": 0xFEE00000,
    "size": 4,
    "len": 2,
    "region_name": "vfio-ati-bar4-window-address-quirk",
    "op": "UNMAP",
    "errstr": "Invalid argument",
}


def plain_format(text: str) -> str:
    """A C format with macros resolved and its pieces joined."""
    pieces = re.findall(r'"((?:\\.|[^"\\])*)"|([A-Za-z_0-9]+)', text)
    joined = "".join(piece if not macro else MACROS[macro] for piece, macro in pieces)
    return joined.replace('\\"', '"').replace("\\t", "\t").replace("\\n", "\n")


def arguments(text: str) -> list[tuple[str, str]]:
    """Type and name of each argument of a trace event."""
    if text == "void":
        return []
    return [(m[1].strip(), m[2]) for m in re.finditer(r"([^,]*?)(\w+)\s*(?:,|$)", text)]


def value_of(kind: str, name: str) -> str | int:
    if kind.strip() == "char":
        return "b"
    if name in VALUES and (("char" in kind and "*" in kind) == isinstance(VALUES[name], str)):
        return VALUES[name]
    if "*" in kind:
        return "word" if "char" in kind else 0x55ECEB3B1DE0
    return 1


def render(fmt: str, values: Sequence[str | int]) -> str:
    """printf, as far as trace events need it."""
    remaining = list(values)

    def one(match: re.Match[str]) -> str:
        kind = match["type"]
        if kind == "m":
            return "Invalid argument"
        value = remaining.pop(0)
        if kind in "sc":
            return str(value)
        if kind == "p":
            return f"{value:#x}"
        digits = f"{value:x}" if kind == "x" else str(value)
        if "#" in match["flags"] and value:
            digits = "0x" + digits
        return digits.rjust(int(match["width"] or 0), "0" if "0" in match["flags"] else " ")

    out = DIRECTIVE.sub(one, fmt)
    assert not remaining
    return out
