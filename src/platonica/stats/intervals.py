"""Intervals from subsets of the items, drawn without replacement.

Never from items drawn with replacement: a copy of an item is its own nearest neighbour in both
spaces, and unrelated spaces seem to agree (0.010 becomes 0.110 at n = 1024, k = 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import norm
from scipy.stats import t as student

from platonica.errors import ParameterError, ShapeError
from platonica.rng import as_generator
from platonica.stats.exchange import Exchange

__all__ = [
    "BlockScores",
    "Interval",
    "SubsetScores",
    "check_interval_level",
    "difference_interval",
    "jackknife_scores",
    "score_interval",
    "subset_scores",
]

F64 = NDArray[np.float64]

FRACTIONS = (0.7, 0.5, 0.3)
"""Sizes of the subsets; how the scores' variance falls between them says what all items have."""

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
        Estimate of the power b with which the score's standard error falls, like n^-b: from 0.5
        to 1, and NaN where it was not estimated.
    n_subsets : int
        Subsets of the items that it rests on.
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

    def interval(self, estimate: float, values: F64, level: float) -> Interval:
        """Interval about an estimate whose values on the subsets are (n_sizes, n_subsets)."""
        variance, rate = _variance_of_all(values.var(axis=1, ddof=1), self.sizes, self.n_units)
        error = float(np.sqrt(variance))
        sizes = ", ".join(str(size) for size in self.sizes)
        words = f"{values.shape[1]} subsets of each {sizes} of {self.n_units}, without replacement"
        reach = float(norm.ppf((1 + level) / 2)) * error
        low, high = estimate - reach, estimate + reach
        return Interval(estimate, low, high, level, error, rate, values.shape[1], words)


@dataclass(frozen=True)
class BlockScores:
    """Scores of all items but one block, for every block and one or more pairs of spaces.

    Attributes
    ----------
    scores : array of shape (n_blocks, n_pairs)
    n_units : int
    """

    scores: F64
    n_units: int

    def interval(self, estimate: float, values: F64, level: float) -> Interval:
        """Interval about an estimate whose values without each block are (n_blocks,)."""
        n_blocks = len(values)
        error = float(np.sqrt((n_blocks - 1) ** 2 / n_blocks * values.var(ddof=1)))
        reach = float(student.ppf((1 + level) / 2, n_blocks - 1)) * error
        low, high = estimate - reach, estimate + reach
        words = f"jackknife over {n_blocks} blocks of {self.n_units}"
        return Interval(estimate, low, high, level, error, float("nan"), n_blocks, words)


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
        Sizes of the subsets as shares of the units. From several, the part of the variance that
        falls faster than 1 / n is found and not overstated.
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
            scores[s, r] = list(_scored(small, pairs, rows))
            if progress is not None:
                progress(s * n_subsets + r + 1, len(sizes) * n_subsets)
    return SubsetScores(scores, sizes, len(units))


def jackknife_scores(
    measure: Any,
    pairs: Sequence[tuple[Any, Any]],
    *,
    exchange: Exchange,
    n_blocks: int = 20,
    rng: int | np.random.Generator | None = 0,
    progress: Callable[[int, int], None] | None = None,
) -> BlockScores:
    """Score all items but one block, for every block: the delete-block jackknife.

    A few scores of nearly all items instead of hundreds of half of them, for scores that change
    smoothly with the items. For neighbour measures, take subsets.

    Parameters
    ----------
    measure : Measure
        One with a parameter ``k`` counts in proportion to what is left, so that k / n holds.
    pairs : sequence of (state, state)
    exchange : Exchange
        Its units are dealt to the blocks.
    n_blocks : int, at least 5
        Of units drawn at random; of consecutive units with ``rng=None``, for a series.
    rng : int, Generator or None
    progress : callable(done, total), optional

    Returns
    -------
    BlockScores

    Raises
    ------
    ParameterError
        Fewer than 5 blocks, or more blocks than units.
    ShapeError
        What is left is less than the measure allows, or its k below 3.

    References
    ----------
    Künsch (1989), Annals of Statistics 17.
    """
    units = exchange.units
    if not 5 <= n_blocks <= len(units):
        raise ParameterError(
            f"n_blocks must lie from 5 to the number of units, {len(units)}, not {n_blocks}"
        )
    order = np.arange(len(units)) if rng is None else as_generator(rng).permutation(len(units))
    scores = np.empty((n_blocks, len(pairs)))
    for b, block in enumerate(np.array_split(order, n_blocks)):
        left = np.delete(np.arange(len(units)), block)
        small = at_size(measure, len(left), len(units), units.shape[1])
        scores[b] = list(_scored(small, pairs, np.sort(units[left].ravel())))
        if progress is not None:
            progress(b + 1, n_blocks)
    return BlockScores(scores, len(units))


def _scored(
    measure: Any, pairs: Sequence[tuple[Any, Any]], rows: NDArray[np.int64]
) -> Iterator[float]:
    """Scores of some rows of every pair; a state that stands in several is taken once."""
    taken: dict[int, Any] = {}
    for a, b in pairs:
        for state in (a, b):
            if id(state) not in taken:
                taken[id(state)] = measure.subset(state, rows)
        yield float(measure.score(taken[id(a)], taken[id(b)]))


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
    score: float, resampled: SubsetScores | BlockScores, *, pair: int = 0, level: float = 0.95
) -> Interval:
    """Interval of one score.

    Parameters
    ----------
    score : float
        Of all items.
    resampled : SubsetScores or BlockScores
    pair : int
        Which of the pairs of ``resampled``.
    level : float in (0, 1)

    Notes
    -----
    A score of n items varies like v / n + w / n^2: w, from pairs of items, is all there is where
    spaces are unrelated. Among subsets of m of n units the scores vary like v (1 / m - 1 / n) +
    w (1 / m^2 - 1 / n^2), and v and w are fitted to several m. The usual delete-d jackknife of
    one size takes w for v: its standard errors came out a third too large for neighbour measures.
    `benchmarks/coverage.py` shows where intervals hold.
    """
    return resampled.interval(
        float(score), resampled.scores[..., pair], check_interval_level(level)
    )


def difference_interval(
    scores: tuple[float, float],
    resampled: SubsetScores | BlockScores,
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
    resampled : SubsetScores or BlockScores
    pairs : (int, int)
        Which of the pairs of ``resampled``.
    level : float in (0, 1)
    """
    first, second = (resampled.scores[..., pair] for pair in pairs)
    return resampled.interval(
        float(scores[0] - scores[1]), first - second, check_interval_level(level)
    )


def check_interval_level(level: float) -> float:
    """Return the level of an interval if it lies in (0, 1).

    Raises
    ------
    ParameterError
        It does not.
    """
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1, not {level}")
    return level


def _variance_of_all(variances: F64, sizes: NDArray[np.int64], n: int) -> tuple[float, float]:
    """Variance of the score of all items, and the power of n with which its root falls."""
    if len(sizes) < 2 or not variances.all():
        return float(variances[0] * sizes[0] / (n - sizes[0])), float("nan")
    parts = np.stack([1 / sizes - 1 / n, 1 / sizes**2 - 1 / n**2], axis=1)
    (v, w), _ = nnls(parts / variances[:, None], np.ones(len(sizes)))
    whole = v / n + w / n**2
    return float(whole), float(0.5 * (v / n + 2 * w / n**2) / whole)
