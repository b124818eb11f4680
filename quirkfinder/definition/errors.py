"""What is wrong with a definition, said so that the writer of the file can mend it."""

from collections.abc import Iterable
from difflib import get_close_matches

from quirkfinder.errors import InvalidDocument


class DefinitionError(InvalidDocument):
    """A definition that does not hold: `source` is the file, `key` the path of the key in it (`window[0].mask`)."""

    def __init__(self, problem: str, key: str = "", source: str = "") -> None:
        self.problem, self.key, self.source = problem, key, source
        super().__init__(
            ": ".join(part for part in (source, key, problem) if part), "mend the definition and run the command again"
        )

    def within(self, source: str) -> "DefinitionError":
        """The same error with the file named; a file that is named already stays."""
        return self if self.source else DefinitionError(self.problem, self.key, source)


def nearest(word: str, choices: Iterable[str]) -> str:
    """`; did you mean 'mask'?`, or the choices in full where nothing is near."""
    known = sorted(choices)
    close = get_close_matches(word.replace("-", "_").lower(), known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}"
