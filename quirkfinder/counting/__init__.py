"""Counting: what can be said of all events of a log from one look at each, taken while it is read.

A log may be longer than what is kept of it (see `quirkfinder.folding`).  Its counts are exact all the same: each frame
is counted as it comes, in memory that does not grow with the log, and nothing has to be read twice.  Only of names,
which a hostile log makes up, those beyond some thousands are not told apart.
"""

from quirkfinder.counting.counter import Counter, Counts, count

__all__ = ["Counter", "Counts", "count"]
