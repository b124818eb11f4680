"""One listing, or a file with several, to `Facts`. Total: what no reader knows is counted."""

import re
from dataclasses import fields, replace

from quirkfinder.inventory.commandline import CommandLineReader
from quirkfinder.inventory.facts import Facts, GuestFunction, HostFunction, Role
from quirkfinder.inventory.infopci import InfoPciReader
from quirkfinder.inventory.lspci import LspciReader
from quirkfinder.inventory.lspci_fields import FieldReader
from quirkfinder.inventory.mtree import MtreeReader
from quirkfinder.inventory.resources import ResourceReader, SpanReader
from quirkfinder.inventory.text import GREETING, PROMPT, numbered_lines

_LONGEST_LINE = 4096  # of a listing, in characters; a command line may be longer
_LISTED = 20  # line numbers of unrecognised lines that are kept
#: The monitor echoes every key, so only the end of the line is the command.
_OUR_COMMAND = re.compile(r"info (?:pci|mtree(?: -\w+)*)$")


class _Readers:
    """One reader for each listing. The line shapes exclude one another, so the order only saves time."""

    def __init__(self) -> None:
        self.lspci = LspciReader()
        self.fields = FieldReader()
        self.resources = ResourceReader()
        self.spans = SpanReader()
        self.info_pci = InfoPciReader()
        self.mtree = MtreeReader()
        self.command = CommandLineReader()
        self.all = (self.mtree, self.spans, self.resources, self.fields, self.lspci, self.info_pci, self.command)
        self._other_command = False  # inside the output of a monitor command that is none of ours

    def feed(self, number: int, line: str) -> bool:
        """True where a reader knew the line. Empty lines and prompts end listings."""
        if not line.strip():
            # lspci and `info mtree` separate their records with empty lines; both go on after them.
            self.lspci.blank()
            self.fields.boundary()
            self.resources.boundary()
            return True
        if PROMPT.match(line):
            self.finish()
            self._other_command = not _OUR_COMMAND.search(line)
            return True
        if self.command.feed(line):
            return True
        if len(line) > _LONGEST_LINE:
            return False
        for reader in (self.mtree, self.spans, self.resources, self.fields, self.lspci, self.info_pci):
            if reader.feed(number, line):
                if reader is not self.resources:
                    self.resources.boundary()
                return True
        return self.lspci.feed_command(number, line) or self._other_command or GREETING.match(line) is not None

    def finish(self) -> None:
        for reader in self.all:
            reader.boundary()


def parse(text: bytes, role: Role, format: str, input: int = 0) -> Facts:  # noqa: A002 - the schema's words
    """What a listing says.

    `role` decides whose functions an `lspci` listing shows; the monitor's listings are always the guest's, what the
    kernel exports (`resource`, iomem, ioports) always the host's.  `format` (from `recognise`) is only handed on: a
    file may hold several listings, so every line is tried with every reader.  `input` is the position of the file in
    the inputs.  Never fails; lines that no reader knows are counted in `Facts.unrecognised`.
    """
    readers = _Readers()
    unrecognised: list[int] = []
    number = 0
    for number, line in numbered_lines(text):
        if not readers.feed(number, line):
            unrecognised.append(number)
    readers.finish()
    functions = (*readers.lspci.functions, *readers.fields.functions, *readers.resources.functions)
    guest = tuple(readers.info_pci.functions)
    if role == "guest":
        inside = tuple(f for f in functions if f.source != "resource")
        guest += tuple(to_guest_function(f) for f in inside)
        functions = tuple(f for f in functions if f.source == "resource")
    ended = text.endswith(b"\n")
    return Facts(
        role,
        format,
        input,
        lines=number - 1 if ended else number if text else 0,
        unrecognised=len(unrecognised),
        unrecognised_lines=tuple(unrecognised[:_LISTED]),
        functions=functions,
        guest_functions=guest,
        memory=tuple(readers.spans.memory),
        ports=tuple(readers.spans.ports),
        mtree=tuple(readers.mtree.spans),
        devices=tuple(readers.command.devices),
        notes=(*readers.lspci.notes, *readers.resources.notes, *readers.spans.notes),
    )


def quoted(head: bytes, input: int = 0) -> Facts | None:  # noqa: A002 - the schema's word
    """Listings and a command line in the beginning of a file that is a log: mails and bug reports hold both.

    None where there are none.  The log's own lines are not counted as unrecognised.
    """
    facts = parse(head, "host", "quoted", input)
    told = (facts.functions, facts.guest_functions, facts.memory, facts.ports, facts.mtree, facts.devices)
    return replace(facts, unrecognised=0, unrecognised_lines=()) if any(told) else None


def as_guest(facts: Facts) -> Facts:
    """The same facts with the `lspci` functions taken as the guest's own."""
    inside = tuple(f for f in facts.functions if f.source != "resource")
    return replace(
        facts,
        role="guest",
        functions=tuple(f for f in facts.functions if f.source == "resource"),
        guest_functions=(*facts.guest_functions, *(to_guest_function(f) for f in inside)),
    )


def to_guest_function(function: HostFunction) -> GuestFunction:
    """The same statement about a function of the guest."""
    return GuestFunction(**{f.name: getattr(function, f.name) for f in fields(HostFunction)})
