"""A layer of stored features whose rows are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError

__all__ = ["LayerView", "Reduce"]

Index = NDArray[np.int64]
Reduce = Literal["first", "mean", "pool"]


@dataclass(frozen=True)
class LayerView:
    """Features (n_items, n_features) of one layer; a lazy matrix, see `platonica.rows.RowView`.

    Attributes
    ----------
    read : callable
        From stored rows, a slice or an array of positions, to their values.
    first, counts : arrays of shape (n_items,)
        First stored row of each item, and how many it has.
    reduce : {"first", "mean", "pool"}
        An item is the first of its rows, their mean, or the mean of its rows at length 1.
    n_features : int
    dtype : numpy.dtype
    """

    read: Callable[[slice | Index], NDArray[Any]]
    first: Index
    counts: Index
    reduce: Reduce
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
        if self.reduce == "first" or (counts == 1).all():
            together = len(first) > 0 and (np.diff(first) == 1).all()
            return self.read(slice(int(first[0]), int(first[-1]) + 1) if together else first)
        starts = np.cumsum(counts) - counts
        every = np.arange(counts.sum()) - np.repeat(starts - first, counts)
        values = self.read(every)
        if self.reduce == "pool":
            values = _at_length_one(values)
        sums = np.add.reduceat(values, starts, axis=0, dtype=np.float64)
        means: NDArray[Any] = (sums / counts[:, None]).astype(self.dtype)
        return means

    def take(self, rows: Index) -> LayerView:
        """Some items, in that order, still unread."""
        return LayerView(
            self.read, self.first[rows], self.counts[rows], self.reduce, self.n_features, self.dtype
        )


def _at_length_one(rows: NDArray[Any]) -> NDArray[np.float64]:
    values = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", values, values))
    if not lengths.all():
        raise DegenerateInputError("a row of zeros has no direction: reduce='pool' cannot take it")
    values /= lengths[:, None]
    return values
