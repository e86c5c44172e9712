"""Items that have several rows each, such as an image with five captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ShapeError

__all__ = ["ItemRows"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class ItemRows:
    """Features of all rows of some items, and how rows stand for their item.

    Attributes
    ----------
    rows : array of shape (n_rows, n_features)
        Those of an item stand together, items in order.
    counts : array of shape (n_items,)
        Rows of each item, at least 1.
    how : {"set", "expand"}
        "set": two items are as near as their nearest rows. "expand": each row looks for its own
        neighbours, and an item has them in shares.
    """

    rows: NDArray[Any]
    counts: Index
    how: Literal["set", "expand"]

    def __post_init__(self) -> None:
        if (self.counts < 1).any() or self.counts.sum() != len(self.rows):
            raise ShapeError("every item needs at least one row, and every row an item")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_items, n_features)."""
        return len(self.counts), int(self.rows.shape[1])

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def owners(self) -> Index:
        """The item of each row."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def __getitem__(self, items: Index) -> ItemRows:
        """Some items, in that order, with all their rows."""
        counts, first = self.counts[items], (np.cumsum(self.counts) - self.counts)[items]
        starts = np.cumsum(counts) - counts
        every = np.arange(counts.sum()) + np.repeat(first - starts, counts)
        return ItemRows(self.rows[every], counts, self.how)
