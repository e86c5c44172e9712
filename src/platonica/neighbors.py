"""Exact k-nearest-neighbour graphs: blocked float32 products, certified, ranked in float64.

How exactness is paid for. Every pair of rows is scored once, in float32, by half of a matrix
product: with v the centred rows and h = |v|²/2, the rows (v, -h, 1) and (v, 1, -h) multiply
to s = -distance²/2. A rounding-error bound that holds for any order of summation turns the
k-th best score of a row into a threshold that no true neighbour can miss. The few pairs above
it, and only they, are ranked by their float64 distance: the direct sum of squared differences
of the two rows, which does not depend on blocks, threads or the BLAS in use.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from platonica.checks import check_features, check_k
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.rng import as_generator

__all__ = ["KnnGraph", "Metric", "knn_graph", "relabel", "restrict"]

Metric = Literal["cosine", "euclidean"]

_Float = NDArray[np.float64]
_Index = NDArray[np.int64]

_ROWS = 128  # rows prepared at a time: a float64 copy of them stays in the cache
_PAIRS = 256  # pairs ranked at a time, for the same reason
_SCALE = 2.0**20  # of the float32 operands: squares of 2^-53 and of 2 sqrt(d) are both normal


@dataclass(frozen=True)
class KnnGraph:
    """The k nearest neighbours of every row.

    Attributes
    ----------
    indices : array of shape (n_items, k), int32
        From nearest to farthest; a row is never its own neighbour.
    distances : array of shape (n_items, k), float64
        Euclidean distance, of unit rows if ``metric`` is cosine, rounded so that ties are
        equal: to multiples of 2^-45 (cosine) or to 44 significant bits (euclidean).
    metric : {"cosine", "euclidean"}
    n_tied_rows : int
        Rows whose k-th neighbour is exactly as far as an item that is not in the list.
    n_reranked_rows : int
        Rows whose set of neighbours float32 alone left open. It may depend on the block size;
        the graph does not.
    """

    indices: NDArray[np.int32]
    distances: _Float
    metric: Metric
    n_tied_rows: int
    n_reranked_rows: int

    @property
    def k(self) -> int:
        """Neighbours per row."""
        return self.indices.shape[1]


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
        rows with a tie between neighbours and others.

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
    with _pool(n_threads) as pool:
        return _graph(_Space.of(X, metric, groups, pool), k, block, pool)


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
    if where.shape == (n,) and where.dtype.kind in "iu" and (where < n).all():
        inverse[where] = np.arange(n, dtype=np.int32)
    if (inverse < 0).any():
        raise ShapeError(f"order must be a permutation of range({n})")
    return inverse[indices[where]]


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
        More than half of the rows have a tie between neighbours and others.
    """
    n = len(graph.indices)
    kept = _check_rows(rows, n)
    k = check_k(k, len(kept))
    position = np.full(n, -1, dtype=np.int32)
    position[kept] = np.arange(len(kept), dtype=np.int32)
    lists, away = position[graph.indices[kept]], graph.distances[kept]
    front = np.argsort(lists < 0, axis=1, kind="stable")[:, : k + 1]
    lists = np.take_along_axis(lists, front, axis=1)
    away = np.take_along_axis(away, front, axis=1)
    short = np.flatnonzero((lists[:, -1] < 0) | (lists.shape[1] <= k))
    tied = np.zeros(len(kept), dtype=bool) if lists.shape[1] <= k else away[:, k - 1] == away[:, k]
    found = _Ranked(lists[:, :k], away[:, :k], tied)
    if short.size:
        if X is None:
            raise ShapeError(
                f"X must be given: {short.size} of {len(kept)} rows keep fewer than k + 1 = "
                f"{k + 1} of their {graph.k} stored neighbours"
            )
        found = _search_short(found, check_features(X), graph, kept, short, k, groups, n_threads)
    _refuse_collapsed(int(found.tied.sum()), len(kept), k)
    return KnnGraph(
        found.indices.astype(np.int32),
        found.distances,
        graph.metric,
        int(found.tied.sum()),
        int(short.size),
    )


class _Ranked(NamedTuple):
    """Neighbours of some rows, from nearest to farthest."""

    indices: NDArray[Any]  # (m, k)
    distances: _Float  # (m, k)
    tied: NDArray[np.bool_]  # (m,): the k-th is as far as one left out


def _search_short(
    found: _Ranked,
    X: NDArray[Any],
    graph: KnnGraph,
    kept: _Index,
    short: _Index,
    k: int,
    groups: Sequence[Hashable] | None,
    n_threads: int | None,
) -> _Ranked:
    if len(X) != len(graph.indices):
        raise ShapeError(f"X must have the {len(graph.indices)} rows of the graph, not {len(X)}")
    with _pool(n_threads) as pool:
        space = _Space.of(X, graph.metric, groups, pool).take(kept)
        space.check_groups(k)
        # The full search costs half a float32 product, the other one a float64 product
        # of the short rows with all.
        if 4 * len(short) > len(kept):
            again = _search_all(space, k, None, pool)[0]
            again = _Ranked(again.indices[short], again.distances[short], again.tied[short])
        else:
            again = _search_some(space, short, k, pool)
    merged = _Ranked(*(array.copy() for array in found))
    if merged.indices.shape[1] < k:  # the graph itself stores too few
        merged = _Ranked(
            np.empty((len(kept), k), dtype=np.int64), np.empty((len(kept), k)), merged.tied
        )
    for whole, part in zip(merged, again, strict=True):
        whole[short] = part
    return merged


def _graph(space: _Space, k: int, block: int | None, pool: ThreadPoolExecutor) -> KnnGraph:
    space.check_groups(k)
    ranked, n_open = _search_all(space, k, block, pool)
    n_tied = int(ranked.tied.sum())
    _refuse_collapsed(n_tied, len(space), k)
    distances = np.ldexp(ranked.distances, space.exponent)
    indices = ranked.indices.astype(np.int32)
    return KnnGraph(indices, distances, space.metric, n_tied, n_open)


def _refuse_collapsed(n_tied: int, n_items: int, k: int) -> None:
    if 2 * n_tied > n_items:
        raise DegenerateInputError(
            f"X is collapsed: in at least {n_tied} of {n_items} rows the neighbour of rank "
            f"k = {k} is as far as one that is left out, so that the lists are arbitrary"
        )


# --------------------------------------------------------------------------- the space


class _Space:
    """Rows in float64, their exact distances, and the rule for ties.

    ``rows`` are unit rows (cosine), or X divided by 2^exponent, which loses no bit.
    """

    def __init__(
        self,
        rows: _Float,
        exponent: int,
        metric: Metric,
        codes: NDArray[np.int32] | None,
        source: NDArray[Any],
        taken: _Index | None = None,
    ) -> None:
        self.rows = rows
        self.exponent = exponent
        self.metric: Metric = metric
        self.codes = codes
        self._source = source
        self._taken = taken

    @classmethod
    def of(
        cls,
        X: NDArray[Any],
        metric: Metric,
        groups: Sequence[Hashable] | None,
        pool: ThreadPoolExecutor,
    ) -> _Space:
        codes = _group_codes(groups, len(X))
        if metric == "cosine":
            return cls(_unit_rows(X, pool), 0, metric, codes, X)
        if metric == "euclidean":
            exponent = int(np.frexp(max(float(X.max()), -float(X.min())))[1])
            return cls(np.ldexp(X.astype(np.float64), -exponent), exponent, metric, codes, X)
        raise ParameterError(f'metric must be "cosine" or "euclidean", not {metric!r}')

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: _Index) -> _Space:
        """Return some rows as a space of their own that breaks ties as the whole does."""
        codes = None if self.codes is None else self.codes[rows]
        return _Space(self.rows[rows], self.exponent, self.metric, codes, self._source, rows)

    def check_groups(self, k: int) -> None:
        if self.codes is None:
            return
        _, inverse, sizes = np.unique(self.codes, return_inverse=True, return_counts=True)
        allowed = len(self) - sizes[inverse]
        if allowed.min() < k:
            row = int(allowed.argmin())
            raise ShapeError(
                f"k = {k} neighbours are asked for, but groups leaves row {row} only "
                f"{allowed[row]} items outside its own group"
            )

    @cached_property
    def priority(self) -> _Index:
        """Rank of every row among its ties, drawn from a digest of the features."""
        digest = hashlib.blake2b(repr(self._source.shape).encode(), digest_size=16)
        for part in _slices(len(self._source), _ROWS):
            # + 0.0 makes the two zeros one
            digest.update(np.ascontiguousarray(self._source[part], dtype=np.float64) + 0.0)
        seed = int.from_bytes(digest.digest(), "big")
        priority = as_generator(seed).permutation(len(self._source))
        return priority if self._taken is None else priority[self._taken]

    @cached_property
    def representatives(self) -> _Index:
        """The first row that is identical to each row."""
        first: dict[bytes, int] = {}
        keys = (hashlib.blake2b(row + 0.0, digest_size=16).digest() for row in self.rows)
        return np.array([first.setdefault(key, i) for i, key in enumerate(keys)])

    def distances(self, a: _Index, b: _Index) -> _Float:
        """Rounded distances of pairs of rows; the same bits for (i, j) and (j, i)."""
        squares = np.empty(len(a))
        for part in _slices(len(a), _PAIRS):
            gap = self.rows[a[part]]
            gap -= self.rows[b[part]]
            gap *= gap
            # a sum over the last axis is pairwise and looks at one row only
            gap.sum(axis=1, out=squares[part])
        return self._round(np.sqrt(squares, out=squares))

    def _round(self, distances: _Float) -> _Float:
        """Round distances so that those which float64 cannot tell apart are equal.

        The direct sum has a relative error of about 2^-50. Unit rows carry an error of 2^-53
        of their own in every feature, which two distances that are equal for X do not share:
        2^-50 absolutely. Steps of 2^-45 (cosine) and of 44 bits (euclidean) lie well above
        both, and far below any difference that features mean.
        """
        if self.metric == "cosine":
            return np.rint(distances * 2.0**45) * 2.0**-45
        mantissa, exponent = np.frexp(distances)
        return np.ldexp(np.rint(mantissa * 2.0**44), exponent - 44)

    def tie_width(self, distances: _Float) -> _Float:
        """More than two distances can differ and be rounded to the same."""
        return np.full_like(distances, 2.0**-44) if self.metric == "cosine" else distances * 2.0**-42

    def select(self, candidates: _Index, distances: _Float, k: int) -> _Ranked:
        """Take the k nearest candidates of every row, ties by priority.

        Both arrays have shape (m, w), w > k, and are padded by distance infinity.
        """
        order = np.argsort(distances, axis=1, kind="stable")
        ordered = np.take_along_axis(distances, order, axis=1)
        equal = ordered[:, :k] == ordered[:, 1 : k + 1]
        ties = np.flatnonzero(equal.any(axis=1))
        if ties.size:
            first = np.argsort(self.priority[candidates[ties]], axis=1)
            then = np.argsort(np.take_along_axis(distances[ties], first, 1), axis=1, kind="stable")
            order[ties] = np.take_along_axis(first, then, axis=1)
        chosen = np.take_along_axis(candidates, order[:, :k], axis=1)
        return _Ranked(chosen, ordered[:, :k], equal[:, k - 1])


def _unit_rows(X: NDArray[Any], pool: ThreadPoolExecutor) -> _Float:
    rows = np.empty(X.shape)

    def normalise(part: slice) -> int | None:
        block = X[part].astype(np.float64)
        squares = (block * block).sum(axis=1)
        if not (squares.min() > 1e-200 and squares.max() < 1e200):
            # by a power of two, so that squares neither overflow nor vanish
            peak = np.maximum(block.max(axis=1), -block.min(axis=1))
            if not peak.all():
                return part.start + int(peak.argmin())
            block = np.ldexp(block, -np.frexp(peak)[1][:, None])
            squares = (block * block).sum(axis=1)
        np.divide(block, np.sqrt(squares)[:, None], out=rows[part])
        return None

    for zero in pool.map(normalise, _slices(len(X), _ROWS)):
        if zero is not None:
            raise DegenerateInputError(f"X has a zero row under the cosine metric: row {zero}")
    return rows


def _group_codes(groups: Sequence[Hashable] | None, n_items: int) -> NDArray[np.int32] | None:
    """Equal codes for items of one group, or None if every item stands alone."""
    if groups is None:
        return None
    if len(groups) != n_items:
        raise ShapeError(f"groups must have one entry for each of {n_items} rows, not {len(groups)}")
    known: dict[Hashable, int] = {}
    codes = [
        -1 - row if group is None else known.setdefault(group, len(known))
        for row, group in enumerate(groups)
    ]
    return None if len(set(codes)) == n_items else np.array(codes, dtype=np.int32)


# --------------------------------------------------------------------------- the bound


@dataclass(frozen=True)
class _Bound:
    """What a rounded product says of exact scores s_ij = -|v_i - v_j|²/2.

    A dot product of K terms, summed in any order with unit roundoff u, errs by at most
    γ Σ|terms| with γ = K u/(1 - K u). The terms of a score add up to at most
    |v_i||v_j| + h_i + h_j <= 2 (h_i + h_j), hence |rounded - s_ij| <= c (h_i + h_j) with
    c = 2 γ; eight more terms in K pay for rounding v and h themselves, and ``tiny`` for
    products that underflow.
    """

    space: _Space
    half_norms: _Float  # in units of scale²
    scale: float
    unit: float
    tiny: float

    @cached_property
    def _largest(self) -> float:
        return float(self.half_norms.max())

    def threshold(self, kth: NDArray[Any], rows: slice | _Index) -> _Float:
        """Rounded scores below this cannot be among the k nearest, nor tied with them.

        ``kth`` is not above the k-th best rounded score of each row. A far item has a large
        error, but also a low score: from h_j <= 2 h_i - 2 s_ij the exact k-th score is at
        least ``worst``, so that the half norm of every neighbour is at most ``reach``.
        """
        best, h = kth.astype(np.float64), self.half_norms[rows]
        terms = (self.space.rows.shape[1] + 8) * self.unit
        if terms >= 0.05:  # over a million features: the bound says nothing
            return np.full_like(h, -np.inf)
        c = 2 * terms / (1 - terms)
        worst = (best - 3 * c * h - self.tiny) / (1 - 2 * c)
        reach = np.minimum(self._largest, 2 * h - 2 * worst)
        error = c * (h + reach) + self.tiny
        farthest = np.sqrt(2 * np.maximum(error - best, 0))
        width = self.scale * self.space.tie_width(farthest / self.scale)
        return best - 2 * error - 2 * width * (farthest + width)


# --------------------------------------------------------------------------- the searches


def _search_all(
    space: _Space, k: int, block: int | None, pool: ThreadPoolExecutor
) -> tuple[_Ranked, int]:
    """Neighbours of every row, and the number of rows that float32 left open."""
    n = len(space)
    if block is None:
        block = min(1024, max(128, -(-n // 4)))
    if block < 1:
        raise ParameterError(f"block must be at least 1, not {block}")
    search = _HalfProduct(space, k, pool)
    for _ in pool.map(search.visit, _tiles(n, block)):
        pass
    rows, columns, crowded = search.candidates()
    n_open = int((np.bincount(rows, minlength=n) > k).sum()) + len(crowded)
    ranked = _Ranked(
        np.empty((n, k), dtype=np.int64), np.empty((n, k)), np.zeros(n, dtype=bool)
    )
    starts = np.searchsorted(rows, np.arange(n + 1))
    away = _distances_of_pairs(space, rows, columns, pool)

    def rank(part: slice) -> None:
        pairs = slice(starts[part.start], starts[part.stop])
        found = _rank_pairs(space, rows[pairs], columns[pairs], away[pairs], k)
        calm = np.flatnonzero(np.diff(starts[part.start : part.stop + 1])) + part.start
        for whole, piece in zip(ranked, found, strict=True):
            whole[calm] = piece

    for _ in pool.map(rank, _slices(n, _ROWS)):
        pass
    if crowded.size:
        for whole, piece in zip(ranked, _search_some(space, crowded, k, pool), strict=True):
            whole[crowded] = piece
    return ranked, n_open


def _distances_of_pairs(
    space: _Space, rows: _Index, columns: _Index, pool: ThreadPoolExecutor
) -> _Float:
    """Distances of pairs, measured once where (i, j) and (j, i) are both candidates."""
    n = len(space)
    keys = np.minimum(rows, columns).astype(np.int64) * n + np.maximum(rows, columns)
    keys, which = np.unique(keys, return_inverse=True)
    measured = np.empty(len(keys))

    def measure(part: slice) -> None:
        measured[part] = space.distances(*np.divmod(keys[part], n))

    for _ in pool.map(measure, _slices(len(keys), 16 * _PAIRS)):
        pass
    return measured[which]


def _rank_pairs(space: _Space, rows: _Index, columns: _Index, away: _Float, k: int) -> _Ranked:
    """Rank the candidates of rows; ``rows`` is sorted, and every row has at least k."""
    _, starts, counts = np.unique(rows, return_index=True, return_counts=True)
    width = max(k + 1, int(counts.max(initial=0)))
    own = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(rows)) - np.repeat(starts, counts)
    candidates = np.zeros((len(counts), width), dtype=np.int64)
    lengths = np.full((len(counts), width), np.inf)
    candidates[own, place] = columns
    lengths[own, place] = away
    return space.select(candidates, lengths, k)


class _HalfProduct:
    """Candidates of every row from the upper triangle of the float32 product.

    The bound of a row is the k-th largest of the maxima over bins of columns (column modulo
    the number of bins): k bins hold k different items, so that it never exceeds the k-th best
    score, and it costs two passes of `maximum` instead of a partition. Two threads may raise
    the bins of one row at once and lose an update: a bin then holds an older maximum, which
    is a valid bound as well.
    """

    def __init__(self, space: _Space, k: int, pool: ThreadPoolExecutor) -> None:
        n, d = space.rows.shape
        self.space, self.k = space, k
        self.left = np.ones((n, d + 2), dtype=np.float32)
        self.right = np.ones((n, d + 2), dtype=np.float32)
        half_norms = np.empty(n)
        mean = space.rows.mean(axis=0)

        def fill(part: slice) -> None:
            v = space.rows[part] - mean
            v *= _SCALE
            self.left[part, :d] = self.right[part, :d] = v
            v *= v
            half_norms[part] = v.sum(axis=1) / 2
            self.left[part, d] = self.right[part, d + 1] = -half_norms[part]

        for _ in pool.map(fill, _slices(n, _ROWS)):
            pass
        self.bound = _Bound(space, half_norms, _SCALE, 2.0**-24, (d + 2) * 2.0**-125)
        self.best = np.full((n, 1 << (4 * k).bit_length()), -np.inf, dtype=np.float32)
        self.floor = np.empty(n, dtype=np.float32)
        self.n_hits = np.zeros(n, dtype=np.int64)
        self.crowded = np.zeros(n, dtype=bool)
        self.hits: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        self._local = threading.local()

    def visit(self, tile: tuple[slice, slice]) -> None:
        """Score a tile once, for its rows and, by symmetry, for its columns."""
        rows, columns = tile
        scores = self._scores(rows, columns)
        n_bins = self.best.shape[1]
        for part, bins in _bins(columns, n_bins):
            best = self.best[rows, bins]
            np.maximum(best, scores[:, part], out=best)
        self._raise_floor(rows)
        self._collect(scores >= self.floor[rows, None], scores, rows, columns, of_rows=True)
        if rows == columns:
            return
        maxima = np.full((n_bins, scores.shape[1]), -np.inf, dtype=np.float32)
        for part, bins in _bins(rows, n_bins):
            np.maximum(maxima[bins], scores[part], out=maxima[bins])
        np.maximum(self.best[columns], maxima.T, out=self.best[columns])
        self._raise_floor(columns)
        self._collect(scores >= self.floor[columns], scores, rows, columns, of_rows=False)

    def _scores(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        shape = rows.stop - rows.start, columns.stop - columns.start
        scratch = getattr(self._local, "scratch", None)
        if scratch is None or scratch.size < shape[0] * shape[1]:
            scratch = self._local.scratch = np.empty(shape[0] * shape[1], dtype=np.float32)
        scores: NDArray[np.float32] = scratch[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self.left[rows], self.right[columns].T, out=scores)
        if rows == columns:
            np.fill_diagonal(scores, -np.inf)
        codes = self.space.codes
        if codes is not None:
            scores[codes[rows, None] == codes[columns]] = -np.inf
        return scores

    def _raise_floor(self, rows: slice) -> None:
        best = self.best[rows]
        kth = np.partition(best, best.shape[1] - self.k, axis=1)[:, -self.k]
        # one step down, for the rounding to float32; excluded pairs stay below
        floor = np.nextafter(self.bound.threshold(kth, rows).astype(np.float32), -np.inf)
        floor = np.maximum(floor, np.finfo(np.float32).min)
        self.floor[rows] = np.where(self.crowded[rows], np.inf, floor)

    def _collect(
        self,
        mask: NDArray[np.bool_],
        scores: NDArray[np.float32],
        rows: slice,
        columns: slice,
        *,
        of_rows: bool,
    ) -> None:
        flat = np.flatnonzero(mask)
        row, column = np.divmod(flat, mask.shape[1])
        owner, other = (row, column) if of_rows else (column, row)
        own, its = (rows, columns) if of_rows else (columns, rows)
        self.hits.append(
            (
                (owner + own.start).astype(np.int32),
                (other + its.start).astype(np.int32),
                scores.ravel()[flat],
            )
        )
        self.n_hits[own] += np.bincount(owner, minlength=own.stop - own.start)
        # memory stays O(n k): rows with masses of ties are left to `_search_some`
        self.crowded[own] |= self.n_hits[own] > 16 * self.k + 512

    def candidates(self) -> tuple[_Index, _Index, _Index]:
        """Pairs (row, column) sorted by row, and the rows that have too many."""
        rows, columns, scores = (np.concatenate(parts) for parts in zip(*self.hits, strict=True))
        keep = (scores >= self.floor[rows]) & ~self.crowded[rows]
        rows, columns = rows[keep], columns[keep]
        order = np.argsort(rows, kind="stable")
        return rows[order], columns[order], np.flatnonzero(self.crowded)


def _search_some(
    space: _Space, queries: _Index, k: int, pool: ThreadPoolExecutor
) -> _Ranked:
    """Neighbours of a few rows among all: candidates by a float64 product, as above."""
    centred = space.rows - space.rows.mean(axis=0)
    half_norms = np.square(centred).sum(axis=1) / 2
    bound = _Bound(space, half_norms, 1.0, 2.0**-53, space.rows.shape[1] * 2.0**-1000)

    def search(part: slice) -> list[_Ranked]:
        rows = queries[part]
        scores = centred[rows] @ centred.T
        scores -= half_norms[rows, None]
        scores -= half_norms
        scores[np.arange(len(rows)), rows] = -np.inf
        if space.codes is not None:
            scores[space.codes[rows, None] == space.codes] = -np.inf
        kth = np.partition(scores, len(space) - k, axis=1)[:, -k]
        floor = np.maximum(bound.threshold(kth, rows), np.finfo(np.float64).min)
        return [
            _rank_one(space, row, np.flatnonzero(line >= least), k)
            for row, line, least in zip(rows, scores, floor, strict=True)
        ]

    found: list[_Ranked] = []
    n_tied = 0
    for ranked in pool.map(search, _slices(len(queries), max(1, 2**21 // len(space)))):
        found += ranked
        n_tied += sum(int(one.tied[0]) for one in ranked)
        _refuse_collapsed(n_tied, len(space), k)  # before hours are spent on it
    return _Ranked(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _rank_one(space: _Space, row: int, candidates: _Index, k: int) -> _Ranked:
    """Rank the candidates of one row; identical candidates are measured once."""
    distinct, which = np.unique(space.representatives[candidates], return_inverse=True)
    away = space.distances(np.full(len(distinct), row), distinct)[which]
    pad = max(0, k + 1 - len(candidates))
    candidates = np.pad(candidates, (0, pad))
    return space.select(candidates[None], np.pad(away, (0, pad), constant_values=np.inf)[None], k)


# --------------------------------------------------------------------------- work and threads


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _bins(span: slice, n_bins: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of a span, counted from its start, and the bins (position modulo n_bins) of each."""
    at = span.start
    while at < span.stop:
        low = at % n_bins
        size = min(n_bins - low, span.stop - at)
        yield slice(at - span.start, at - span.start + size), slice(low, low + size)
        at += size


def _tiles(n: int, block: int) -> Iterator[tuple[slice, slice]]:
    """Every unordered pair of rows in one tile: the diagonal first, then one ring after another.

    So all rows see equally many columns at any time, and their bounds rise together. The
    diagonal comes in halves, since half of a diagonal tile is wasted.
    """
    spans = list(_slices(n, block))
    m = len(spans)
    for span in spans:
        middle = (span.start + span.stop + 1) // 2
        first, second = slice(span.start, middle), slice(middle, span.stop)
        yield first, first
        if second.stop > second.start:
            yield second, second
            yield first, second
    for step in range(1, m // 2 + 1):
        for i in range(m // 2 if 2 * step == m else m):
            yield spans[i], spans[(i + step) % m]


def _check_rows(rows: Sequence[int] | _Index, n: int) -> _Index:
    kept = np.asarray(rows)
    if kept.ndim != 1 or kept.dtype.kind not in "iu" or len(np.unique(kept)) != len(kept):
        raise ShapeError("rows must be a list of distinct row numbers")
    if len(kept) and not (kept.min() >= 0 and kept.max() < n):
        raise ShapeError(f"rows must lie in [0, {n}), not in [{kept.min()}, {kept.max()}]")
    return kept.astype(np.int64)


@lru_cache(maxsize=1)
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas")


class _Limit:
    """The limit on BLAS threads is one for the process: the last graph to end lifts it."""

    lock = threading.Lock()
    depth = 0
    limiter: Any = None


@contextmanager
def _pool(n_threads: int | None) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads, each with a BLAS of one thread; the user's setting returns after."""
    if n_threads is None:
        n_threads = _default_threads()
    if n_threads < 1:
        raise ParameterError(f"n_threads must be at least 1, not {n_threads}")
    with _Limit.lock:
        if _Limit.depth == 0:
            _Limit.limiter = _blas().limit(limits=1)
        _Limit.depth += 1
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            yield pool
    finally:
        with _Limit.lock:
            _Limit.depth -= 1
            if _Limit.depth == 0:
                _Limit.limiter.restore_original_limits()


def _default_threads() -> int:
    """As many threads as BLAS may use: follows OPENBLAS_NUM_THREADS and threadpoolctl."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min([cores, *(int(library["num_threads"]) for library in _blas().info())])
