"""The permutation null: what scores arise when items are paired at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from platonica.checks import check_resamples
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.stats.exchange import Exchange
from platonica.stats.selection import Select, selection
from platonica.threads import available_cores

__all__ = [
    "NullResult",
    "check_level",
    "check_reachable",
    "layer_scores",
    "permutation_null",
    "score_permuted",
]

F64 = NDArray[np.float64]

UNDEFINED = (DegenerateInputError, ShapeError)

STOP_CHUNK = 50
"""Permutations between two looks at whether to stop."""

MOST_THREADS = 8
"""Every thread holds tables of its own."""


@dataclass(frozen=True)
class NullResult:
    """A statistic and its distribution under random pairing.

    Attributes
    ----------
    scores : array of shape (n_layers_x, n_layers_y)
        Observed scores of all pairs of layers.
    statistic : float
        What the selection makes of the scores: the best of them, unless another was asked for.
    where : (int, int)
        The closest pair of layers.
    null_distribution : array of shape (n_resamples,)
        The statistic after every permutation, selected anew each time.
    pvalue : float
        (1 + number of null values at least as close) / (1 + n_resamples); never 0. If the null
        is exhaustive, the share of null values at least as close, the observed one among them;
        if the sampling stopped early after h such values in l, h / l (Besag and Clifford 1991).
    exchange : str
        The null hypothesis, in words.
    selection : str
        How the statistic was selected, here and in every permutation, in words.
    exhaustive : bool
        The null distribution is that of all orders there are, since they are few.
    stopped_early : bool
        Enough null values were at least as close as the observed one.
    undefined : mapping of (int, int) to str
        Why pairs of layers have no score; their scores are NaN and no candidates.
    mean, std : float
        Of the null distribution, or exact where none was drawn.
    critical : float or None
        The value that a share alpha of the null is beyond, where no distribution was drawn.
    """

    scores: F64
    statistic: float
    where: tuple[int, int]
    null_distribution: F64
    pvalue: float
    exchange: str
    selection: str
    exhaustive: bool
    stopped_early: bool
    undefined: Mapping[tuple[int, int], str]
    mean: float
    std: float
    critical: float | None = None


def layer_scores(
    measure: Any,
    A: Sequence[Any],
    B: Sequence[Any],
    undefined: dict[tuple[int, int], str] | None = None,
) -> F64:
    """Scores of all pairs of prepared layers.

    Parameters
    ----------
    measure : Measure
    A, B : sequences of states
    undefined : dict, optional
        Receives the reason for each pair (i, j) that has no score.

    Returns
    -------
    array of shape (len(A), len(B))
        NaN where a pair of layers has no score.

    Raises
    ------
    ShapeError, DegenerateInputError
        No pair has a score.
    """
    if hasattr(measure, "score_all"):
        try:
            return np.asarray(measure.score_all(A, B), dtype=np.float64)
        except UNDEFINED:
            pass  # of one pair at least; the others keep their scores
    scores, error = np.full((len(A), len(B)), np.nan), None
    for i, a in enumerate(A):
        for j, b in enumerate(B):
            try:
                scores[i, j] = measure.score(a, b)
            except UNDEFINED as one:
                error = one
                if undefined is not None:
                    undefined[i, j] = str(one)
    if error is not None and np.isnan(scores).all():
        raise error
    return scores


def permutation_null(
    measure: Any,
    A: Sequence[Any],
    B: Sequence[Any],
    *,
    exchange: Exchange,
    n_resamples: int = 999,
    select: Select = "best",
    stop_after: int | None = None,
    alpha: float = 0.05,
    rng: int | np.random.Generator = 0,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NullResult:
    """Test the best score over all pairs of layers against random pairings of the items.

    Every permutation is applied to all layers of the second space at once, and the best pair
    is searched again in each (or another selection is repeated): the p-value accounts for it.

    Parameters
    ----------
    measure : Measure
        A paired measure.
    A, B : sequences of states
        The prepared layers of both spaces.
    exchange : Exchange
        Which items may change places.
    n_resamples : int, at least 19
        Random orders; if there are no more than this in all, every one is taken once.
    select : Select, default "best"
        What becomes of the grid of scores; see `platonica.stats.selection`.
    stop_after : int, optional
        Stop after this many null values at least as close as the observed one: the score is
        not significant, and more permutations would only say so again. The p-value remains
        valid (Besag and Clifford 1991).
    alpha : float in (0, 1), default 0.05
        Level that the test must be able to reach.
    rng : int or Generator
    n_threads : int, optional
        Threads for the permutations; the result does not depend on it.
    progress : callable(done, total), optional

    Returns
    -------
    NullResult

    Raises
    ------
    ParameterError
        An unpaired measure; or so few permutations, drawn or existing, that no score could be
        significant at the level.
    """
    if not measure.spec.paired:
        raise ParameterError(
            f"{measure.spec.name} does not depend on the pairing of items, so that permuting "
            "them is no null for it"
        )
    sign = 1.0 if measure.spec.direction == "similarity" else -1.0
    undefined: dict[tuple[int, int], str] = {}
    scores = layer_scores(measure, A, B, undefined)
    where = np.unravel_index(int(np.nanargmax(sign * scores)), scores.shape)
    rule, words = selection(select, measure.spec.direction)
    statistic = float(rule(scores[None])[0])
    exhaustive = exchange.n_arrangements <= check_resamples(n_resamples)
    check_reachable(exchange, n_resamples, alpha)
    orders = exchange.every() if exhaustive else exchange.draw(n_resamples, rng)
    # Equal scores may differ in their last digits when they come from other summation orders.
    margin = 1e-12 * max(1.0, abs(statistic))

    def as_close(values: F64) -> NDArray[np.bool_]:
        close: NDArray[np.bool_] = sign * values >= sign * statistic - margin
        return close

    cells = _Cells(measure, A, B, ~np.isnan(scores))
    stop = None if stop_after is None or exhaustive else _Stop(stop_after, as_close)
    null = _select_permuted(cells, orders, rule, stop, n_threads, progress)
    stopped = stop is not None and len(null) < len(orders)
    at_least = int(np.count_nonzero(as_close(null)))
    return NullResult(
        scores=scores,
        statistic=statistic,
        where=(int(where[0]), int(where[1])),
        null_distribution=null,
        pvalue=at_least / len(null) if exhaustive or stopped else (1 + at_least) / (1 + len(null)),
        exchange=exchange.words,
        selection=words,
        exhaustive=exhaustive,
        stopped_early=stopped,
        undefined=undefined,
        mean=float(null.mean()),
        std=float(null.std(ddof=1)),
    )


def check_reachable(exchange: Exchange, n_resamples: int, alpha: float) -> None:
    """Refuse a test that could not reject at its level, whatever the score.

    Raises
    ------
    ParameterError
        The level is not in (0, 1), or cannot be reached: says which is.
    """
    if exchange.n_arrangements > n_resamples:
        check_level(n_resamples, alpha)
    else:
        why = f"{exchange.words}: only {exchange.n_arrangements} orders exist"
        do = "take more items, larger groups or smaller blocks, or another exchange"
        _check_least(1 / exchange.n_arrangements, alpha, why, do)


def check_level(n_resamples: int, alpha: float) -> None:
    """Refuse fewer permutations than a level needs.

    Raises
    ------
    ParameterError
        The level is not in (0, 1), or cannot be reached: says which is.
    """
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha must lie between 0 and 1, not {alpha}")
    do = f"take n_resamples of at least {math.ceil(round(1 / alpha, 9)) - 1}"
    _check_least(1 / (n_resamples + 1), alpha, f"{n_resamples} permutations", do)


def _check_least(least: float, alpha: float, why: str, do: str) -> None:
    if least > alpha * (1 + 1e-12):
        raise ParameterError(
            f"level {alpha:g} cannot be reached ({why}): the smallest p-value is {least:.2g}; {do}"
        )


@dataclass(frozen=True)
class _Stop:
    """When to stop: after so many null values as close as the observed one."""

    count: int
    as_close: Callable[[F64], NDArray[np.bool_]]

    def after(self, null: F64) -> int | None:
        """Return the number of null values up to the last that is needed, if it is there."""
        close = np.flatnonzero(self.as_close(null))
        return int(close[self.count - 1]) + 1 if len(close) >= self.count else None


@dataclass(frozen=True)
class _Cells:
    """The pairs of layers that have a score."""

    measure: Any
    A: Sequence[Any]
    B: Sequence[Any]
    defined: NDArray[np.bool_]

    def scores(self, orders: NDArray[np.int64]) -> F64:
        """Scores for every permutation, shape (n_resamples, len(A), len(B))."""
        if self.defined.all():
            return score_permuted(self.measure, self.A, self.B, orders)
        cells = np.argwhere(self.defined)
        scores = np.full((len(orders), len(self.A), len(self.B)), np.nan)
        for r, order in enumerate(orders):
            moved = {j: self.measure.permuted(self.B[j], order) for j in np.unique(cells[:, 1])}
            for i, j in cells:
                scores[r, i, j] = self.measure.score(self.A[i], moved[j])
        return scores


def _select_permuted(
    cells: _Cells,
    orders: NDArray[np.int64],
    rule: Callable[[F64], F64],
    stop: _Stop | None,
    n_threads: int | None,
    progress: Callable[[int, int], None] | None,
) -> F64:
    """Return the selected statistic for every permutation."""
    threads = n_threads or min(MOST_THREADS, available_cores())
    # A chunk sets up its tables once, so that few large chunks are cheaper than many small ones.
    size = min(STOP_CHUNK if stop else 250, -(-len(orders) // threads))
    chunks = [orders[first : first + size] for first in range(0, len(orders), size)]
    null = np.empty(0)
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(chunks), threads):
            part = chunks[first : first + threads]
            for values in pool.map(lambda chunk: rule(cells.scores(chunk)), part):
                null = np.concatenate([null, values])
                if progress is not None:
                    progress(len(null), len(orders))
            end = stop.after(null) if stop else None
            if end is not None:
                return null[:end]
    return null


def score_permuted(
    measure: Any, A: Sequence[Any], B: Sequence[Any], orders: NDArray[np.int64]
) -> F64:
    """Scores of all pairs for every permutation of B's items, (n_resamples, len(A), len(B))."""
    if hasattr(measure, "score_permuted"):
        return np.asarray(measure.score_permuted(A, B, orders), dtype=np.float64)
    moved = ([measure.permuted(b, order) for b in B] for order in orders)
    return np.stack([layer_scores(measure, A, Bs) for Bs in moved])
