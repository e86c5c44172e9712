"""A layer of stored features whose rows are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerView"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class LayerView:
    """Features (n_items, n_features) of one layer; a lazy matrix, see `platonica.rows.RowView`.

    Attributes
    ----------
    read : callable
        From stored rows, a slice or an array of positions, to their values.
    first, counts : arrays of shape (n_items,)
        First stored row of each item, and how many it has.
    mean : bool
        An item is the mean of its rows, not the first of them.
    n_features : int
    dtype : numpy.dtype
    """

    read: Callable[[slice | Index], NDArray[Any]]
    first: Index
    counts: Index
    mean: bool
    n_features: int
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(n_items, n_features)."""
        return len(self.first), self.n_features

    def __len__(self) -> int:
        return len(self.first)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all items."""
        return np.asarray(self.read_rows(slice(0, len(self))), dtype=dtype)

    def read_rows(self, rows: slice | Index) -> NDArray[Any]:
        """Features of some items, and nothing read that they do not need."""
        first, counts = self.first[rows], self.counts[rows]
        if not self.mean or (counts == 1).all():
            together = len(first) > 0 and (np.diff(first) == 1).all()
            return self.read(slice(int(first[0]), int(first[-1]) + 1) if together else first)
        starts = np.cumsum(counts) - counts
        every = np.arange(counts.sum()) - np.repeat(starts - first, counts)
        sums = np.add.reduceat(self.read(every), starts, axis=0, dtype=np.float64)
        means: NDArray[Any] = (sums / counts[:, None]).astype(self.dtype)
        return means

    def take(self, rows: Index) -> LayerView:
        """Some items, in that order, still unread."""
        return LayerView(
            self.read, self.first[rows], self.counts[rows], self.mean, self.n_features, self.dtype
        )
