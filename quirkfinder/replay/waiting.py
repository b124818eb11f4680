"""Completion flags: what the guest waited for against what the quirk would show it.

A guest reads the address register until the flag says done, so that only the last of those reads tells how the device
says it: earlier ones show that it was not done yet.
"""

from dataclasses import dataclass

from quirkfinder.replay.accesses import Access
from quirkfinder.replay.judge import Account


@dataclass(slots=True)
class _Wait:
    account: Account
    access: Access
    expected: int
    answer: int


class Waiting:
    """The wait that is going on, if one is."""

    def __init__(self) -> None:
        self._wait: _Wait | None = None
        self._fresh = False

    def expect(self, account: Account, access: Access, expected: int, answer: int, *, final: bool) -> None:
        """The flag was read: the quirk shows `expected`, the guest saw `answer`; `final` where QEMU's quirk said it."""
        self._wait = _Wait(account, access, expected, answer)
        self._fresh = True
        if final or answer == expected:
            self.conclude()

    def step(self) -> None:
        """An access: the first that is no further read of the flag ends the wait."""
        if self._fresh:
            self._fresh = False
        elif self._wait is not None:
            self.conclude()

    def conclude(self) -> None:
        """The guest went on: what it saw last is how the device says done."""
        wait, self._wait = self._wait, None
        if wait is None:
            return
        if wait.answer == wait.expected:
            wait.account.agree("flag", wait.expected, wait.expected, wait.access.size)
        else:
            text = f"the guest goes on after {wait.answer:#x}, the quirk would show {wait.expected:#x}"
            wait.account.object(wait.access, text)
