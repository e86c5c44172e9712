"""Intervals from subsets of the items, drawn without replacement.

Never from items drawn with replacement: a copy of an item is its own nearest neighbour in both
spaces, and unrelated spaces seem to agree (0.010 becomes 0.110 at n = 1024, k = 10).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from platonica.errors import ParameterError, ShapeError
from platonica.rng import as_generator
from platonica.stats.exchange import Exchange

__all__ = ["Interval", "SubsetScores", "difference_interval", "score_interval", "subset_scores"]

F64 = NDArray[np.float64]

FRACTIONS = (0.5, 0.4, 0.3)
"""Sizes of the subsets: the interval rests on the first, the rate on all."""

LEAST_K = 3
"""Fewer neighbours than this in a subset are too coarse to stand for the whole."""


@dataclass(frozen=True)
class Interval:
    """Where a score would lie for other items of the same population and the same k / n.

    Attributes
    ----------
    estimate, low, high : float
    level : float
    standard_error : float
    rate : float
        The score's standard error falls like n to the power of minus this; 0.5 for most.
    n_subsets : int
    method : str
        In words.
    """

    estimate: float
    low: float
    high: float
    level: float
    standard_error: float
    rate: float
    n_subsets: int
    method: str


@dataclass(frozen=True)
class SubsetScores:
    """Scores of the same subsets for one or more pairs of spaces.

    Attributes
    ----------
    scores : array of shape (n_sizes, n_subsets, n_pairs)
    sizes : array of shape (n_sizes,)
        Units of a subset.
    n_units : int
        Units of all: items, or groups of items.
    """

    scores: F64
    sizes: NDArray[np.int64]
    n_units: int


def subset_scores(
    measure: Any,
    pairs: Sequence[tuple[Any, Any]],
    *,
    exchange: Exchange,
    n_subsets: int = 200,
    fractions: Sequence[float] = FRACTIONS,
    rng: int | np.random.Generator = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SubsetScores:
    """Score random subsets of the items, the same for every pair of spaces.

    Parameters
    ----------
    measure : Measure
        One with a parameter ``k`` counts in proportion to the subset, so that k / n holds.
    pairs : sequence of (state, state)
        Prepared by the measure; for neighbour measures best with 2 k neighbours, so that few
        rows of a subset run short and are searched again.
    exchange : Exchange
        Its units are what is drawn.
    n_subsets : int, at least 20
        Subsets of each size.
    fractions : sequence of float in (0, 1)
        Sizes of the subsets as shares of the units.
    rng : int or Generator
    progress : callable(done, total), optional

    Returns
    -------
    SubsetScores

    Raises
    ------
    ParameterError
        Fewer than 20 subsets, or fractions outside (0, 1).
    ShapeError
        Too few items: a subset would be smaller than the measure allows, or its k below 3.
    """
    if n_subsets < 20:
        raise ParameterError(f"n_subsets must be at least 20, not {n_subsets}")
    if not all(0 < fraction < 1 for fraction in fractions):
        raise ParameterError(f"fractions must lie between 0 and 1, not {list(fractions)}")
    units, generator = exchange.units, as_generator(rng)
    sizes = np.array([int(fraction * len(units)) for fraction in fractions])
    scores = np.empty((len(sizes), n_subsets, len(pairs)))
    for s, size in enumerate(sizes):
        small = at_size(measure, int(size), len(units), units.shape[1])
        for r in range(n_subsets):
            chosen = np.sort(generator.choice(len(units), size, replace=False))
            rows = np.sort(units[chosen].ravel())
            taken: dict[int, Any] = {}
            for p, (a, b) in enumerate(pairs):
                for state in (a, b):
                    if id(state) not in taken:
                        taken[id(state)] = small.subset(state, rows)
                scores[s, r, p] = small.score(taken[id(a)], taken[id(b)])
            if progress is not None:
                progress(s * n_subsets + r + 1, len(sizes) * n_subsets)
    return SubsetScores(scores, sizes, len(units))


def at_size(measure: Any, size: int, n_units: int, block: int = 1) -> Any:
    """Return the measure for a subset: its k in proportion, where it has one.

    Raises
    ------
    ShapeError
        The subset is smaller than the measure allows.
    """
    if size * block < measure.spec.min_items:
        raise ShapeError(
            f"an interval needs subsets of at least {measure.spec.min_items} items for "
            f"{measure.spec.name}, but a subset of {n_units * block} items has {size * block}"
        )
    if "k" not in measure.params:
        return measure
    k = round(measure.params["k"] * size / n_units)
    if k < LEAST_K:
        raise ShapeError(
            f"an interval holds k / n, which leaves k = {k} in subsets of {size} of {n_units}; "
            f"at least {LEAST_K} are needed: take a larger k"
        )
    return measure.bound(k=k)


def score_interval(
    score: float, subsets: SubsetScores, *, pair: int = 0, level: float = 0.95
) -> Interval:
    """Interval of one score.

    Parameters
    ----------
    score : float
        Of all items.
    subsets : SubsetScores
    pair : int
        Which of the pairs of ``subsets``.
    level : float in (0, 1)

    Notes
    -----
    The standard deviation over subsets of m of n units, times sqrt(m / (n - m)), estimates the
    standard error of the whole (the delete-d jackknife) where that falls like 1 / sqrt(n). The
    rate is estimated from subsets of several sizes, and where it is above 0.5 (as for scores of
    unrelated spaces, which fall like 1 / n) the interval remains the wider one of rate 0.5.
    """
    return _interval(score, subsets.scores[:, :, pair], subsets, level)


def difference_interval(
    scores: tuple[float, float],
    subsets: SubsetScores,
    *,
    pairs: tuple[int, int] = (0, 1),
    level: float = 0.95,
) -> Interval:
    """Interval of the difference of two scores on the same items: first minus second.

    Both are computed on the same subsets, so that what the items do to both cancels.

    Parameters
    ----------
    scores : (float, float)
        Of all items.
    subsets : SubsetScores
    pairs : (int, int)
        Which of the pairs of ``subsets``.
    level : float in (0, 1)
    """
    first, second = (subsets.scores[:, :, pair] for pair in pairs)
    return _interval(scores[0] - scores[1], first - second, subsets, level)


def _interval(estimate: float, values: F64, subsets: SubsetScores, level: float) -> Interval:
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1, not {level}")
    n, m = subsets.n_units, int(subsets.sizes[0])
    spread = values.std(axis=1, ddof=1)
    error = float(spread[0] * np.sqrt(m / (n - m)))
    reach = float(norm.ppf((1 + level) / 2)) * error
    return Interval(
        estimate=float(estimate),
        low=float(estimate - reach),
        high=float(estimate + reach),
        level=level,
        standard_error=error,
        rate=_rate(spread, subsets.sizes, n),
        n_subsets=values.shape[1],
        method=f"{values.shape[1]} subsets of {m} of {n}, drawn without replacement",
    )


def _rate(spread: F64, sizes: NDArray[np.int64], n: int) -> float:
    """Exponent b of a standard error that falls like n^-b, from subsets of several sizes."""
    if len(sizes) < 2 or not spread.all():
        return float("nan")
    free = spread / np.sqrt(1 - sizes / n)  # subsets of a finite set vary less than samples
    return float(-np.polyfit(np.log(sizes), np.log(free), 1)[0])
