"""How many edges neighbour graphs share, for many layers and many permutations at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.neighbors import relabel

__all__ = ["shared_edges", "shared_edges_permuted"]

Indices = NDArray[np.int32]

TABLE_BUDGET = 512 << 20
"""Bytes of the n x n table of one side; past it every pair of graphs is compared by itself."""


def shared_edges(a: Indices, b: Indices) -> int:
    """Count the pairs (item, neighbour) that are in both graphs.

    Parameters
    ----------
    a, b : arrays of shape (n_items, k)
        Neighbour indices; no index stands twice in a row.
    """
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    return int(np.count_nonzero(both[:, 1:] == both[:, :-1]))


def shared_edges_permuted(
    A: Sequence[Indices], B: Sequence[Indices], orders: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count shared edges of all pairs of layers for every permutation of B's items.

    The distinct edges of A are walked once a permutation, whatever the number of layers: each
    edge carries one bit for every layer of A that has it, a table of B one bit for every layer
    of B, and only the edges that both sides have are counted, by one small product of bits.

    Parameters
    ----------
    A, B : sequences of arrays of shape (n_items, k)
    orders : array of shape (n_resamples, n_items)
        Row r compares A with the graphs of ``Y[orders[r]]``.

    Returns
    -------
    array of shape (n_resamples, len(A), len(B))
    """
    n = len(A[0])
    if n * n * _word(min(len(B), 64)).itemsize > TABLE_BUDGET:
        moved = ([relabel(b, order) for b in B] for order in orders)
        return np.array([[[shared_edges(a, b) for b in Bs] for a in A] for Bs in moved])
    counts = np.empty((len(orders), len(A), len(B)), dtype=np.int64)
    walk = _Walk(A)
    for first in range(0, len(B), 64):
        part = B[first : first + 64]
        table = _edge_table(part)
        for r, order in enumerate(orders):
            counts[r, :, first : first + len(part)] = walk.count(table, order, len(part))
    return counts


def _word(n_layers: int) -> np.dtype[np.unsignedinteger]:
    """Smallest unsigned type with one bit a layer."""
    return np.dtype(f"u{max(1, 1 << (max(n_layers, 1) - 1).bit_length()) // 8 or 1}")


def _edge_table(graphs: Sequence[Indices]) -> NDArray[np.unsignedinteger]:
    """Bit l of entry (i, j) tells whether j is a neighbour of i in graph l; flattened."""
    n = len(graphs[0])
    word = _word(len(graphs))
    table = np.zeros((n, n), dtype=word)
    rows = np.arange(n)[:, None]
    for bit, graph in enumerate(graphs):
        table[rows, graph] |= word.type(1 << bit)
    return table.ravel()


class _Walk:
    """The distinct edges of some graphs, with the layers that have each."""

    def __init__(self, graphs: Sequence[Indices]) -> None:
        n, k = graphs[0].shape
        self.n = n
        source = np.repeat(np.arange(n, dtype=np.int64) * n, k)
        keys = np.concatenate([source + g.ravel() for g in graphs])
        edges, at = np.unique(keys, return_inverse=True)
        self.source, self.target = np.divmod(edges, n)
        # float32 counts whole numbers exactly up to 2^24
        self.dtype: type[np.floating[Any]] = np.float32 if n * k < 2**24 else np.float64
        self.layers = np.zeros((len(edges), len(graphs)), dtype=self.dtype)
        self.layers[at, np.repeat(np.arange(len(graphs)), n * k)] = 1.0

    def count(
        self, table: NDArray[np.unsignedinteger], order: NDArray[np.int64], n_layers: int
    ) -> NDArray[np.int64]:
        found = table[(order * self.n)[self.source] + order[self.target]]
        hits = np.flatnonzero(found)
        octets = found[hits].astype(found.dtype.newbyteorder("<"), copy=False)[:, None]
        bits = np.unpackbits(octets.view(np.uint8), axis=1, count=n_layers, bitorder="little")
        shared = self.layers[hits].T @ bits.astype(self.dtype)
        return np.rint(shared).astype(np.int64)
