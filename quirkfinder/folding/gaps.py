"""Where events were left out, so that nobody relates what lies before to what lies behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.folding.keys import CELLS, Ints, block_cell


@dataclass(frozen=True, slots=True)
class Gaps:
    """`frame`: device (text, empty where the log names none), region, cell of the block, and the row of
    the folded events before which accesses to the block are missing."""

    frame: pl.DataFrame

    def of(self, devices: Sequence[str]) -> Callable[[int, int], Ints]:
        """For the device of these names: the rows at which the block of a region and offset has a gap, ascending."""
        own = self.frame.filter(pl.col("device").is_in(list(devices))).sort("region", "cell", "row")
        keys = (own["region"] * CELLS + own["cell"]).to_numpy()
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        parts = np.split(own["row"].to_numpy().astype(np.int64), starts[1:])
        blocks = {divmod(int(key), CELLS): part for key, part in zip(keys[starts], parts, strict=False)}
        none = np.zeros(0, dtype=np.int64)
        return lambda region, offset: blocks.get((region, int(block_cell(offset))), none)


def gap_frame(device: list[str], region: list[int], cell: list[int], row: Ints) -> Gaps:
    """Gaps from columns."""
    schema = {"device": pl.String(), "region": pl.Int64(), "cell": pl.Int64(), "row": pl.Int64()}
    return Gaps(pl.DataFrame({"device": device, "region": region, "cell": cell, "row": row}, schema=schema))
