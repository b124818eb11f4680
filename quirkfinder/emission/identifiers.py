"""Every name and every piece of text that goes into C or trace-events passes through here.

Text from a log is hostile: it must not end a comment, open one, splice lines, form a trigraph or reach a string.
"""

import re
import textwrap
from typing import Literal

#: Vendors with a define in QEMU 7.2 to 10.2, and whether it is in pci_ids.h or only in pci-quirks.c itself.
_VENDORS: dict[int, tuple[str, Literal["pci_ids.h", "pci-quirks.c"]]] = {
    0x1002: ("PCI_VENDOR_ID_ATI", "pci-quirks.c"),
    0x1022: ("PCI_VENDOR_ID_AMD", "pci_ids.h"),
    0x10DE: ("PCI_VENDOR_ID_NVIDIA", "pci_ids.h"),
    0x10EC: ("PCI_VENDOR_ID_REALTEK", "pci_ids.h"),
    0x1425: ("PCI_VENDOR_ID_CHELSIO", "pci_ids.h"),
    0x8086: ("PCI_VENDOR_ID_INTEL", "pci_ids.h"),
}
_WORD = re.compile("[a-z0-9]+")
#: what comments are wrapped to, as in QEMU's own (80 columns)
_WIDTH = 76


def words(*names: str) -> str:
    """`bar4-0-window` as `bar4_0_window`: lower-case letters, digits and single underscores; never empty."""
    return "_".join(_WORD.findall("-".join(names).lower())) or "unnamed"


def type_name(*names: str) -> str:
    """A type for the quirk's state, `VFIO` in front: `VFIO1af578f9Bar40Window`."""
    return "VFIO" + "".join(part.capitalize() for part in _WORD.findall("-".join(names).lower())) + "Quirk"


def region_name(*names: str) -> str:
    """A memory region's name: what `info mtree` shows, so lower case and dashes. Safe inside a C string."""
    return "vfio-" + words(*names).replace("_", "-") + "-quirk"


def vendor_define(vendor: int) -> tuple[str, str | None]:
    """The define of a PCI vendor id, and the file of QEMU that has it: pci_ids.h, pci-quirks.c, or None."""
    return _VENDORS.get(vendor, (f"PCI_VENDOR_ID_{vendor:04X}", None))


def plain(text: str) -> str:
    """One line of printable ASCII without anything that C gives a meaning to inside a comment.

    Other characters, and backslashes, are shown by their number in angle brackets; pairs that open or close a
    comment or start a trigraph are pulled apart by a blank.
    """
    shown = "".join(c if " " <= c <= "~" and c != "\\" else f"<{ord(c):02x}>" for c in text)
    for pair in ("*/", "/*", "??"):
        while pair in shown:
            shown = shown.replace(pair, f"{pair[0]} {pair[1]}")
    return shown


def comment(*paragraphs: str | list[str]) -> list[str]:
    """A block comment in QEMU's form. A text is wrapped; a list is lines that are indented and cut, not wrapped."""
    if len(paragraphs) == 1 and isinstance(paragraphs[0], str) and len(plain(paragraphs[0])) <= _WIDTH - 3:
        return [f"/* {plain(paragraphs[0])} */"]
    lines = ["/*"]
    for at, paragraph in enumerate(paragraphs):
        if at:
            lines.append(" *")
        if isinstance(paragraph, str):
            wrapped = textwrap.wrap(plain(paragraph), _WIDTH, break_on_hyphens=False) or [""]
            lines += [f" * {line}".rstrip() for line in wrapped]
        else:
            lines += [f" *   {_cut(plain(line))}".rstrip() for line in paragraph]
    return [*lines, " */"]


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH - 2 else line[: _WIDTH - 5] + "..."
