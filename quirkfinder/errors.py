"""The errors a user can do something about: what was wrong, what to do, and the exit status of the command line.

Every stage may raise these; the command line prints `message` and `hint` on stderr and leaves with `exit_code`, without
a traceback.  Exit statuses: 2 wrong usage, 3 no input that could be used, 4 done for some inputs and not for others,
5 a definition or findings document that is not valid.
"""

from typing import ClassVar


class QuirkfinderError(Exception):
    """Base of all of them. `message` names file, line and what was wrong; `hint` says what to do about it."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(QuirkfinderError):
    """The request makes no sense: an unknown option value, an output folder that does not exist."""

    exit_code = 2


class NoUsableInput(QuirkfinderError):  # noqa: N818 - named for the outcome it stands for
    """None of the inputs could be used: missing, unreadable, damaged, or without a line of a trace."""

    exit_code = 3


class PartialFailure(QuirkfinderError):  # noqa: N818 - named for the outcome it stands for
    """Done for some inputs; `failures` has a sentence for each of the others. Results were written."""

    exit_code = 4

    def __init__(self, message: str, hint: str = "", failures: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.failures = failures


class InvalidDocument(QuirkfinderError):  # noqa: N818 - named for the outcome it stands for
    """A findings document or a quirk definition that breaks its rules; `message` names the place in it."""

    exit_code = 5
