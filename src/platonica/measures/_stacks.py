"""Inner products of symmetric matrices, for many layers and many permutations at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["STACK_BUDGET", "half_products", "symmetric_products"]

F64 = NDArray[np.float64]

BAND = 64
"""Rows of the matrices that are multiplied at a time."""

ENTRIES = 4096
"""Entries that are looked up and multiplied at a time; they stay in the cache."""

STACK_BUDGET = 2 << 30
"""Bytes of stacked matrices that a batch of layers may hold; past it pairs are scored alone."""


def half_products(
    halves: F64, squares: F64, orders: NDArray[np.int64], *, diagonal: bool
) -> Iterator[tuple[int, F64]]:
    """Multiply upper triangles with those of matrices whose items are permuted.

    Parameters
    ----------
    halves : array of shape (LA, n_entries)
        Upper triangles, row by row, with the diagonal or without.
    squares : array of shape (n_items * n_items, LB)
        Symmetric matrices, flattened; those of one entry side by side, so that one look-up of a
        permuted entry serves them all.
    orders : array of shape (n_resamples, n_items)
    diagonal : bool

    Yields
    ------
    (int, array of shape (LA, LB))
        Which permutation, and the products with the permuted matrices' upper triangles.
    """
    n = orders.shape[1]
    rows, columns = np.triu_indices(n, 0 if diagonal else 1)
    found = np.empty((ENTRIES, squares.shape[1]))
    for r, order in enumerate(orders):
        total, first_of_row = np.zeros((len(halves), squares.shape[1])), order * n
        for start in range(0, len(rows), ENTRIES):
            part = slice(start, min(start + ENTRIES, len(rows)))
            at = first_of_row[rows[part]] + order[columns[part]]
            # every index is in range; "clip" alone writes into `out` without a copy
            total += halves[:, part] @ np.take(
                squares, at, axis=0, out=found[: len(at)], mode="clip"
            )
        yield r, total


def symmetric_products(A: Sequence[Any], B: Sequence[Any]) -> F64:
    """Inner products of all pairs of symmetric matrices, from their upper triangles.

    Parameters
    ----------
    A, B : sequences of arrays of shape (n, n)

    Returns
    -------
    array of shape (len(A), len(B))
    """
    n, total = len(A[0]), np.zeros((len(A), len(B)))
    for start in range(0, n, BAND):
        stop = min(start + BAND, n)
        left = np.stack([a[start:stop, start:] for a in A])
        left[:, :, stop - start :] *= 2.0  # an entry beyond the band's own square stands twice
        right = np.stack([b[start:stop, start:] for b in B])
        total += left.reshape(len(A), -1) @ right.reshape(len(B), -1).T
    return total
