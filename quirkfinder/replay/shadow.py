"""What the device holds, as far as the trace shows it: dwords of BARs, and the MSI-X table behind a window."""

from dataclasses import dataclass, field

from quirkfinder.replay.accesses import Access
from quirkfinder.replay.environment import Value
from quirkfinder.replay.judge import Account
from quirkfinder.replay.outcome import Read

_DWORD = 4
Place = tuple[int, int]
Way = tuple[Account, int]


@dataclass(frozen=True, slots=True)
class _Altered:
    account: Account
    line: int
    original: int
    translated: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A dword, and the window (and its match) through which it was seen; None: directly."""

    value: int
    way: Way | None


@dataclass(slots=True)
class Shadow:
    """Dwords of the BARs as they were last seen, and values that a sink would have changed on their way.

    What is written through a window and read back through it agrees with itself wherever the window leads: only two
    different ways to the same place tell anything.
    """

    _seen: dict[Place, _Seen] = field(default_factory=dict)
    _changed: dict[Place, list[_Altered]] = field(default_factory=dict)

    def read(self, access: Access, place: Place | None, way: Way | None) -> None:
        """The device answered: directly (`place` and `way` None), or through a window for a place."""
        where = place or (access.space, access.offset)
        if access.value is None or access.size != _DWORD or not 0 <= where[0] <= 5:
            return
        for altered in self._changed.pop(where, ()):
            if access.value == altered.original:
                altered.account.object(
                    access,
                    f"the guest reads back {access.value:#x} as it wrote it (line {altered.line}); with the quirk "
                    f"it would read {altered.translated:#x}",
                )
        self._compare(access, where, way, access.value)
        self._seen[where] = _Seen(access.value, way)

    def written(self, access: Access, place: Place | None, way: Way | None) -> None:
        """The guest wrote, directly or through a window."""
        where = place or (access.space, access.offset)
        if access.size != _DWORD or not 0 <= where[0] <= 5:
            return
        if access.value is None:
            self._seen.pop(where, None)
        else:
            self._seen[where] = _Seen(access.value, way)
        if where in self._changed:
            self._changed[where] = [a for a in self._changed[where] if a.line == access.line]

    def altered(self, account: Account, access: Access, place: Place | None, translated: int) -> None:
        """A quirk hands the device another value than the guest wrote."""
        where = place or (access.space, access.offset)
        if access.value is not None:
            entry = _Altered(account, access.line, access.value, translated)
            self._changed.setdefault(where, []).append(entry)
            if not account.remarks:
                account.remarks.append(f"it changes written values, first {access.value:#x} in line {access.line}")

    def _compare(self, access: Access, where: Place, way: Way | None, value: int) -> None:
        """A read against what the place showed last by another way."""
        known = self._seen.get(where)
        if known is None or known.way == way:
            return
        judged = way or known.way
        assert judged is not None
        account, match = judged
        doubt = None
        if known.value != value:
            ways = ("directly", "through the window")
            before, now = ways[known.way is not None], ways[way is not None]
            doubt = f"BAR{where[0]}+{where[1]:#x} had {known.value:#x} {before} and answers {value:#x} {now}"
        account.tally(match, access, where, doubt)


def judge_table(account: Account, access: Access, read: Read, size: int, raw: Value) -> None:
    """An MSI-X table that the device serves itself must hold what the model says was written to it.

    Only address and data words (PCI 3.0, section 6.8.2.9): the control word has bits of its own.  The two low bits
    of the address are read-only.
    """
    if read.source != "msix-table" or read.target is None or raw is None or access.given is not None:
        return
    if read.value is None or size != _DWORD or read.target.offset % 16 == 12:
        return
    mask = 0xFFFFFFFC if read.target.offset % 16 == 0 else 0xFFFFFFFF
    if read.value & mask == raw & mask:
        account.agree("table", read.target.offset, raw, size)
    else:
        text = f"the device has {raw:#x} at {read.target.offset:#x} of its MSI-X table, the quirk {read.value:#x}"
        account.object(access, text)
