"""Many traces: mined into a store of Parquet files, joined per card, compared.

`mine` fills a store, `load_findings` gives its cards as findings documents, `load_joined` everything that the join of
the traces says, `compare` the differences of two runs of a card.
"""

from quirkfinder.corpus.comparison import Comparison, Difference, compare, compare_mined
from quirkfinder.corpus.loading import load_findings, load_joined
from quirkfinder.corpus.mining import Mined, Progress, mine
from quirkfinder.corpus.results import Joined
from quirkfinder.corpus.store import Store, is_store

__all__ = [
    "Comparison",
    "Difference",
    "Joined",
    "Mined",
    "Progress",
    "Store",
    "compare",
    "compare_mined",
    "is_store",
    "load_findings",
    "load_joined",
    "mine",
]
