"""Feature matrices whose rows are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_BYTES", "RowView", "row_blocks"]

BLOCK_BYTES = 32 << 20
"""Bytes of a float64 block of rows that a stream works on."""


@runtime_checkable
class RowView(Protocol):
    """A lazy matrix (n_items, n_features): stored shards, say; never wholly in memory.

    A measure that cannot stream turns it into an array by `numpy.asarray`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_items, n_features)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        ...

    def read_rows(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Some rows, as an array."""
        ...


def row_blocks(
    X: NDArray[Any] | RowView, order: NDArray[np.int64] | None = None, size: int | None = None
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Read a matrix block by block.

    Parameters
    ----------
    X : array or RowView of shape (n_items, n_features)
    order : array of int, optional
        Reads ``X[order]`` instead.
    size : int, optional
        Rows of a block; by default as many as `BLOCK_BYTES` hold in float64.

    Yields
    ------
    (slice, array of shape (m, n_features))
        Where the rows stand, and the rows as they are stored.
    """
    n = X.shape[0] if order is None else len(order)
    size = size or max(1, BLOCK_BYTES // (8 * X.shape[1]))
    for first in range(0, n, size):
        part = slice(first, min(first + size, n))
        rows = part if order is None else order[part]
        yield part, X.read_rows(rows) if isinstance(X, RowView) else X[rows]
