"""Folding: events of a log of any length to a bounded number of them, between reading and the card model.

A log of a few hundred thousand events is left as it is.  Of a longer one the first events are kept whole; of the rest
every *block* (64 bytes of a region, a config register, a kind of map event) keeps its first events and those that
bring something new, as many as a fixed budget allows.  All else is counted exactly and lies in a temporary file until
the analysis ends, so that every count in the document is one over the whole log.

Where a block begins to miss events there is a *gap*.  What was last written to a register is known up to the gap and
not after it; miners ask `Gaps` before they relate two accesses over one.
"""

from quirkfinder.folding.budget import HEAD, WHOLE, Budget
from quirkfinder.folding.folder import Folded, Folder, LeftOut
from quirkfinder.folding.gaps import Gaps
from quirkfinder.folding.watch import Watched, watched_values

__all__ = ["HEAD", "WHOLE", "Budget", "Folded", "Folder", "Gaps", "LeftOut", "Watched", "watched_values"]
