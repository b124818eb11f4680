"""Which inventory a file holds, judged by its content alone."""

import re
from collections import Counter

from quirkfinder.inventory import commandline, infopci, lspci, lspci_fields, mtree, resources
from quirkfinder.inventory.facts import Role
from quirkfinder.inventory.text import GREETING, PROMPT, numbered_lines

#: Lines of a VFIO trace: a file that mostly holds these is a log, even where it quotes a listing.
_TRACE = re.compile(
    r"vfio_(?:pci_)?(?:region|vga|rom|quirk|listener|msix?|read_config|write_config)\w*[ (]"
    r"|vfio_pci_(?:read|write)_config |^vfio: |memory_region_ops_(?:read|write) |Invalid (?:read|write|access) at addr"
)
_INFO_BAR = re.compile(r"^\s*BAR\d: .*(?:\[0x|\(not mapped\))")
_LONGEST_LINE = 4096
_HEAD = 64 << 10

#: kind of line -> (role, format, how many of them it takes to be sure)
_FORMATS: dict[str, tuple[Role, str, int]] = {
    "resource": ("host", "sysfs-resource", 1),
    "heading": ("host", "lspci", 1),
    "region": ("host", "lspci", 1),
    "hex": ("host", "lspci-hex", 4),
    "iomem": ("host", "proc-iomem", 2),
    "ioports": ("host", "proc-ioports", 2),
    "info pci": ("guest", "info-pci", 1),
    "mtree": ("guest", "info-mtree", 2),
    "flat mtree": ("guest", "info-mtree-flat", 2),
    "command": ("guest", "qemu-command-line", 1),
}


def recognise(head: bytes) -> tuple[Role, str] | None:
    """Role and format of a listing from its beginning (64 KiB are plenty); None where it is none.

    Formats: `sysfs-resource`, `lspci`, `lspci-hex`, `lspci-with-hex`, `proc-iomem`, `proc-ioports`, `info-pci`,
    `info-mtree`, `info-mtree-flat`, `monitor` (a transcript with prompts or several listings of the monitor),
    `qemu-command-line`, `mixed` (host and guest listings in one file; the role is the one with more lines).  A listing
    of `lspci` is always taken as the host's: only the caller can know that it was made inside the guest.
    """
    if b"\0" in head[:4096]:
        return None
    counts: Counter[str] = Counter()
    full = len(head) >= _HEAD
    for _, line in numbered_lines(head):
        if line and len(line) <= _LONGEST_LINE:
            counts[_kind(line)] += 1
        elif len(line) > _LONGEST_LINE and commandline.COMMAND.search(line[:_LONGEST_LINE]):
            counts["command"] += 1
    found = _judge(counts)
    # A file that goes on and on after a command line is the log of that machine.
    return None if full and found is not None and found[1] == "qemu-command-line" else found


def _kind(line: str) -> str:
    """What kind of line this is; "" for one that says nothing about the format."""
    if mtree.SPAN.match(line):
        return "mtree"
    if resources.IO_RESOURCE.match(line):
        return "ioports" if re.match(r"\s*[0-9a-f]{4}-", line) else "iomem"
    if resources.RESOURCE.match(line):
        return "resource"
    if lspci.HEX_ROW.match(line):
        return "hex"
    if lspci.HEADING.match(line) or lspci_fields.SLOT.match(line):
        return "heading"
    if lspci.REGION.match(line):
        return "region"
    if infopci.FUNCTION.match(line) or _INFO_BAR.match(line):
        return "info pci"
    if mtree.VIEW.match(line):
        return "view"
    if mtree.TREE.match(line) or mtree.BARE.match(line):
        return "tree"
    if PROMPT.match(line) or GREETING.match(line):
        return "prompt"
    if _TRACE.search(line):
        return "trace"
    return "command" if commandline.COMMAND.search(line) else ""


def _judge(counts: Counter[str]) -> tuple[Role, str] | None:
    if counts["view"] or not counts["tree"]:
        # Without a heading it is an excerpt, and those are of flat views: the tree is too long to quote.
        counts["flat mtree"], counts["mtree"] = counts["mtree"], 0
    found = {kind: number for kind in _FORMATS if (number := counts[kind]) >= _FORMATS[kind][2]}
    trace = counts["trace"]
    if trace and trace >= sum(number for kind, number in found.items() if kind != "command"):
        return None
    if not found:
        return None
    weight = {role: sum(n for kind, n in found.items() if _FORMATS[kind][0] == role) for role in ("host", "guest")}
    role: Role = "host" if weight["host"] >= weight["guest"] else "guest"
    formats = {_FORMATS[kind][1] for kind in found}
    if weight["host"] and weight["guest"]:
        return role, "mixed"
    if role == "guest" and (counts["prompt"] or len(formats - {"qemu-command-line"}) > 1):
        return role, "monitor"
    return role, _host_format(formats, counts) if role == "host" else min(formats - _beside(formats))


def _beside(formats: set[str]) -> set[str]:
    """A command line above a listing does not make the file a command line."""
    return {"qemu-command-line"} if len(formats) > 1 else set()


def _host_format(formats: set[str], counts: Counter[str]) -> str:
    if formats == {"lspci", "lspci-hex"}:
        return "lspci-with-hex" if counts["region"] else "lspci-hex"
    return next(iter(formats)) if len(formats) == 1 else "mixed"
