"""Where events were left out, so that nobody relates what lies before to what lies behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quirkfinder.folding.keys import Ints, block_cell


@dataclass(frozen=True, slots=True)
class Gaps:
    """`frame`: device (text, empty where the log names none), region, cell of the block, and the row of
    the folded events before which accesses to the block are missing."""

    frame: pl.DataFrame

    def of(self, devices: Sequence[str]) -> Callable[[int, int], Ints]:
        """For the device of these names: the rows at which the block of a region and offset has a gap, ascending."""
        own = self.frame.filter(pl.col("device").is_in(list(devices))).sort("row")
        blocks = {
            (int(key[0]), int(key[1])): part["row"].to_numpy().astype(np.int64)
            for key, part in own.group_by("region", "cell", maintain_order=True)
        }
        none = np.zeros(0, dtype=np.int64)
        return lambda region, offset: blocks.get((region, int(block_cell(offset))), none)


def gap_frame(device: list[str], region: list[int], cell: list[int], row: Ints) -> Gaps:
    """Gaps from columns."""
    schema = {"device": pl.String(), "region": pl.Int64(), "cell": pl.Int64(), "row": pl.Int64()}
    return Gaps(pl.DataFrame({"device": device, "region": region, "cell": cell, "row": row}, schema=schema))
