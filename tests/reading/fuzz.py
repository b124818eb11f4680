"""The differential tests of the readers for as long as one likes.

    python -m tests.reading.fuzz [SECONDS]

compares the native reader with the portable one on clean and on damaged lines, and the portable one with the grammars
themselves (lark), and says how many lines that were, and how many a second.  A difference is printed as a failing test
would print it, and ends the run with status 1.
"""

import argparse
import sys
import time
from collections.abc import Callable

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.reading.strategies import clean_lines, damaged
from tests.reading.test_engines import CALM, assert_same, check_against_lark

LINES = 60
EXAMPLES = 100


def rounds(seconds: float) -> dict[str, tuple[int, float]]:
    """Lines and seconds of each comparison; raises AssertionError where two readers disagree."""
    spent: dict[str, tuple[int, float]] = {}
    # No shrinking against the clock of a long run, and no database: every round draws anew.
    calm = settings(CALM, max_examples=EXAMPLES, database=None, phases=(Phase.generate, Phase.shrink))

    def counted(name: str, check: Callable[[list[bytes]], None]) -> Callable[[list[bytes]], None]:
        def run(lines: list[bytes]) -> None:
            began = time.monotonic()
            check(lines)
            count, before = spent.get(name, (0, 0.0))
            spent[name] = count + len(lines), before + time.monotonic() - began

        return run

    def with_lark(lines: list[bytes]) -> None:
        for line in lines:
            check_against_lark(line)

    kinds: list[tuple[str, st.SearchStrategy[list[bytes]], Callable[[list[bytes]], None]]] = [
        ("native and portable, damaged lines", st.lists(damaged(), min_size=LINES // 2, max_size=LINES), assert_same),
        ("native and portable, clean lines", st.lists(clean_lines, min_size=LINES // 2, max_size=LINES), assert_same),
        ("portable and lark, damaged lines", st.lists(damaged(), min_size=1, max_size=3), with_lark),
    ]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, lines, check in kinds:
            calm(given(lines)(counted(name, check)))()
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    options = parser.parse_args()
    total = 0
    for name, (lines, seconds) in rounds(options.seconds).items():
        sys.stdout.write(f"{name}: {lines} lines, {lines / seconds:.0f} a second\n")
        total += lines
    sys.stdout.write(f"{total} lines, no difference\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
