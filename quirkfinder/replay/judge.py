"""What speaks for a quirk and what against it: values of the trace beside what the model says.

Only values count.  Config space through a door must be the host's; a completion flag must be what the guest waited
for; what QEMU's own quirk answered must be what ours would; what is swallowed must not be what the device needed.
"""

from dataclasses import dataclass, field

from quirkfinder.card.model import Card
from quirkfinder.replay.accesses import Access
from quirkfinder.replay.guest import READ_ONLY, STATIC
from quirkfinder.replay.report import MOST, Objection, QuirkVerdict, Verdict

#: a quirk is proven by two values that are not trivial and together have so many bits
_PROOFS, _BITS = 2, 32
#: registers of BARs change by themselves: so many disagreements, and more than agreements, refute a window to a BAR
_VOLATILE = 3


@dataclass(slots=True)
class Tally:
    """How often a BAR showed the same value by two ways and how often not; registers may change by themselves."""

    agreed: int = 0
    doubted: int = 0
    first: Objection | None = None

    @property
    def speaks_against(self) -> bool:
        return self.doubted >= max(_VOLATILE, self.agreed + 1)


@dataclass(slots=True, eq=False)
class Account:
    """What was seen of one quirk."""

    quirk: str
    kind: str
    proofs: dict[tuple[str, int], int] = field(default_factory=dict)  # (what, offset) -> bits
    agreements: int = 0
    tallies: dict[int, Tally] = field(default_factory=dict)  # by the match of a window
    objections: list[Objection] = field(default_factory=list)
    count: int = 0  # objections, those that are not kept included
    changed: int = 0
    swallowed: int = 0
    uses: int = 0
    remarks: list[str] = field(default_factory=list)

    def agree(self, what: str, offset: int, value: int, size: int) -> None:
        """A value is as the model says; zeros and all ones prove nothing."""
        self.agreements += 1
        if value not in (0, (1 << 8 * size) - 1):
            self.proofs.setdefault((what, offset), 8 * size)

    def object(self, access: Access, text: str) -> None:
        """A line speaks against the quirk."""
        self.count += 1
        if len(self.objections) < MOST:
            self.objections.append(Objection(self.quirk, access.input, access.line, text))

    def tally(self, match: int, access: Access, place: tuple[int, int], doubt: str | None) -> None:
        """A place of a BAR was seen by two ways: equal (`doubt` None), or not."""
        tally = self.tallies.setdefault(match, Tally())
        if doubt is None:
            tally.agreed += 1
            self.agree(f"bar{place[0]}", place[1], access.value or 0, access.size)
        else:
            tally.doubted += 1
            tally.first = tally.first or Objection(self.quirk, access.input, access.line, doubt)

    def verdict(self) -> QuirkVerdict:
        """The judgement over all of it."""
        verdict, reason = self._judge()
        objections = tuple(self.objections)
        return QuirkVerdict(
            self.quirk, self.kind, verdict, "; ".join((reason, *self.remarks)), self.agreements, self.changed,
            self.swallowed, objections,
        )  # fmt: skip

    def _judge(self) -> tuple[Verdict, str]:
        for tally in self.tallies.values():
            if tally.speaks_against and tally.first is not None:
                self.objections.insert(0, tally.first)
                self.count += tally.doubted
        if self.count:
            return "refuted", f"{self.count} lines speak against it, {self.agreements} for it"
        wanted = 1 if self.kind == "leak" else _PROOFS  # the address itself is one value of 32 bits
        if len(self.proofs) >= wanted and sum(self.proofs.values()) >= _BITS:
            return "proven", f"{self.agreements} values are as it says, none is not"
        if not self.uses:
            return "not refuted", "the trace does not use it"
        if not self.agreements:
            return "not refuted", f"{self.uses} uses, none with a value that could tell"
        return "not refuted", f"{self.agreements} values are as it says, too few to prove it"


def judge_config(account: Account, card: Card, access: Access, offset: int, size: int, raw: int) -> None:
    """The device's own answer through a door to config space against the host's dump of it."""
    known = card.host_config
    wrong, agreed = [], 0
    for at in range(size):
        host = known.read(offset + at, 1)
        if host is None:
            continue
        if raw >> 8 * at & 0xFF == host:
            agreed += 1
        elif offset + at in STATIC:
            wrong.append(offset + at)
    if wrong:
        expected = known.read(offset, size)
        should = "" if expected is None else f", where the host's config space has {expected:#x}"
        account.object(access, f"the device answers {raw:#x} for config offset {offset:#x}{should}")
    elif agreed == size:
        account.agree("config", offset, raw, size)


def judge_given(account: Account, access: Access, value: int | None, what: str) -> None:
    """What QEMU's own quirk answered against what this one would."""
    if access.given is None or value is None:
        return
    if access.given == value:
        account.agree(f"given {what}", access.offset << 32 | (value & 0xFFFFFFFF), value, access.size)
    else:
        account.object(access, f"QEMU's own quirk gave {access.given:#x}, this one would give {value:#x}")


@dataclass(slots=True)
class Needs:
    """Swallowed writes to config bytes that are read-only by the specification: why would a guest write there?

    A device that raises an interrupt only after each such write needs them: NVIDIA cards take a write to the id of
    their MSI capability as the acknowledgement (QEMU commit 96eeeba0db).
    """

    account: Account
    writes: list[Access] = field(default_factory=list)
    interrupts: list[int] = field(default_factory=list)  # rows

    def conclude(self) -> None:
        """Does every interrupt but the first have such a write since the one before it?"""
        if not self.writes:
            return
        first = self.writes[0]
        rows = [access.row for access in self.writes]
        answered = [
            any(before < row < after for row in rows)
            for before, after in zip(self.interrupts, self.interrupts[1:], strict=False)
        ]
        if len(answered) >= 2 and all(answered):
            self.account.object(
                first,
                f"the device raised {len(self.interrupts)} interrupts, each but the first after such a write to "
                "read-only config bytes: it needs to see them",
            )
        else:
            self.account.remarks.append(
                f"{len(self.writes)} writes to read-only config bytes would not reach the device (line {first.line})"
            )


def read_only(offset: int, size: int, capabilities: frozenset[int]) -> bool:
    """Are all the bytes read-only by the specification? `capabilities`: id and next bytes of the capabilities."""
    return all(place in READ_ONLY or place in capabilities for place in range(offset, offset + size))


def capability_bytes(card: Card) -> frozenset[int]:
    """The id and next-pointer bytes of the device's capabilities (PCI 3.0, section 6.7), from the host's dump."""
    found: set[int] = set()
    offset = card.host_config.read(0x34, 1) or 0
    while offset >= 0x40 and offset not in found:
        found |= {offset, offset + 1}
        offset = (card.host_config.read(offset + 1, 1) or 0) & ~3
    if card.msi is not None:
        found |= {card.msi.offset, card.msi.offset + 1}
    return frozenset(found)
