"""Neighbours of items that have several rows: rows look for items, never for their own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_k
from platonica.errors import ShapeError
from platonica.item_rows import ItemRows
from platonica.neighbors._graph import KnnGraph, knn_graph

__all__ = ["item_graph", "row_graph"]


def row_graph(X: ItemRows, k: int, groups: Sequence[Hashable] | None = None) -> KnnGraph:
    """Find the k nearest items of every row.

    An item is as far from a row as the nearest of its rows. The item that a row belongs to is
    none of its neighbours, nor are those of its group.

    Parameters
    ----------
    X : ItemRows
    k : int in [1, n_items - 2]
    groups : sequence of n_items hashables, optional

    Returns
    -------
    KnnGraph
        Its indices, of shape (n_rows, k), are items; its ties are those among rows.

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `knn_graph`.
    """
    n, owners = len(X), X.owners
    check_k(k, n)
    rows = check_features(X.rows)
    labels = [("item", i) if groups is None or groups[i] is None else groups[i] for i in owners]
    _, names = np.unique([str(label) for label in labels], return_inverse=True)
    # so many rows hold k different items, however many rows each item sends
    wanted = (k - 1) * int(X.counts.max()) + 1
    if wanted <= min(len(rows) - np.bincount(names).max(), len(rows) - 2):
        graph = knn_graph(rows, wanted, metric="cosine", groups=names.tolist())
        return _distinct(graph, owners[graph.indices], k)
    # of few rows all are ranked, and those of the own item or group are passed over
    graph = knn_graph(rows, len(rows) - 2, metric="cosine")
    others = names[graph.indices] != names[:, None]
    return _distinct(graph, np.where(others, owners[graph.indices], -1), k)


def item_graph(X: ItemRows, k: int, groups: Sequence[Hashable] | None = None) -> KnnGraph:
    """Find the k nearest items of every item: two are as near as their nearest rows.

    Parameters
    ----------
    X : ItemRows
    k : int in [1, n_items - 2]
    groups : sequence of n_items hashables, optional

    Returns
    -------
    KnnGraph
        With indices of shape (n_items, k).
    """
    graph = row_graph(X, k, groups)
    n, most = len(X), int(X.counts.max())
    # the lists of an item's rows side by side, what is missing infinitely far
    place = np.arange(len(graph.indices)) - np.repeat(np.cumsum(X.counts) - X.counts, X.counts)
    items = np.full((n, most, k), -1, dtype=np.int64)
    away = np.full((n, most, k), np.inf)
    items[X.owners, place], away[X.owners, place] = graph.indices, graph.distances
    # a stable order: among equals the rows' own lists decide, never the number of an item
    order = np.argsort(away.reshape(n, -1), axis=1, kind="stable")
    items = np.take_along_axis(items.reshape(n, -1), order, axis=1)
    merged = replace(
        graph,
        indices=items.astype(np.int32),
        distances=np.take_along_axis(away.reshape(n, -1), order, axis=1),
    )
    return _distinct(merged, items, k)


def _distinct(graph: KnnGraph, items: NDArray[Any], k: int) -> KnnGraph:
    """Keep the first k different items of every list, in their order."""
    indices = np.empty((len(items), k), dtype=np.int32)
    distances = np.empty((len(items), k))
    for row, names in enumerate(items):
        _, first = np.unique(names, return_index=True)
        chosen = np.sort(first[names[first] >= 0])[:k]
        if len(chosen) < k:
            raise ShapeError(
                f"k = {k} neighbours need as many items outside an item's own group, but there are "
                f"{len(chosen)}"
            )
        indices[row], distances[row] = names[chosen], graph.distances[row, chosen]
    return replace(graph, indices=indices, distances=distances)
