"""QEMU releases as values: a release is `major.minor`, a log is written by a range of them.

Only the first two numbers count: stable updates (7.2.22) never changed a log line or a quirk.  A range is inclusive at
both ends; `last is None` means that nothing seen so far rules out the newest release.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

_NUMBER = re.compile(r"\s*v?(\d{1,3})\.(\d{1,3})(?![0-9])")


class Version(NamedTuple):
    """A QEMU release, ordered as numbers: 2.9 comes before 2.10."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> "Version":
        """The first two numbers of `7.2`, `7.2.22`, `v10.0.0-rc1`, `11.1.3Debian`; ValueError where there are none."""
        match = _NUMBER.match(text)
        if match is None:
            raise ValueError(f"{text!r} is not a QEMU version: expected major.minor, such as 7.2 or 10.0.1")
        return cls(int(match[1]), int(match[2]))


#: The first release with VFIO, and the newest whose log lines are known.
OLDEST, NEWEST = Version(1, 3), Version(11, 1)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Releases `first`..`last` (inclusive; None: no upper bound).

    `reasons` say what narrowed the range, `doubts` what did not fit and was left out.
    """

    first: Version = OLDEST
    last: Version | None = None
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @classmethod
    def of(cls, version: "VersionRange | Version | str | None") -> "VersionRange":
        """Anything a caller may have: a range, one version, its text (ValueError where it is none), or nothing."""
        if isinstance(version, VersionRange):
            return version
        if version is None:
            return cls()
        exact = Version.parse(version) if isinstance(version, str) else version
        return cls(exact, exact, reasons=(f"version {exact} was given",))

    @property
    def exact(self) -> Version | None:
        """The one release of the range, None where there are several."""
        return self.first if self.first == self.last else None

    def overlaps(self, first: Version, last: Version | None) -> bool:
        """Could a release of this range lie in `first`..`last`?"""
        return (last is None or self.first <= last) and (self.last is None or first <= self.last)

    def within(self, first: Version, last: Version | None) -> bool:
        """Does every release of this range lie in `first`..`last`?"""
        return first <= self.first and (last is None or (self.last is not None and self.last <= last))

    def narrowed(self, first: Version, last: Version | None, reason: str) -> "VersionRange":
        """The releases also in `first`..`last`; where none is left the range stays and the reason becomes a doubt."""
        if not self.overlaps(first, last):
            return VersionRange(self.first, self.last, self.reasons, (*self.doubts, reason))
        low = max(self.first, first)
        high = self.last if last is None else last if self.last is None else min(self.last, last)
        changed = (low, high) != (self.first, self.last)
        return VersionRange(low, high, (*self.reasons, reason) if changed else self.reasons, self.doubts)

    def __str__(self) -> str:
        if self.exact is not None:
            return str(self.exact)
        if self.last is None:
            return "unknown" if self.first == OLDEST else f"{self.first} or newer"
        return f"up to {self.last}" if self.first == OLDEST else f"{self.first} to {self.last}"
