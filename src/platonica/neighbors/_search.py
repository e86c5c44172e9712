"""Candidates by rounded products with a proven bound, and their ranking.

Every pair of rows is scored once, in float32, by half of a matrix product: with v the centred
rows and h = |v|²/2, s = v_i v_j - h_i - h_j is -distance²/2. A rounding-error bound that holds
for any order of summation turns the k-th best score of a row into a threshold that no true
neighbour can miss. The few pairs above it, and only they, are ranked by their float64 distance:
the direct sum of squared differences of the two rows, which does not depend on blocks, threads
or the BLAS in use.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError
from platonica.neighbors._space import ROWS, Ranked, Space, refuse_collapsed
from platonica.neighbors._threads import Inline, slices

__all__ = ["search_all", "search_some"]

_Float = NDArray[np.float64]
_Index = NDArray[np.int64]

_SCALE = 2.0**20  # of the float32 operands: squares of 2^-53 and of 2 sqrt(d) are both normal


@dataclass(frozen=True)
class _Bound:
    """What a rounded product says of exact scores s_ij = -|v_i - v_j|²/2.

    A dot product of K terms, summed in any order with unit roundoff u, errs by at most
    γ Σ|terms| with γ = K u/(1 - K u). The terms of a score add up to at most
    |v_i||v_j| + h_i + h_j <= 2 (h_i + h_j), hence |rounded - s_ij| <= c (h_i + h_j) with
    c = 2 γ; K counts the product and both h, and eight more terms that pay for rounding v and h
    themselves; ``tiny`` pays for products that underflow.
    """

    space: Space
    half_norms: _Float  # in units of scale²
    scale: float
    unit: float
    tiny: float

    @cached_property
    def _largest(self) -> float:
        return float(self.half_norms.max())

    def threshold(self, kth: NDArray[Any], rows: slice | _Index) -> _Float:
        """Return scores below which no pair is among the k nearest, or tied with them.

        ``kth`` is not above the k-th best rounded score of each row. A far item has a large
        error, but also a low score: from h_j <= 2 h_i - 2 s_ij the exact k-th score is at
        least ``worst``, so that the half norm of every neighbour is at most ``reach``.
        """
        best, h = kth.astype(np.float64), self.half_norms[rows]
        terms = (self.space.width + 10) * self.unit
        if terms >= 0.05:  # over a million features: the bound says nothing
            return np.full_like(h, -np.inf)
        c = 2 * terms / (1 - terms)
        worst = (best - 3 * c * h - self.tiny) / (1 - 2 * c)
        reach = np.minimum(self._largest, 2 * h - 2 * worst)
        error = c * (h + reach) + self.tiny
        farthest = np.sqrt(2 * np.maximum(error - best, 0))
        width = self.scale * self.space.tie_width(farthest / self.scale)
        floor: _Float = best - 2 * error - 2 * width * (farthest + width)
        return floor


def search_all(
    space: Space, k: int, block: int | None, pool: ThreadPoolExecutor
) -> tuple[Ranked, int]:
    """Neighbours of every row, and the number of rows that float32 left open."""
    n = len(space)
    if block is None:
        parts = 1 if isinstance(pool, Inline) else 4  # tiles to share, where there are threads
        block = min(1024, max(128, -(-n // parts)))
    if block < 1:
        raise ParameterError(f"block must be at least 1, not {block}")
    search = _HalfProduct(space, k, pool)
    for _ in pool.map(search.visit, _tiles(n, block)):
        pass
    rows, columns, crowded = search.candidates()
    n_open = int((np.bincount(rows, minlength=n) > k).sum()) + len(crowded)
    ranked = Ranked.empty(n, k)
    starts = np.searchsorted(rows, np.arange(n + 1))
    away = _distances_of_pairs(space, rows, columns, pool)

    def rank(part: slice) -> None:
        pairs = slice(starts[part.start], starts[part.stop])
        found = _rank_pairs(space, rows[pairs], columns[pairs], away[pairs], k)
        calm = np.flatnonzero(np.diff(starts[part.start : part.stop + 1])) + part.start
        ranked.put(calm, found)

    for _ in pool.map(rank, slices(n, 8 * ROWS)):  # short lists: what costs is the call
        pass
    if crowded.size:
        ranked.put(crowded, search_some(space, crowded, k, pool))
    return ranked, n_open


def _distances_of_pairs(
    space: Space, rows: _Index, columns: _Index, pool: ThreadPoolExecutor
) -> _Float:
    """Distances of pairs, measured once where (i, j) and (j, i) are both candidates."""
    n = len(space)
    keys = np.minimum(rows, columns).astype(np.int64) * n + np.maximum(rows, columns)
    keys, which = np.unique(keys, return_inverse=True)
    measured = np.empty(len(keys))

    def measure(part: slice) -> None:
        measured[part] = space.distances(*np.divmod(keys[part], n))

    for _ in pool.map(measure, slices(len(keys), 16 * ROWS)):
        pass
    return measured[which]


def _rank_pairs(space: Space, rows: _Index, columns: _Index, away: _Float, k: int) -> Ranked:
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

    def __init__(self, space: Space, k: int, pool: ThreadPoolExecutor) -> None:
        n, d = len(space), space.width
        self.space, self.k = space, k
        self.rows = np.empty((n, d), dtype=np.float32)
        half_norms = np.empty(n)
        # any centre will do; it only has to be near the mean
        mean = np.mean([space.rows(part).mean(axis=0) for part in _some(n, space.block)], axis=0)

        def fill(part: slice) -> None:
            v = space.rows(part)
            v -= mean
            v *= _SCALE
            self.rows[part] = v
            v *= v
            half_norms[part] = v.sum(axis=1) / 2

        for _ in pool.map(fill, slices(n, space.block)):
            pass
        self.halves = half_norms.astype(np.float32)
        self.bound = _Bound(space, half_norms, _SCALE, 2.0**-24, (d + 2) * 2.0**-100)
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
        np.matmul(self.rows[rows], self.rows[columns].T, out=scores)
        scores -= self.halves[rows, None]
        scores -= self.halves[columns]
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
        # Memory stays O(n k): rows with masses of ties are left to `search_some`. Only True is
        # ever written, so that no thread takes back what another has flagged.
        self.crowded[own][self.n_hits[own] > 16 * self.k + 512] = True

    def candidates(self) -> tuple[_Index, _Index, _Index]:
        """Pairs (row, column) sorted by row, and the rows that have too many."""
        rows, columns, scores = (np.concatenate(parts) for parts in zip(*self.hits, strict=True))
        keep = (scores >= self.floor[rows]) & ~self.crowded[rows]
        rows, columns = rows[keep], columns[keep]
        order = np.argsort(rows, kind="stable")
        return rows[order], columns[order], np.flatnonzero(self.crowded)


def search_some(space: Space, queries: _Index, k: int, pool: ThreadPoolExecutor) -> Ranked:
    """Neighbours of a few rows among all: candidates by a float64 product, as above."""
    centred = space.rows(slice(0, len(space)))
    centred -= centred.mean(axis=0)
    half_norms = np.square(centred).sum(axis=1) / 2
    supports = space.supports
    bound = _Bound(space, half_norms, 1.0, 2.0**-53, space.width * 2.0**-1000)

    def search(part: slice) -> list[Ranked]:
        rows = queries[part]
        scores = centred[rows] @ centred.T
        scores -= half_norms[rows, None]
        scores -= half_norms
        scores[np.arange(len(rows)), rows] = -np.inf
        if space.codes is not None:
            scores[space.codes[rows, None] == space.codes] = -np.inf
        kth = np.partition(scores, len(space) - k, axis=1)[:, -k]
        floor = np.maximum(bound.threshold(kth, rows), np.finfo(np.float64).min)
        apart = np.zeros(scores.shape, dtype=bool)
        if supports is not None:
            apart = supports[rows] @ supports.T == 0
        return [
            _rank_one(space, row, np.flatnonzero(line >= least), disjoint, k)
            for row, line, least, disjoint in zip(rows, scores, floor, apart, strict=True)
        ]

    found: list[Ranked] = []
    n_arbitrary = 0
    for ranked in pool.map(search, slices(len(queries), max(1, 2**21 // len(space)))):
        found += ranked
        n_arbitrary += sum(one.n_arbitrary for one in ranked)
        refuse_collapsed(n_arbitrary, len(space), k)  # before hours are spent on it
    return Ranked(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _rank_one(
    space: Space, row: int, candidates: _Index, apart: NDArray[np.bool_], k: int
) -> Ranked:
    """Rank the candidates of one row; identical candidates are measured once."""
    distinct, which = np.unique(space.representatives[candidates], return_inverse=True)
    away, sure = space.distances_apart(row, distinct)
    rest = distinct[~(sure & apart[distinct])]
    away[~(sure & apart[distinct])] = space.distances(np.full(len(rest), row), rest)
    away = away[which]
    pad = max(0, k + 1 - len(candidates))
    candidates = np.pad(candidates, (0, pad))
    return space.select(candidates[None], np.pad(away, (0, pad), constant_values=np.inf)[None], k)


def _some(n: int, size: int) -> Iterator[slice]:
    """Up to 64 blocks of rows, spread over all."""
    starts = range(0, n, max(size, -(-n // 64)))
    return (slice(start, min(start + size, n)) for start in starts)


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
    spans = list(slices(n, block))
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
