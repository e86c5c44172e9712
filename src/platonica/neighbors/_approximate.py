"""Approximate neighbour graphs of very many items, never without their measured recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_k
from platonica.errors import MissingExtraError, ParameterError
from platonica.neighbors._graph import KnnGraph
from platonica.neighbors._space import Metric, Ranked, Space, refuse_collapsed
from platonica.neighbors._threads import slices, thread_pool
from platonica.rng import as_generator

__all__ = ["approximate_knn_graph"]

MARGIN = 4
"""Candidates beyond k that float32 hands to float64."""

TRAINING = 64
"""Items a list that the lists' centres are learned from."""

ROWS = 1 << 14
"""Queries that are searched together."""


def approximate_knn_graph(
    X: Any,
    k: int,
    *,
    metric: Metric = "cosine",
    recall: float = 0.99,
    sample: int = 1000,
    n_threads: int | None = None,
    rng: int | np.random.Generator = 0,
    progress: Callable[[int, int], None] | None = None,
) -> KnnGraph:
    """Find most of the k nearest neighbours of every row, and measure how many.

    Items are put into about sqrt(n) x 4 lists around learned centres (faiss, an inverted file);
    each looks into the nearest few lists only. How many is decided by the recall of a random
    sample of rows, whose true neighbours are found exactly. Distances and order of what is found
    are exact.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
    k : int in [1, n_items - 2]
    metric : {"cosine", "euclidean"}, default "cosine"
    recall : float in (0, 1)
        Share of the true neighbours to find. It is reached on the sample or as nearly as
        looking into all lists allows.
    sample : int
        Rows whose true neighbours are found.
    n_threads : int, optional
    rng : int or Generator
        Draws the sample, and starts the centres.
    progress : callable(done, total), optional

    Returns
    -------
    KnnGraph
        With ``recall`` and ``recall_error``, measured on the sample.

    Raises
    ------
    MissingExtraError
        faiss is not installed.
    ParameterError
        ``recall`` out of range.
    ShapeError, DegenerateInputError
        As in `knn_graph`.

    Notes
    -----
    Memory: one float32 copy of X inside the index and another while it is built. A neighbour that
    is missed lowers overlaps: see `KnnGraph.recall`.
    """
    if not 0 < recall < 1:
        raise ParameterError(f"recall must lie in (0, 1), not {recall}")
    X = check_features(X)
    k = check_k(k, len(X))
    generator = as_generator(rng)
    with thread_pool(n_threads) as pool:
        space = Space.of(X, metric, None, pool)
    threads = getattr(pool, "_max_workers", 1) if n_threads is None else n_threads
    lists = _Lists(space, int(generator.integers(2**31)), threads)
    queries = np.sort(generator.permutation(len(X))[: min(sample, len(X))])
    true = _true_neighbors(space, queries, k)
    lists.tune(queries, true, k, recall)
    ranked = Ranked.empty(len(X), k)
    for done, part in enumerate(slices(len(X), ROWS), 1):
        rows = np.arange(part.start, part.stop)
        ranked.put(rows, lists.search(rows, k))
        if progress is not None:
            progress(done, -(-len(X) // ROWS))
    refuse_collapsed(ranked.n_arbitrary, len(X), k)
    found = _shares(ranked.indices[queries], true)
    return KnnGraph(
        indices=ranked.indices.astype(np.int32),
        distances=space.unscaled(ranked.distances),
        metric=metric,
        n_tied_rows=int(ranked.tied.sum()),
        n_arbitrary=ranked.n_arbitrary,
        n_reranked_rows=len(X),
        recall=float(found.mean()),
        recall_error=float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else None,
    )


class _Lists:
    """Rows in lists around learned centres, of which a query looks into the nearest few."""

    def __init__(self, space: Space, seed: int, n_threads: int) -> None:
        try:
            import faiss
        except ImportError as error:
            raise MissingExtraError.of("knn", "faiss-cpu") from error
        faiss.omp_set_num_threads(n_threads)
        n = len(space)
        n_lists = max(1, min(4 * int(n**0.5), n // 8))
        self.space = space
        self.centre = space.rows(slice(0, min(n, 1 << 14))).mean(axis=0)
        self._quantizer = faiss.IndexFlatL2(space.width)
        self.index = faiss.IndexIVFFlat(self._quantizer, space.width, n_lists, faiss.METRIC_L2)
        self.index.cp.seed, self.index.cp.niter = seed % 2**31, 10
        self.index.cp.max_points_per_centroid = TRAINING
        self.index.cp.min_points_per_centroid = 1
        chosen = np.sort(as_generator(seed).permutation(n)[: TRAINING * n_lists])
        self.index.train(_single(space, chosen, self.centre))
        for part in slices(n, 1 << 16):
            self.index.add(_single(space, np.arange(part.start, part.stop), self.centre))

    def tune(self, queries: NDArray[np.int64], true: NDArray[Any], k: int, recall: float) -> None:
        """Look into twice as many lists until the sample's recall is reached with a margin."""
        self.index.nprobe = 4
        while self.index.nprobe < self.index.nlist:
            found = _shares(self.search(queries, k).indices, true)
            if found.mean() - found.std() / np.sqrt(len(found)) >= recall:
                break
            self.index.nprobe = min(2 * self.index.nprobe, self.index.nlist)

    def search(self, rows: NDArray[np.int64], k: int) -> Ranked:
        """Candidates from the nearest lists, ranked by their float64 distances."""
        space = self.space
        wanted = min(k + 1 + MARGIN, len(space))
        _, candidates = self.index.search(_single(space, rows, self.centre), wanted)
        # a row is not its own neighbour; a list that ran dry has -1
        absent = (candidates == rows[:, None]) | (candidates < 0)
        candidates = np.where(absent, 0, candidates)
        own = np.repeat(rows, wanted)
        away = space.distances(own, candidates.ravel()).reshape(candidates.shape)
        away[absent] = np.inf
        short = np.isfinite(away).sum(axis=1) < k
        found = space.select(candidates, away, k)
        if short.any():  # too few in the lists: all rows are looked at
            lists = _true_neighbors(space, rows[short], k)
            gaps = space.distances(np.repeat(rows[short], k), lists.ravel()).reshape(lists.shape)
            order = np.argsort(gaps, axis=1, kind="stable")
            found.put(
                np.flatnonzero(short),
                Ranked(
                    np.take_along_axis(lists, order, axis=1),
                    np.take_along_axis(gaps, order, axis=1),
                    np.zeros(int(short.sum()), dtype=bool),
                ),
            )
        return found


def _single(space: Space, rows: NDArray[np.int64], centre: NDArray[Any]) -> NDArray[np.float32]:
    """Rows about a centre in float32: distances stay, and a common offset costs no digits."""
    out = np.empty((len(rows), space.width), dtype=np.float32)
    for part in slices(len(rows), 4096):
        out[part] = space.rows(rows[part]) - centre
    return out


def _true_neighbors(space: Space, queries: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Nearest neighbours of a few rows among all, shape (n_queries, k)."""
    centre = space.rows(slice(0, min(len(space), 4096))).mean(axis=0)
    asked = _single(space, queries, centre)
    wanted = k + 2 * MARGIN
    best = np.full((len(queries), 0), 0, dtype=np.int64)
    scores = np.full((len(queries), 0), 0.0, dtype=np.float32)
    for part in slices(len(space), 1 << 15):
        rows = np.arange(part.start, part.stop)
        block = _single(space, rows, centre)
        near = asked @ block.T
        near -= np.einsum("ij,ij->i", block, block) / 2
        near[queries[:, None] == rows] = -np.inf
        take = min(wanted, near.shape[1])
        top = np.argpartition(near, -take, axis=1)[:, -take:]
        best = np.concatenate([best, top + part.start], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(near, top, axis=1)], axis=1)
        keep = np.argsort(-scores, axis=1)[:, :wanted]
        best = np.take_along_axis(best, keep, axis=1)
        scores = np.take_along_axis(scores, keep, axis=1)
    away = space.distances(np.repeat(queries, best.shape[1]), best.ravel()).reshape(best.shape)
    order = np.argsort(away, axis=1, kind="stable")[:, :k]
    nearest: NDArray[np.int64] = np.take_along_axis(best, order, axis=1)
    return nearest


def _shares(found: NDArray[Any], true: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the true neighbours of each row that were found."""
    both = np.sort(np.concatenate([found, true], axis=1), axis=1)
    shares: NDArray[np.float64] = (both[:, 1:] == both[:, :-1]).sum(axis=1) / true.shape[1]
    return shares
