"""The graph, and what the four verbs of a measure need of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_k
from platonica.errors import ShapeError
from platonica.neighbors._search import search_all, search_some
from platonica.neighbors._space import Metric, Ranked, Space, refuse_collapsed
from platonica.neighbors._threads import thread_pool

__all__ = ["KnnGraph", "knn_graph", "relabel", "restrict"]

_Float = NDArray[np.float64]
_Index = NDArray[np.int64]


@dataclass(frozen=True)
class KnnGraph:
    """The k nearest neighbours of every row.

    Attributes
    ----------
    indices : array of shape (n_items, k), int32
        From nearest to farthest; a row is never its own neighbour.
    distances : array of shape (n_items, k), float64
        Euclidean distance, of unit rows if ``metric`` is cosine, rounded so that ties are
        equal: to multiples of 2^-44 (cosine) or to 44 significant bits (euclidean).
    metric : {"cosine", "euclidean"}
    n_tied_rows : int
        Rows whose k-th neighbour is exactly as far as an item that is not in the list.
    n_arbitrary : int
        Of the n_items x k neighbours, those that were chosen by priority among equals.
    n_reranked_rows : int
        Rows whose set of neighbours float32 alone left open. It may depend on the block size;
        the graph does not.
    recall : float or None
        Of an approximate graph: share of the true neighbours that it has, measured on a sample.
        A true overlap s with a graph of recall r is seen between recall x r x s, if edges were
        missed at random, and s; edges that both spaces have are mostly near ones, and found.
    recall_error : float or None
        Standard error of the recall.
    """

    indices: NDArray[np.int32]
    distances: _Float
    metric: Metric
    n_tied_rows: int
    n_arbitrary: int
    n_reranked_rows: int
    recall: float | None = None
    recall_error: float | None = None

    @property
    def k(self) -> int:
        """Neighbours per row."""
        return int(self.indices.shape[1])


def knn_graph(
    X: Any,
    k: int,
    *,
    metric: Metric = "cosine",
    groups: Sequence[Hashable] | None = None,
    block: int | None = None,
    n_threads: int | None = None,
) -> KnnGraph:
    """Find the k nearest neighbours of every row, exactly.

    Set and order are those of exact arithmetic. Distances that differ by less than float64
    can tell are ties; ties are broken by a priority drawn from a digest of the features, so
    that a space agrees with itself and unrelated spaces with duplicates do not agree by rule.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
    k : int in [1, n_items - 2]
        Neighbours per item.
    metric : {"cosine", "euclidean"}, default "cosine"
        Cosine ranks like the Euclidean distance of rows scaled to norm 1.
    groups : sequence of n_items hashables, optional
        Items of one group are never each other's neighbours; None is no group.
    block : int, optional
        Rows of one block of the product. Changes time and memory only.
    n_threads : int, optional
        Threads to use; by default as many as BLAS may use. Changes time only.

    Returns
    -------
    KnnGraph

    Raises
    ------
    ShapeError
        k out of range, groups of another length, or fewer than k items outside a group.
    DegenerateInputError
        NaN, infinite or constant features, a zero row under cosine, or more than half of the
        neighbours chosen by priority among equals.

    Notes
    -----
    Time n² d (half a float32 matrix product), memory O(n (d + k)) and one block a thread.

    Examples
    --------
    >>> knn_graph([[0.0], [1.0], [10.0], [12.0]], 1, metric="euclidean").indices.ravel().tolist()
    [1, 0, 3, 2]
    """
    X = check_features(X)
    k = check_k(k, len(X))
    with thread_pool(n_threads) as pool:
        space = Space.of(X, metric, groups, pool)
        space.check_groups(k)
        ranked, n_open = search_all(space, k, block, pool)
    ranked = ranked._replace(distances=space.unscaled(ranked.distances))
    return _finish(ranked, metric, n_open)


def relabel(indices: NDArray[np.int32], order: Sequence[int] | _Index) -> NDArray[np.int32]:
    """Turn the neighbour lists of X into those of ``X[order]``, in O(n k).

    Parameters
    ----------
    indices : array of shape (n_items, k)
    order : permutation of range(n_items)

    Returns
    -------
    array of shape (n_items, k), int32

    Raises
    ------
    ShapeError
        ``order`` is not a permutation of range(n_items).

    Examples
    --------
    >>> relabel(np.array([[1], [0], [1]], dtype=np.int32), [2, 0, 1]).ravel().tolist()
    [2, 2, 1]
    """
    n = len(indices)
    where = np.asarray(order)
    inverse = np.full(n, -1, dtype=np.int32)
    if where.shape == (n,) and where.dtype.kind in "iu" and where.min() >= 0 and where.max() < n:
        inverse[where] = np.arange(n, dtype=np.int32)
    if (inverse < 0).any():
        raise ShapeError(f"order must be a permutation of range({n})")
    relabelled: NDArray[np.int32] = inverse[indices[where]]
    return relabelled


def restrict(
    graph: KnnGraph,
    X: Any | None,
    rows: Sequence[int] | _Index,
    k: int,
    *,
    groups: Sequence[Hashable] | None = None,
    n_threads: int | None = None,
) -> KnnGraph:
    """Neighbour lists of ``X[rows]``: members of the stored lists where they suffice.

    A row needs k + 1 stored members, so that a tie at the k-th is seen; the others are
    searched again among ``rows``. Ties keep the priority of X.

    Parameters
    ----------
    graph : KnnGraph
        The graph of X with more than k neighbours.
    X : array of shape (n_items, n_features), or None
        The features of the graph; None if no row may be searched again.
    rows : sequence of m distinct ints in [0, n_items)
    k : int in [1, m - 2]
    groups : sequence of n_items hashables, optional
        As given to `knn_graph`.
    n_threads : int, optional

    Returns
    -------
    KnnGraph
        Of m rows; indices are positions in ``rows``. ``n_reranked_rows`` counts the rows that
        were searched again.

    Raises
    ------
    ShapeError
        k or rows out of range, X of another length, or rows run short and X is None.
    DegenerateInputError
        More than half of the neighbours are chosen by priority among equals.
    """
    kept = _check_rows(rows, len(graph.indices))
    k = check_k(k, len(kept))
    found, short = _stored(graph, kept, k)
    if short.size:
        if X is None:
            raise ShapeError(
                f"X must be given: {short.size} of {len(kept)} rows keep fewer than k + 1 = "
                f"{k + 1} of their {graph.k} stored neighbours"
            )
        X = check_features(X)
        if len(X) != len(graph.indices):
            raise ShapeError(f"X must have the {len(graph.indices)} rows of graph, not {len(X)}")
        with thread_pool(n_threads) as pool:
            space = Space.of(X, graph.metric, groups, pool).take(kept)
            found.put(short, _search_short(space, short, k, pool))
    return _finish(found, graph.metric, len(short))


def _finish(ranked: Ranked, metric: Metric, n_reranked: int) -> KnnGraph:
    n_arbitrary = ranked.n_arbitrary
    refuse_collapsed(n_arbitrary, *ranked.indices.shape)
    indices, n_tied = ranked.indices.astype(np.int32), int(ranked.tied.sum())
    return KnnGraph(indices, ranked.distances, metric, n_tied, n_arbitrary, n_reranked)


def _stored(graph: KnnGraph, kept: _Index, k: int) -> tuple[Ranked, _Index]:
    """Return lists of some rows from stored members, and the rows that run short."""
    if graph.k <= k:
        return Ranked.empty(len(kept), k), np.arange(len(kept))
    position = np.full(len(graph.indices), -1, dtype=np.int32)
    position[kept] = np.arange(len(kept), dtype=np.int32)
    members = position[graph.indices[kept]]
    front = np.argsort(members < 0, axis=1, kind="stable")[:, : k + 1]
    members = np.take_along_axis(members, front, axis=1)
    away = np.take_along_axis(graph.distances[kept], front, axis=1)
    found = Ranked(members[:, :k], away[:, :k], away[:, k - 1] == away[:, k])
    return found, np.flatnonzero(members[:, k] < 0)


def _search_short(space: Space, short: _Index, k: int, pool: ThreadPoolExecutor) -> Ranked:
    space.check_groups(k)
    # all rows cost half a float32 product, some rows their share of a float64 product
    if 4 * len(short) > len(space):
        again = search_all(space, k, None, pool)[0].take(short)
    else:
        again = search_some(space, short, k, pool)
    return again._replace(distances=space.unscaled(again.distances))


def _check_rows(rows: Sequence[int] | _Index, n: int) -> _Index:
    kept = np.asarray(rows)
    if kept.ndim != 1 or kept.dtype.kind not in "iu" or len(np.unique(kept)) != len(kept):
        raise ShapeError("rows must be a list of distinct row numbers")
    if len(kept) and not (kept.min() >= 0 and kept.max() < n):
        raise ShapeError(f"rows must lie in [0, {n}), not in [{kept.min()}, {kept.max()}]")
    return kept.astype(np.int64)
