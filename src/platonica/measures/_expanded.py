"""Neighbours in shares: an item of several rows has each neighbour as often as its rows name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from platonica.exact_moments import GraphSummary
from platonica.item_rows import ItemRows
from platonica.measures._knn import KnnState
from platonica.neighbors import KnnGraph

__all__ = ["ExpandedState", "expanded", "shared_weights"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class ExpandedState(KnnState):
    """One space whose rows each have neighbours of their own.

    Attributes
    ----------
    shares : sparse array of shape (n_items, n_items)
        Entry (i, j): the share of the rows of i that have j among their k nearest items.
    """

    shares: Any

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.shares.shape[0])

    @cached_property
    def arc_pairs(self) -> GraphSummary:
        """What the shares add to the variance of an overlap: O(n^2)."""
        return GraphSummary.of_matrix(self.shares.toarray(), order=2)

    @cached_property
    def arc_triples(self) -> GraphSummary:
        """What they add to its skewness: O(n^3)."""
        return GraphSummary.of_matrix(self.shares.toarray(), order=3)


def expanded(graph: KnnGraph, X: ItemRows, groups: tuple[Any, ...] | None) -> ExpandedState:
    """Collect the lists (n_rows, k) of items by the item that the rows belong to."""
    weights = np.repeat(1.0 / X.counts[X.owners], graph.k)
    where = (np.repeat(X.owners, graph.k), graph.indices.ravel())
    shares = csr_array((weights, where), shape=(len(X), len(X)))
    shares.sum_duplicates()
    return ExpandedState(graph, X, groups, shares)


def shared_weights(A: Sequence[KnnState], B: Sequence[KnnState], orders: Any) -> F64:
    """Sum the products of shares of all pairs of layers, for every permutation of B's items.

    Returns
    -------
    array of shape (n_resamples, len(A), len(B))
    """
    sums = np.empty((len(orders), len(A), len(B)))
    sparse = [_shares(a).tocoo() for a in A]
    for j, b in enumerate(B):
        table = _shares(b).toarray()
        for r, order in enumerate(orders):
            for i, a in enumerate(sparse):
                source, target = a.coords
                sums[r, i, j] = a.data @ table[order[source], order[target]]
    return sums


def _shares(state: KnnState) -> Any:
    """Shares of a state; those of an item with one row are whole."""
    if isinstance(state, ExpandedState):
        return state.shares
    n, k = state.graph.indices.shape
    starts = np.arange(0, n * k + 1, k)
    return csr_array((np.ones(n * k), state.graph.indices.ravel(), starts), shape=(n, n))
